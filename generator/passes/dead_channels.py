"""Dead-channel elimination: channels that are constant, or that nobody uses, are neither computed nor stored.

A channel of an int8 tensor goes when every reader can do without it: a convolution whose weights for it are all zero,
or that can add the constant it always is to its bias; an elementwise operator whose own output loses the channel. What
is constant is proven by interval analysis (`generator.passes.ranges`), and every changed layer is then compared with
the original one on random inputs.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.graph import Graph, Operator, Quantization, Tensor
from generator.ops import binary, refusal
from generator.passes.ranges import (
    LINEAR,
    MOST_CHANNELS,
    Filters,
    Range,
    channel_ranges,
    channels_of,
    concatenates_channels,
    filters_of,
    reduces_channels,
)
from generator.passes.rewrite import with_operators

Mask = NDArray[np.bool_]  # [channels]: True for those that go
SAMPLES = 24  # random inputs each changed layer is checked with
ELEMENTWISE = (
    "ABS",
    "ADD",
    "AVERAGE_POOL_2D",
    "ELU",
    "HARD_SWISH",
    "LEAKY_RELU",
    "LOGISTIC",
    "MAXIMUM",
    "MAX_POOL_2D",
    "MINIMUM",
    "MUL",
    "PRELU",
    "QUANTIZE",
    "RELU",
    "RELU6",
    "RESIZE_BILINEAR",
    "RESIZE_NEAREST_NEIGHBOR",
    "SUB",
    "TANH",
)  # each output channel depends on the same channel of the operands only


def eliminate_dead_channels(graph: Graph) -> tuple[Graph, list[str]]:
    """Drop every channel that can go.

    Raises:
        AssertionError: a changed layer differs from the original one, which would be an error in this module.
    """
    ranges = channel_ranges(graph)
    drop = _droppable(graph, ranges)
    if not any(mask.any() for mask in drop.values()):
        return graph, []
    smaller, notes = _shrunk(graph, ranges, drop)
    notes.append(f"dead channels: {_totals(graph)} became {_totals(smaller)}")
    return smaller, notes


def _droppable(graph: Graph, ranges: Mapping[int, Range]) -> dict[int, Mask]:
    """The largest set of channels that every operator can do without, by tensor; each tensor keeps at least one."""
    produced = {index for operator in graph.operators for index in operator.outputs}
    ports = {*graph.inputs, *graph.outputs}
    drop = {
        tensor.index: np.full(
            channels_of(tensor), tensor.index in produced and tensor.index not in ports and not tensor.variable
        )
        for tensor in graph.tensors
        if tensor.dtype == "int8" and tensor.data is None and channels_of(tensor) <= MOST_CHANNELS
    }
    limits = [_limit(graph, operator, ranges, drop) for operator in graph.operators]
    while True:
        before = _count(drop)
        for limit in reversed(limits):
            limit(drop)
        if _count(drop) < before:
            continue
        emptied = [mask for mask in drop.values() if mask.size and mask.all()]
        if not emptied:
            return drop
        for mask in emptied:
            mask[0] = False


def _count(drop: Mapping[int, Mask]) -> int:
    return sum(int(mask.sum()) for mask in drop.values())


Limit = Callable[[dict[int, Mask]], None]


def _limit(graph: Graph, operator: Operator, ranges: Mapping[int, Range], drop: Mapping[int, Mask]) -> Limit:
    """What one operator asks of the channels of its tensors."""
    limit = None
    operands = [graph.tensors[index] for index in (*operator.inputs, *operator.outputs) if index >= 0]
    candidates = all(tensor.index in drop or tensor.data is not None for tensor in operands)
    if candidates and refusal(graph, operator) is None:
        filters = filters_of(graph, operator)
        if filters is not None:
            limit = _limit_of_filters(operator, filters, ranges)
        elif operator.name in LIMITS:
            limit = LIMITS[operator.name](graph, operator)
    return limit if limit is not None else _keep_all((*operator.inputs, *operator.outputs))


def _keep_all(indices: tuple[int, ...]) -> Limit:
    def limit(drop: dict[int, Mask]) -> None:
        for index in indices:
            if index in drop:
                drop[index][:] = False

    return limit


def _limit_of_filters(operator: Operator, filters: Filters, ranges: Mapping[int, Range]) -> Limit:
    source, target = operator.inputs[0], operator.outputs[0]
    if filters.depthwise:
        return _tied([source, target])
    absorbed = _absorbable(filters, ranges[source])
    used: Mask = np.any(filters.weights != 0, axis=1)  # [filters, input channels]

    def limit(drop: dict[int, Mask]) -> None:
        unused = ~used[~drop[target]].any(axis=0)
        drop[source] &= absorbed | unused

    return limit


def _absorbable(filters: Filters, source: Range) -> Mask:
    """Constant channels whose part of the sum is the same for every output: none at the borders that differs."""
    everywhere: Mask = (source.low == filters.input_zero_point) | (not filters.padded)
    return source.constant & everywhere


def _tied(indices: list[int]) -> Limit:
    """The tensors lose the same channels; none where one of them is of a type that keeps its channels."""

    def limit(drop: dict[int, Mask]) -> None:
        masks = [drop[index] for index in indices if index in drop]
        common = np.logical_and.reduce(masks) if len(masks) == len(indices) else False
        for mask in masks:
            mask[:] = common

    return limit


def _elementwise(graph: Graph, operator: Operator) -> Limit | None:
    """Operands with the output's channels; constants are cut to fit; others only if they have one channel."""
    target = graph.output(operator)
    tied = []
    for index in operator.inputs[: _operands(operator)]:
        tensor = graph.tensors[index]
        if channels_of(tensor) == channels_of(target):
            tied += [index] if tensor.data is None else []
        elif tensor.data is None or channels_of(tensor) != 1:
            return None
    return _tied([*tied, target.index]) if target.dtype == "int8" and tied else None


def _operands(operator: Operator) -> int:
    """How many of the inputs are operands of an elementwise operator."""
    return 2 if operator.name in binary.DTYPES else 1


def _mean(graph: Graph, operator: Operator) -> Limit | None:
    source, target = graph.tensors[operator.inputs[0]], graph.output(operator)
    if reduces_channels(graph, operator) or channels_of(source) != channels_of(target) or target.dtype != "int8":
        return None
    return _tied([source.index, target.index])


def _pad(graph: Graph, operator: Operator) -> Limit | None:
    source, target = graph.tensors[operator.inputs[0]], graph.output(operator)
    sizes = graph.input(operator, 1)
    if sizes is None or sizes.data is None or sizes.data.reshape(-1, 2)[-1].any() or target.dtype != "int8":
        return None
    return _tied([source.index, target.index])


def _reshape(graph: Graph, operator: Operator) -> Limit | None:
    """Several positions of the input's channels may follow one another in the output: a channel goes in all of them."""
    source, target = operator.inputs[0], operator.outputs[0]
    channels, flat = channels_of(graph.tensors[source]), channels_of(graph.tensors[target])
    if channels == 0 or flat % channels or graph.tensors[target].dtype != "int8":
        return None

    def limit(drop: dict[int, Mask]) -> None:
        if source not in drop:
            drop[target][:] = False
            return
        drop[source] &= drop[target].reshape(-1, channels).all(axis=0)
        drop[target][:] = np.tile(drop[source], flat // channels)

    return limit


def _concatenation(graph: Graph, operator: Operator) -> Limit | None:
    target = operator.outputs[0]
    if graph.tensors[target].dtype != "int8" or any(graph.tensors[index].data is not None for index in operator.inputs):
        return None
    if not concatenates_channels(graph, operator):
        return _tied([*operator.inputs, target])
    ends = np.cumsum([channels_of(graph.tensors[index]) for index in operator.inputs]).tolist()
    parts = [slice(first, end) for first, end in zip([0, *ends], ends, strict=False)]

    def limit(drop: dict[int, Mask]) -> None:
        for index, part in zip(operator.inputs, parts, strict=True):
            drop[index] &= drop[target][part]
        for index, part in zip(operator.inputs, parts, strict=True):
            drop[target][part] = drop[index]

    return limit


LIMITS: dict[str, Callable[[Graph, Operator], Limit | None]] = {
    **dict.fromkeys(ELEMENTWISE, _elementwise),
    **dict.fromkeys(("RESHAPE", "SQUEEZE", "EXPAND_DIMS"), _reshape),
    "CONCATENATION": _concatenation,
    "MEAN": _mean,
    "PAD": _pad,
}


def _shrunk(graph: Graph, ranges: Mapping[int, Range], drop: Mapping[int, Mask]) -> tuple[Graph, list[str]]:
    tensors = [_without_channels(tensor, drop.get(tensor.index)) for tensor in graph.tensors]
    changes: dict[int, Operator | None] = {}
    notes = []
    for operator in graph.operators:
        changed = _shrunk_operator(graph, operator, ranges, drop, tensors)
        if changed is not operator:
            changes[operator.index] = changed
        mask = drop.get(operator.outputs[0])
        if operator.name in LINEAR and mask is not None and mask.any():
            notes.append(f"dropped {mask.sum()} of {mask.size} output channels of {operator.name} {operator.index}")
    smaller = with_operators(replace(graph, tensors=tuple(tensors)), changes)
    for operator in smaller.operators:
        if operator.index in changes and operator.name in LINEAR:
            (original,) = (other for other in graph.operators if other.index == operator.index)
            _check(graph, original, smaller, operator, ranges, drop)
    return smaller, notes


def _without_channels(tensor: Tensor, mask: Mask | None) -> Tensor:
    if mask is None or not mask.any():
        return tensor
    return replace(tensor, shape=(*tensor.shape[:-1], int((~mask).sum())))


def _shrunk_operator(
    graph: Graph, operator: Operator, ranges: Mapping[int, Range], drop: Mapping[int, Mask], tensors: list[Tensor]
) -> Operator:
    """The operator with smaller constants; new ones are appended to ``tensors``, as others may share the old ones."""
    touched = [drop[index] for index in (*operator.inputs, *operator.outputs) if index in drop]
    if not any(mask.any() for mask in touched):
        return operator
    if operator.name in LINEAR:
        return _shrunk_filters(graph, operator, ranges, drop, tensors)
    if operator.name == "RESHAPE":  # the output tensor says the shape
        return replace(operator, inputs=operator.inputs[:1])
    kept = ~drop[operator.outputs[0]]
    inputs = list(operator.inputs)
    for position in range(_operands(operator)):
        tensor = graph.tensors[operator.inputs[position]]
        if tensor.data is not None and tensor.shape and channels_of(tensor) == kept.size:
            inputs[position] = _append(tensors, tensor, tensor.data.reshape(tensor.shape)[..., kept])
    return replace(operator, inputs=tuple(inputs))


def _append(
    tensors: list[Tensor], original: Tensor, data: NDArray[Any], quantization: Quantization | None = None
) -> int:
    tensors.append(
        replace(
            original,
            index=len(tensors),
            shape=data.shape,
            data=np.ascontiguousarray(data),
            quantization=quantization if quantization is not None else original.quantization,
        )
    )
    return len(tensors) - 1


def _shrunk_filters(
    graph: Graph, operator: Operator, ranges: Mapping[int, Range], drop: Mapping[int, Mask], tensors: list[Tensor]
) -> Operator:
    filters = filters_of(graph, operator)
    weights, bias = graph.tensors[operator.inputs[1]], graph.input(operator, 2)
    source = operator.inputs[0]
    assert filters is not None
    assert weights.data is not None
    kept_in, kept_out = ~drop[source], ~drop[operator.outputs[0]]
    data = weights.data.reshape(weights.shape)
    if filters.depthwise:
        data = data[..., kept_out]
    elif operator.name == "CONV_2D":
        data = data[kept_out][..., kept_in]
    else:
        data = data[kept_out][:, np.tile(kept_in, data.shape[1] // kept_in.size)]
    new_weights = _append(tensors, weights, data, _selected(weights.quantization, kept_out))
    biases = _absorbed_bias(filters, ranges[source], drop[source])[kept_out]
    if bias is None and not biases.any():
        return replace(operator, inputs=(source, new_weights, -1))
    if bias is None:
        bias = Tensor(-1, f"{weights.name}_bias", (), "int32", None, None)
    new_bias = _append(tensors, bias, biases.astype(np.int32), _selected(bias.quantization, kept_out))
    return replace(operator, inputs=(source, new_weights, new_bias))


def _absorbed_bias(filters: Filters, source: Range, dropped: Mask) -> NDArray[np.int64]:
    """[filters]: with what the dropped constant input channels always add."""
    if filters.depthwise:
        return filters.bias
    constant = np.where(dropped & source.constant, source.low - filters.input_zero_point, 0)
    bias: NDArray[np.int64] = filters.bias + (filters.weights * constant).sum(axis=(1, 2))
    return bias


def _selected(quantization: Quantization | None, kept: Mask) -> Quantization | None:
    """Of one scale per filter those of the filters that stay."""
    if quantization is None or not quantization.per_channel:
        return quantization
    return replace(quantization, scales=quantization.scales[kept], zero_points=quantization.zero_points[kept])


def _check(
    graph: Graph,
    original: Operator,
    smaller: Graph,
    operator: Operator,
    ranges: Mapping[int, Range],
    drop: Mapping[int, Mask],
) -> None:
    """Random inputs within their ranges: equal sums of the filters that stay, the proven constant of those that go."""
    before, after = filters_of(graph, original), filters_of(smaller, operator)
    assert before is not None
    assert after is not None
    where = f"{operator.name} {operator.index}"
    source, target = ranges[original.inputs[0]], ranges[original.outputs[0]]
    kept_in, dropped_out = ~drop[original.inputs[0]], drop[original.outputs[0]]
    rng = np.random.default_rng(original.index)
    taps = before.weights.shape[1]
    values = rng.integers(source.low, source.high + 1, (SAMPLES, taps, source.low.size))
    if before.padded:
        outside = rng.random((SAMPLES, taps, 1)) < rng.choice([0.0, 0.3])
        values = np.where(outside, before.input_zero_point, values)
    sums, fewer = before.accumulators(values), after.accumulators(values[..., kept_in])
    assert np.array_equal(sums[:, ~dropped_out], fewer), f"{where} differs without its dead input channels"
    for number in np.flatnonzero(dropped_out & target.constant).tolist():
        outputs = {before.output(int(value), number) for value in sums[:, number]}
        assert outputs == {int(target.low[number])}, f"channel {number} of {where} is not constant"


def _totals(graph: Graph) -> str:
    """MACs and weight bytes of the layers with filters."""
    macs = weights = 0
    for operator in graph.operators:
        filters = filters_of(graph, operator) if refusal(graph, operator) is None else None
        if filters is not None:
            macs += graph.output(operator).elements * filters.weights[0].size
            weights += filters.weights.size
    return f"{macs:,} MACs with {weights:,} weights"
