"""What a build is of: which model, as which benchmark."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from common.benchmark import Benchmark, ModelTensor, benchmark_names, describe_model, load_benchmark
from common.errors import UserError
from generator.graph import Graph, Tensor
from generator.importer import read_graph
from models.untrained import default_model

UNTRAINED_NOTE = "untrained weights: for timing and size only"


@dataclass(frozen=True)
class Choice:
    """``found``: how the benchmark was found. ``notes``: what to know before believing any number of it."""

    benchmark: Benchmark
    model: Path
    found: str = ""
    notes: tuple[str, ...] = ()


def choose(bench: str | None, model: Path | None, default: str, streaming: int | None = None) -> Choice:
    """The benchmark and model for what the user named.

    Without a model: the benchmark's own (``default`` without a name either). With a benchmark's name the model must fit
    it, which the build checks. A model alone: described by the TOML file beside it, if there is one; else it is the one
    benchmark whose input and output it has, not counting those on the data set of another; else a custom benchmark made
    from its inputs and outputs. With ``streaming``, an axis of its input, a custom one that takes a step along it at a
    time.

    Raises:
        UserError: unknown benchmark, unreadable model or wrong description.
    """
    if streaming is not None:
        if model is None or bench is not None:
            raise UserError("--streaming goes with --model and without --bench: a benchmark's input is what it is")
        return _streaming(model, read_graph(model), streaming)
    if model is None:
        benchmark = load_benchmark(bench or default)
        return Choice(benchmark, default_model(benchmark), notes=(UNTRAINED_NOTE,) if benchmark.untrained else ())
    graph = read_graph(model)
    if bench is not None:
        benchmark = load_benchmark(bench)
        return Choice(benchmark, model, notes=_notes(benchmark, graph))
    return _custom(model, graph)


def _custom(model: Path, graph: Graph) -> Choice:
    inputs, outputs = _tensors(graph, graph.inputs), _tensors(graph, graph.outputs)
    description = model.with_suffix(".toml")
    if description.is_file():
        return Choice(describe_model(model, description, inputs, outputs), model, f"described by {description}")
    fitting = [benchmark for benchmark in map(load_benchmark, benchmark_names()) if _fits(benchmark, inputs, outputs)]
    own = [benchmark for benchmark in fitting if benchmark.data_id == benchmark.model_id]
    if len(own) == 1:
        (benchmark,) = own
        others = "".join(f"; or give --bench {other.name}" for other in fitting if other != benchmark)
        found = f"it has the input and output of benchmark '{benchmark.name}' and runs as that one{others}"
        return Choice(benchmark, model, found, _notes(benchmark, graph))
    found = "raw tensors in, values of all outputs out; a file my_model.toml beside my_model.tflite can say otherwise"
    return Choice(describe_model(model, None, inputs, outputs), model, found)


def _streaming(model: Path, graph: Graph, axis: int) -> Choice:
    inputs, outputs = _tensors(graph, graph.inputs), _tensors(graph, graph.outputs)
    steps = [replace(tensor, shape=(*tensor.shape[:axis], 1, *tensor.shape[axis + 1 :])) for tensor in inputs]
    benchmark = replace(describe_model(model, None, steps, outputs), streaming=axis)
    return Choice(benchmark, model, f"raw tensors in, one step along axis {axis} at a time, values of all outputs out")


def _tensors(graph: Graph, indices: Sequence[int]) -> list[Tensor]:
    return [graph.tensors[index] for index in indices]


def _fits(benchmark: Benchmark, inputs: Sequence[ModelTensor], outputs: Sequence[ModelTensor]) -> bool:
    """Whether shapes and types are those that the benchmark's firmware takes."""
    return (
        tuple(tensor.shape for tensor in inputs) == tuple(wire.shape for wire in benchmark.inputs)
        and tuple(tensor.shape for tensor in outputs) == benchmark.output_shapes
        and all(tensor.dtype in ("int8", "float32") for tensor in (*inputs, *outputs))
    )


def _notes(benchmark: Benchmark, graph: Graph) -> tuple[str, ...]:
    """That the data set's bytes mean something else to this model, where they do."""
    if len(graph.inputs) != 1 or benchmark.inputs[0].dtype != "int8":
        return ()
    tensor = graph.tensors[graph.inputs[0]]
    quantization = tensor.quantization
    if tensor.dtype != "int8" or quantization is None:
        return ()
    wanted = benchmark.input_scale, benchmark.input_zero_point
    if np.isclose(quantization.scale, wanted[0], rtol=1e-3) and quantization.zero_point == wanted[1]:
        return ()
    return (
        f"its input is quantised with scale {quantization.scale:.6g} and zero point {quantization.zero_point}, the data"
        f" set of '{benchmark.name}' with {wanted[0]:.6g} and {wanted[1]}: the firmware copies its bytes unchanged",
    )
