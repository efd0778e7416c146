"""Filters as the int8 kernels read them: which rescaling they take, and how their weights lie in memory."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.fixed_point import rescale
from generator.ops.linear import Linear, folded_bias, rescale_per_filter, weight_matrix
from generator.quantization import INT8_MAX, INT8_MIN, Rescale

INPUTS_PER_STEP = 4
INPUT_ORDER = (0, 2, 1, 3)  # in which SXTB16 of a word and of the word rotated by a byte yield its bytes
PAIRED_FILTERS = 4  # CONV_2D_PAIRED_FILTERS in firmware/kernels/conv_2d_s8_paired.h
PAIRED_TAIL = 16  # CONV_2D_PAIRED_TAIL there
MOST_CHAINED = 512  # inputs for which there may be straight code
PAIRED_REACH = 2**23  # of the sums of filters in the high bytes
DATA_CACHE_BYTES = 256  # of the flash: 8 lines of 32 bytes (STM32L4+, RM0432)


def padded_depth(depth: int) -> int:
    """Inputs of a filter, with those of zero weight that make whole steps."""
    return -(-depth // INPUTS_PER_STEP) * INPUTS_PER_STEP


def overlapping_blocks(filters: int, size: int) -> NDArray[np.int64]:
    """[blocks, size]: filters by blocks; the last two share some where ``filters`` is no multiple of ``size``."""
    return np.minimum(np.arange(0, filters, size), filters - size)[:, None] + np.arange(size)


def doubled_multiplier(multiplier: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """m of `requantize_doubled` from 2m - 2^32 of `requantize_by_offset`."""
    return (multiplier.astype(np.int64) + 2**32) // 2


def packed_filters(layer: Linear, minimum: int, maximum: int) -> tuple[NDArray[np.int8], NDArray[np.int32], bool]:
    """Weights [filters, depth]; records [filters, 4]; whether these are {bias, multiplier, offset, shift} of
    `requantize_by_offset` for all filters, or {bias, multiplier, left shift, right shift}.

    ``minimum`` and ``maximum`` are what the outputs are clamped to. A filter whose output is the same for all inputs
    gets zero weights and that output as its offset: such are often the filters whose scales are out of all proportion.
    """
    assert layer.output.quantization is not None
    zero_point = layer.output.quantization.zero_point
    weights, bias = weight_matrix(layer).copy(), folded_bias(layer)
    reach = accumulator_range(weights, bias)
    by_offset, general = [], []
    for index, factor in enumerate(rescale_per_filter(layer)):
        low, high = reach[index].tolist()
        constant = constant_output(low, high, factor, zero_point, minimum, maximum)
        record = _offset_record(int(bias[index]), max(-low, high), factor, zero_point)
        if constant is not None:
            weights[index] = 0
            record = (0, -(2**31), 2 * constant + 1, 1)
        by_offset.append(record)
        general.append((int(bias[index]), factor.multiplier, max(factor.shift, 0), max(-factor.shift, 0)))
    if all(record is not None for record in by_offset):
        return weights, np.array(by_offset, np.int32), True
    return weight_matrix(layer), np.array(general, np.int32), False


def accumulator_range(weights: NDArray[np.int8], bias: NDArray[np.int64]) -> NDArray[np.int64]:
    """[filters, 2]: least and greatest sum over all int8 inputs."""
    wide = weights.astype(np.int64)
    least = np.minimum(wide * INT8_MIN, wide * INT8_MAX).sum(axis=1)
    greatest = np.maximum(wide * INT8_MIN, wide * INT8_MAX).sum(axis=1)
    return np.stack([bias + least, bias + greatest], axis=-1)


def constant_output(low: int, high: int, factor: Rescale, zero_point: int, minimum: int, maximum: int) -> int | None:
    """The output for all accumulators from ``low`` to ``high``, if it is only one; rescaling preserves their order."""
    if factor.shift > 0:
        return None  # the reference's left shift wraps
    outputs = {min(max(rescale(value, factor) + zero_point, minimum), maximum) for value in (low, high)}
    return outputs.pop() if len(outputs) == 1 else None


def _offset_record(bias: int, reach: int, factor: Rescale, zero_point: int) -> tuple[int, int, int, int] | None:
    """{bias, multiplier, offset, shift} of `requantize_by_offset`, or None where it could overflow 32 bits.

    ``reach``: greatest magnitude of the accumulator.
    """
    right = -factor.shift
    if right < 1 or factor.multiplier == 0:
        return None
    offset = (2 * zero_point + 1) << (right - 1)
    if abs(rescale(reach, Rescale(factor.multiplier, 0))) + 1 + abs(offset) >= 2**31:
        return None
    return bias, 2 * factor.multiplier - 2**32, offset, right


def pack_blocks(weights: NDArray[np.int8], records: NDArray[np.int32], groups: int) -> NDArray[np.int32]:
    """Weights [filters, depth] and records [filters, 4] -> blocks of firmware/kernels/conv_2d_s8.h, flattened."""
    filters, depth = weights.shape
    padded = np.zeros((filters, padded_depth(depth)), np.int8)
    padded[:, :depth] = weights
    in_group = filters // groups
    first = np.minimum(np.arange(0, in_group, 2), max(in_group - 2, 0))
    pairs = np.stack([first, np.minimum(first + 1, in_group - 1)], axis=-1)
    chosen = (np.arange(groups)[:, None, None] * in_group + pairs).reshape(-1, 2)
    steps = padded[chosen].reshape(len(chosen), 2, -1, INPUTS_PER_STEP)[..., INPUT_ORDER]
    packed = np.ascontiguousarray(steps.transpose(0, 2, 3, 1)).reshape(len(chosen), -1).view("<i4")
    heads = [records[chosen[:, 0], :1], records[chosen[:, 1], :1], records[chosen[:, 0], 1:], records[chosen[:, 1], 1:]]
    return np.concatenate([*heads, packed], axis=1).astype(np.int32).reshape(-1)


def can_pair(weights: NDArray[np.int8], records: NDArray[np.int32]) -> bool:
    """Whether the filters fit `pack_paired`."""
    if len(weights) < PAIRED_FILTERS:
        return False
    reach = np.abs(accumulator_range(weights, records[:, 0].astype(np.int64)))
    return bool(np.all(weights > INT8_MIN) and np.all(reach < PAIRED_REACH))


def paired_weights(weights: NDArray[np.int8]) -> NDArray[np.int32]:
    """[..., filters, depth], an even number of filters -> [..., words]: 256 x odd filter + even filter in halfwords.

    For every four inputs the halfwords of inputs 0 and 2 of each pair of filters, then those of inputs 1 and 3.
    """
    return _words_of_halves(weights[..., 1::2, :], weights[..., ::2, :])


def _words_of_halves(high: NDArray[np.int8], low: NDArray[np.int8]) -> NDArray[np.int32]:
    """[..., rows, depth] -> [..., words]: 256 x high + low of inputs 0 and 2 of all rows, of inputs 1 and 3, and so on
    for every four inputs."""
    *blocks, rows, depth = high.shape
    halves = np.zeros((*blocks, rows, padded_depth(depth)), "<i2")
    halves[..., :depth] = 256 * high.astype(np.int16) + low
    steps = halves.reshape(*blocks, rows, -1, INPUTS_PER_STEP)[..., INPUT_ORDER]
    steps = np.moveaxis(steps.reshape(*blocks, rows, -1, 2), -3, -2)
    words: NDArray[np.int32] = np.ascontiguousarray(steps).reshape(*blocks, -1).view("<i4").astype(np.int32)
    return words


def chained_weights(weights: NDArray[np.int8]) -> NDArray[np.int32]:
    """[..., chains, filters, depth] -> [..., words]: 256 x filter + the next one in halfwords, in the same order."""
    high, low = weights[..., :-1, :], weights[..., 1:, :]
    *blocks, chains, rows, depth = high.shape
    return _words_of_halves(*(part.reshape(*blocks, chains * rows, depth) for part in (high, low)))


def paired_biases(bias: NDArray[np.int32]) -> NDArray[np.int32]:
    """[..., filters] -> [..., filters]: 256 x odd bias + even bias, modulo 2^32, and even bias for each pair."""
    wide = bias.astype(np.int64)
    pairs = np.stack([256 * wide[..., 1::2] + wide[..., ::2], wide[..., ::2]], axis=-1)
    biases: NDArray[np.int32] = pairs.astype(np.uint32).view(np.int32).reshape(bias.shape)
    return biases


def pack_paired(weights: NDArray[np.int8], records: NDArray[np.int32]) -> NDArray[np.int32]:
    """Weights [filters, depth] and records [filters, 4] of `packed_filters` -> blocks of
    firmware/kernels/conv_2d_s8_paired.h, flattened."""
    chosen = overlapping_blocks(len(weights), PAIRED_FILTERS)
    tails = records[chosen, 1:]
    tails[:, 1::2, 0] = doubled_multiplier(tails[:, 1::2, 0])
    return _paired_blocks(weights[chosen], paired_biases(records[chosen, 0]), tails)


def pack_paired_fixed(
    weights: NDArray[np.int8], fine: NDArray[np.int32], whole: NDArray[np.int32]
) -> NDArray[np.int32]:
    """The same with the constants [filters, 2] and [filters, 3] of `generator.ops.clamped_shift.FixedShift`."""
    chosen = overlapping_blocks(len(weights), PAIRED_FILTERS)
    even, odd = whole[chosen[:, ::2]], fine[chosen[:, 1::2]]
    biases = np.stack([even[..., 0].astype(np.int64) + odd[..., 0], even[..., 0]], axis=-1)
    tails = np.concatenate([even[..., 1:], odd[..., 1:]], axis=-1)
    return _paired_blocks(weights[chosen], biases.astype(np.uint32).view(np.int32), tails)


def pack_chained(weights: NDArray[np.int8], records: NDArray[np.int32]) -> NDArray[np.int32]:
    """Weights [filters, depth] and records [filters, 4] of `packed_filters` -> blocks of
    firmware/kernels/conv_2d_s8_chained.h, flattened."""
    tails = records[:, 1:].copy()
    tails[:, 0] = doubled_multiplier(tails[:, 0])
    return _chained_blocks(weights, 256 * records[:, 0].astype(np.int64), tails)


def pack_chained_fixed(weights: NDArray[np.int8], fine: NDArray[np.int32]) -> NDArray[np.int32]:
    """The same with fine constants [filters, 2] of `generator.ops.clamped_shift.FixedShift`."""
    return _chained_blocks(weights, fine[:, 0].astype(np.int64), fine[:, 1:])


def _chained_blocks(weights: NDArray[np.int8], bias: NDArray[np.int64], tails: NDArray[np.int32]) -> NDArray[np.int32]:
    """Weights [filters, depth], biases [filters] in 256ths and what follows of each filter -> blocks."""
    chosen = overlapping_blocks(len(weights), PAIRED_FILTERS)
    in_blocks = weights[chosen]
    parts = [_words_of_halves(in_blocks[:, :-1], in_blocks[:, 1:]), chained_biases(bias[chosen])]
    return np.concatenate([*parts, tails[chosen].reshape(len(chosen), -1)], axis=1).astype(np.int32).reshape(-1)


def chained_biases(bias: NDArray[np.int64]) -> NDArray[np.int32]:
    """[..., 4] in 256ths -> [..., 4]: of the three sums and of 256 times the last filter's, modulo 2^32."""
    sums = bias[..., :-1] + (bias[..., 1:] >> 8)
    last = bias[..., 3] - (sums[..., 2] << 8) + (sums[..., 1] << 16) - (sums[..., 0] << 24)
    words = np.concatenate([sums, last[..., None]], axis=-1)
    return (words & 0xFFFFFFFF).astype(np.uint32).view(np.int32)


def _paired_blocks(weights: NDArray[np.int8], biases: NDArray[np.int32], tails: NDArray[np.int32]) -> NDArray[np.int32]:
    """Weights [blocks, filters, depth] and, for each block, words of biases and of what follows -> blocks."""
    parts = [paired_weights(weights), *(part.reshape(len(weights), -1) for part in (biases, tails))]
    padding = PAIRED_TAIL - sum(part.shape[1] for part in parts[1:])
    return np.pad(np.concatenate(parts, axis=1), ((0, 0), (0, padding))).astype(np.int32).reshape(-1)


def weight_reads(pixels: int, lanes: int, columns: int, block_bytes: int) -> int:
    """How often an inference reads all weights of a convolution that computes ``columns`` of ``lanes`` pixels at a
    time, block by block: one that the flash's data cache holds is read once for all columns, a larger one for each."""
    return -(-pixels // (lanes * columns if block_bytes <= DATA_CACHE_BYTES else lanes))
