"""Windows over the left and right side of the input that the paired convolution expands with the others of their row.

What such a window finds in memory beyond a side is the row before or after. It is expanded and then replaced by the
zero point (firmware/kernels/im2col_s8_paired.h), which takes less time than a copy of the window with its padding as
long as it is few values.
"""

import numpy as np
from numpy.typing import NDArray

from generator.ops.linear import Linear
from generator.ops.packing import INPUTS_PER_STEP
from generator.ops.window import Window
from generator.program import Value

MOST_OUTSIDE = 16  # values of a window


def replaced_sides(layer: Linear, window: Window, tails: int) -> dict[str, Value]:
    """The fields of `Conv2dS8` for it; nothing where other windows lie over a side, or with too many values.

    Output rows whose windows touch the first or the last row of the input are left out: nothing before and after it
    may be read. ``tails``: as `Conv2dS8` has it, for rows in one piece of memory.
    """
    _, height, width, channels = layer.input.shape
    left = window.pad_left
    right = max((window.output_w - 1) * window.stride_w - window.pad_left + window.filter_w - width, 0)
    rows_after = height - 1 - ((window.filter_h - 1) * window.dilation_h + 1) + window.pad_top
    begin, end = window.pad_top // window.stride_h + 1, rows_after // window.stride_h + 1
    most = window.filter_h * max(left, right) * channels
    if not 0 < most <= MOST_OUTSIDE or max(left, right) > window.stride_w or window.filter_w > width or end <= begin:
        return {}
    places = _places(window.filter_h, window.filter_w * channels, tails)
    before, after = (
        places[:, : left * channels].reshape(-1),
        places[:, (window.filter_w - right) * channels :].reshape(-1),
    )
    return {
        "replaced_begin": begin,
        "replaced_end": end,
        "outside_left": len(before),
        "outside_right": len(after),
        "outside": np.concatenate([before, after]).astype(np.int16),
    }


def _places(rows: int, row_bytes: int, tails: int) -> NDArray[np.int64]:
    """[rows, row_bytes]: bytes from where a column begins to each input of its first pixel."""
    whole = row_bytes - tails if tails else -(-row_bytes // INPUTS_PER_STEP) * INPUTS_PER_STEP
    row, byte = np.indices((rows, row_bytes))
    place = np.where(byte < whole, row * whole + byte, rows * whole + row * tails + byte - whole)
    offsets: NDArray[np.int64] = place // 4 * 16 + (place & 1) * 8 + (place & 2)
    return offsets
