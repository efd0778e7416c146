"""DEPTHWISE_CONV_2D: int8 with one filter per channel in kernels of its own, all else as a convolution in groups."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from generator.graph import Graph, Operator, Tensor
from generator.ops import conv_2d
from generator.ops.clamped_shift import FINE_BITS, fixed_shift_filters
from generator.ops.linear import Linear, linear_of
from generator.ops.lowered import Lowered
from generator.ops.packing import doubled_multiplier, packed_filters
from generator.ops.places import BLOCK, PLANES, Places
from generator.ops.window import Window, window_lead, window_of
from generator.program import Value
from generator.quantization import INT8_MAX, INT8_MIN, activation_range
from generator.tuning import tuning_of

SMALL, ANY = "depthwise_conv_2d_s8_3x3", "depthwise_conv_2d_s8"
PLANES_KERNEL = f"{SMALL}_planes"
HEADER, STRUCT = f"kernels/{SMALL}.h", "DepthwiseConv2dS83x3"
CHANNELS = 4  # DEPTHWISE_CHANNELS in firmware/kernels/depthwise_conv_2d_s8.h
CHANNEL_ORDER = (0, 2, 1, 3)  # as SXTB16 of a word and of the word rotated by a byte yield its bytes
FILTERS_AXIS = 3
TAPS = 3  # along either axis of filters that firmware/kernels/depthwise_conv_2d_s8_3x3.h computes
BAND_BYTES = 4096  # of scratch memory, for more than one line at a time
MOST_BYTES = 1 << 15
REACH = 2**30  # of its sums


def reject(graph: Graph, operator: Operator) -> str | None:
    layer = linear_of(graph, operator)
    if layer is None:
        return "input or weights are missing"
    shape, quantization = layer.weights.shape, layer.weights.quantization
    if len(shape) != 4 or shape[0] != 1:
        return f"weights have the shape {list(shape)}, supported is [1, height, width, filters]"
    if len(layer.input.shape) != 4 or 0 in (*layer.input.shape, *shape) or shape[3] % layer.input.shape[3]:
        return f"input {layer.input} does not fit weights {list(shape)}"
    if layer.weights.dtype == "int4":
        return "weights are int4, supported is int8"
    if quantization is not None and quantization.per_channel and quantization.axis != FILTERS_AXIS:
        return "weights are quantised along another axis than the filters"
    if layer.weights.data is None:
        return "weights are not a constant"
    return conv_2d.reject_layer(grouped(layer), operator)


def grouped(layer: Linear) -> Linear:
    """The same layer as a convolution with as many groups as channels: weights [filters, height, width, 1]."""
    return replace(layer, weights=_filters_first(layer.weights))


def _filters_first(weights: Tensor) -> Tensor:
    assert weights.data is not None
    _, height, width, filters = weights.shape
    quantization = weights.quantization
    return replace(
        weights,
        shape=(filters, height, width, 1),
        data=np.ascontiguousarray(weights.data.reshape(height, width, filters, 1).transpose(2, 0, 1, 3)),
        quantization=None if quantization is None else replace(quantization, axis=0),
    )


def lower(graph: Graph, operator: Operator) -> Lowered:
    layer = linear_of(graph, operator)
    assert layer is not None
    in_groups = grouped(layer)
    channels = layer.input.shape[3]
    if layer.dtype != "int8" or in_groups.filters != channels:
        return conv_2d.lower_layer(in_groups, operator)
    window = window_of(operator, *layer.input.shape[1:3], *layer.weights.shape[1:3])
    activation = operator.options.get("activation", 0)
    if PLANES in operator.options:
        return _lower_planes(graph, operator)
    tuning = tuning_of(operator)
    if tuning.kernel == SMALL or (tuning.kernel is None and not _is_column(in_groups, window)):
        small = _lower_small_filters(in_groups, window, activation, tuning.band)
        if small is not None:
            return small
    if channels == 1:
        return conv_2d.lower_layer(in_groups, operator)
    return _lower_any_filters(in_groups, window, activation)


def _is_column(layer: Linear, window: Window) -> bool:
    """Whether the layer is a filter of one column for one output, as of one step of a signal.

    Kernel `ANY` has a way of its own for that.
    """
    _, height, _, channels = layer.input.shape
    reach = (window.filter_h - 1) * window.dilation_h + 1
    one = window.filter_w == window.output_w == window.output_h == 1
    return one and channels > 1 and window.pad_top == 0 and reach <= height


@dataclass(frozen=True)
class Axis:
    """An axis of a layer: sizes, and how a window of at most `TAPS` taps moves along it."""

    inputs: int
    outputs: int
    taps: int
    pad: int
    stride: int

    @property
    def places(self) -> int:
        """How many the windows reach over."""
        return (self.outputs - 1) * self.stride + self.taps

    @property
    def inside(self) -> int:
        """How many inputs lie there."""
        return max(0, min(self.inputs, self.places - self.pad))

    @property
    def lines_inside(self) -> int:
        """How many inputs lie there if all windows have `TAPS` taps."""
        return max(0, min(self.inputs, self.places + TAPS - self.taps - self.pad))

    @property
    def length(self) -> int:
        """Of a line along this axis, so that the padding after the inputs is that before those of the next line."""
        spare = 1 if self.stride == 1 else 0  # for the window that makes a run even
        least = max(self.pad + self.inside, self.places - self.pad, self.stride * self.outputs + spare)
        return -(-least // self.stride) * self.stride


@dataclass(frozen=True)
class Lines:
    """The plane of a channel as lines along one axis, as firmware/kernels/depthwise_conv_2d_s8_3x3.h has them."""

    along: Axis
    across: Axis
    band: int  # lines of outputs at a time

    @property
    def run(self) -> int:
        """Windows of a band from the first to the last, an even number with stride 1."""
        length = self.along.length // self.along.stride
        run = (self.band - 1) * length + self.along.outputs
        return run + run % 2 if self.along.stride == 1 else run

    @property
    def tail(self) -> int:
        """Words after the lines of a band that windows reach over."""
        stride, outputs, length = self.along.stride, self.along.outputs, self.along.length
        reach = outputs + 3 if stride == 1 else 2 * outputs + 1
        return stride * max(0, reach - length, self.along.places - length)

    @property
    def bytes(self) -> int:
        """Of the lines of a band, in pairs with stride 2, and the tail."""
        lines = self.band + 2 if self.along.stride == 1 else 2 * self.band + 2
        return 4 * (lines * self.along.length + self.tail)


def _lines(rows: Axis, columns: Axis, band: int | None) -> Lines:
    """A plane as a whole, with lines along the axis that takes fewer windows; a large one in bands of rows.

    ``band``: rows of outputs at a time, None by this rule.
    """
    if band is not None:
        return Lines(columns, rows, min(band, rows.outputs))
    whole = (Lines(columns, rows, rows.outputs), Lines(rows, columns, columns.outputs))
    best = min(whole, key=lambda lines: lines.run)
    if best.bytes <= BAND_BYTES:
        return best
    low, high = 1, rows.outputs
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if Lines(columns, rows, middle).bytes <= BAND_BYTES else (low, middle - 1)
    bands = -(-rows.outputs // low)
    return Lines(columns, rows, -(-rows.outputs // bands))


@dataclass(frozen=True)
class PlaneLines(Lines):
    """All lines of a plane, as firmware/kernels/depthwise_conv_2d_s8_3x3.h has them in one band, for blocks of channels
    one after another: with stride 1 the padding below a block is that above the next.

    ``by_rows``: lines are rows.
    """

    by_rows: bool

    @property
    def holds_input(self) -> bool:
        """Whether windows reach over all inputs, so that all have a place."""
        return self.along.inside == self.along.inputs and self.across.lines_inside == self.across.inputs

    @property
    def block(self) -> int:
        """Bytes from a block of channels to the next."""
        return self.bytes if self.along.stride == 2 else 4 * self.along.length * (self._lines - self._shared)

    @property
    def _lines(self) -> int:
        return self.across.outputs + TAPS - 1

    @property
    def _shared(self) -> int:
        """Lines of padding that a block shares with the next."""
        return min(self.across.pad, self._lines - self.across.pad - self.across.lines_inside)

    def planes_bytes(self, channels: int) -> int:
        blocks = -(-channels // BLOCK)
        if self.along.stride == 2:
            return blocks * self.block
        before = self.across.pad * self.along.length + self.along.pad
        return blocks * self.block + 4 * max(self._shared * self.along.length + self.tail, before)

    def input_places(self, channels: int) -> Places:
        """Of the inputs inside of the padding."""
        length, pad, lines_pad = self.along.length, self.along.pad, self.across.pad
        if self.along.stride == 1:
            return self._places(channels, 4 * (lines_pad * length + pad), 4, 4 * length)
        first, second = (8 * ((line >> 1) * length + pad) + 4 * (line & 1) for line in (lines_pad, lines_pad + 1))
        return self._places(channels, first, 8, 8 * length, second)

    def output_places(self, channels: int) -> Places:
        """Of the outputs, which lie where their windows began."""
        length = self.along.length
        return self._places(channels, 0, *((4, 4 * length) if self.along.stride == 1 else (16, 8 * length)))

    def _places(self, channels: int, first: int, along: int, across: int, second: int | None = None) -> Places:
        row, column = (across, along) if self.by_rows else (along, across)
        return Places(first, row, column, self.block, self.planes_bytes(channels), self.by_rows, second)


def plane_lines(graph: Graph, operator: Operator) -> PlaneLines | None:
    """How the planes of an operator that was not rejected lie, or None if it cannot work on them."""
    found = _on_planes(graph, operator)
    return None if found is None else found[0]


def _on_planes(graph: Graph, operator: Operator) -> "tuple[PlaneLines, _Small] | None":
    layer = linear_of(graph, operator)
    assert layer is not None
    in_groups, tuning = grouped(layer), tuning_of(operator)
    if layer.dtype != "int8" or in_groups.filters != layer.input.shape[3] or layer.input.shape[0] != 1:
        return None
    window = window_of(operator, *layer.input.shape[1:3], *layer.weights.shape[1:3])
    if tuning.band is not None or tuning.kernel not in (None, SMALL) or _is_column(in_groups, window):
        return None
    small = _small_filters(in_groups, window, operator.options.get("activation", 0))
    if small is None or small.limits != (INT8_MIN, INT8_MAX):
        return None
    by_rows, by_columns = (
        PlaneLines(along, across, across.outputs, along is small.columns)
        for along, across in ((small.columns, small.rows), (small.rows, small.columns))
    )
    return min(by_rows, by_columns, key=lambda lines: lines.run), small


def _lower_planes(graph: Graph, operator: Operator) -> Lowered:
    found = _on_planes(graph, operator)
    assert found is not None
    lines, small = found
    layer, in_place = small.layer, bool(operator.options[PLANES])
    return Lowered(
        kernel=PLANES_KERNEL,
        header=HEADER,
        struct=STRUCT,
        parameters=small.parameters(lines, by_rows=lines.by_rows) | {"output_plane": lines.block},
        inputs=(layer.input.index,),
        macs=layer.output.elements * small.rows.taps * small.columns.taps,
        read_past=0 if in_place else -layer.filters % CHANNELS,
        over=layer.input.index if in_place else None,
        output_bytes=lines.planes_bytes(layer.filters),
    )


def _axes(layer: Linear, window: Window) -> tuple[Axis, Axis]:
    _, height, width, _ = layer.input.shape
    stride_h = window.stride_h if window.output_h > 1 else window.stride_w
    stride_w = window.stride_w if window.output_w > 1 else stride_h
    return (
        Axis(height, window.output_h, window.filter_h, window.pad_top, stride_h),
        Axis(width, window.output_w, window.filter_w, window.pad_left, stride_w),
    )


@dataclass(frozen=True)
class _Small:
    """A layer with filters of at most 3 x 3 taps: weights [filters, 3, 3] and constants as `pack_small` takes them."""

    layer: Linear
    rows: Axis
    columns: Axis
    filters: NDArray[np.int64]
    records: NDArray[np.int32]
    fixed_shift: bool
    limits: tuple[int, int]

    def parameters(self, lines: Lines, *, by_rows: bool) -> dict[str, Value]:
        """``by_rows``: lines are rows."""
        layer, rows, columns = self.layer, self.rows, self.columns
        assert layer.input.quantization is not None
        assert layer.output.quantization is not None
        along, across, channels = lines.along, lines.across, layer.filters
        return {
            "records": pack_small(
                self.filters if by_rows else self.filters.transpose(0, 2, 1),
                self.records,
                fixed_shift=self.fixed_shift,
            ),
            "batches": layer.input.shape[0],
            "channels": channels,
            "stride": along.stride,
            "input_plane": rows.inputs * columns.inputs * channels,
            "input_along": channels if by_rows else columns.inputs * channels,
            "input_across": columns.inputs * channels if by_rows else channels,
            "output_plane": rows.outputs * columns.outputs * channels,
            "output_along": channels if by_rows else columns.outputs * channels,
            "output_across": columns.outputs * channels if by_rows else channels,
            "pad": along.pad,
            "inside": along.inside,
            "length": along.length,
            "lines_pad": across.pad,
            "lines_inside": across.lines_inside,
            "tail": lines.tail,
            "outputs": along.outputs,
            "output_lines": across.outputs,
            "band": lines.band,
            "fixed_shift": self.fixed_shift,
            "padding_is_read": True,
            "input_zero_point": layer.input.quantization.zero_point,
            "output_zero_point": layer.output.quantization.zero_point,
            "activation_min": self.limits[0],
            "activation_max": self.limits[1],
        }


def _small_filters(layer: Linear, window: Window, activation: int) -> _Small | None:
    """None if the layer does not suit the kernel."""
    assert layer.output.quantization is not None
    rows, columns = _axes(layer, window)
    dilated = (window.filter_h - 1) * (window.dilation_h - 1) + (window.filter_w - 1) * (window.dilation_w - 1)
    if max(rows.taps, columns.taps) > TAPS or dilated or rows.stride != columns.stride or rows.stride not in (1, 2):
        return None
    limits = activation_range(activation, layer.output.quantization)
    weights, records, by_offset = packed_filters(layer, *limits)
    reach = 128 * np.abs(weights.astype(np.int64)).sum(axis=1) + np.abs(records[:, 0].astype(np.int64))
    if not by_offset or np.any(reach >= REACH):
        return None
    fixed = fixed_shift_filters(layer, *limits, fine=range(layer.filters))
    if fixed is not None:
        weights, records = fixed.weights, fixed.fine
    filters = np.zeros((layer.filters, TAPS, TAPS), np.int64)
    filters[:, : rows.taps, : columns.taps] = weights.reshape(layer.filters, rows.taps, columns.taps)
    return _Small(layer, rows, columns, filters, records, fixed is not None, limits)


def _lower_small_filters(layer: Linear, window: Window, activation: int, band: int | None) -> Lowered | None:
    """The kernel for filters of at most 3 x 3 taps, or None if the layer does not suit it. ``band``: see `_lines`."""
    small = _small_filters(layer, window, activation)
    if small is None:
        return None
    rows, columns, channels = small.rows, small.columns, layer.filters
    lines = _lines(rows, columns, band)
    if lines.bytes > MOST_BYTES:
        return None
    return Lowered(
        kernel=SMALL,
        header=HEADER,
        struct=STRUCT,
        parameters=small.parameters(lines, by_rows=lines.along is columns),
        inputs=(layer.input.index,),
        macs=layer.output.elements * window.filter_h * window.filter_w,
        read_past=-channels % CHANNELS,
        scratch_bytes=lines.bytes,
        # A plane of outputs is written channel block by channel block. In place, these lie over the same channels of
        # the same or earlier planes, which have been read.
        lead={
            0: window_lead(
                layer.input, layer.output, window, rows.outputs * columns.outputs, (channels - 1) % CHANNELS + 1
            )
        },
        in_place=frozenset([0] if _works_in_place(layer, lines) else []),
    )


def _works_in_place(layer: Linear, lines: Lines) -> bool:
    """Whether outputs of a band, or of an image, overwrite no inputs of the next one that have the same channel."""
    (batches, input_h, input_w, _), (_, output_h, output_w, _) = layer.input.shape, layer.output.shape
    if batches > 1 and output_h * output_w > input_h * input_w:
        return False
    rows = lines.across
    ends = range(lines.band, rows.outputs, lines.band)
    return all(end * output_w <= ((end - 1) * rows.stride + TAPS - rows.pad) * input_w for end in ends)


def pack_small(filters: NDArray[np.int64], records: NDArray[np.int32], *, fixed_shift: bool) -> NDArray[np.int32]:
    """Filters [channels, 3, 3], columns along the lines, and their records ->
    those of firmware/kernels/depthwise_conv_2d_s8_3x3.h, flattened.

    ``records``: [channels, 2], the fine ones of `fixed_shift_filters`, if ``fixed_shift``, else [channels, 4] of
    `packed_filters`.
    """
    if fixed_shift:
        scale = 1 << FINE_BITS
        bias, multiplier = records.astype(np.int64).T
        ends = (multiplier, bias, np.zeros_like(bias))
    else:
        scale = 2
        bias, multiplier, offset = records[:, :3].astype(np.int64).T
        ends = (doubled_multiplier(multiplier), offset, scale * bias)
    row0, row1, row2 = (scale * filters).transpose(1, 0, 2)
    last = row2[:, 1] if fixed_shift else records[:, 3].astype(np.int64)
    pairs = np.concatenate([row0, row2[:, :1], last[:, None]], axis=1) & 0xFFFF
    pairs |= np.concatenate([row1, row2[:, 1:]], axis=1) << 16
    packed = np.concatenate([pairs, np.stack(ends, axis=1)], axis=1)
    return packed.astype(np.int32).reshape(-1)


def _lower_any_filters(layer: Linear, window: Window, activation: int) -> Lowered:
    assert layer.input.quantization is not None
    assert layer.output.quantization is not None
    batches, input_h, input_w, channels = layer.input.shape
    minimum, maximum = activation_range(activation, layer.output.quantization)
    weights, records, by_offset = packed_filters(layer, minimum, maximum)
    last_inside = input_w + window.pad_left - 1 - (window.filter_w - 1) * window.dilation_w
    return Lowered(
        kernel=ANY,
        header="kernels/depthwise_conv_2d_s8.h",
        struct="DepthwiseConv2dS8",
        parameters={
            "blocks": pack_blocks(weights, records),
            "batches": batches,
            "channels": channels,
            "input_h": input_h,
            "input_w": input_w,
            "output_h": window.output_h,
            "output_w": window.output_w,
            "filter_h": window.filter_h,
            "filter_w": window.filter_w,
            "stride_h": window.stride_h,
            "stride_w": window.stride_w,
            "dilation_h": window.dilation_h,
            "dilation_w": window.dilation_w,
            "pad_top": window.pad_top,
            "pad_left": window.pad_left,
            "inside_begin": -(-window.pad_left // window.stride_w),
            "inside_end": last_inside // window.stride_w + 1,
            "by_offset": by_offset,
            "input_zero_point": layer.input.quantization.zero_point,
            "output_zero_point": layer.output.quantization.zero_point,
            "activation_min": minimum,
            "activation_max": maximum,
        },
        inputs=(layer.input.index,),
        macs=layer.output.elements * window.filter_h * window.filter_w,
        read_past=-channels % CHANNELS,
        # A row of outputs is written channel block by channel block; all but the last block of the last pixel before
        # the row's windows have been read for the last time.
        lead={0: window_lead(layer.input, layer.output, window, window.output_w, (channels - 1) % CHANNELS + 1)},
    )


def pack_blocks(weights: NDArray[np.int8], records: NDArray[np.int32]) -> NDArray[np.int32]:
    """Weights [channels, taps] and records [channels, 4] -> blocks of firmware/kernels/depthwise_conv_2d_s8.h."""
    channels, taps = weights.shape
    padding = -channels % CHANNELS
    heads = np.pad(records, ((0, padding), (0, 0))).reshape(-1, CHANNELS, 4).transpose(0, 2, 1)
    filters = np.pad(weights, ((0, padding), (0, 0))).astype(np.int16).reshape(-1, CHANNELS, taps)
    ordered = np.ascontiguousarray(filters[:, CHANNEL_ORDER, :].transpose(0, 2, 1))
    words = ordered.reshape(len(heads), -1).view("<i4")
    return np.concatenate([heads.reshape(len(heads), -1), words], axis=1).astype(np.int32).reshape(-1)
