"""The constants of `requantize_fixed_fine` and `requantize_fixed_whole` against the reference's rescaling."""

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from generator.fixed_point import rescale
from generator.ops.clamped_shift import (
    FINE_BITS,
    FINE_SHIFT,
    WHOLE_SHIFT,
    fine_constants,
    steps_of,
    whole_constants,
)
from generator.ops.fixed_shift import least_accumulator
from generator.quantization import Rescale

multipliers = st.integers(2**30, 2**31 - 1) | st.sampled_from([2**30, 2**30 + 1, 2**31 - 1])


def fine(accumulators: np.ndarray, bias: int, multiplier: int) -> np.ndarray:
    """`requantize_fixed_fine` of firmware/kernels/requantize.h before saturation."""
    sums = (accumulators << FINE_BITS) + bias
    assert np.all(abs(sums) < 2**31)
    return (sums * multiplier >> 32) >> FINE_SHIFT


def whole(accumulators: np.ndarray, bias: int, multiplier: int, offset: int) -> np.ndarray:
    """`requantize_fixed_whole` of firmware/kernels/requantize.h before saturation."""
    sums = ((accumulators + bias) * multiplier >> 32) + offset
    assert np.all(abs(sums) < 2**31)
    return sums >> WHOLE_SHIFT


@settings(deadline=None, max_examples=60)
@given(multipliers, st.integers(5, 20), st.integers(-128, 100), st.integers(1, 255), st.data())
def test_equals_the_reference_for_every_accumulator(
    multiplier: int, right: int, zero_point: int, most: int, data: st.DataObject
) -> None:
    factor = Rescale(multiplier, -right)
    low = data.draw(st.integers(-(2**16), 2**14))
    high = data.draw(st.integers(low, 2**16) | st.integers(low, 2**23 - 1))
    least = data.draw(st.integers(0, most - 1))
    most = min(most, 127 - zero_point)
    assume(least < most)
    steps = steps_of(low, high, factor, (least, most), zero_point)
    assert steps is not None
    edges = [least_accumulator(value, factor) + aside for value in range(least, most + 2) for aside in (-1, 0) if value]
    accumulators = np.unique(np.clip([*range(low, high, (high - low) // 2000 + 1), *edges], low, high))
    expected = np.array([rescale(int(x), factor) for x in accumulators]) + zero_point
    bounds = zero_point + least, zero_point + most
    for form, constants in ((fine, fine_constants(steps)), (whole, whole_constants(steps))):
        if constants is not None:
            np.testing.assert_array_equal(
                np.clip(form(accumulators, *constants), *bounds), np.clip(expected, *bounds), form.__name__
            )


def test_constants_exist_for_common_factors() -> None:
    """Of a thousand filters with factors and sums as in trained networks none is left to the slower rescaling."""
    random = np.random.default_rng(0)
    for _ in range(1000):
        right = int(random.integers(5, 11))
        factor = Rescale(int(random.integers(2**30, 2**31)), -right)
        reach = int(random.integers(2**8, 2**17))
        steps = steps_of(-reach, reach, factor, (0, 255), -128)
        assert steps is not None
        assert fine_constants(steps) is not None
        assert whole_constants(steps) is not None


def test_none_where_the_multiplier_or_the_sum_does_not_fit() -> None:
    assert steps_of(-1000, 1000, Rescale(2**30, -4), (0, 255), -128) is None
    assert steps_of(-(2**23), 1000, Rescale(2**30, -8), (0, 255), -128) is None


def test_none_where_the_zero_point_takes_the_fine_sum_out_of_its_range() -> None:
    steps = steps_of(-(2**20), 2**20, Rescale(2**30, -16), (0, 255), -128)
    assert steps is not None
    assert fine_constants(steps) is None
    assert whole_constants(steps) is not None
