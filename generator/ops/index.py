"""ARG_MAX, ARG_MIN and GATHER: indices out of values and values by indices."""

from math import prod

import numpy as np

from generator.graph import Graph, Operator
from generator.ops.lowered import Lowered

ARGUMENTS = {"int8": "s8", "float32": "f32"}
GATHERED = ("int8", "uint8", "bool", "int16", "int32", "float32", "int64")


def reject(graph: Graph, operator: Operator) -> str | None:
    source, other, target = graph.input(operator, 0), graph.input(operator, 1), graph.output(operator)
    if source is None or other is None:
        return "an input is missing"
    if operator.name == "GATHER":
        return _reject_gather(graph, operator)
    if source.dtype not in ARGUMENTS:
        return f"input is {source.dtype}, supported is {' or '.join(ARGUMENTS)}"
    if target.dtype != "int32":
        return f"output is {target.dtype}, supported is int32"
    if other.data is None or other.elements != 1 or other.dtype not in ("int32", "int64"):
        return "its axis is not a constant number"
    axis, rank = int(other.data.reshape(-1)[0]), len(source.shape)
    if not -rank <= axis < rank:
        return f"there is no axis {axis} in {rank} dimensions"
    if target.elements * source.shape[axis] != source.elements:
        return f"output {target} does not fit input {source} and axis {axis}"
    return None


def _reject_gather(graph: Graph, operator: Operator) -> str | None:
    source, indices = (graph.tensors[index] for index in operator.inputs[:2])
    target = graph.output(operator)
    axis, batch = _gather_axes(graph, operator)
    rank = len(source.shape)
    if source.dtype not in GATHERED or target.dtype != source.dtype:
        return f"it turns {source} into {target}"
    if not source.elements:
        return f"it takes elements of {source}, which has none"
    if indices.dtype != "int32":
        return f"indices are {indices.dtype}, supported is int32"
    if not 0 <= batch <= axis < rank or batch > len(indices.shape):
        return f"there is no axis {axis} with {batch} batch dimensions in {rank} dimensions"
    expected = (*source.shape[:axis], *indices.shape[batch:], *source.shape[axis + 1 :])
    if prod(expected) != target.elements or source.shape[:batch] != indices.shape[:batch]:
        return f"output {target} does not fit input {source} and indices {indices}"
    if indices.data is not None and (np.any(indices.data < 0) or np.any(indices.data >= source.shape[axis])):
        return f"its indices reach beyond the {source.shape[axis]} elements of axis {axis}"
    return None


def _gather_axes(graph: Graph, operator: Operator) -> tuple[int, int]:
    """The axis and the number of batch dimensions, both from the front."""
    source, indices = (graph.tensors[index] for index in operator.inputs[:2])
    axis, batch = operator.options.get("axis", 0), operator.options.get("batch_dims", 0)
    return axis + len(source.shape) * (axis < 0), batch + len(indices.shape) * (batch < 0)


def lower(graph: Graph, operator: Operator) -> Lowered:
    source, other = (graph.tensors[index] for index in operator.inputs[:2])
    if operator.name == "GATHER":
        axis, batch = _gather_axes(graph, operator)
        return Lowered(
            kernel="gather",
            header="kernels/index.h",
            struct="Gather",
            parameters={
                "batches": prod(source.shape[:batch]),
                "outer": prod(source.shape[batch:axis]),
                "size": source.shape[axis],
                "inner_bytes": prod(source.shape[axis + 1 :]) * np.dtype(source.dtype).itemsize,
                "count": prod(other.shape[batch:]),
            },
            inputs=(source.index, other.index),
        )
    assert other.data is not None
    axis = int(other.data.reshape(-1)[0]) % len(source.shape)
    return Lowered(
        kernel=f"{operator.name.lower()}_{ARGUMENTS[source.dtype]}",
        header="kernels/index.h",
        struct="Argument",
        parameters={
            "outer": prod(source.shape[:axis]),
            "size": source.shape[axis],
            "inner": prod(source.shape[axis + 1 :]),
        },
        inputs=(source.index,),
    )
