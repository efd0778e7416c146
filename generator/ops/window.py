"""Where a sliding window (convolution, pooling) lies on its input, as TensorFlow Lite computes it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generator.graph import Operator, Tensor

SAME, VALID = 0, 1  # the schema's Padding
MOST_PLACES = 1 << 22  # for which the lead is worked out


@dataclass(frozen=True)
class Window:
    """Sizes in elements; output element o reads input o * stride - pad + dilation * tap, taps 0 <= tap < filter.

    With a spread above 1, that is a place among input elements which lie so far apart, with nothing between them.
    """

    filter_h: int
    filter_w: int
    stride_h: int
    stride_w: int
    dilation_h: int
    dilation_w: int
    pad_top: int
    pad_left: int
    output_h: int
    output_w: int
    spread_h: int = 1
    spread_w: int = 1


def window_of(operator: Operator, input_h: int, input_w: int, filter_h: int, filter_w: int) -> Window:
    """The window of an operator with the options padding, stride_h, stride_w and perhaps dilation_h, dilation_w.

    A pass that merges a PAD into the operator sets the option ``pads``: (top, left, bottom, right), which then
    replaces ``padding``.
    Source: ``ComputePaddingHeightWidth`` and ``ComputeOutSize``, tensorflow/lite/kernels/padding.h.
    """
    options = operator.options
    strides = options["stride_h"], options["stride_w"]
    dilations = options.get("dilation_h", 1), options.get("dilation_w", 1)
    before, outputs = [], []
    for axis, (size, taps) in enumerate(((input_h, filter_h), (input_w, filter_w))):
        reach = (taps - 1) * dilations[axis] + 1
        if "pads" in options:
            first, last = options["pads"][axis], options["pads"][axis + 2]
            output = (size + first + last - reach) // strides[axis] + 1
        elif options["padding"] == SAME:
            output = -(-size // strides[axis])
            first = max((output - 1) * strides[axis] + reach - size, 0) // 2
        else:
            output, first = (size - reach) // strides[axis] + 1, 0
        before.append(first)
        outputs.append(output)
    return Window(filter_h, filter_w, *strides, *dilations, *before, *outputs)


def reject_window(window: Window, input_h: int, input_w: int) -> str | None:
    """Refuse a window that is larger than its input, or whose places 32 bits cannot hold; or None."""
    for size, taps, stride, dilation, pad, outputs in (
        (input_h, window.filter_h, window.stride_h, window.dilation_h, window.pad_top, window.output_h),
        (input_w, window.filter_w, window.stride_w, window.dilation_w, window.pad_left, window.output_w),
    ):
        reach = (taps - 1) * dilation + 1
        if outputs < 1:
            return f"its filter reaches over {reach} elements along an axis of {size}"
        if outputs * stride + reach + pad >= 2**31:
            return f"its stride {stride} or its filter's reach of {reach} elements is too large"
    return None


def transposed_window_of(operator: Operator, output_h: int, output_w: int, filter_h: int, filter_w: int) -> Window:
    """The window of a transposed convolution with the options padding, stride_h, stride_w, for a mirrored filter.

    Its padding is that of the convolution from the output to the input. Of a stride beyond the output and the filter
    only matters that no second input element reaches the output.
    Source: ``CalculateOpData``, tensorflow/lite/micro/kernels/transpose_conv.cc.
    """
    back = window_of(operator, output_h, output_w, filter_h, filter_w)
    pads = filter_h - 1 - back.pad_top, filter_w - 1 - back.pad_left
    spreads = min(back.stride_h, output_h + filter_h), min(back.stride_w, output_w + filter_w)
    return Window(filter_h, filter_w, 1, 1, 1, 1, *pads, output_h, output_w, *spreads)


def window_lead(source: Tensor, target: Tensor, window: Window, pixels: int, last: int | None) -> int:
    """By how much the output must begin before the input so that nothing is overwritten that is still to be read.

    Both tensors are [batches, height, width, channels]. The kernels take the output pixels in order, ``pixels`` at a
    time. Such a step reads the windows of its pixels and then writes all their outputs (``last`` is None), or it reads
    again between writes, the last of which is one of ``last`` elements at the end. So what was written up to the end of
    a step must end before the lowest byte of the windows of all later steps, and what a step wrote but for ``last``
    elements before that of its own as well.
    """
    size, channels = np.dtype(source.dtype).itemsize, target.shape[3]
    if max(window.output_h * window.filter_h, window.output_w * window.filter_w, target.elements) > MOST_PLACES:
        return size * target.elements
    first = _first_elements(source, window)
    lowest = np.minimum.accumulate(first[::-1])[::-1]  # of a pixel and all behind it
    starts = np.arange(0, len(first), pixels)
    ends = np.minimum(starts + pixels, len(first))
    gaps = [ends[:-1] * channels - lowest[ends[:-1]]]
    if last is not None:
        gaps.append(ends * channels - last - lowest[starts])
    return size * max(0, int(np.max(np.concatenate(gaps), initial=0)))


def _first_elements(source: Tensor, window: Window) -> NDArray[np.int64]:
    """[output pixels]: the lowest input element of each one's window; a large number if it lies in the padding."""
    batches, height, width, channels = source.shape
    rows = _first_inside(
        _places(window.output_h, window.stride_h, window.pad_top, window.dilation_h, window.filter_h),
        window.spread_h,
        height,
    )
    columns = _first_inside(
        _places(window.output_w, window.stride_w, window.pad_left, window.dilation_w, window.filter_w),
        window.spread_w,
        width,
    )
    place = (np.arange(batches)[:, None, None] * height + rows[:, None]) * width + columns
    place = np.where((rows[:, None] < 0) | (columns < 0), 2**40, place)
    elements: NDArray[np.int64] = place.reshape(-1) * channels
    return elements


def _places(outputs: int, stride: int, pad: int, dilation: int, taps: int) -> NDArray[np.int64]:
    """[outputs, taps]: where the taps lie along one axis."""
    return np.arange(outputs)[:, None] * stride - pad + np.arange(taps) * dilation


def _first_inside(places: NDArray[np.int64], spread: int, size: int) -> NDArray[np.int64]:
    """[outputs]: the first input index under a tap along one axis, -1 if all lie in the padding or between inputs."""
    indices, between = np.divmod(places, spread)
    inside = (indices >= 0) & (indices < size) & (between == 0)
    first: NDArray[np.int64] = np.where(inside.any(axis=1), indices[np.arange(len(places)), inside.argmax(axis=1)], -1)
    return first
