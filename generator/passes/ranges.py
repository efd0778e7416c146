"""Interval analysis: what values the channels of int8 tensors can have at all, in exact integer arithmetic."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generator.fixed_point import rescale
from generator.graph import Graph, Operator, Tensor
from generator.ops import binary, depthwise_conv_2d, lookup, refusal
from generator.ops.linear import (
    Linear,
    bias_values,
    linear_of,
    reject_range,
    rescale_per_filter,
    weight_matrix,
)
from generator.ops.window import window_of
from generator.quantization import INT8_MAX, INT8_MIN, Rescale, activation_range

Integers = NDArray[np.int64]
MOST_CHANNELS = 1 << 14  # beyond, channels may have any value
MOST_WORK = 1 << 18  # channels of all operators: beyond, they may have any value
MOST_WEIGHTS = 1 << 22  # of a layer


@dataclass(frozen=True)
class Range:
    """Least and greatest stored value of each index of a tensor's last axis, int64 [channels] each."""

    low: Integers
    high: Integers

    @property
    def constant(self) -> NDArray[np.bool_]:
        """[channels]: which have one value only."""
        same: NDArray[np.bool_] = self.low == self.high
        return same


Rule = Callable[[Graph, Operator, Sequence[Range]], Range | None]


@dataclass(frozen=True)
class Filters:
    """A layer of constant int8 filters.

    ``weights``: int64 [filters, taps, input channels]; of a depthwise layer [filters, taps, 1], filter f reading input
    channel f. ``padded``: some taps of some outputs lie outside the input and count as its zero point.
    """

    weights: Integers
    bias: Integers
    rescales: tuple[Rescale, ...]
    input_zero_point: int
    output_zero_point: int
    minimum: int
    maximum: int
    padded: bool
    depthwise: bool

    def accumulators(self, inputs: Integers) -> Integers:
        """[..., filters] for inputs [..., taps, input channels]."""
        centred = inputs - self.input_zero_point
        if self.depthwise:
            sums: Integers = np.einsum("...tf,ft->...f", centred, self.weights[:, :, 0])
        else:
            sums = np.einsum("...tc,ftc->...f", centred, self.weights)
        return sums + self.bias

    def output(self, accumulator: int, number: int) -> int:
        """The stored output of filter ``number``."""
        value = rescale(accumulator, self.rescales[number]) + self.output_zero_point
        return min(max(value, self.minimum), self.maximum)


def channels_of(tensor: Tensor) -> int:
    return tensor.shape[-1] if tensor.shape else 1


def filters_of(graph: Graph, operator: Operator) -> Filters | None:
    """The filters of an int8 layer in the channels of its input, or None where it is of another kind."""
    layer = linear_of(graph, operator) if operator.name in LINEAR else None
    if layer is None or layer.dtype != "int8" or layer.weights.dtype != "int8" or layer.weights.data is None:
        return None
    if layer.weights.elements > MOST_WEIGHTS:
        return None
    depthwise = operator.name == "DEPTHWISE_CONV_2D"
    if depthwise:
        layer = depthwise_conv_2d.grouped(layer)
    channels = channels_of(layer.input)
    fits = {
        "CONV_2D": layer.weights.shape[3:] == (channels,),  # not in groups
        "DEPTHWISE_CONV_2D": layer.filters == channels,
        "FULLY_CONNECTED": layer.weights.elements % (layer.filters * channels) == 0,
    }
    if not fits[operator.name] or reject_range(layer) is not None:
        return None
    return _filters(layer, operator, channels, depthwise)


LINEAR = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def _filters(layer: Linear, operator: Operator, channels: int, depthwise: bool) -> Filters:
    source, target = layer.input.quantization, layer.output.quantization
    assert source is not None
    assert target is not None
    minimum, maximum = activation_range(operator.options.get("activation", 0), target)
    weights = weight_matrix(layer).astype(np.int64).reshape(layer.filters, -1, 1 if depthwise else channels)
    return Filters(
        weights,
        bias_values(layer),
        rescale_per_filter(layer),
        source.zero_point,
        target.zero_point,
        minimum,
        maximum,
        padded=operator.name != "FULLY_CONNECTED" and _padded(layer, operator),
        depthwise=depthwise,
    )


def _padded(layer: Linear, operator: Operator) -> bool:
    window = window_of(operator, *layer.input.shape[1:3], *layer.weights.shape[1:3])
    for axis, (first, last) in enumerate(
        (
            (window.pad_top, (window.output_h - 1) * window.stride_h + (window.filter_h - 1) * window.dilation_h),
            (window.pad_left, (window.output_w - 1) * window.stride_w + (window.filter_w - 1) * window.dilation_w),
        ),
        start=1,
    ):
        if first > 0 or last - first >= layer.input.shape[axis]:
            return True
    return False


def channel_ranges(graph: Graph) -> dict[int, Range]:
    """A range for every int8 tensor. Operators that are not known in detail yield any value."""
    ranges = {
        tensor.index: _constant(tensor) if tensor.data is not None else full(tensor)
        for tensor in graph.tensors
        if tensor.dtype == "int8"
    }
    work = 0
    for operator in graph.operators:
        rule = RULES.get(operator.name)
        sources = [ranges.get(index) for index in operator.inputs[: INPUTS.get(operator.name, 1)]]
        known = [item for item in sources if item is not None]
        if rule is None or len(known) < len(sources) or graph.output(operator).index not in ranges:
            continue
        work += channels_of(graph.output(operator))
        if channels_of(graph.output(operator)) > MOST_CHANNELS or work > MOST_WORK:
            continue
        if graph.output(operator).variable or refusal(graph, operator) is not None:
            continue
        found = rule(graph, operator, known)
        if found is not None and found.low.size == channels_of(graph.output(operator)):
            ranges[operator.outputs[0]] = found
    return ranges


def full(tensor: Tensor) -> Range:
    channels = channels_of(tensor)
    return Range(np.broadcast_to(np.int64(INT8_MIN), channels), np.broadcast_to(np.int64(INT8_MAX), channels))


def _constant(tensor: Tensor) -> Range:
    assert tensor.data is not None
    if not 0 < channels_of(tensor) <= MOST_CHANNELS:
        return full(tensor)
    rows = tensor.data.reshape(-1, channels_of(tensor))
    return Range(rows.min(axis=0).astype(np.int64), rows.max(axis=0).astype(np.int64))


def _linear(graph: Graph, operator: Operator, sources: Sequence[Range]) -> Range | None:
    filters = filters_of(graph, operator)
    if filters is None:
        return None
    low, high = (side - filters.input_zero_point for side in (sources[0].low, sources[0].high))
    if filters.padded:
        low, high = np.minimum(low, 0), np.maximum(high, 0)
    if filters.depthwise:
        low, high = low[:, None, None], high[:, None, None]
    ends = filters.weights * low, filters.weights * high
    least = filters.bias + np.minimum(*ends).sum(axis=(1, 2))
    greatest = filters.bias + np.maximum(*ends).sum(axis=(1, 2))
    reach = enumerate(zip(least.tolist(), greatest.tolist(), strict=True))
    results = [_outputs(filters, number, low, high) for number, (low, high) in reach]
    return _range(results)


def _outputs(filters: Filters, number: int, low: int, high: int) -> tuple[int, int]:
    """Rescaling preserves the order unless the reference's left shift wraps."""
    left = max(filters.rescales[number].shift, 0)
    if max(abs(low), abs(high)) << left >= 2**31:
        return filters.minimum, filters.maximum
    return filters.output(low, number), filters.output(high, number)


def _range(pairs: Sequence[tuple[int, int]]) -> Range:
    array = np.array(pairs, np.int64).reshape(-1, 2)
    return Range(array[:, 0], array[:, 1])


def _table(graph: Graph, operator: Operator, sources: Sequence[Range]) -> Range | None:
    source = sources[0]
    if operator.name == "LOGICAL_NOT":
        return None
    table = np.roll(lookup.table(graph, operator).astype(np.int64), 128)  # of -128 to 127
    spans = [table[a + 128 : b + 129] for a, b in zip(source.low, source.high, strict=True)]
    return _range([(int(span.min()), int(span.max())) for span in spans])


def _sum(graph: Graph, operator: Operator, sources: Sequence[Range]) -> Range | None:
    """ADD and SUB grow with their first operand, and with or against the second; rescaling preserves the order."""
    target = graph.output(operator)
    operands = _broadcast(sources, channels_of(target))
    if operands is None:
        return None
    first, second = operands
    if operator.name == "SUB":
        second = Range(second.high, second.low)
    function = binary.sum_function(graph, operator)
    lows = [function(int(a), int(b)) for a, b in zip(first.low, second.low, strict=True)]
    highs = [function(int(a), int(b)) for a, b in zip(first.high, second.high, strict=True)]
    return _range(list(zip(lows, highs, strict=True)))


def _extreme(graph: Graph, operator: Operator, sources: Sequence[Range]) -> Range | None:
    choose = np.maximum if operator.name == "MAXIMUM" else np.minimum
    operands = _broadcast(sources, channels_of(graph.output(operator)))
    if operands is None:
        return None
    first, second = operands
    return Range(choose(first.low, second.low), choose(first.high, second.high))


def _broadcast(sources: Sequence[Range], channels: int) -> list[Range] | None:
    """None where the output has the elements in another shape."""
    if any(source.low.size not in (1, channels) for source in sources):
        return None
    return [Range(*(np.broadcast_to(side, channels) for side in (source.low, source.high))) for source in sources]


def _pool(graph: Graph, operator: Operator, sources: Sequence[Range]) -> Range | None:
    """Averages lie between the least and the greatest; the padding does not count."""
    quantization = graph.output(operator).quantization
    assert quantization is not None
    minimum, maximum = activation_range(operator.options.get("activation", 0), quantization)
    return Range(sources[0].low.clip(minimum, maximum), sources[0].high.clip(minimum, maximum))


def _mean(graph: Graph, operator: Operator, sources: Sequence[Range]) -> Range | None:
    """Of values in one scale it lies between them; the factor's error is far below half a step."""
    source, target = graph.tensors[operator.inputs[0]], graph.output(operator)
    same = same_quantization(source, target) and channels_of(source) == channels_of(target)
    return sources[0] if same and not reduces_channels(graph, operator) and source.elements < 1 << 22 else None


def reduces_channels(graph: Graph, operator: Operator) -> bool:
    """Whether a reduction is over the last axis, too."""
    axes = graph.input(operator, 1)
    rank = len(graph.tensors[operator.inputs[0]].shape)
    return axes is None or axes.data is None or any(int(axis) % rank == rank - 1 for axis in axes.data.reshape(-1))


def same_quantization(one: Tensor, other: Tensor) -> bool:
    a, b = one.quantization, other.quantization
    return a is not None and b is not None and a.scale == b.scale and a.zero_point == b.zero_point


def _same(graph: Graph, operator: Operator, sources: Sequence[Range]) -> Range | None:
    """Values that are copied, or lie between copied ones."""
    return sources[0] if channels_of(graph.output(operator)) == len(sources[0].low) else None


def _padding(graph: Graph, operator: Operator, sources: Sequence[Range]) -> Range | None:
    """As the input, or the padding."""
    source, target = graph.tensors[operator.inputs[0]], graph.output(operator)
    if channels_of(source) != channels_of(target) or operator.name != "PAD" or source.quantization is None:
        return None
    zero_point = source.quantization.zero_point
    return Range(np.minimum(sources[0].low, zero_point), np.maximum(sources[0].high, zero_point))


def _reshape(graph: Graph, operator: Operator, sources: Sequence[Range]) -> Range | None:
    """The same channels, or several positions of them one after another."""
    source, target = len(sources[0].low), channels_of(graph.output(operator))
    if source == 0 or target % source:
        return None
    return Range(np.tile(sources[0].low, target // source), np.tile(sources[0].high, target // source))


def _concatenation(graph: Graph, operator: Operator, sources: Sequence[Range]) -> Range | None:
    if concatenates_channels(graph, operator):
        return Range(np.concatenate([s.low for s in sources]), np.concatenate([s.high for s in sources]))
    return Range(
        np.min([source.low for source in sources], axis=0), np.max([source.high for source in sources], axis=0)
    )


def concatenates_channels(graph: Graph, operator: Operator) -> bool:
    rank = len(graph.output(operator).shape)
    return int(operator.options["axis"]) % rank == rank - 1


INPUTS = {"ADD": 2, "CONCATENATION": 1 << 16, "MAXIMUM": 2, "MINIMUM": 2, "SUB": 2}  # quantised operands, if not 1
RULES: dict[str, Rule] = {
    **dict.fromkeys(LINEAR, _linear),
    **dict.fromkeys(lookup.FUNCTIONS, _table),
    **dict.fromkeys(("ADD", "SUB"), _sum),
    **dict.fromkeys(("MAXIMUM", "MINIMUM"), _extreme),
    **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D"), _pool),
    **dict.fromkeys(("RESHAPE", "SQUEEZE", "EXPAND_DIMS"), _reshape),
    **dict.fromkeys(("RESIZE_NEAREST_NEIGHBOR", "RESIZE_BILINEAR"), _same),
    "CONCATENATION": _concatenation,
    "MEAN": _mean,
    "PAD": _padding,
}
