"""CONV_2D of int8 with filters of 3x3, stride 1 and one group by Winograd's F(4x4, 3x3): when, and how packed."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from generator.graph import Graph
from generator.ops.linear import Linear
from generator.ops.lowered import Lowered
from generator.ops.packing import accumulator_range, overlapping_blocks
from generator.ops.window import MOST_PLACES, Window
from generator.quantization import INT8_MIN

KERNEL = "conv_2d_3x3_winograd_s8"
# As in firmware/kernels/conv_2d_3x3_winograd_s8.h.
TILES, POSITIONS, RECORD, LIFT = 4, 36, 23, 12750
FILTERS, OUT, IN = 2, 4, 6
PAIRS_PER_TURN = 4
INPUT_ORDER = (0, 2, 1, 3)  # in which SXTAB16 of a word and of the word rotated by a byte yield its bytes
NINTH = pow(9, -1, 2**32)
REACH = 2**25  # of sums
LEAST_CHANNELS = 8
MOST_WEIGHTS = 1 << 17  # of a model's 3x3 filters: they take eight times as many bytes

FILTER_TRANSFORM = np.array([[3, 0, 0], [-1, -1, -1], [-1, 1, -1], [1, 2, 4], [1, -2, 4], [0, 0, 3]], np.int64)
FACTORS = np.array([1, 2, 4, 4], np.int64)  # left out of the rows of A^T


def affordable(graph: Graph) -> bool:
    """Whether the transformed filters of all layers together stay small beside a board's flash."""
    filters = [graph.input(operator, 1) for operator in graph.operators if operator.name == "CONV_2D"]
    sizes = [tensor.elements for tensor in filters if tensor is not None and tensor.shape[1:3] == (3, 3)]
    return sum(sizes) <= MOST_WEIGHTS


def suits(layer: Linear, window: Window) -> bool:
    """Whether the kernel can compute the layer, and faster than another one."""
    return fits(layer, window) and _pays(layer, window)


def lower(
    layer: Linear, window: Window, weights: NDArray[np.int8], records: NDArray[np.int32], limits: tuple[int, int]
) -> Lowered | None:
    """The kernel of a layer that it `suits`, or None where its sums could grow too large.

    Weights [filters, depth]; records [filters, 4]: {bias, multiplier, offset, shift} of `requantize_by_offset`.
    ``limits``: what the outputs are clamped to.
    """
    assert layer.input.quantization is not None
    assert layer.output.quantization is not None
    channels, filters = layer.weights.shape[3], layer.filters
    if not in_range(weights, records):
        return None
    pairs = -(-channels // (2 * PAIRS_PER_TURN)) * PAIRS_PER_TURN
    batches, input_h, input_w, _ = layer.input.shape
    tiles_h, tiles_w = _tiles(window)
    return Lowered(
        kernel=KERNEL,
        header=f"kernels/{KERNEL}.h",
        struct="Conv2dWinogradS8",
        parameters={
            "weights": pack_weights(weights.reshape(filters, 3, 3, channels), pairs),
            "records": pack_records(weights.reshape(filters, 3, 3, channels), records),
            "pairs": pairs,
            "tiles": batches * tiles_h * tiles_w,
            "tiles_h": tiles_h,
            "tiles_w": tiles_w,
            "input_h": input_h,
            "input_w": input_w,
            "input_channels": channels,
            "output_h": window.output_h,
            "output_w": window.output_w,
            "output_channels": filters,
            "pad_top": window.pad_top,
            "pad_left": window.pad_left,
            "input_zero_point": layer.input.quantization.zero_point,
            "output_zero_point": layer.output.quantization.zero_point,
            "activation_min": limits[0],
            "activation_max": limits[1],
        },
        inputs=(layer.input.index,),
        macs=layer.output.elements * 9 * channels,
        constant_reads=-(-batches * tiles_h * tiles_w // TILES),
        read_past=3 if channels % 4 else 0,
        scratch_bytes=4 * POSITIONS * TILES * pairs + max(4 * POSITIONS * TILES * FILTERS, POSITIONS * channels + 4),
        lead={0: lead_bytes(layer, window)},
    )


def fits(layer: Linear, window: Window) -> bool:
    """Whether the kernel can compute the layer."""
    taps, steps = (window.filter_h, window.filter_w), (window.stride_h, window.stride_w)
    unit = (window.dilation_h, window.dilation_w, window.spread_h, window.spread_w) == (1, 1, 1, 1)
    one_group = layer.input.shape[3] == layer.weights.shape[3] >= LEAST_CHANNELS
    return taps == (3, 3) and steps == (1, 1) and unit and one_group and layer.filters >= FILTERS


def in_range(weights: NDArray[np.int8], records: NDArray[np.int32]) -> bool:
    """Whether no input can take a sum of products and bias to what the shift by 6 would cut off."""
    least, greatest = accumulator_range(weights, records[:, 0].astype(np.int64)).T
    return bool(np.all(least >= -REACH) and np.all(greatest < REACH))


def _tiles(window: Window) -> tuple[int, int]:
    return -(-window.output_h // OUT), -(-window.output_w // OUT)


def _pays(layer: Linear, window: Window) -> bool:
    """By estimates of both kernels' cycles, code and weights in SRAM: a fifth less is worth eight times the weights."""
    return 5 * estimated_cycles(layer, window) < 4 * estimated_cycles_paired(layer)


def estimated_cycles(layer: Linear, window: Window) -> int:
    channels, filters = layer.weights.shape[3], layer.filters
    tiles = layer.input.shape[0] * int(np.prod(_tiles(window)))
    turns, blocks, groups = -(-channels // (2 * PAIRS_PER_TURN)), -(-filters // FILTERS), -(-tiles // TILES)
    multiplications = groups * blocks * POSITIONS * (66 * turns + 18)
    return multiplications + tiles * (900 * -(-channels // 4) + FILTERS * 400 * blocks)


def estimated_cycles_paired(layer: Linear) -> int:
    """Of `conv_2d_s8_paired`."""
    pixels, depth = layer.output.elements // layer.filters, 9 * layer.weights.shape[3]
    blocks = -(-layer.filters // 4)
    return pixels * (2 * depth + blocks * (4 * depth + 80))


def pack_weights(weights: NDArray[np.int8], pairs: int) -> NDArray[np.int32]:
    """[filters, 3, 3, channels] -> [blocks of filters, 36 positions, pairs, filters of a block] of int16 pairs."""
    transformed = np.einsum("ir,frsc,js->fijc", FILTER_TRANSFORM, weights.astype(np.int64), FILTER_TRANSFORM)
    filters, channels = len(weights), weights.shape[3]
    padded = np.zeros((filters, POSITIONS, 2 * pairs), "<i2")
    padded[..., :channels] = transformed.reshape(filters, POSITIONS, channels)
    ordered = padded.reshape(filters, POSITIONS, -1, 4)[..., INPUT_ORDER]
    blocks = ordered.reshape(filters, POSITIONS, pairs, 2)[overlapping_blocks(filters, FILTERS)]
    return np.ascontiguousarray(blocks.transpose(0, 2, 3, 1, 4)).view("<i4").astype(np.int32).reshape(-1)


def pack_records(weights: NDArray[np.int8], records: NDArray[np.int32]) -> NDArray[np.int32]:
    """[filters, 3, 3, channels] and {bias, multiplier, offset, shift} -> records of the kernel, by blocks."""
    sums = weights.sum(axis=3, dtype=np.int64)
    bias = np.broadcast_to((records[:, 0] + INT8_MIN * sums.sum(axis=(1, 2)))[:, None, None], (len(sums), OUT, OUT))
    bias = bias.copy()
    for row in range(OUT):
        for column in range(OUT):  # the last 2x2 inputs are lifted
            bias[:, row, column] -= LIFT * sums[:, OUT - row :, OUT - column :].sum(axis=(1, 2))
    rows = np.zeros((len(sums), OUT, 1 + OUT), np.int64)
    rows[:, :, 0] = NINTH * FACTORS
    rows[:, :, 1:] = bias * (64 // FACTORS)
    packed = np.concatenate([rows.reshape(len(sums), -1), records[:, 1:]], axis=1)
    return (packed & 0xFFFFFFFF).astype(np.uint32).view(np.int32)[overlapping_blocks(len(sums), FILTERS)].reshape(-1)


def lead_bytes(layer: Linear, window: Window) -> int:
    """By how much the output must begin before the input: what was written up to the end of a group of tiles must end
    before the first byte which the groups behind it read."""
    if layer.output.elements > MOST_PLACES:
        return layer.output.elements
    begins, ends = zip(*_extents(layer, window), strict=True)
    firsts, lasts = np.array(begins), np.array(ends)
    starts = np.arange(0, len(firsts), TILES)
    written = np.maximum.accumulate(np.maximum.reduceat(lasts, starts))
    unread = np.minimum.accumulate(np.minimum.reduceat(firsts, starts)[::-1])[::-1]
    return max(0, int(np.max(written[:-1] - unread[1:], initial=0)))


def _extents(layer: Linear, window: Window) -> Iterator[tuple[int, int]]:
    """Of each tile: its first input byte (a large number if all lie in the padding) and the end of its outputs."""
    batches, input_h, input_w, channels = layer.input.shape
    tiles_h, tiles_w = _tiles(window)
    for tile in range(batches * tiles_h * tiles_w):
        image, place = divmod(tile, tiles_h * tiles_w)
        y, x = (OUT * index for index in divmod(place, tiles_w))
        top, left = max(y - window.pad_top, 0), max(x - window.pad_left, 0)
        first = ((image * input_h + top) * input_w + left) * channels if top < input_h and left < input_w else 2**40
        bottom, right = min(y + OUT, window.output_h), min(x + OUT, window.output_w)
        last = (image * window.output_h + bottom - 1) * window.output_w + right
        yield first, last * layer.filters
