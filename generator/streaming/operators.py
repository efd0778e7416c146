"""Which operators work on a signal step by step, and how many steps they read for one."""

from dataclasses import dataclass
from math import prod

from generator.graph import Graph, Operator, Tensor
from generator.ops.window import SAME, window_of

APPEND = "APPEND_STEP"  # drops the oldest step of a history, its output, and appends its input
ELEMENTWISE = frozenset(
    (
        *("ABS", "CEIL", "COS", "DEQUANTIZE", "ELU", "EXP", "FLOOR", "HARD_SWISH", "LEAKY_RELU", "LOG"),
        *("LOGICAL_NOT", "LOGISTIC", "NEG", "QUANTIZE", "RELU", "RELU6", "ROUND", "RSQRT", "SIN", "SQRT"),
        *("SQUARE", "TANH"),
    )
)
BINARY = frozenset(("ADD", "DIV", "MAXIMUM", "MINIMUM", "MUL", "PRELU", "SQUARED_DIFFERENCE", "SUB"))
CONVOLUTIONS = frozenset(("CONV_2D", "DEPTHWISE_CONV_2D"))
POOLS = frozenset(("AVERAGE_POOL_2D", "MAX_POOL_2D"))
SHAPES = frozenset(("EXPAND_DIMS", "RESHAPE", "SQUEEZE"))


@dataclass(frozen=True)
class Sliding:
    """One step of the output takes the newest ``steps`` of the inputs along time and lies at ``axis`` of the output."""

    steps: int
    axis: int


def sliding(graph: Graph, operator: Operator, axes: dict[int, int]) -> Sliding | str:
    """How an operator slides over time, or the reason why it does not.

    ``axes``: the time axis of every tensor that has one; among them is an input of the operator's.
    """
    times = [index for index in operator.inputs if index in axes]
    axis = axes[times[0]]
    source, target = graph.tensors[times[0]], graph.output(operator)
    steps = source.shape[axis]
    if len(operator.outputs) != 1:
        return "it has several outputs"
    if any((axes[index], graph.tensors[index].shape[axis]) != (axis, steps) for index in times):
        return "its inputs have different numbers of steps"
    if operator.name in CONVOLUTIONS or operator.name in POOLS:
        return _window(graph, operator, source, axis)
    if operator.name in SHAPES:
        return _reshaped(target, steps)
    if target.shape[: axis + 1] != source.shape[: axis + 1]:
        return "its output has other steps than its input"
    if operator.name in ELEMENTWISE:
        return Sliding(1, axis)
    if operator.name in BINARY:
        return _binary(graph, operator, axes, axis)
    if operator.name == "SOFTMAX" and axis < len(source.shape) - 1:
        return Sliding(1, axis)
    if operator.name == "FULLY_CONNECTED" and source.shape[:-1] == target.shape[:-1] and axis < len(source.shape) - 1:
        return Sliding(1, axis)
    if operator.name == "CONCATENATION" and len(times) == len(operator.inputs):
        joined = operator.options["axis"] % len(target.shape)
        return Sliding(1, axis) if joined > axis else "it joins steps"
    return "it does not slide over time"


def _window(graph: Graph, operator: Operator, source: Tensor, axis: int) -> Sliding | str:
    if len(source.shape) != 4 or axis not in (1, 2):
        return "time is not its height or width"
    if operator.name in POOLS:
        filters = operator.options["filter_h"], operator.options["filter_w"]
    else:
        _, height, width, _ = graph.tensors[operator.inputs[1]].shape
        filters = height, width
    window = window_of(operator, *source.shape[1:3], *filters)
    if axis == 1:
        stride, dilation, taps, outputs, pad = (
            *(window.stride_h, window.dilation_h, window.filter_h, window.output_h),
            window.pad_top,
        )
    else:
        stride, dilation, taps, outputs, pad = (
            *(window.stride_w, window.dilation_w, window.filter_w, window.output_w),
            window.pad_left,
        )
    reach = (taps - 1) * dilation + 1
    if stride != 1:
        return f"it strides over {stride} steps"
    if pad or outputs != source.shape[axis] - reach + 1:
        return "it pads time"
    if operator.options.get("padding") == SAME and "pads" not in operator.options and reach > 1:
        return "it pads time"
    return Sliding(reach, axis)


def _reshaped(target: Tensor, steps: int) -> Sliding | str:
    for axis, size in enumerate(target.shape):
        if size == steps and prod(target.shape[:axis]) == 1:
            return Sliding(1, axis)
    return "it mixes steps and channels"


def _binary(graph: Graph, operator: Operator, axes: dict[int, int], axis: int) -> Sliding | str:
    """The operand without time must be the same for every step: a constant that is broadcast along time."""
    rank = len(graph.output(operator).shape)
    for index in operator.inputs:
        tensor = graph.tensors[index]
        if index in axes:
            if len(tensor.shape) != rank:
                return "its operands have different ranks"
            continue
        position = axis - (rank - len(tensor.shape))
        if position >= 0 and tensor.shape[position] != 1:
            return "an operand without time differs from step to step"
    return Sliding(1, axis)
