"""int8 sums as one linear function of the stored values, where that is exactly what the reference computes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generator.fixed_point import rescale
from generator.quantization import INT8_MAX, INT8_MIN, Rescale

SHIFT = 21  # SUM_S8_SHIFT in firmware/kernels/sum_s8.h
FIRST_STEP = 16
NEIGHBOURS = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j]
FAR = 2**40  # beyond every bound
VALUES = np.arange(INT8_MIN, INT8_MAX + 1, dtype=np.int64)

Table = NDArray[np.int64]


@dataclass(frozen=True)
class LinearSum:
    """(first x a + second x b + offset) >> SHIFT, saturated to int8."""

    first: int
    second: int
    offset: int


def operand_table(zero_point: int, left_shift: int, factor: Rescale) -> Table:
    """[256]: what the reference makes of each stored value before it adds."""
    return np.array([rescale((int(x) - zero_point) << left_shift, factor) for x in VALUES], np.int64)


def linear_sum(
    first: Table, second: Table, output: Rescale, zero_point: int, slopes: tuple[float, float]
) -> LinearSum | None:
    """The function that equals the rescaled sums of both operands plus ``zero_point`` for all pairs, or None.

    ``slopes``: how much the output grows with each stored value. The factors next to them are tried first, then those
    that satisfy the pairs with a larger margin, step by step (a concave function of both factors).
    """
    if output.shift > 0:
        return None
    wanted = np.clip(_rescaled(first[:, None] + second, output) + zero_point, INT8_MIN, INT8_MAX)
    least = np.where(wanted > INT8_MIN, wanted << SHIFT, -FAR)
    most = np.where(wanted < INT8_MAX, ((wanted + 1) << SHIFT) - 1, FAR)

    def offsets(factors: tuple[int, int]) -> tuple[int, int]:
        """Least and greatest offset that satisfy all pairs; none does if the former is the larger one."""
        products = factors[0] * VALUES[:, None] + factors[1] * VALUES
        return int((least - products).max()), int((most - products).min())

    def margin(factors: tuple[int, int]) -> int:
        low, high = offsets(factors)
        return high - low

    factors = (round(slopes[0] * 2**SHIFT), round(slopes[1] * 2**SHIFT))
    step = FIRST_STEP
    while margin(factors) < 0 and step > 0:
        best = max(((factors[0] + i * step, factors[1] + j * step) for i, j in NEIGHBOURS), key=margin)
        if margin(best) > margin(factors):
            factors = best
        else:
            step //= 2
    low, high = offsets(factors)
    offset = (low + high) // 2
    reach = -INT8_MIN * (abs(factors[0]) + abs(factors[1])) + abs(offset)
    return LinearSum(*factors, offset) if low <= high and reach < 2**31 else None


def _rescaled(values: Table, factor: Rescale) -> Table:
    """`rescale` with no shift to the left."""
    right = -factor.shift
    scaled: Table = (values * factor.multiplier + (1 << 30)) >> 31
    return (scaled - (scaled < 0) + (1 << right >> 1)) >> right if right else scaled
