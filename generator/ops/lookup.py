"""Elementwise functions of one tensor: of int8 a table of all 256 results, computed here exactly."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from generator import fixed_point
from generator.graph import Graph, Operator, Quantization
from generator.ops import unary_f32, unary_s16
from generator.ops.lowered import Lowered, reject_unless_per_tensor
from generator.quantization import INT8_MAX, INT8_MIN, Rescale, quantize_value, rescale_of, round_half_away

Function = Callable[[int], int]
INPUT_INTEGER_BITS = 4  # of LOGISTIC's and TANH's argument


def _clamp(value: int, low: int = INT8_MIN, high: int = INT8_MAX) -> int:
    return max(low, min(high, value))


def relu(source: Quantization, target: Quantization, _: Operator) -> Function:
    """Source: ``ReluQuantized``, tensorflow/lite/micro/kernels/activations_common.cc."""
    factor = rescale_of(float(source.scale) / float(target.scale))
    low = max(INT8_MIN, quantize_value(0.0, target))
    return lambda q: _clamp(target.zero_point + fixed_point.rescale(q - source.zero_point, factor), low)


def relu6(source: Quantization, _: Quantization, __: Operator) -> Function:
    """A clamp in the input's scale; the output's is taken to be the same.

    Source: ``Relu6Quantized``, tensorflow/lite/micro/kernels/activations_common.cc.
    """
    low, high = _clamp(quantize_value(0.0, source)), _clamp(quantize_value(6.0, source))
    return lambda q: _clamp(q, low, high)


def leaky_relu(source: Quantization, target: Quantization, operator: Operator) -> Function:
    """Source: ``QuantizeLeakyRelu``, tensorflow/lite/kernels/internal/reference/leaky_relu.h."""
    rising, falling = unary_s16.leaky_slopes(source, target, np.float32(operator.options["alpha"]))

    def function(q: int) -> int:
        value = q - source.zero_point
        scaled = fixed_point.rescale(value, rising if value >= 0 else falling)
        return _clamp(target.zero_point + scaled)

    return function


def _radius(shift: int) -> int:
    """``CalculateInputRadius``, tensorflow/lite/kernels/internal/quantization_util.cc."""
    limit = ((1 << INPUT_INTEGER_BITS) - 1) * 2.0 ** (31 - INPUT_INTEGER_BITS)
    return math.floor(limit / 2.0**shift)


def _saturating(
    source: Quantization, function: Callable[[int, int], int], low: int, high: int, bits: int, offset: int
) -> Function:
    """LOGISTIC and TANH, tensorflow/lite/kernels/internal/reference/integer_ops/{logistic,tanh}.h."""
    factor = rescale_of(float(source.scale) * 2.0 ** (31 - INPUT_INTEGER_BITS))
    radius = _radius(factor.shift)

    def result(q: int) -> int:
        value = q - source.zero_point
        if value <= -radius:
            return low
        if value >= radius:
            return high
        raw = function(fixed_point.rescale(value, factor), INPUT_INTEGER_BITS)
        return _clamp(fixed_point.divide_by_power_of_two(raw, 31 - bits) + offset)

    return result


def logistic(source: Quantization, target: Quantization, _: Operator) -> Function:
    if target.zero_point != INT8_MIN:
        raise ValueError(f"the zero point of its output is {target.zero_point}, not {INT8_MIN}")
    return _saturating(source, fixed_point.logistic, INT8_MIN, INT8_MAX, 8, INT8_MIN)


def tanh(source: Quantization, _: Quantization, __: Operator) -> Function:
    return _saturating(source, fixed_point.tanh, INT8_MIN, INT8_MAX, 7, 0)


def _int16(value: int) -> int:
    return max(-(2**15), min(2**15 - 1, value))


def _multiply16(a: int, b: int) -> int:
    """``SaturatingRoundingDoublingHighMul`` on int16: ties up for positive products, away from zero otherwise."""
    product = a * b
    nudge = 1 << 14 if product >= 0 else 1 - (1 << 14)
    return _int16(int((product + nudge) / 2**15))


def hard_swish(source: Quantization, target: Quantization, _: Operator) -> Function:
    """Source: ``HardSwish``, tensorflow/lite/kernels/internal/reference/hard_swish.h, and its ``HardSwishPrepare``."""
    fine = np.float32(1.0 / 128.0) * source.scale
    output = rescale_of(float(fine / target.scale))
    if output.shift > 0:
        raise ValueError("its output scale is too small for its input scale")
    reluish = rescale_of(float(fine / np.float32(3.0 / 32768.0)))
    output16, reluish16 = (min((factor.multiplier + (1 << 15)) >> 16, 32767) for factor in (output, reluish))

    def function(q: int) -> int:
        value = (q - source.zero_point) * 128
        gate = value
        if reluish.shift > 0:
            gate = _int16(gate << (reluish.shift - 1))
        gate = _multiply16(gate, reluish16)
        if reluish.shift > 0:
            gate = _int16(gate << 1)
        if reluish.shift < 0:
            gate = fixed_point.divide_by_power_of_two(gate, -reluish.shift)
        gate = (gate + (1 << 15)) >> 1
        product = _int16(int(gate * _multiply16(value, output16) / 2**15))  # towards zero
        return _clamp(fixed_point.divide_by_power_of_two(product, -output.shift) + target.zero_point)

    return function


def absolute(source: Quantization, target: Quantization, _: Operator) -> Function:
    """Source: ``AbsEvalQuantized``, tensorflow/lite/micro/kernels/elementwise.cc."""
    factor = rescale_of(float(source.scale) / float(target.scale))
    return lambda q: _clamp(target.zero_point + fixed_point.rescale(abs(q - source.zero_point), factor))


def elu(source: Quantization, target: Quantization, _: Operator) -> Function:
    """In float32, with exp rounded to nearest.

    Source: ``PopulateLookupTable``, tensorflow/lite/micro/kernels/elu.cc.
    """
    inverse = np.float32(1) / target.scale

    def function(q: int) -> int:
        x = source.scale * np.float32(q - source.zero_point)
        y = np.float32(math.exp(x)) - np.float32(1) if x < 0 else x
        return _clamp(round_half_away(float(y * inverse)) + target.zero_point)

    return function


def rsqrt(source: Quantization, target: Quantization, _: Operator) -> Function:
    """Inputs at the zero point give the largest output.

    Source: ``RsqrtEvalQuantized``, tensorflow/lite/micro/kernels/elementwise.cc; it stops the inference at an input
    below the zero point, so only models without such inputs are taken.
    """
    if source.zero_point != INT8_MIN:
        raise ValueError(f"its input may be negative: its zero point is {source.zero_point}, not {INT8_MIN}")
    factor = rescale_of(1.0 / (math.sqrt(float(source.scale)) * float(target.scale)))
    bits = 20

    def function(q: int) -> int:
        if q == source.zero_point:
            return INT8_MAX
        inverse = fixed_point.inverse_square_root(q - source.zero_point)
        raw = fixed_point.rescale(1, Rescale(inverse.multiplier, inverse.shift + bits))
        return _clamp(fixed_point.rescale(raw, Rescale(factor.multiplier, factor.shift - bits)) + target.zero_point)

    return function


FUNCTIONS: dict[str, Callable[[Quantization, Quantization, Operator], Function]] = {
    "ABS": absolute,
    "ELU": elu,
    "HARD_SWISH": hard_swish,
    "LEAKY_RELU": leaky_relu,
    "LOGISTIC": logistic,
    "RELU": relu,
    "RELU6": relu6,
    "RSQRT": rsqrt,
    "TANH": tanh,
}


def reject(graph: Graph, operator: Operator) -> str | None:
    source, target = graph.input(operator, 0), graph.output(operator)
    if source is None:
        return "it has no input"
    if source.dtype == "float32":
        return unary_f32.reject(graph, operator)
    if source.dtype == "int16":
        return unary_s16.reject(graph, operator)
    if source.elements != target.elements:
        return f"it turns {source} into {target}"
    dtype = "bool" if operator.name == "LOGICAL_NOT" else "int8"
    reason = reject_unless_per_tensor(source, "input", dtype) or reject_unless_per_tensor(target, "output", dtype)
    if reason is not None:
        return reason
    try:
        table(graph, operator)
    except ValueError as error:
        return str(error)
    return None


def table(graph: Graph, operator: Operator) -> NDArray[np.int8]:
    """int8 [256]: the result for each input as an unsigned byte."""
    if operator.name == "LOGICAL_NOT":
        return np.array([1] + [0] * 255, np.int8)
    source, target = graph.tensors[operator.inputs[0]].quantization, graph.output(operator).quantization
    assert source is not None
    assert target is not None
    function = FUNCTIONS[operator.name](source, target, operator)
    return np.array([function(q) for q in [*range(128), *range(-128, 0)]], np.int8)


def lower(graph: Graph, operator: Operator) -> Lowered:
    source = graph.tensors[operator.inputs[0]]
    if source.dtype == "float32":
        return unary_f32.lower(graph, operator)
    if source.dtype == "int16":
        return unary_s16.lower(graph, operator)
    return Lowered(
        kernel="lookup_s8",
        header="kernels/lookup.h",
        struct="Lookup",
        parameters={"table": table(graph, operator), "count": source.elements},
        inputs=(source.index,),
        lead={0: 0},
    )
