"""Fixed-point functions on int32, exactly as gemmlowp's fixedpoint.h computes them for TensorFlow Lite's kernels.

A number is (raw value, integer bits): real = raw x 2^(integer bits - 31). Plain Python integers: exact, for building
tables.
"""

from generator.quantization import Rescale

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1
ONE = INT32_MAX  # 1.0 with no integer bits


def saturate(value: int) -> int:
    return max(INT32_MIN, min(INT32_MAX, value))


def multiply(a: int, b: int) -> int:
    """``SaturatingRoundingDoublingHighMul``: 2ab / 2^32, rounded to nearest, ties up."""
    return saturate((a * b + (1 << 30)) >> 31)


def divide_by_power_of_two(x: int, exponent: int) -> int:
    """``RoundingDivideByPOT``: ties away from zero."""
    if exponent == 0:
        return x
    return (x + (-1 if x < 0 else 0) + (1 << (exponent - 1))) >> exponent


def rescale(x: int, factor: Rescale) -> int:
    """``MultiplyByQuantizedMultiplier`` with double rounding."""
    left, right = max(factor.shift, 0), max(-factor.shift, 0)
    shifted = (x << left) & 0xFFFFFFFF
    return divide_by_power_of_two(multiply(shifted - ((shifted & 0x80000000) << 1), factor.multiplier), right)


def multiply_by_power_of_two(x: int, exponent: int) -> int:
    """``SaturatingRoundingMultiplyByPOT``."""
    return saturate(x << exponent) if exponent >= 0 else divide_by_power_of_two(x, -exponent)


def half_sum(a: int, b: int) -> int:
    """``RoundingHalfSum``: ties away from zero."""
    total = a + b
    return (total + 1) // 2 if total >= 0 else -((1 - total) // 2)


# exp(-2^e) for e = -2..4 with no integer bits
_EXP_OF_POWERS = {-2: 1672461947, -1: 1302514674, 0: 790015084, 1: 290630308, 2: 39332535, 3: 720401, 4: 242}
_EXP_MINUS_EIGHTH, _ONE_THIRD = 1895147668, 715827883


def _exp_of_small(a: int) -> int:
    """exp of a number in [-1/4, 0) without integer bits: Taylor's series around -1/8."""
    x = saturate(a + (1 << 28))
    square = multiply(x, x)
    cube, fourth = multiply(square, x), multiply(square, square)
    tail = multiply(saturate(multiply_by_power_of_two(fourth, -2) + cube), _ONE_THIRD)
    series = multiply_by_power_of_two(saturate(tail + square), -1)
    return saturate(_EXP_MINUS_EIGHTH + multiply(_EXP_MINUS_EIGHTH, saturate(x + series)))


def exp_on_negative_values(a: int, integer_bits: int) -> int:
    """exp(a) for a <= 0, without integer bits."""
    fraction_bits = 31 - integer_bits
    quarter = 1 << (fraction_bits - 2)
    part = (a & (quarter - 1)) - quarter
    result = _exp_of_small(multiply_by_power_of_two(part, integer_bits))
    remainder = part - a
    for exponent, factor in _EXP_OF_POWERS.items():
        if integer_bits > exponent and remainder & (1 << (fraction_bits + exponent)):
            result = multiply(result, factor)
    if integer_bits > 5 and a < -(1 << (fraction_bits + 5)):
        result = 0
    return ONE if a == 0 else result


def _reciprocal_of_half(half: int) -> int:
    """1 / half for half in [1/2, 1] without integer bits; the result has 2 integer bits. Newton-Raphson."""
    x = 1515870810 + multiply(half, -1010580540)
    for _ in range(3):
        error = saturate((1 << 29) - multiply(half, x))
        x = saturate(x + multiply_by_power_of_two(multiply(x, error), 2))
    return x


def one_over_one_plus(a: int) -> int:
    """1 / (1 + a) for a in [0, 1]; no integer bits."""
    return multiply_by_power_of_two(_reciprocal_of_half(half_sum(a, ONE)), 1)


def one_minus_over_one_plus(a: int) -> int:
    """(1 - a) / (1 + a) for a in [0, 1]; no integer bits."""
    return multiply_by_power_of_two(saturate(_reciprocal_of_half(half_sum(a, ONE)) - (1 << 29)), 2)


def logistic(a: int, integer_bits: int) -> int:
    """1 / (1 + exp(-a)), without integer bits."""
    if a == 0:
        return 1 << 30
    positive = one_over_one_plus(exp_on_negative_values(-abs(a), integer_bits))
    return positive if a > 0 else ONE - positive


def tanh(a: int, integer_bits: int) -> int:
    """Without integer bits."""
    if a == 0:
        return 0
    magnitude = one_minus_over_one_plus(exp_on_negative_values(-abs(a), integer_bits + 1))
    return magnitude if a > 0 else -magnitude


_SQRT_HALF = 1518500250


def inverse_square_root(value: int) -> Rescale:
    """1 / sqrt(value) for 0 < value < 2^15, by five Newton-Raphson steps with 3 integer bits.

    Source: ``GetInvSqrtQuantizedMultiplierExp``, tensorflow/lite/kernels/internal/common.h.
    """
    if value == 1:
        return Rescale(INT32_MAX, 0)
    pairs = (31 - value.bit_length()) // 2 - 1  # of bits, so that 2^27 <= value < 2^29
    number = value << (2 * pairs) >> 1
    half = divide_by_power_of_two(number, 1)
    three_halves = (1 << 28) + (1 << 27)
    x = 1 << 28
    for _ in range(5):
        cube = multiply_by_power_of_two(multiply(multiply(x, x), x), 6)
        x = multiply_by_power_of_two(multiply(three_halves, x) - multiply(half, cube), 3)
    multiplier, shift = multiply(x, _SQRT_HALF), 11 - pairs
    return Rescale(multiplier << max(-shift, 0), -max(shift, 0))
