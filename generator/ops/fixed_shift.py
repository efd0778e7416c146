"""Rescaling with the same right shift for all filters: `requantize_fixed` of firmware/kernels/requantize.h.

It takes an accumulator to floor((256 (accumulator + correction) x multiplier / 2^32 + offset) / 2^`SHIFT`): one
multiplication, and a saturation that shifts. Where outputs are clamped at their zero point, the reference's output
grows by one at certain accumulators, its thresholds, and so does this one. A filter's constants are searched until both
have the same thresholds among the accumulators that its weights and bias allow; as both functions are monotonic, they
are then equal for all inputs.
"""

import numpy as np
from numpy.typing import NDArray

from generator.ops.linear import Linear, folded_bias, rescale_per_filter, weight_matrix
from generator.ops.packing import accumulator_range, constant_output
from generator.quantization import Rescale

SHIFT = 12  # REQUANTIZE_FIXED_SHIFT in firmware/kernels/requantize.h
SCALE_BITS = 8  # accumulators come times 256
REACH = 2**23  # of accumulators
LEAST_RIGHT_SHIFT = SHIFT - SCALE_BITS + 1  # with less the multiplier does not fit
TRIES = (16, 2048)  # corrections to try, the few first
FAR = 2**40  # beyond any accumulator


def fixed_shift_filters(layer: Linear, minimum: int, maximum: int) -> tuple[NDArray[np.int8], NDArray[np.int32]] | None:
    """Weights [filters, depth] and records [filters, 3], {bias with correction, multiplier, offset}; None where there
    are none for some filter.

    ``minimum`` and ``maximum`` are what the outputs are clamped to. A filter whose output is the same for all inputs
    gets zero weights, as in `packed_filters`.
    """
    assert layer.output.quantization is not None
    zero_point = layer.output.quantization.zero_point
    if minimum < zero_point:
        return None
    weights, bias = weight_matrix(layer).copy(), folded_bias(layer)
    reach = accumulator_range(weights, bias)
    records = []
    for index, factor in enumerate(rescale_per_filter(layer)):
        low, high = reach[index].tolist()
        constant = constant_output(low, high, factor, zero_point, minimum, maximum)
        if constant is not None:
            weights[index] = 0
            records.append((0, 0, constant << SHIFT))
            continue
        found = fixed_constants(low, high, factor, (minimum - zero_point, maximum - zero_point), zero_point)
        if found is None:
            return None
        correction, multiplier, offset = found
        records.append((int(bias[index]) + correction, multiplier, offset))
    return weights, np.array(records, np.int32)


def fixed_constants(
    low: int, high: int, factor: Rescale, outputs: tuple[int, int], zero_point: int
) -> tuple[int, int, int] | None:
    """(correction, multiplier, offset) for accumulators from ``low`` to ``high``, or None.

    ``outputs``: least, not negative, and greatest of the rescaled values that outputs are clamped to.
    """
    right = -factor.shift
    if right < LEAST_RIGHT_SHIFT or max(-low, high) + TRIES[-1] >= REACH:
        return None
    lost = right - LEAST_RIGHT_SHIFT
    multiplier = (factor.multiplier + (1 << lost >> 1)) >> lost
    if multiplier >= 2**31:
        return None
    values = range(outputs[0] + 1, outputs[1] + 1)
    thresholds = np.array([least_accumulator(value, factor) for value in values], np.int64)
    levels = (np.array(values, np.int64) + zero_point) << SHIFT
    reached, missed = np.maximum(thresholds, low), np.minimum(thresholds - 1, high)
    is_reached, is_missed = reached <= high, missed >= low
    for tries in TRIES:
        corrections = np.arange(tries)[:, None]
        at_reached = (reached[is_reached] + corrections) * multiplier >> (32 - SCALE_BITS)
        at_missed = (missed[is_missed] + corrections) * multiplier >> (32 - SCALE_BITS)
        least = (levels[is_reached] - at_reached).max(axis=1, initial=-REACH)
        most = (levels[is_missed] - 1 - at_missed).min(axis=1, initial=REACH)
        fitting = np.flatnonzero((least <= most) & (abs(least) < 2**30) & (abs(most) < 2**30))
        if fitting.size:
            correction = int(fitting[0])
            return correction, multiplier, int(least[correction] + most[correction]) // 2
    return None


def least_accumulator(value: int, factor: Rescale) -> int:
    """The least one that `generator.fixed_point.rescale` takes to ``value`` > 0 or more, but no more than `FAR`.

    ``factor`` shifts right. For positive numbers both of the reference's roundings are to nearest, ties up.
    """
    right = -factor.shift
    scaled = (value << right) - (1 << right >> 1)
    return min(-(-((scaled << 31) - (1 << 30)) // factor.multiplier), FAR)
