"""Rescaling with the same right shift for all filters: `requantize_fixed_signed` of firmware/kernels/requantize.h.

It takes an accumulator to floor((2^bits (accumulator + correction) x multiplier / 2^32 + offset) / 2^`SIGNED_SHIFT`):
one multiplication, and a saturation that shifts. The reference's output grows by one at certain accumulators, its
thresholds, and so does this one. A filter's constants are searched until both have the same thresholds among the
accumulators that its weights and bias allow; as both functions are monotonic, they are then equal for all inputs.

The reference rounds ties of negative numbers down, which moves their thresholds by a constant against those of positive
ones: a constant ``below`` is subtracted for negative accumulators. Where outputs are clamped at their zero point those
do not matter: `generator.ops.clamped_shift`.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from generator.ops.linear import Linear, folded_bias, rescale_per_filter, weight_matrix
from generator.ops.packing import accumulator_range, constant_output
from generator.quantization import Rescale

SIGNED_SHIFT = 14  # REQUANTIZE_SIGNED_SHIFT in firmware/kernels/requantize.h
TRIES = (16, 2048)  # corrections to try, the few first
NEIGHBOURS = (0, 1, -1, 2, -2, 3, -3)  # of the nearest multiplier
FAR = 2**40  # beyond any accumulator


@dataclass(frozen=True)
class Steps:
    """Where a filter's outputs grow: the least accumulators ``reached`` that yield ``reached_levels`` or more, and the
    greatest, ``missed``, that yield less than ``missed_levels``; of those that can occur."""

    reached: NDArray[np.int64]
    reached_levels: NDArray[np.int64]
    missed: NDArray[np.int64]
    missed_levels: NDArray[np.int64]
    multiplier: int  # about
    reach: int  # of accumulators


def signed_filters(
    layer: Linear, minimum: int, maximum: int, least_bits: int
) -> tuple[NDArray[np.int8], NDArray[np.int32], int] | None:
    """Weights [filters, depth] and records [filters, 4], {bias with correction, multiplier, offset, below}, for
    accumulators that come times 2^bits, and these bits, the first number from ``least_bits`` on for which there are
    constants for all filters; None if that is none."""
    reach = int(np.max(np.abs(accumulator_range(weight_matrix(layer), folded_bias(layer)))))
    for scale_bits in range(least_bits, 32 - (reach + TRIES[-1]).bit_length()):
        found = _filters(layer, minimum, maximum, scale_bits)
        if found is not None:
            return *found, scale_bits
    return None


def _filters(
    layer: Linear, minimum: int, maximum: int, scale_bits: int
) -> tuple[NDArray[np.int8], NDArray[np.int32]] | None:
    """A filter whose output is the same for all inputs gets zero weights, as in `packed_filters`."""
    assert layer.output.quantization is not None
    zero_point = layer.output.quantization.zero_point
    weights, bias = weight_matrix(layer).copy(), folded_bias(layer)
    reach = accumulator_range(weights, bias)
    records = []
    for index, factor in enumerate(rescale_per_filter(layer)):
        low, high = reach[index].tolist()
        constant = constant_output(low, high, factor, zero_point, minimum, maximum)
        if constant is not None:
            weights[index] = 0
            records.append((0, 0, constant << SIGNED_SHIFT, 0))
            continue
        found = fixed_constants(
            low, high, factor, (minimum - zero_point, maximum - zero_point), zero_point, scale_bits, SIGNED_SHIFT
        )
        if found is None:
            return None
        correction, multiplier, offset, below = found
        records.append((int(bias[index]) + correction, multiplier, offset, below))
    return weights, np.array(records, np.int32)


def fixed_constants(
    low: int,
    high: int,
    factor: Rescale,
    outputs: tuple[int, int],
    zero_point: int,
    scale_bits: int,
    shift: int,
) -> tuple[int, int, int, int] | None:
    """(correction, multiplier, offset, below) for accumulators from ``low`` to ``high``, or None.

    ``outputs``: least and greatest of the rescaled values that outputs are clamped to; from 0 on, ``below`` is 0.
    """
    steps = output_steps(low, high, factor, outputs, zero_point, shift - scale_bits + 1)
    if steps is None or steps.reach + TRIES[-1] >= 1 << (31 - scale_bits):
        return None
    reached_levels, missed_levels = steps.reached_levels << shift, steps.missed_levels << shift
    below = 0 if outputs[0] >= 0 else 1 << shift >> -factor.shift  # a unit of what the reference shifts right

    def scaled(accumulators: NDArray[np.int64], multiplier: int) -> NDArray[np.int64]:
        return (accumulators * multiplier >> (32 - scale_bits)) - below * (accumulators < 0)

    for tries, multiplier in product(TRIES, (steps.multiplier + aside for aside in NEIGHBOURS)):
        if multiplier >= 2**31:
            continue
        corrections = np.arange(tries)[:, None]
        at_reached = scaled(steps.reached + corrections, multiplier)
        at_missed = scaled(steps.missed + corrections, multiplier)
        least = (reached_levels - at_reached).max(axis=1, initial=-(2**30))
        most = (missed_levels - 1 - at_missed).min(axis=1, initial=2**30)
        fitting = np.flatnonzero((least <= most) & (least < 2**30) & (most > -(2**30)))
        if fitting.size:
            correction = int(fitting[0])
            return correction, multiplier, int(least[correction] + most[correction]) // 2, below
    return None


def output_steps(
    low: int, high: int, factor: Rescale, outputs: tuple[int, int], zero_point: int, least_right: int
) -> Steps | None:
    """Of accumulators from ``low`` to ``high``, or None where the factor shifts right by less than ``least_right``, so
    that its multiplier does not fit.

    ``outputs``: least and greatest of the rescaled values that outputs are clamped to.
    """
    lost = -factor.shift - least_right
    if lost < 0:
        return None
    multiplier = (factor.multiplier + (1 << lost >> 1)) >> lost
    values = range(outputs[0] + 1, outputs[1] + 1)
    thresholds = np.array([least_accumulator(value, factor) for value in values], np.int64)
    levels = np.array(values, np.int64) + zero_point
    reached, missed = np.maximum(thresholds, low), np.minimum(thresholds - 1, high)
    is_reached, is_missed = reached <= high, missed >= low
    return Steps(
        reached[is_reached], levels[is_reached], missed[is_missed], levels[is_missed], multiplier, max(-low, high)
    )


def least_accumulator(value: int, factor: Rescale) -> int:
    """The least one that `generator.fixed_point.rescale` takes to ``value`` or more, no farther from 0 than `FAR`.

    ``factor`` shifts right. The first of the reference's roundings is to nearest, ties up, and so is the second for
    numbers that are not negative; for negative ones it is ties down.
    """
    right = -factor.shift
    scaled = (value << right) - (1 << right >> 1) + (value <= 0 and right > 0)
    return max(-FAR, min(-(-((scaled << 31) - (1 << 30)) // factor.multiplier), FAR))
