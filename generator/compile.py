"""The compiler from end to end: a model's bytes in, a program with its memory plan out."""

from dataclasses import dataclass

from generator.importer import parse_graph
from generator.lower import lower
from generator.passes import optimise
from generator.plan import Plan, check_plan, plan
from generator.program import Program


@dataclass(frozen=True)
class Compiled:
    """``changes``: what the graph passes did, a line each."""

    program: Program
    memory: Plan
    changes: tuple[str, ...]


def compile_model(content: bytes, name: str, *, dead_channels: bool = True) -> Compiled:
    """Read, optimise, lower and plan a `.tflite` model. ``name`` is for messages; ``dead_channels`` drops those.

    Raises:
        UserError: the model is damaged, or something of it cannot be compiled.
    """
    optimised = optimise(parse_graph(content, name), dead_channels=dead_channels)
    program = lower(optimised.graph)
    memory = plan(program)
    check_plan(program, memory)
    return Compiled(program, memory, optimised.notes)
