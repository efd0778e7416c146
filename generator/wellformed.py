"""What a model must be before its operators are looked at: of a size that can be handled, and each tensor written once,
before it is read."""

from collections.abc import Iterable, Mapping

import numpy as np

from common.errors import UserError
from generator.graph import NUMPY_TYPES, Graph, Operator, Quantization, Tensor

MOST_BYTES = 1 << 24  # of a tensor, far beyond the memory of any supported board
MOST_RANK = 16
MOST_TENSORS = 1 << 14
MOST_OPERATORS = 1 << 12
MOST_OPERANDS = 1 << 15  # of all operators together
MOST_LINES = 50  # of a message
ZERO_POINTS = {
    dtype: (np.iinfo(dtype).min, np.iinfo(dtype).max) for dtype in ("int8", "uint8", "int16", "uint16", "int32")
} | {"int4": (-128, 127), "int64": (-(2**31), 2**31 - 1)}
INDICES = ("int32", "int64")
ASSIGNING = ("APPEND_STEP", "ASSIGN_VARIABLE")  # operators that may write a variable


def bullets(lines: list[str]) -> str:
    """The lines of a list, or the first of very many."""
    more = [f"  and {len(lines) - MOST_LINES} more"] if len(lines) > MOST_LINES else []
    return "\n".join([*lines[:MOST_LINES], *more])


def reject_counts(tensors: int, operators: int) -> None:
    """Raises UserError where there is more than a model for a microcontroller can have."""
    for count, limit, what in ((tensors, MOST_TENSORS, "tensors"), (operators, MOST_OPERATORS, "operators")):
        if count > limit:
            raise UserError(f"it has {count:,} {what}, supported are at most {limit:,}")


def reject_shape(tensor: Tensor) -> str | None:
    """Reason why there can be no tensor of this shape, or None."""
    if any(size < 0 for size in tensor.shape):
        return f"has the dynamic shape {list(tensor.shape)}; convert the model with a fixed one"
    if tensor.bytes > MOST_BYTES:
        return f"is {tensor}, {tensor.bytes:,} bytes, supported are at most {MOST_BYTES:,}"
    return None


def reject_quantization(quantization: Quantization | None, dtype: str) -> str | None:
    """Reason why no tensor of this type can be quantised like this, or None."""
    if quantization is None:
        return None
    scales, zero_points = quantization.scales, quantization.zero_points
    if len(zero_points) != len(scales):
        return f"has {len(scales)} scales and {len(zero_points)} zero points"
    wrong = scales[~(np.isfinite(scales) & (scales > 0))]
    if wrong.size:
        return f"has the scale {wrong[0]:g}, which is not a positive number"
    least, most = ZERO_POINTS.get(dtype, (0, 0))
    beyond = zero_points[(zero_points < least) | (zero_points > most)]
    if beyond.size:
        return f"has the zero point {beyond[0]}, which {dtype} cannot hold"
    return None


def users(operators: Iterable[Operator], inputs: Iterable[int], outputs: Iterable[int]) -> dict[int, str]:
    """Tensor -> the first that refers to it."""
    found: dict[int, str] = {}
    for operator in operators:
        for index in (*operator.inputs, *operator.outputs):
            found.setdefault(index, operator.label)
    for side, indices in (("inputs", inputs), ("outputs", outputs)):
        for index in indices:
            found.setdefault(index, f"the model's {side}")
    return found


def check_references(using: Mapping[int, str], operators: Iterable[Operator], tensors: int) -> None:
    """Raises UserError where something refers to a tensor that does not exist. -1 is an absent input."""
    missing = [
        f"  {label} refers to tensor {index}, there are {tensors}"
        for index, label in using.items()
        if not -1 <= index < tensors
    ]
    missing += [f"  {operator.label} has an absent output" for operator in operators if -1 in operator.outputs]
    if missing:
        raise UserError("operators refer to tensors that do not exist:\n" + bullets(missing))


def check_writers(graph: Graph) -> None:
    """Raises UserError where two operators write the same tensor."""
    origin: dict[int, str] = {}
    for operator in graph.operators:
        for tensor in (graph.tensors[index] for index in operator.outputs):
            if tensor.index in origin:
                raise UserError(
                    f"{operator.label} writes {tensor.label} {tensor}, which {origin[tensor.index]} writes as well"
                )
            origin[tensor.index] = operator.label


def check_order(graph: Graph) -> None:
    """Raises UserError where a tensor is read before it is computed, written though it has a value, or empty."""
    origin = {tensor.index: "a variable" for tensor in graph.tensors if tensor.variable}
    origin |= {tensor.index: "a constant" for tensor in graph.tensors if tensor.data is not None}
    for index in graph.inputs:
        if graph.tensors[index].data is not None:
            raise UserError(f"the model's input, {graph.tensors[index].label}, is a constant")
        origin[index] = "the model's input"
    later = {index: operator.label for operator in graph.operators for index in operator.outputs}
    for operator in graph.operators:
        _check_reads(graph, operator, origin, later)
        _check_writes(graph, operator, origin)
    _check_ports(graph, origin)


def _check_reads(graph: Graph, operator: Operator, origin: Mapping[int, str], later: Mapping[int, str]) -> None:
    for tensor in (graph.tensors[index] for index in operator.inputs if index >= 0):
        written = tensor.index in origin or tensor.index in later
        if tensor.shape == (0,) and tensor.dtype in INDICES and not written:  # a shape or axes: an empty list
            continue
        if tensor.index not in origin:
            why = f"not computed yet: {later[tensor.index]} does" if written else "no constant and never computed"
            raise UserError(f"{operator.label} reads {tensor.label} {tensor}, which is {why}")
        if 0 in tensor.shape:
            raise UserError(f"{operator.label} reads {tensor.label} {tensor}, which has no elements")


def _check_writes(graph: Graph, operator: Operator, origin: dict[int, str]) -> None:
    if not operator.outputs:
        raise UserError(f"{operator.label} has no output")
    for tensor in (graph.tensors[index] for index in operator.outputs):
        known = origin.setdefault(tensor.index, f"the output of {operator.label}")
        if known != f"the output of {operator.label}" and not (tensor.variable and operator.name in ASSIGNING):
            raise UserError(f"{operator.label} writes {tensor.label} {tensor}, which is {known}")
        if 0 in tensor.shape:
            raise UserError(f"{operator.label} writes {tensor.label} {tensor}, which has no elements")


def _check_ports(graph: Graph, origin: Mapping[int, str]) -> None:
    for side, indices in (("input", graph.inputs), ("output", graph.outputs)):
        for tensor in (graph.tensors[index] for index in indices):
            if 0 in tensor.shape or tensor.dtype not in NUMPY_TYPES:
                raise UserError(f"the model's {side}, {tensor.label}, is {tensor}, which cannot be stored")
            if tensor.index not in origin or tensor.data is not None:
                raise UserError(f"no operator computes the model's {side}, {tensor.label}")
