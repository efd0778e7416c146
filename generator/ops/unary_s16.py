"""Elementwise functions of one int16 tensor."""

import math

import numpy as np
from numpy.typing import NDArray

from generator.graph import Graph, Operator, Quantization
from generator.ops.lowered import Lowered, reject_unless_per_tensor
from generator.program import Value
from generator.quantization import LIMITS, Rescale, quantize_value, rescale_of

LINES = ("ABS", "LEAKY_RELU", "RELU", "RELU6")
SIGMOIDS = {"LOGISTIC": (0,), "TANH": (0, 1)}  # left shifts of inputs with 12 fractional bits that need no multiplier
CENTRED = ("ABS", "LOGISTIC", "RELU", "TANH")  # whose tensors must have the zero point 0
ONE = rescale_of(1.0)


def reject(graph: Graph, operator: Operator) -> str | None:
    source, target = graph.input(operator, 0), graph.output(operator)
    if source is None:
        return "it has no input"
    if operator.name not in (*LINES, *SIGMOIDS):
        return f"input is {source.dtype}, which has no kernel for this operator"
    if source.elements != target.elements:
        return f"output {target} does not fit input {source}"
    for tensor, role in ((source, "input"), (target, "output")):
        if reason := reject_unless_per_tensor(tensor, role, "int16"):
            return reason
        assert tensor.quantization is not None
        if operator.name in CENTRED and tensor.quantization.zero_point != 0:
            return f"the zero point of its int16 {role} is {tensor.quantization.zero_point}, not 0"
    assert target.quantization is not None
    if operator.name in SIGMOIDS and _log2(target.quantization.scale) != -15:
        return f"output is quantised with the scale {target.quantization.scale:g}, not 1/32768"
    try:
        lower(graph, operator)
    except ValueError as error:
        return str(error)
    return None


def lower(graph: Graph, operator: Operator) -> Lowered:
    source, target = graph.tensors[operator.inputs[0]], graph.output(operator)
    assert source.quantization is not None
    assert target.quantization is not None
    parameters: dict[str, Value] = {"count": source.elements}
    if operator.name in SIGMOIDS:
        kernel, struct = f"{operator.name.lower()}_s16", "SigmoidS16"
        multiplier, shift = sigmoid_argument(source.quantization, SIGMOIDS[operator.name])
        parameters |= {"multiplier": multiplier, "shift": shift, "table": sigmoid_table()}
    else:
        kernel, struct = "lines_s16", "LinesS16"
        parameters |= _lines(operator, source.quantization, target.quantization)
    return Lowered(kernel, "kernels/unary_s16.h", struct, parameters, (source.index,), lead={0: 0})


def _lines(operator: Operator, source: Quantization, target: Quantization) -> dict[str, Value]:
    """Fields of `LinesS16`. Sources: as of the int8 functions in `generator.ops.lookup`."""
    minimum, maximum = LIMITS["int16"]
    output_zero_point = target.zero_point
    rising = falling = rescale_of(float(source.scale) / float(target.scale))
    if operator.name == "RELU6":  # a clamp in the input's scale; the output's is taken to be the same
        rising = falling = ONE
        output_zero_point = source.zero_point
        minimum, maximum = (sorted((minimum, quantize_value(x, source), maximum))[1] for x in (0.0, 6.0))
    elif operator.name == "LEAKY_RELU":
        rising, falling = leaky_slopes(source, target, np.float32(operator.options["alpha"]))
    elif operator.name == "ABS":
        falling = Rescale(-rising.multiplier, rising.shift)
    else:
        minimum = 0
    return {
        "input_zero_point": source.zero_point,
        "output_zero_point": output_zero_point,
        "rising": rising,
        "falling": falling,
        "minimum": minimum,
        "maximum": maximum,
    }


def leaky_slopes(source: Quantization, target: Quantization, alpha: np.float32) -> tuple[Rescale, Rescale]:
    """Factors of non-negative and of negative inputs of LEAKY_RELU, in float64.

    Source: ``CalculateOpDataLeakyRelu``, tensorflow/lite/micro/kernels/leaky_relu_common.cc.

    Raises:
        ValueError: a negative alpha, or a factor that is too large.
    """
    if alpha < 0:
        raise ValueError(f"alpha is {alpha:g}, supported is 0 or more")
    scale = float(target.scale)
    return rescale_of(float(source.scale) / scale), rescale_of(float(source.scale) * float(alpha) / scale)


def _log2(scale: np.float32) -> int | None:
    """The exponent of a power of two, or None. Source: ``CheckedLog2``, tensorflow/lite/kernels/kernel_util.cc."""
    exponent = math.log2(scale)
    return round(exponent) if abs(exponent - round(exponent)) < 1e-3 else None


def sigmoid_argument(source: Quantization, plain_shifts: tuple[int, ...]) -> tuple[int, int]:
    """(multiplier, right shift) from an input to multiples of 1 / (3 x 4096).

    Source: ``CalculateArithmeticOpDataLogistic`` and the same for TANH, tensorflow/lite/micro/kernels/
    logistic_common.cc and tanh.cc.

    Raises:
        ValueError: a scale too large for the multiplier's 15 bits.
    """
    exponent = _log2(source.scale)
    if exponent is not None and exponent + 12 in plain_shifts:
        return 3 << (exponent + 12), 0
    multiplier, shift = float(source.scale) * 4096.0 * 3.0, 0
    while multiplier <= 32767.0 / 2.0 and shift <= 30:
        multiplier, shift = multiplier * 2.0, shift + 1
    if multiplier > 32767.0:
        raise ValueError(f"its input scale {source.scale:g} is too large for int16")
    return int(multiplier), shift


def sigmoid_table() -> NDArray[np.uint16]:
    """[256]: the logistic function of i / 24 with 16 fractional bits.

    Each entry is moved by half the error that a straight line to the next one has in the middle, like the tables of
    ``LUTPopulate``; the last is the greatest there is. ``sigmoid_table_uint16``, tensorflow/lite/kernels/internal/
    common.h, has these values.
    """

    def function(i: float) -> float:
        return 65536 / (1 + math.exp(-i / 24))

    entries = [function(i) - ((function(i) + function(i + 1)) / 2 - function(i + 0.5)) / 2 for i in range(255)]
    return np.array([*(min(65535, math.floor(entry + 0.5)) for entry in entries), 65535], np.uint16)
