"""Where a sliding window (convolution, pooling) lies on its input, as TensorFlow Lite computes it."""

from dataclasses import dataclass

from generator.graph import Operator

SAME, VALID = 0, 1  # the schema's Padding


@dataclass(frozen=True)
class Window:
    """Sizes in elements; output element o reads input o * stride - pad + dilation * tap, taps 0 <= tap < filter."""

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
