"""Padding and activations that become part of the operator beside them, and operators that change nothing."""

from dataclasses import replace

import numpy as np

from generator.graph import Graph, Operator, Quantization, Tensor
from generator.ops import refusal
from generator.ops.window import SAME, window_of
from generator.passes.rewrite import sole_reader, with_operators, without

CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
ACTIVATIONS = {"RELU": 1, "RELU_N1_TO_1": 2, "RELU6": 3}  # as the schema numbers fused ones
WITH_ACTIVATION = (
    "ADD",
    "AVERAGE_POOL_2D",
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "FULLY_CONNECTED",
    "MAX_POOL_2D",
    "MUL",
    "SUB",
    "TRANSPOSE_CONV",
)


def fuse_pads(graph: Graph) -> tuple[Graph, list[str]]:
    """PAD and PADV2 with the zero point (0.0 for float32) around height and width become a convolution's padding."""
    notes = []
    for pad in graph.operators:
        if pad.name not in ("PAD", "PADV2"):
            continue
        pads, reader = _spatial_pads(graph, pad), sole_reader(graph, pad)
        if pads is None or reader is None or reader.name not in CONVOLUTIONS or reader.inputs[0] != pad.outputs[0]:
            continue
        if refusal(graph, pad) is not None or refusal(graph, reader) is not None:
            continue
        padded = _total_pads(graph, reader, pads)
        fused = replace(reader, inputs=(pad.inputs[0], *reader.inputs[1:]), options={**reader.options, "pads": padded})
        graph = with_operators(graph, {pad.index: None, reader.index: fused})
        notes.append(f"fused {pad.name} {pad.index} into {reader.name} {reader.index}")
    return graph, notes


def _spatial_pads(graph: Graph, pad: Operator) -> tuple[int, int, int, int] | None:
    """(top, left, bottom, right), or None where it pads otherwise or with another value."""
    source, sizes = graph.input(pad, 0), graph.input(pad, 1)
    if source is None or sizes is None or sizes.data is None or sizes.data.size != 8:
        return None
    if not _same_quantization(source, graph.output(pad)):
        return None
    batch, height, width, channel = sizes.data.reshape(4, 2).tolist()
    if any((*batch, *channel)) or min((*height, *width)) < 0:
        return None
    if pad.name == "PADV2":
        value = graph.input(pad, 2)
        zero = source.quantization.zero_point if source.quantization is not None else 0
        if value is None or value.data is None or float(value.data.reshape(-1)[0]) != zero:
            return None
    return height[0], width[0], height[1], width[1]


def _total_pads(graph: Graph, operator: Operator, pads: tuple[int, int, int, int]) -> tuple[int, ...]:
    """The operator's own padding around ``pads``."""
    if "pads" in operator.options:
        own = operator.options["pads"]
    elif operator.options["padding"] == SAME:
        own = _same_pads(graph, operator)
    else:
        own = (0, 0, 0, 0)
    return tuple(a + b for a, b in zip(pads, own, strict=True))


def _same_pads(graph: Graph, operator: Operator) -> tuple[int, int, int, int]:
    source, weights = graph.tensors[operator.inputs[0]], graph.tensors[operator.inputs[1]]
    window = window_of(operator, *source.shape[1:3], *weights.shape[1:3])
    reach_h, reach_w = (window.filter_h - 1) * window.dilation_h + 1, (window.filter_w - 1) * window.dilation_w + 1
    bottom = (window.output_h - 1) * window.stride_h + reach_h - source.shape[1] - window.pad_top
    right = (window.output_w - 1) * window.stride_w + reach_w - source.shape[2] - window.pad_left
    return window.pad_top, window.pad_left, max(bottom, 0), max(right, 0)


def fuse_activations(graph: Graph) -> tuple[Graph, list[str]]:
    """RELU and its kind become the fused activation of the operator before, where the scales are the same."""
    notes = []
    for producer in graph.operators:
        if producer.name not in WITH_ACTIVATION or producer.options.get("activation", 0):
            continue
        reader = sole_reader(graph, producer)
        if reader is None or reader.name not in ACTIVATIONS:
            continue
        if refusal(graph, producer) is not None or refusal(graph, reader) is not None:
            continue
        before, after = graph.output(producer), graph.output(reader)
        if before.dtype not in ("int8", "float32") or not _same_quantization(before, after) or after.variable:
            continue
        options = {**producer.options, "activation": ACTIVATIONS[reader.name]}
        fused = replace(producer, outputs=reader.outputs, options=options)
        graph = with_operators(graph, {producer.index: fused, reader.index: None})
        notes.append(f"fused {reader.name} {reader.index} into {producer.name} {producer.index}")
    return graph, notes


def remove_identities(graph: Graph) -> tuple[Graph, list[str]]:
    """QUANTIZE to the same scale and zero point."""
    notes = []
    for operator in graph.operators:
        if operator.name != "QUANTIZE" or operator.outputs[0] in graph.outputs:
            continue
        source, target = graph.input(operator, 0), graph.output(operator)
        if source is None or source.dtype != target.dtype or source.variable or target.variable:
            continue
        if source.shape != target.shape or refusal(graph, operator) is not None:
            continue
        if source.quantization is not None and _same_quantization(source, target):
            graph = without(graph, operator)
            notes.append(f"removed {operator.name} {operator.index}, which changes nothing")
    return graph, notes


def _same_quantization(one: Tensor, other: Tensor) -> bool:
    a, b = one.quantization, other.quantization
    if one.dtype != other.dtype:
        return False
    if one.dtype == "float32":
        return True
    return a is not None and b is not None and _pairs(a) == _pairs(b)


def _pairs(quantization: Quantization) -> list[tuple[float, int]]:
    return list(zip(quantization.scales.tolist(), np.asarray(quantization.zero_points).tolist(), strict=True))


def remove_unused(graph: Graph) -> tuple[Graph, list[str]]:
    """Operators that nobody reads, from the last to the first; those that write variables stay."""
    notes = []
    needed = set(graph.outputs)
    for operator in reversed(graph.operators):
        if any(index in needed or graph.tensors[index].variable for index in operator.outputs) or any(
            index >= 0 and graph.tensors[index].variable for index in operator.inputs
        ):
            needed.update(operator.inputs)
        else:
            graph = with_operators(graph, {operator.index: None})
            notes.append(f"removed {operator.name} {operator.index}, which nobody reads")
    return graph, notes
