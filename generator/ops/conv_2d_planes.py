"""Pointwise CONV_2D, int8, from or to planes: see `generator.ops.places`."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generator.ops.clamped_shift import fixed_in_pairs, fixed_shift_filters
from generator.ops.linear import Linear
from generator.ops.lowered import Lowered
from generator.ops.packing import (
    INPUTS_PER_STEP,
    PAIRED_FILTERS,
    PAIRED_TAIL,
    pack_chained,
    pack_chained_fixed,
    pack_paired,
    pack_paired_fixed,
    packed_filters,
    padded_depth,
    weight_reads,
)
from generator.ops.places import Places

KERNEL = "conv_2d_s8_paired_planes"
LANES = 2  # CONV_2D_PAIRED_LANES in firmware/kernels/conv_2d_s8_paired.h


@dataclass(frozen=True)
class _Lines:
    """Which axis lines are along: pixels of a line, lines, and bytes between those of the source and the target."""

    length: int
    lines: int
    source_along: int
    source_across: int
    target_along: int
    target_across: int


def lower_planes(layer: Linear, source: Places, target: Places, limits: tuple[int, int], columns: int) -> Lowered:
    """``limits``: what outputs are clamped to, int8's own. ``columns``: pairs of pixels at a time, if not more are
    needed for a line."""
    lines = _lines(layer, source, target)
    words = padded_depth(layer.input.shape[3]) // 2
    columns = max(columns, lines.length // LANES, lines.lines // LANES if lines.length % LANES else 1)
    blocks, fixed, chained = _blocks(layer, limits, whole=target.planes)
    count = -(-layer.filters // PAIRED_FILTERS)
    return Lowered(
        kernel=KERNEL,
        header="kernels/conv_2d_s8_paired.h",
        struct="Conv2dS8Planes",
        parameters={
            "blocks": blocks,
            "words": words,
            "columns": columns,
            "length": lines.length,
            "lines": lines.lines,
            "input_blocks": 2 * words // INPUTS_PER_STEP,
            "input_block": source.block,
            "input_first": source.first,
            "input_along": lines.source_along,
            "input_across": lines.source_across,
            "output_blocks": count,
            "output_block": target.block,
            "output_first": target.first,
            "output_along": lines.target_along,
            "output_across": lines.target_across,
            "last_block": (count - 1) * target.block if target.planes else layer.filters - PAIRED_FILTERS,
            "interleaved": target.second is not None,
            "output_second": target.second or 0,
            "fixed_shift": fixed,
            "block_words": LANES * words + PAIRED_TAIL,
        },
        inputs=(layer.input.index,),
        macs=layer.output.elements * layer.input.shape[3],
        constant_reads=weight_reads(lines.lines * lines.length, LANES, columns, blocks.nbytes // count),
        read_past=-layer.input.shape[3] % INPUTS_PER_STEP,
        scratch_bytes=LANES * columns * words * 4,
        output_bytes=target.bytes,
        straight_blocks=chained,
    )


def _lines(layer: Linear, source: Places, target: Places) -> _Lines:
    """Along the lines of interleaved planes; else along an axis of an even number of pixels, or the longer one."""
    _, height, width, _ = layer.input.shape
    by_rows = _Lines(width, height, source.column, source.row, target.column, target.row)
    by_columns = _Lines(height, width, source.row, source.column, target.row, target.column)
    if target.second is not None:
        return by_rows if target.by_rows else by_columns
    return min(by_rows, by_columns, key=lambda lines: (lines.length % LANES, -lines.length))


def _blocks(
    layer: Linear, limits: tuple[int, int], *, whole: bool
) -> tuple[NDArray[np.int32], bool, NDArray[np.int32] | None]:
    """Packed filters, whether they are for the fixed shift, and blocks for straight code, if there are such. ``whole``:
    the last block is filled up with filters of zero weights; else it shares filters with the one before."""
    weights, records, _ = packed_filters(layer, *limits)
    added = -layer.filters % PAIRED_FILTERS if whole else 0
    fixed = fixed_in_pairs(layer, *limits, layer.filters + added)
    rows = ((0, added), (0, 0))
    if fixed is None:
        weights, records = np.pad(weights, rows), np.pad(records, rows, mode="edge")
        return pack_paired(weights, records), False, straight_blocks(layer, limits, weights, records)
    weights = np.pad(fixed.weights, rows)
    blocks = pack_paired_fixed(weights, np.pad(fixed.fine, rows), np.pad(fixed.whole, rows))
    return blocks, True, straight_blocks(layer, limits, weights, None)


def straight_blocks(
    layer: Linear, limits: tuple[int, int], weights: NDArray[np.int8], records: NDArray[np.int32] | None
) -> NDArray[np.int32] | None:
    """Blocks for straight code, or None. ``weights`` and ``records``, or None for the fixed shift: those of the other
    blocks, where filters of zero weights may follow the layer's."""
    if records is not None:
        return pack_chained(weights, records)
    fixed = fixed_shift_filters(layer, *limits, fine=range(layer.filters))
    if fixed is None:
        return None
    return pack_chained_fixed(weights, np.pad(fixed.fine, ((0, len(weights) - layer.filters), (0, 0))))
