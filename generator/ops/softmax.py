"""SOFTMAX along the last axis: int8 to int8 or int16, with a table of exponentials; int16, with two tables; float32."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from generator import fixed_point
from generator.graph import Graph, Operator, Tensor
from generator.ops.lowered import Lowered, reject_unless_per_tensor
from generator.program import Value
from generator.quantization import LIMITS, Rescale, rescale_of, round_half_away

INTEGER_BITS = 5  # of the scaled difference
OUTPUT_BITS = {"int8": 8, "int16": 16}
LOWEST_EXPONENT = -10.0  # of int16: what is lower counts as this
STEPS = 512  # of the tables for int16
LARGEST_SHIFT = 14  # a difference of 17 bits still fits 32


def reject(graph: Graph, operator: Operator) -> str | None:
    source, target = graph.input(operator, 0), graph.output(operator)
    if source is None:
        return "it has no input"
    if source.elements != target.elements or not source.shape:
        return f"it turns {source} into {target}"
    if source.dtype == "float32":
        return None if target.dtype == "float32" else f"output is {target.dtype} for an input of float32"
    reason = reject_unless_per_tensor(source, "input", "float32", "int8", "int16")
    reason = reason or reject_unless_per_tensor(target, "output", "int8", "int16")
    if reason is not None:
        return reason
    if source.dtype == "int16" and target.dtype != "int16":
        return f"output is {target.dtype} for an input of int16"
    bits = OUTPUT_BITS[target.dtype]
    lowest = -(1 << (bits - 1))
    if source.dtype == "int16":
        bits, lowest = 15, 0
        if source.quantization is not None and source.quantization.zero_point != 0:
            return f"the zero point of its int16 input is {source.quantization.zero_point}, not 0"
    assert target.quantization is not None
    if target.quantization.zero_point != lowest or not math.isclose(target.quantization.scale, 2.0**-bits):
        return f"output is not quantised with the scale 1/{1 << bits} and the zero point {lowest}"
    try:
        lower(graph, operator)
    except ValueError as error:
        return str(error)
    return None


def _beta(operator: Operator) -> np.float32:
    return np.float32(operator.options.get("beta", 1.0))


def lower(graph: Graph, operator: Operator) -> Lowered:
    source, target = graph.tensors[operator.inputs[0]], graph.output(operator)
    depth = source.shape[-1]
    beta = _beta(operator)
    rows = {"rows": source.elements // depth, "depth": depth}
    if source.dtype == "float32":
        return Lowered("softmax_f32", "kernels/softmax_f32.h", "SoftmaxF32", {**rows, "beta": beta}, (source.index,))
    if source.dtype == "int16":
        tables = {
            "exponentials": interpolated(lambda x: np.float32(math.exp(x)), -LOWEST_EXPONENT, LIMITS["int16"][1]),
            "reciprocals": interpolated(lambda x: np.float32(1) / (np.float32(1) + x), 1.0, LIMITS["int16"][0]),
        }
        parameters: dict[str, Value] = {**rows, "factor": argument_factor(source, beta), **tables}
        return Lowered("softmax_s16", "kernels/softmax.h", "SoftmaxS16", parameters, (source.index,), lead={0: 0})
    table = exponentials(source, beta)
    return Lowered(
        kernel=f"softmax_s8_s{OUTPUT_BITS[target.dtype]}",
        header="kernels/softmax.h",
        struct="Softmax",
        parameters={**rows, "exponentials": table, "count": len(table)},
        inputs=(source.index,),
        lead={0: 0} if target.dtype == "int8" else {},
    )


def exponentials(source: Tensor, beta: np.float32) -> NDArray[np.int32]:
    """exp(-i x scale x beta) as a fraction of 2^31, for as many i from 0 on as the reference does not take for zero.

    Source: ``PreprocessSoftmaxScaling`` and ``CalculateInputRadius``, tensorflow/lite/kernels/internal/
    quantization_util.cc; ``Softmax``, tensorflow/lite/kernels/internal/reference/softmax.h.
    """
    assert source.quantization is not None
    limit = 2.0**31 - 1
    factor = rescale_of(min(float(beta) * float(source.quantization.scale) * 2.0 ** (31 - INTEGER_BITS), limit))
    radius = math.floor(((1 << INTEGER_BITS) - 1) * 2.0 ** (31 - INTEGER_BITS) / 2.0**factor.shift)
    return np.array(
        [
            fixed_point.exp_on_negative_values(
                fixed_point.multiply(-i << max(factor.shift, 0), factor.multiplier), INTEGER_BITS
            )
            for i in range(min(radius, 255) + 1)
        ],
        np.int32,
    )


def argument_factor(source: Tensor, beta: np.float32) -> Rescale:
    """From differences of int16 inputs to steps of the table of exponentials, 65535 for the whole of it.

    Source: ``CalculateSoftmaxParams``, tensorflow/lite/micro/kernels/softmax_common.cc.

    Raises:
        ValueError: the input's scale is too large for 32 bits.
    """
    assert source.quantization is not None
    factor = rescale_of(float(source.quantization.scale) * float(beta) / (-LOWEST_EXPONENT / 65535.0))
    if factor.shift > LARGEST_SHIFT:
        raise ValueError(f"the scale of its input, {source.quantization.scale:g}, is too large")
    return factor


def interpolated(function: Callable[[np.float32], np.float32], span: float, zero_point: int) -> NDArray[np.int16]:
    """[513] a function's values with 15 fractional bits, to interpolate between; each is moved by half the error in the
    middle of its step. The 65536 arguments, less ``zero_point``, span ``span``. All in float32 as the reference.

    Source: ``LUTPopulateInt16``, tensorflow/lite/kernels/internal/common.h.
    """
    low, high = LIMITS["int16"]
    scale = np.float32(span) / np.float32(high - low)
    first, last = (scale * np.float32(limit - zero_point) for limit in (low, high))
    step = (last - first) / np.float32(STEPS)
    output_scale = np.float32(2) / np.float32(high - low)
    unit = np.float32(high - low + 1) / (output_scale * np.float32(high) - output_scale * np.float32(low))

    def rounded(value: np.float32) -> np.float32:
        return np.float32(round_half_away(float(value)))

    table = []
    for i in range(STEPS):
        start = first + np.float32(i) * step
        value = rounded(function(start) * unit)
        following = function(first + np.float32(i + 1) * step) * unit
        middle = rounded(function(start + step / np.float32(2)) * unit)
        error = rounded((following + value) / np.float32(2)) - middle
        table.append(value - rounded(error / np.float32(2)))
    table.append(rounded(function(last) * unit))
    return np.clip(table, low, high).astype(np.int16)
