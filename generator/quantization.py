"""Quantisation arithmetic, exactly as TensorFlow Lite Micro prepares it for its reference kernels."""

import math
from dataclasses import dataclass

import numpy as np

from generator.graph import Quantization

INT8_MIN, INT8_MAX = -128, 127
LIMITS = {"int8": (INT8_MIN, INT8_MAX), "int16": (-(2**15), 2**15 - 1)}


@dataclass(frozen=True)
class Rescale:
    """A positive real factor as ``multiplier`` x 2^(``shift`` - 31); ``multiplier`` is 0 or in [2^30, 2^31)."""

    multiplier: int
    shift: int


def rescale_of(factor: float) -> Rescale:
    """Fixed-point form of a float64 factor >= 0.

    Source: ``QuantizeMultiplier``, tensorflow/lite/kernels/internal/quantization_util.cc.

    Raises:
        ValueError: the factor is negative or not a number, or needs a left shift by more than 30.
    """
    if not (math.isfinite(factor) and factor >= 0):
        raise ValueError(f"the factor between its scales is {factor:g}")
    if factor == 0:
        return Rescale(0, 0)
    fraction, shift = math.frexp(factor)
    multiplier = math.floor(fraction * 2**31 + 0.5)  # exact: the fraction has 53 bits
    if multiplier == 2**31:
        multiplier //= 2
        shift += 1
    if shift < -31:
        return Rescale(0, 0)
    if shift > 30:
        raise ValueError(f"the factor {factor:g} between its scales is too large")
    return Rescale(multiplier, shift)


def round_half_away(value: float) -> int:
    """C's ``round``.

    Raises:
        ValueError: the value is infinite or not a number.
    """
    if not math.isfinite(value):
        raise ValueError(f"its scales lead to the value {value:g}")
    return int(math.copysign(math.floor(abs(value) + 0.5), value))


def quantize_value(value: float, quantization: Quantization) -> int:
    """One real value as a quantised value, not clamped; the division is in float32 like TFLite's ``Quantize``.

    Raises:
        ValueError: it does not fit 32 bits, where the reference refuses as well.
    """
    with np.errstate(over="ignore"):
        steps = round_half_away(float(np.float32(value) / quantization.scale))
    if abs(steps) >= 2**31:
        raise ValueError(f"{value:g} does not fit 32 bits with the scale {quantization.scale:g}")
    return quantization.zero_point + steps


ACTIVATION_NAMES = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT")
# Real bounds of a fused activation; None: none on that side.
ACTIVATION_BOUNDS: dict[int, tuple[float | None, float | None]] = {
    0: (None, None),
    1: (0.0, None),
    2: (-1.0, 1.0),
    3: (0.0, 6.0),
}


def activation_range(activation: int, output: Quantization, dtype: str = "int8") -> tuple[int, int]:
    """Quantised bounds of a fused activation in an int8 or int16 tensor.

    Source: ``CalculateActivationRangeQuantized``, tensorflow/lite/kernels/kernel_util.cc.
    """
    low, high = ACTIVATION_BOUNDS[activation]
    least, most = LIMITS[dtype]
    minimum = least if low is None else max(least, quantize_value(low, output))
    maximum = most if high is None else min(most, quantize_value(high, output))
    return minimum, maximum


def float_activation_range(activation: int) -> tuple[np.float32, np.float32]:
    """Bounds of a fused activation in a float32 tensor.

    Source: ``CalculateActivationRange``, tensorflow/lite/kernels/kernel_util.h: the largest finite values where there
    is no bound, so that infinities are clamped.
    """
    low, high = ACTIVATION_BOUNDS[activation]
    limit = np.finfo(np.float32).max
    return np.float32(-limit if low is None else low), np.float32(limit if high is None else high)
