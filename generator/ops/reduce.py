"""MEAN, SUM, REDUCE_MAX, REDUCE_MIN over any axes."""

from math import prod

import numpy as np

from generator.graph import Graph, Operator, Tensor
from generator.ops.lowered import Lowered, reject_unless_per_tensor
from generator.program import Value
from generator.quantization import Rescale, rescale_of

RANK = 4  # REDUCE_RANK in firmware/kernels/reduce.h
SHORT = {"int8": "s8", "int16": "s16", "int32": "s32", "float32": "f32"}
BLOCK = 4  # int8 channels at a time
DTYPES = {
    "MEAN": ("int8", "int16", "float32"),
    "REDUCE_MAX": ("int8", "float32"),
    "REDUCE_MIN": ("int8", "float32"),
    "SUM": ("int8", "int16", "float32"),
}
KINDS = {"MEAN": "sum", "SUM": "sum", "REDUCE_MAX": "maximum", "REDUCE_MIN": "minimum"}
Dimensions = list[tuple[int, int]]  # (size, stride in elements)


def reject(graph: Graph, operator: Operator) -> str | None:
    source, axes, target = graph.input(operator, 0), graph.input(operator, 1), graph.output(operator)
    if source is None or axes is None:
        return "an input is missing"
    supported = DTYPES[operator.name]
    reason = reject_unless_per_tensor(source, "input", *supported)
    if reason := reason or reject_unless_per_tensor(target, "output", *supported):
        return reason
    if source.dtype != target.dtype:
        return f"it turns {source} into {target}"
    if axes.data is None:
        return "its axes are not a constant"
    try:
        kept, reduced = _dimensions(source, axes)
        if prod(size for size, _ in kept) != target.elements:
            return f"output {target} does not fit input {source} and axes {axes.data.tolist()}"
        if max(len(kept), len(reduced)) > RANK:
            return f"it needs more than {RANK} dimensions"
        _rescale(operator, source, target)
    except ValueError as error:
        return str(error)
    return None


def _dimensions(source: Tensor, axes: Tensor) -> tuple[Dimensions, Dimensions]:
    """Those that stay and those that are reduced, neighbours merged, from the outermost to the innermost."""
    assert axes.data is not None
    rank = len(source.shape)
    wanted = {int(axis) for axis in axes.data.reshape(-1)}
    if any(not -rank <= axis < rank for axis in wanted):
        raise ValueError(f"there is no axis {sorted(wanted)} in {rank} dimensions")
    reduced_axes = {axis % rank for axis in wanted}
    kept: Dimensions = []
    reduced: Dimensions = []
    for axis, size in enumerate(source.shape):
        chosen = reduced if axis in reduced_axes else kept
        stride = prod(source.shape[axis + 1 :])
        if size == 1:
            continue
        if chosen and chosen[-1][1] == size * stride:
            chosen[-1] = (chosen[-1][0] * size, stride)
        else:
            chosen.append((size, stride))
    return kept, reduced


def _rescale(operator: Operator, source: Tensor, target: Tensor) -> tuple[Rescale, int]:
    """The factor of the sum of (q - zero point), and how many there are.

    Source: ``QuantizedMeanOrSum``, tensorflow/lite/kernels/internal/reference/reduce.h: the division by the count goes
    into the multiplier, towards zero.
    """
    count = source.elements // target.elements
    if source.quantization is None or target.quantization is None or operator.name not in ("MEAN", "SUM"):
        return Rescale(0, 0), count
    factor = rescale_of(float(source.quantization.scale) / float(target.quantization.scale))
    if operator.name == "SUM":
        return factor, count
    shift = min(count.bit_length() - 1, 32, 31 + factor.shift)
    return Rescale((factor.multiplier << shift) // count, factor.shift - shift), count


def lower(graph: Graph, operator: Operator) -> Lowered:
    source, axes, target = graph.tensors[operator.inputs[0]], graph.input(operator, 1), graph.output(operator)
    assert axes is not None
    dimensions = _dimensions(source, axes)
    kept, reduced = ([(1, 0)] * (RANK - len(some)) + some for some in dimensions)
    factor, count = _rescale(operator, source, target)
    parameters: dict[str, Value] = {
        "kept_shape": tuple(size for size, _ in kept),
        "kept_stride": tuple(stride for _, stride in kept),
        "reduced_shape": tuple(size for size, _ in reduced),
        "reduced_stride": tuple(stride for _, stride in reduced),
    }
    if source.dtype == "float32":
        parameters["divisor"] = np.float32(count if operator.name == "MEAN" else 1)
    elif source.quantization is not None and target.quantization is not None:
        parameters["rescale"] = factor
        parameters["input_zero_points"] = source.quantization.zero_point * count
        parameters["output_zero_point"] = target.quantization.zero_point
    kind, channels = KINDS[operator.name], kept[-1][0]
    by_channels = kind == "sum" and source.dtype == "int8" and kept[-1][1] == 1 and len(dimensions[1]) == 1
    return Lowered(
        kernel="reduce_channel_sum_s8" if by_channels else f"reduce_{kind}_{SHORT[source.dtype]}",
        header="kernels/reduce.h",
        struct="Reduce",
        parameters=parameters,
        inputs=(source.index,),
        read_past=-channels % BLOCK if by_channels else 0,
    )
