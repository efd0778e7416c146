"""DEPTHWISE_CONV_2D: int8 with one filter per channel in a kernel of its own, all else as a convolution in groups."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from generator.graph import Graph, Operator, Tensor
from generator.ops import conv_2d
from generator.ops.linear import Linear, linear_of
from generator.ops.lowered import Lowered
from generator.ops.window import Window, window_lead, window_of
from generator.quantization import activation_range

CHANNELS = 4  # DEPTHWISE_CHANNELS in firmware/kernels/depthwise_conv_2d_s8.h
CHANNEL_ORDER = (0, 2, 1, 3)  # as SXTB16 of a word and of the word rotated by a byte yield its bytes
FILTERS_AXIS = 3


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
    if layer.dtype != "int8" or in_groups.filters != channels or channels == 1:
        return conv_2d.lower_layer(in_groups, operator)
    window = window_of(operator, *layer.input.shape[1:3], *layer.weights.shape[1:3])
    return _lower_one_filter_per_channel(in_groups, window, operator.options.get("activation", 0))


def _lower_one_filter_per_channel(layer: Linear, window: Window, activation: int) -> Lowered:
    assert layer.input.quantization is not None
    assert layer.output.quantization is not None
    batches, input_h, input_w, channels = layer.input.shape
    minimum, maximum = activation_range(activation, layer.output.quantization)
    weights, records, by_offset = conv_2d.packed_filters(layer, minimum, maximum)
    last_inside = input_w + window.pad_left - 1 - (window.filter_w - 1) * window.dilation_w
    return Lowered(
        kernel="depthwise_conv_2d_s8",
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
