"""Rescaling of outputs that are clamped at their zero point, with the same right shift for all filters.

As in `generator.ops.fixed_shift` a filter's constants are such that its output grows at the same accumulators as the
reference's, but there are fewer of them. There are two forms, `requantize_fixed_fine` and `requantize_fixed_whole` of
firmware/kernels/requantize.h. The fine one takes an accumulator times 256 with a bias in 256ths to
floor((256 accumulator + bias) x multiplier / 2^44). The whole one takes an accumulator with a bias to
floor((floor((accumulator + bias) x multiplier / 2^32) + offset) / 2^4). Biases hold the zero point, too.
"""

from collections.abc import Container
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generator.ops.fixed_shift import Steps, output_steps
from generator.ops.linear import Linear, folded_bias, rescale_per_filter, weight_matrix
from generator.ops.packing import PAIRED_FILTERS, accumulator_range, constant_output, overlapping_blocks
from generator.quantization import Rescale

FINE_BITS = 8  # of a fine bias
FINE_SHIFT, WHOLE_SHIFT = 12, 4  # REQUANTIZE_FIXED_FINE and _WHOLE in firmware/kernels/requantize.h
MULTIPLIER_BITS = 32 + WHOLE_SHIFT  # after the point
REACH = 2**23  # of accumulators
BIAS_REACH = 2**30  # of whole ones
LEAST_RIGHT_SHIFT = MULTIPLIER_BITS - 31  # with less the multiplier does not fit
FINE_TRIES = (16, 2048)  # multipliers to try, the few first
WHOLE_TRIES = ((1, 64), (1, 4096), (16, 65536))  # multipliers and offsets
FAR_PRODUCT = 2**62  # beyond half of any bias times a multiplier


@dataclass(frozen=True)
class FixedShift:
    """Filters with weights [filters, depth] and constants for both forms, of which a kernel takes one or the other.

    ``fine``: [filters, 2], {256 bias + fine bias, multiplier}. ``whole``: [filters, 3], {bias, multiplier, offset}.
    """

    weights: NDArray[np.int8]
    fine: NDArray[np.int32]
    whole: NDArray[np.int32]


def fixed_shift_filters(
    layer: Linear, minimum: int, maximum: int, *, fine: Container[int], whole: Container[int] = ()
) -> FixedShift | None:
    """Constants of either form for the filters in ``fine`` and in ``whole``, zeros elsewhere; None where there are none
    for some filter.

    ``minimum`` and ``maximum`` are what the outputs are clamped to. A filter whose output is the same for all inputs
    gets zero weights, as in `packed_filters`.
    """
    assert layer.output.quantization is not None
    zero_point = layer.output.quantization.zero_point
    if minimum < zero_point:
        return None
    weights, bias = weight_matrix(layer).copy(), folded_bias(layer)
    fine_ones, whole_ones = np.zeros((layer.filters, 2), np.int64), np.zeros((layer.filters, 3), np.int64)
    for index, factor in enumerate(rescale_per_filter(layer)):
        low, high = accumulator_range(weights[index : index + 1], bias[index : index + 1])[0].tolist()
        constant = constant_output(low, high, factor, zero_point, minimum, maximum)
        if constant is not None:
            weights[index] = 0
            fine_ones[index] = constant << FINE_SHIFT + 2, 2**30
            whole_ones[index] = 0, 0, constant << WHOLE_SHIFT
            continue
        steps = steps_of(low, high, factor, (minimum - zero_point, maximum - zero_point), zero_point)
        if steps is None:
            return None
        if index in fine:
            found = fine_constants(steps)
            if found is None:
                return None
            fine_ones[index] = (int(bias[index]) << FINE_BITS) + found[0], found[1]
        if index in whole:
            found_whole = whole_constants(steps)
            if found_whole is None:
                return None
            whole_ones[index] = int(bias[index]) + found_whole[0], *found_whole[1:]
    return FixedShift(weights, fine_ones.astype(np.int32), whole_ones.astype(np.int32))


def fixed_in_pairs(layer: Linear, minimum: int, maximum: int, filters: int) -> FixedShift | None:
    """Constants for what firmware/kernels/conv_2d_s8_paired.h takes of filters in even and in odd places of blocks.

    ``filters``: the layer's, or more where others fill up the last block.
    """
    places = overlapping_blocks(filters, PAIRED_FILTERS)
    even, odd = (frozenset(places[:, first::2].reshape(-1).tolist()) for first in (0, 1))
    return fixed_shift_filters(layer, minimum, maximum, fine=odd, whole=even)


def steps_of(low: int, high: int, factor: Rescale, outputs: tuple[int, int], zero_point: int) -> Steps | None:
    """Of accumulators from ``low`` to ``high``, or None where these forms do not suit them.

    ``outputs``: least, not negative, and greatest of the rescaled values that outputs are clamped to.
    """
    if max(-low, high) >= REACH:
        return None
    return output_steps(low, high, factor, outputs, zero_point, LEAST_RIGHT_SHIFT)


def fine_constants(steps: Steps) -> tuple[int, int] | None:
    """(fine bias, multiplier), or None."""
    for count in FINE_TRIES:
        multipliers = _near(steps.multiplier, count)
        least, most = _bounds(steps, FINE_SHIFT, FINE_BITS, multipliers)
        index = _first_fitting(least, most, multipliers, 2**31 - (steps.reach << FINE_BITS))
        if index is not None:
            return int(_middle(least, most, multipliers)[index]), int(multipliers[index])
    return None


def whole_constants(steps: Steps) -> tuple[int, int, int] | None:
    """(bias, multiplier, offset), or None."""
    for count, offset_count in WHOLE_TRIES:
        multipliers = np.repeat(_near(steps.multiplier, count), offset_count)
        offsets = np.tile(np.arange(offset_count), len(multipliers) // offset_count)
        least, most = (
            np.repeat(bound, offset_count) - (offsets << 32)
            for bound in _bounds(steps, WHOLE_SHIFT, 0, _near(steps.multiplier, count))
        )
        index = _first_fitting(least, most, multipliers, BIAS_REACH)
        if index is not None:
            bias = int(_middle(least, most, multipliers)[index])
            return bias, int(multipliers[index]), int(offsets[index])
    return None


def _near(multiplier: int, count: int) -> NDArray[np.int64]:
    """[tries]: the multiplier and those around it, the nearest first."""
    aside = np.arange(count)
    multipliers = multiplier + np.where(aside % 2, 1, -1) * ((aside + 1) // 2)
    fitting: NDArray[np.int64] = multipliers[(multipliers > 0) & (multipliers < 2**31)]
    return fitting


def _bounds(
    steps: Steps, shift: int, bits: int, multipliers: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each multiplier, what the bias times the multiplier must reach, and what it must stay below."""
    scaled = multipliers[:, None] << bits
    reached = (steps.reached_levels << shift + 32) - steps.reached * scaled
    missed = (steps.missed_levels << shift + 32) - steps.missed * scaled
    return reached.max(axis=1, initial=-FAR_PRODUCT), missed.min(axis=1, initial=FAR_PRODUCT)


def _first_fitting(
    least: NDArray[np.int64], most: NDArray[np.int64], multipliers: NDArray[np.int64], reach: int
) -> int | None:
    """The first place where a bias of less than ``reach`` lies between the bounds, or None."""
    biases = _middle(least, most, multipliers)
    fits = (biases * multipliers >= least) & (biases * multipliers < most) & (abs(biases) < reach)
    found = np.flatnonzero(fits)
    return int(found[0]) if found.size else None


def _middle(least: NDArray[np.int64], most: NDArray[np.int64], multipliers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Biases in the middle of the bounds, or next to the only one."""
    low, high = -(-least // multipliers), -(-most // multipliers) - 1
    biases: NDArray[np.int64] = np.where(
        least <= -FAR_PRODUCT // 2, high, np.where(most >= FAR_PRODUCT // 2, low, (low + high) // 2)
    )
    return biases
