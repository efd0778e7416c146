"""The compiler from end to end: a model's bytes in, a program with its memory plan out."""

from dataclasses import dataclass, replace

from common.errors import UserError
from generator.front_end import with_front_end
from generator.graph import Graph
from generator.importer import parse_graph
from generator.lower import lower
from generator.ops.conv_2d import FEW_COLUMNS_BYTES, with_columns, with_tiles
from generator.ops.winograd import MOST_BYTES
from generator.passes import optimise
from generator.plan import Plan, check_plan, plan
from generator.planes import with_planes
from generator.program import Prime, Program
from generator.streaming import connect_pixels, stream
from generator.tuning import Tuning, tuned
from generator.wellformed import check_order


@dataclass(frozen=True)
class Compiled:
    """``changes``: what the graph passes did, a line each."""

    program: Program
    memory: Plan
    changes: tuple[str, ...]


def compile_model(
    content: bytes,
    name: str,
    *,
    dead_channels: bool = True,
    compact: bool = False,
    planes: bool = True,
    columns_bytes: int = FEW_COLUMNS_BYTES,
    wide_bytes: int = MOST_BYTES,
    tuning: Tuning | None = None,
    streaming: int | None = None,
    front_end: str = "",
) -> Compiled:
    """Read, optimise, lower and plan a `.tflite` model. ``name`` is for messages; ``dead_channels`` drops those.

    ``compact``: neither weights that are larger than the model's to be faster, nor activations; ``wide_bytes``: what
    such weights may take otherwise. ``planes``: whether activations around depthwise convolutions may be larger, see
    `generator.planes`. ``columns_bytes``: what convolutions may expand at a time. ``tuning``: choices that replace
    rules. ``streaming``: take one step along this axis of the input at a time, see `generator.streaming`.
    ``front_end``: what makes the steps from samples, see `generator.front_end`.

    Raises:
        UserError: the model is damaged, or something of it cannot be compiled.
    """
    graph = parse_graph(content, name)
    try:
        check_order(graph)
        optimised = optimise(graph, dead_channels=dead_channels)
        whole, changes = optimised.graph, list(optimised.notes)
        ready = whole
        if streaming is not None:
            ready, notes = stream(whole, streaming)
            ready = connect_pixels(ready)
            changes += notes
        ready = tuned(ready, tuning or Tuning())
        ready = with_columns(with_tiles(ready, 0 if compact else wide_bytes), columns_bytes)
        program = lower(with_planes(ready) if planes and not compact else ready)
        if streaming is not None:
            program = replace(program, prime=_prime(whole, program, streaming))
        if front_end:
            program = with_front_end(program)
        memory = plan(program)
    except UserError as error:
        raise UserError(f"{name}: {error}") from error
    check_plan(program, memory)
    return Compiled(program, memory, tuple(changes))


def _prime(whole: Graph, program: Program, axis: int) -> Prime:
    """As many runs as the model has steps: then nothing depends on what was before them."""
    source = whole.tensors[whole.inputs[0]]
    steps = source.shape[axis]
    return Prime(steps, program.inputs[0].buffer, source.bytes // steps)
