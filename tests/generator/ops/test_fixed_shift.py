import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from generator.fixed_point import rescale
from generator.ops.fixed_shift import SIGNED_SHIFT, fixed_constants, least_accumulator
from generator.quantization import Rescale

multipliers = st.integers(2**30, 2**31 - 1) | st.sampled_from([2**30, 2**30 + 1, 2**31 - 1])
bits = st.tuples(st.integers(6, 12), st.sampled_from([12, SIGNED_SHIFT]))


def fixed(
    accumulators: np.ndarray, bits: tuple[int, int], correction: int, multiplier: int, offset: int, below: int
) -> np.ndarray:
    """`requantize_fixed_signed` of firmware/kernels/requantize.h before saturation."""
    scale_bits, shift = bits
    scaled = (accumulators + correction) << scale_bits
    return ((scaled * multiplier >> 32) + offset - below * (scaled < 0)) >> shift


@settings(deadline=None, max_examples=60)
@given(multipliers, st.integers(5, 13), st.integers(-128, 100), st.integers(1, 155), bits, st.data())
def test_equals_the_reference_for_every_accumulator(
    multiplier: int, right: int, zero_point: int, most: int, bits: tuple[int, int], data: st.DataObject
) -> None:
    factor = Rescale(multiplier, -right)
    low = data.draw(st.integers(-(2**16), 2**14))
    high = data.draw(st.integers(low, 2**16))
    least = data.draw(st.integers(-128 - zero_point, most - 1))
    most = min(most, 127 - zero_point)
    assume(least < most)
    constants = fixed_constants(low, high, factor, (least, most), zero_point, *bits)
    if constants is None:
        return
    steps = [least_accumulator(value, factor) + aside for value in range(least, most + 2) for aside in (-1, 0)]
    accumulators = np.unique(np.clip([*range(low, high, 50), *steps], low, high))
    expected = np.array([rescale(int(x), factor) for x in accumulators]) + zero_point
    bounds = zero_point + least, zero_point + most
    np.testing.assert_array_equal(np.clip(fixed(accumulators, bits, *constants), *bounds), np.clip(expected, *bounds))


@given(multipliers, st.integers(1, 20), st.integers(-255, 255))
def test_thresholds_are_where_the_reference_steps(multiplier: int, right: int, value: int) -> None:
    factor = Rescale(multiplier, -right)
    threshold = least_accumulator(value, factor)
    assert rescale(threshold - 1, factor) < value <= rescale(threshold, factor)


def test_constants_exist_for_common_factors() -> None:
    """Of a thousand filters with factors and sums as in trained networks none is left to the slower rescaling."""
    random = np.random.default_rng(0)
    for _ in range(1000):
        right = int(random.integers(5, 11))
        factor = Rescale(int(random.integers(2**30, 2**31)), -right)
        reach = int(random.integers(2**8, 2**17))
        assert fixed_constants(-reach, reach, factor, (-120, 135), -8, 15 - right, SIGNED_SHIFT) is not None


def test_none_where_the_multiplier_or_the_sum_does_not_fit() -> None:
    assert fixed_constants(-1000, 1000, Rescale(2**30, -4), (0, 255), -128, 8, 12) is None
    assert fixed_constants(-(2**23), 1000, Rescale(2**30, -8), (0, 255), -128, 8, 12) is None
