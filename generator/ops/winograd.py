"""CONV_2D of int8 with filters of 3x3 and one group by Winograd's minimal filtering: when, and how packed."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from generator.ops.fixed_shift import signed_filters
from generator.ops.linear import Linear
from generator.ops.lowered import Lowered
from generator.ops.packing import MOST_CHAINED, overlapping_blocks
from generator.ops.window import MOST_PLACES, Window
from generator.program import Value
from generator.quantization import INT8_MAX, INT8_MIN

KERNEL = "conv_2d_3x3_winograd_s8"
WITH_SUM = "conv_2d_3x3_winograd_sum_s8"
KERNELS = (KERNEL, WITH_SUM)
# As in firmware/kernels/conv_2d_3x3_winograd_s8.h.
TILES, LIFT = 4, 12750
FILTERS, OUT, KINDS = 2, 4, 6
PAIRS_PER_TURN = 4
INPUT_ORDER = (0, 2, 1, 3)  # in which SXTAB16 of a word and of the word rotated by a byte yield its bytes
NINTH = pow(9, -1, 2**32)
LEAST_CHANNELS = 8
MOST_BYTES = 1 << 20  # of all transformed filters of a model


@dataclass(frozen=True)
class Filtering:
    """How four outputs in a row follow from ``side`` inputs and three weights.

    ``transform``: [KINDS, 3], of the weights. ``lifts``: by how many times LIFT the inputs are raised, which raises
    all transformed ones by LIFT. ``unit_bits``: a sum in two dimensions is 9 x 2^unit_bits times the true one.
    ``tile_cycles``, ``block_cycles``, ``position_cycles``: of a tile's inputs a channel, its outputs a filter, and
    what a position takes beside the products.
    """

    side: int
    transform: NDArray[np.int64]
    lifts: NDArray[np.int64]
    unit_bits: int
    tile_cycles: int
    block_cycles: int
    position_cycles: int

    @property
    def positions(self) -> int:
        return self.side**2


FILTERINGS = {
    1: Filtering(
        6,
        np.array([[3, 0, 0], [-1, -1, -1], [-1, 1, -1], [1, 2, 4], [1, -2, 4], [0, 0, 3]], np.int64),
        np.array([0, 0, 0, 0, 1, 1], np.int64),
        unit_bits=6,
        tile_cycles=215,
        block_cycles=360,
        position_cycles=18,
    ),
    2: Filtering(
        9,
        np.array([[3, 0, 0], [-3, 0, -3], [-1, 0, 1], [1, 0, 2], [0, 0, 6], [0, 6, 0]], np.int64),
        np.array([0, 1, 0, 1, 0, 1, 1, 1, 3], np.int64),
        unit_bits=2,
        tile_cycles=370,
        block_cycles=480,
        position_cycles=24,
    ),
}


def suits(layer: Linear, window: Window) -> bool:
    """Whether the kernel can compute the layer, and faster than another one."""
    return fits(layer, window) and _pays(layer, window)


def lower(layer: Linear, window: Window, limits: tuple[int, int]) -> Lowered | None:
    """The kernel of a layer that it `fits`, or None where no constants for its rescaling are found.

    ``limits``: what the outputs are clamped to.
    """
    assert layer.input.quantization is not None
    assert layer.output.quantization is not None
    channels, filters = layer.weights.shape[3], layer.filters
    filtering = FILTERINGS[window.stride_h]
    found = signed_filters(layer, *limits, filtering.unit_bits)
    if found is None:
        return None
    weights, records, scale_bits = found
    pairs = -(-channels // (2 * PAIRS_PER_TURN)) * PAIRS_PER_TURN
    batches, input_h, input_w, _ = layer.input.shape
    tiles_h, tiles_w = _tiles(window)
    tiles = batches * tiles_h * tiles_w
    words = filtering.positions * TILES
    return Lowered(
        kernel=KERNEL,
        header=f"kernels/{KERNEL}.h",
        struct="Conv2dWinogradS8",
        parameters={
            "weights": pack_weights(weights.reshape(filters, 3, 3, channels), pairs, filtering),
            "more_weights": None,
            "filters_before": 0,
            "records": pack_records(weights.reshape(filters, 3, 3, channels), records, scale_bits, filtering),
            "stride": window.stride_h,
            "pairs": pairs,
            "tiles": tiles,
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
        constant_reads=-(-tiles // TILES),
        read_past=3 if channels % 4 else 0,
        scratch_bytes=4 * words * pairs + max(4 * words * FILTERS, filtering.positions * channels + 7),
        lead={0: lead_bytes(layer, window)},
    )


def can_add(call: Lowered) -> bool:
    """Whether a call of the kernel may become one `with_sum`: what it computes is stored as it is and only once."""
    limits = call.integer("activation_min"), call.integer("activation_max")
    once = call.integer("output_channels") % FILTERS == 0
    return limits == (INT8_MIN, INT8_MAX) and call.integer("stride") == 1 and once


def with_sum(call: Lowered, addition: Lowered, operand: int, other: int) -> Lowered:
    """One call for both. ``addition``, of the kernel sum_s8, has the convolution's output as its input ``operand`` and
    the tensor ``other`` as the other one, whose place the sums take."""
    first, second, offset, low, high = (
        addition.integer(name) for name in ("first", "second", "offset", "activation_min", "activation_max")
    )
    factors = (second, first) if operand else (first, second)
    changes: dict[str, Value] = {"activation_min": low, "activation_max": high, "sum": (*factors, offset)}
    return replace(call, kernel=WITH_SUM, parameters={**call.parameters, **changes}, lead={}, over=other)


def fits(layer: Linear, window: Window) -> bool:
    """Whether the kernel can compute the layer."""
    taps, steps = (window.filter_h, window.filter_w), (window.stride_h, window.stride_w)
    unit = (window.dilation_h, window.dilation_w, window.spread_h, window.spread_w) == (1, 1, 1, 1)
    one_group = layer.input.shape[3] == layer.weights.shape[3] >= LEAST_CHANNELS
    return taps == (3, 3) and steps in ((1, 1), (2, 2)) and unit and one_group and layer.filters >= FILTERS


def transformed_bytes(layer: Linear) -> int:
    """Of its filters for this kernel."""
    turns = -(-layer.weights.shape[3] // (2 * PAIRS_PER_TURN))
    return 4 * KINDS**2 * PAIRS_PER_TURN * turns * (layer.filters + layer.filters % FILTERS)


def saved_cycles(layer: Linear, window: Window) -> int:
    """Beside the kernel that the layer has otherwise."""
    return estimated_cycles_paired(layer) - estimated_cycles(layer, window)


def _tiles(window: Window) -> tuple[int, int]:
    return -(-window.output_h // OUT), -(-window.output_w // OUT)


def _pays(layer: Linear, window: Window) -> bool:
    """By estimates of both kernels' cycles, code and weights in SRAM: a tenth less is worth eight times the weights."""
    return 10 * estimated_cycles(layer, window) < 9 * estimated_cycles_paired(layer)


def estimated_cycles(layer: Linear, window: Window) -> int:
    filtering = FILTERINGS[window.stride_h]
    channels, filters = layer.weights.shape[3], layer.filters
    tiles = layer.input.shape[0] * int(np.prod(_tiles(window)))
    turns, blocks, groups = -(-channels // (2 * PAIRS_PER_TURN)), -(-filters // FILTERS), -(-tiles // TILES)
    products = groups * blocks * filtering.positions * (64 * turns + filtering.position_cycles)
    transforms = filtering.tile_cycles * 4 * -(-channels // 4) + filtering.block_cycles * FILTERS * blocks
    return products + tiles * transforms


def estimated_cycles_paired(layer: Linear) -> int:
    """Of `conv_2d_s8_paired`, with straight code where that may be."""
    pixels, depth = layer.output.elements // layer.filters, 9 * layer.weights.shape[3]
    blocks = -(-layer.filters // 4)
    return pixels * (2 * depth + blocks * ((3 if depth <= MOST_CHAINED else 4) * depth + 40))


def pack_weights(weights: NDArray[np.int8], pairs: int, filtering: Filtering) -> NDArray[np.int32]:
    """[filters, 3, 3, channels] -> [blocks of filters, KINDS x KINDS, pairs, filters of a block] of int16 pairs."""
    wide = weights.astype(np.int64)
    transformed = np.einsum("ir,frsc,js->fijc", filtering.transform, wide, filtering.transform)
    filters, channels = len(weights), weights.shape[3]
    padded = np.zeros((filters, KINDS**2, 2 * pairs), "<i2")
    padded[..., :channels] = transformed.reshape(filters, KINDS**2, channels)
    ordered = padded.reshape(filters, KINDS**2, -1, 4)[..., INPUT_ORDER]
    blocks = ordered.reshape(filters, KINDS**2, pairs, 2)[overlapping_blocks(filters, FILTERS)]
    return np.ascontiguousarray(blocks.transpose(0, 2, 3, 1, 4)).view("<i4").astype(np.int32).reshape(-1)


def pack_records(
    weights: NDArray[np.int8], records: NDArray[np.int32], scale_bits: int, filtering: Filtering
) -> NDArray[np.int32]:
    """[filters, 3, 3, channels] and {bias, multiplier, offset, below} -> records of the kernel, by blocks."""
    sums = weights.sum(axis=3, dtype=np.int64)
    stride = (filtering.side - 3) // (OUT - 1)
    lifts = LIFT * np.outer(filtering.lifts, filtering.lifts) - INT8_MIN
    bias = np.repeat(records[:, 0].astype(np.int64), OUT * OUT).reshape(-1, OUT, OUT)
    for row in range(OUT):
        for column in range(OUT):
            under = lifts[stride * row :, stride * column :][:3, :3]
            bias[:, row, column] -= (sums * under).sum(axis=(1, 2))
    unit = np.full((len(sums), 1), NINTH << (scale_bits - filtering.unit_bits), np.int64)
    packed = np.concatenate([unit, records[:, 1:], bias.reshape(len(sums), -1) << scale_bits], axis=1)
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
        top, left = max(window.stride_h * y - window.pad_top, 0), max(window.stride_w * x - window.pad_left, 0)
        first = ((image * input_h + top) * input_w + left) * channels if top < input_h and left < input_w else 2**40
        bottom, right = min(y + OUT, window.output_h), min(x + OUT, window.output_w)
        last = (image * window.output_h + bottom - 1) * window.output_w + right
        yield first, last * layer.filters
