"""TRANSPOSE_CONV: int8, int16 (weights int8) and float32; constant weights and bias, any stride.

A convolution with mirrored filters on an input spread out by the stride. Input 0, the output's shape, is not read, as
in TensorFlow Lite Micro: the output tensor has it.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from generator.graph import Graph, Operator
from generator.ops import conv_2d
from generator.ops.linear import (
    Linear,
    linear_of,
    reject_activation,
    reject_bias,
    reject_constants,
    reject_quantized_weights,
    reject_range,
    reject_types,
)
from generator.ops.lowered import Lowered
from generator.ops.packing import packed_filters
from generator.ops.window import SAME, VALID, Window, reject_window, transposed_window_of, window_of
from generator.quantization import activation_range

LANES = 4  # input channels in a word of weights, see firmware/kernels/transpose_conv_s8.h
PIXELS = 2
INT16_BIASES = ("int16", "int64")


def reject(graph: Graph, operator: Operator) -> str | None:
    layer = _layer(graph, operator)
    if layer is None:
        return "input or weights are missing"
    if len(operator.inputs) > 4:
        return f"it has {len(operator.inputs)} inputs, supported are 3 or 4"
    if layer.weights.dtype == "int4":
        return "weights are int4, supported is int8"
    bias = graph.input(operator, 3)
    if layer.dtype == "int16" and bias is not None and (bias.data is None or bias.dtype not in INT16_BIASES):
        return f"bias is {bias.dtype} for an input of int16, supported is a constant of {' or '.join(INT16_BIASES)}"
    return (
        reject_types(layer)
        or _reject_shapes(layer, operator)
        or reject_constants(layer)
        or reject_quantized_weights(layer)
        or reject_bias(layer)
        or reject_activation(operator, layer.output)
        or reject_range(layer)
    )


def _layer(graph: Graph, operator: Operator) -> Linear | None:
    """An int16 bias of an int16 layer is widened, as the reference does; one of int32 it would read as int64."""
    layer = linear_of(graph, operator, positions=(2, 1, 3))
    if layer is None or layer.bias is None or (layer.dtype, layer.bias.dtype) != ("int16", "int16"):
        return layer
    data = layer.bias.data
    wide = replace(layer.bias, dtype="int64", data=None if data is None else data.astype(np.int64))
    return replace(layer, bias=wide)


def _reject_shapes(layer: Linear, operator: Operator) -> str | None:
    for role, tensor in (("input", layer.input), ("weights", layer.weights), ("output", layer.output)):
        if len(tensor.shape) != 4 or 0 in tensor.shape:
            return f"{role} has the shape {list(tensor.shape)}, supported are four dimensions of at least 1"
    for name in ("stride_h", "stride_w"):
        if operator.options.get(name, 0) < 1:
            return f"{name} is {operator.options.get(name, 0)}, supported is at least 1"
    if operator.options["padding"] not in (SAME, VALID):
        return f"padding {operator.options['padding']} is not known"
    batches, input_h, input_w, channels = layer.input.shape
    filters, filter_h, filter_w, filter_channels = layer.weights.shape
    if filter_channels != channels:
        return f"weights {list(layer.weights.shape)} are not for an input of {channels} channels"
    _, height, width, _ = layer.output.shape
    if layer.output.shape != (batches, height, width, filters):
        return f"output {layer.output} does not fit: supported is {[batches, height, width, filters]}"
    back = window_of(operator, height, width, filter_h, filter_w)
    for window in (back, replace(back, output_h=input_h, output_w=input_w)):
        if reason := reject_window(window, height, width):
            return reason
    return None


def lower(graph: Graph, operator: Operator) -> Lowered:
    layer = _layer(graph, operator)
    assert layer is not None
    assert layer.weights.data is not None
    mirrored = np.ascontiguousarray(layer.weights.data.reshape(layer.weights.shape)[:, ::-1, ::-1])
    layer = replace(layer, weights=replace(layer.weights, data=mirrored))
    _, height, width, _ = layer.output.shape
    window = transposed_window_of(operator, height, width, *layer.weights.shape[1:3])
    activation = operator.options.get("activation", 0)
    if layer.dtype != "int8":
        convolution = conv_2d.lower_int16 if layer.dtype == "int16" else conv_2d.lower_float32
        lowered = convolution(layer, window, activation)
    elif window.spread_h == window.spread_w == 1:
        lowered = conv_2d.lower_int8(layer, window, activation)
    else:
        lowered = _lower_phases(layer, window, activation)
    return replace(lowered, macs=layer.input.elements * window.filter_h * window.filter_w * layer.filters)


def _lower_phases(layer: Linear, window: Window, activation: int) -> Lowered:
    assert layer.input.quantization is not None
    assert layer.output.quantization is not None
    batches, input_h, input_w, channels = layer.input.shape
    minimum, maximum = activation_range(activation, layer.output.quantization)
    weights, records, by_offset = packed_filters(layer, minimum, maximum)
    zero_point = layer.input.quantization.zero_point
    records = records.copy()
    records[:, 0] += zero_point * weights.sum(axis=1, dtype=np.int32)  # taps differ: the zero point is not folded in
    taps = -(-window.filter_h // window.spread_h) * -(-window.filter_w // window.spread_w)
    return Lowered(
        kernel="transpose_conv_s8",
        header="kernels/transpose_conv_s8.h",
        struct="TransposeConvS8",
        parameters={
            "weights": pack_phases(weights.reshape(layer.weights.shape), window),
            "records": records.reshape(-1),
            "by_offset": by_offset,
            "batches": batches,
            "input_h": input_h,
            "input_w": input_w,
            "input_channels": channels,
            "output_h": window.output_h,
            "output_w": window.output_w,
            "output_channels": layer.filters,
            "filter_h": window.filter_h,
            "filter_w": window.filter_w,
            "spread_h": window.spread_h,
            "spread_w": window.spread_w,
            "pad_top": window.pad_top,
            "pad_left": window.pad_left,
            "input_zero_point": zero_point,
            "output_zero_point": layer.output.quantization.zero_point,
            "activation_min": minimum,
            "activation_max": maximum,
        },
        inputs=(layer.input.index,),
        read_past=-channels % LANES,
        scratch_bytes=taps * -(-channels // LANES) * PIXELS * 2 * LANES,
    )


def pack_phases(weights: NDArray[np.int8], window: Window) -> NDArray[np.int32]:
    """Mirrored weights [filters, height, width, channels] -> those of firmware/kernels/transpose_conv_s8.h, flat."""
    filters, _, _, channels = weights.shape
    padded = np.pad(weights, ((0, filters % 2), (0, 0), (0, 0), (0, -channels % LANES)))
    parts = []
    for y in range(min(window.spread_h, window.output_h)):
        for x in range(min(window.spread_w, window.output_w)):
            first_h, first_w = (window.pad_top - y) % window.spread_h, (window.pad_left - x) % window.spread_w
            phase = np.ascontiguousarray(padded[:, first_h :: window.spread_h, first_w :: window.spread_w])
            words = phase.reshape(-1).view("<i4").reshape(len(padded) // 2, 2, phase[0].size // LANES)
            parts.append(words.transpose(0, 2, 1).reshape(-1))
    return np.concatenate(parts).astype(np.int32)
