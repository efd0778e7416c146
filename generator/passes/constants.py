"""Constant folding: operators that compute the same at every inference are computed now."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.graph import NUMPY_TYPES, Graph, Operator, Tensor
from generator.ops import refusal
from generator.ops.copies import Copy
from generator.ops.movement import DTYPES, PARTS
from generator.passes.rewrite import with_constant, with_operators
from generator.wellformed import INDICES

Array = NDArray[Any]
INTEGER_ARITHMETIC: dict[str, Callable[[Array, Array], Array]] = {
    "ADD": np.add,
    "MAXIMUM": np.maximum,
    "MINIMUM": np.minimum,
    "MUL": np.multiply,
    "SUB": np.subtract,
}
MOST_BYTES = 1 << 25  # of all constants, the model's own among them


def fold_constants(graph: Graph) -> tuple[Graph, list[str]]:
    """Replace operators whose inputs are all constants, or that depend on shapes only, by their results."""
    notes = []
    held = sum(tensor.data.nbytes for tensor in graph.tensors if tensor.data is not None)
    for operator in graph.operators:
        size = sum(graph.tensors[index].bytes for index in operator.outputs)
        values = _evaluate(graph, operator) if held + size <= MOST_BYTES else None
        if values is None:
            continue
        held += size
        for index, value in zip(operator.outputs, values, strict=True):
            graph = with_constant(graph, index, value)
        graph = with_operators(graph, {operator.index: None})
        notes.append(f"computed {operator.name} {operator.index} ahead of time")
    return graph, notes


def _evaluate(graph: Graph, operator: Operator) -> list[Array] | None:
    """The outputs' values, or None where they are not known."""
    targets = [graph.tensors[index] for index in operator.outputs]
    if any(target.index in graph.outputs or target.variable or target.dtype not in DTYPES for target in targets):
        return None
    sources = [graph.input(operator, position) for position in range(len(operator.inputs))]
    if operator.name in PARTS:
        constant = all(source is not None and source.data is not None for source in sources)
        return _move(graph, operator) if constant and refusal(graph, operator) is None else None
    if len(targets) != 1 or not sources or sources[0] is None:
        return None
    if operator.name == "SHAPE":
        return _shape(sources[0], targets[0])
    if any(source is None or source.data is None or source.dtype not in NUMPY_TYPES for source in sources):
        return None
    constants = [source.data for source in sources if source is not None and source.data is not None]
    if operator.name in INTEGER_ARITHMETIC:
        return _arithmetic(operator, constants, targets[0])
    if sources[0].shape != targets[0].shape:
        return None
    if operator.name == "CAST" and np.can_cast(constants[0].dtype, targets[0].dtype, "same_kind"):
        return [constants[0].astype(targets[0].dtype)]
    if operator.name == "DEQUANTIZE":
        return _dequantize(sources[0], targets[0])
    return None


def _shape(source: Tensor, target: Tensor) -> list[Array] | None:
    if target.dtype not in INDICES or target.elements != len(source.shape):
        return None
    return [np.array(source.shape, target.dtype).reshape(target.shape)]


def _arithmetic(operator: Operator, constants: list[Array], target: Tensor) -> list[Array] | None:
    if target.dtype not in INDICES or operator.options.get("activation", 0) or len(constants) != 2:
        return None
    first, second = constants
    if {first.dtype.name, second.dtype.name} != {target.dtype}:
        return None
    try:
        if np.broadcast_shapes(first.shape, second.shape) != target.shape:
            return None
    except ValueError:
        return None
    return [INTEGER_ARITHMETIC[operator.name](first, second)]


def _move(graph: Graph, operator: Operator) -> list[Array]:
    """What the copies and fills of data movement leave in the outputs."""
    results = {index: np.zeros(graph.tensors[index].shape, graph.tensors[index].dtype) for index in operator.outputs}
    for part in PARTS[operator.name](graph, operator):
        if isinstance(part, Copy):
            data = np.ascontiguousarray(part.source.tensor.data)
            _at(results[part.target.tensor.index], part.target.offset(part.into), part.into)[...] = _at(
                data, part.source.offset(part.part), part.part
            )
        else:
            results[part.target.index][...] = part.value
    return list(results.values())


def _at(memory: Array, offset: int, view: Array) -> Array:
    """The view that ``view`` is of a blank tensor, of real memory."""
    return np.ndarray(view.shape, view.dtype, memory, offset, view.strides)


def _dequantize(source: Tensor | None, target: Tensor) -> list[Array] | None:
    if source is None or source.data is None or target.dtype != "float32":
        return None
    if source.dtype == "float16":
        return [source.data.astype(np.float32)]
    quantization = source.quantization
    if source.dtype not in ("int8", "uint8", "int16") or quantization is None or quantization.per_channel:
        return None
    centred = source.data.astype(np.int32) - quantization.zero_point
    return [centred.astype(np.float32) * quantization.scale]
