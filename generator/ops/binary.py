"""Elementwise operators of two tensors, with broadcasting up to five dimensions."""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import numpy as np

from generator.fixed_point import rescale
from generator.graph import Graph, Operator, Tensor
from generator.ops.linear_sum import linear_sum, operand_table
from generator.ops.lowered import Lowered, reject_unless_per_tensor
from generator.program import Value
from generator.quantization import (
    ACTIVATION_BOUNDS,
    ACTIVATION_NAMES,
    Rescale,
    activation_range,
    float_activation_range,
    rescale_of,
)

RANK = 5  # ELEMENTWISE_RANK in firmware/kernels/binary.h
QUANTIZED = ("int8", "int16")
SHORT = {"int8": "s8", "int16": "s16", "int32": "s32", "float32": "f32"}
DTYPES = {
    "ADD": ("int8", "int16", "int32", "float32"),
    "DIV": ("float32",),
    "MAXIMUM": ("int8", "int16", "int32", "float32"),
    "MINIMUM": ("int8", "int16", "int32", "float32"),
    "MUL": ("int8", "int16", "int32", "float32"),
    "PRELU": ("int8", "float32"),
    "SQUARED_DIFFERENCE": ("int8", "int32", "float32"),
    "SUB": ("int8", "int16", "int32", "float32"),
}
LINEAR = "sum_s8"
PLAIN = ("MAXIMUM", "MINIMUM")  # compare quantised values as they are
LEFT_SHIFT = {"int8": 20, "int16": 15}  # of ADD and SUB before the inputs are brought to one scale
DIFFERENCE_LEFT_SHIFT = 7  # of SQUARED_DIFFERENCE


@dataclass(frozen=True)
class Walk:
    """How to walk over the output: sizes and the operands' strides in elements (0 where one is broadcast)."""

    shape: tuple[int, ...]
    first: tuple[int, ...]
    second: tuple[int, ...]


def walk_of(first: tuple[int, ...], second: tuple[int, ...]) -> Walk:
    """Neighbouring dimensions that both operands walk over alike are merged; the rest is padded to `RANK` with ones.

    Raises:
        ValueError: shapes that do not broadcast, or with too many dimensions.
    """
    output = np.broadcast_shapes(first, second)
    rank = len(output)
    dimensions: list[list[int]] = []  # size, first's size, second's size
    for size, a, b in zip(
        output, (1,) * (rank - len(first)) + first, (1,) * (rank - len(second)) + second, strict=True
    ):
        if size == 1:
            continue
        if dimensions and _kind(dimensions[-1]) == _kind([size, a, b]):
            dimensions[-1] = [x * y for x, y in zip(dimensions[-1], (size, a, b), strict=True)]
        else:
            dimensions.append([size, a, b])
    if len(dimensions) > RANK:
        raise ValueError(f"broadcasting {list(first)} with {list(second)} needs more than {RANK} dimensions")
    padded = [[1, 1, 1]] * (RANK - len(dimensions)) + dimensions
    sizes, *padded_operands = zip(*padded, strict=True)
    return Walk(tuple(sizes), *(_strides(operand) for operand in padded_operands))


def _kind(dimension: list[int]) -> tuple[bool, bool]:
    """Which operands are broadcast along it."""
    return dimension[1] != dimension[0], dimension[2] != dimension[0]


def _strides(sizes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(0 if size == 1 else prod(sizes[axis + 1 :]) for axis, size in enumerate(sizes))


def reject(graph: Graph, operator: Operator) -> str | None:
    first, second, target = graph.input(operator, 0), graph.input(operator, 1), graph.output(operator)
    if first is None or second is None:
        return "an input is missing"
    supported = DTYPES[operator.name]
    for tensor, role in ((first, "first input"), (second, "second input"), (target, "output")):
        if reason := reject_unless_per_tensor(tensor, role, *supported):
            return reason
        if tensor.dtype != first.dtype:
            return f"{role} is {tensor.dtype}, the first input {first.dtype}"
    try:
        walk = walk_of(first.shape, second.shape)
        if prod(walk.shape) != target.elements:
            return f"output {target} does not fit inputs {first} and {second}"
        activation = operator.options.get("activation", 0)
        if activation not in ACTIVATION_BOUNDS:
            known = 0 <= activation < len(ACTIVATION_NAMES)
            return f"fused activation {ACTIVATION_NAMES[activation] if known else activation} is not supported"
        _parameters(operator, first, second, target)
    except ValueError as error:
        return str(error)
    return None


def _parameters(operator: Operator, first: Tensor, second: Tensor, target: Tensor) -> dict[str, Value]:
    activation = operator.options.get("activation", 0)
    if operator.name in PLAIN:
        return {}
    if target.dtype == "float32":
        low, high = float_activation_range(activation)
        return {"low_f32": low, "high_f32": high}
    if target.dtype == "int32":
        if activation:
            raise ValueError("fused activation of an int32 operation")
        return {}
    assert first.quantization is not None
    assert second.quantization is not None
    assert target.quantization is not None
    minimum, maximum = activation_range(activation, target.quantization, target.dtype)
    zero_points: dict[str, Value] = {
        "first_zero_point": first.quantization.zero_point,
        "second_zero_point": second.quantization.zero_point,
        "output_zero_point": target.quantization.zero_point,
        "activation_min": minimum,
        "activation_max": maximum,
    }
    a, b, c = (float(tensor.quantization.scale) for tensor in (first, second, target) if tensor.quantization)
    if operator.name == "MUL":
        return {**zero_points, "output_rescale": rescale_of(a * b / c)}
    if operator.name == "PRELU":  # tensorflow/lite/micro/kernels/prelu_common.cc
        return {**zero_points, "first_rescale": rescale_of(a / c), "second_rescale": rescale_of(a * b / c)}
    if operator.name == "SQUARED_DIFFERENCE":
        largest, shift = 2 * max(a, b), DIFFERENCE_LEFT_SHIFT
        output = rescale_of(largest * largest / ((1 << (2 * shift)) * c))
        first_rescale, second_rescale = rescale_of(a / largest), rescale_of(b / largest)
    else:
        shift = LEFT_SHIFT[target.dtype]
        first_rescale, second_rescale, output = _sum_rescales(a, b, c, shift)
    return {
        **zero_points,
        "left_shift": shift,
        "first_rescale": first_rescale,
        "second_rescale": second_rescale,
        "output_rescale": output,
    }


def sum_function(graph: Graph, operator: Operator) -> Callable[[int, int], int]:
    """What an int8 ADD or SUB that is not rejected makes of two stored values.

    Source: ``AddElementwise``, tensorflow/lite/kernels/internal/reference/integer_ops/add.h, and sub.h.
    """
    source, other, target = (graph.tensors[index].quantization for index in (*operator.inputs[:2], operator.outputs[0]))
    assert source is not None
    assert other is not None
    assert target is not None
    a, b, c = (float(quantization.scale) for quantization in (source, other, target))
    first, second, output = _sum_rescales(a, b, c, LEFT_SHIFT["int8"])
    minimum, maximum = activation_range(operator.options.get("activation", 0), target)
    sign = -1 if operator.name == "SUB" else 1

    def function(x: int, y: int) -> int:
        left = rescale((x - source.zero_point) << LEFT_SHIFT["int8"], first)
        right = rescale((y - other.zero_point) << LEFT_SHIFT["int8"], second)
        return min(max(rescale(left + sign * right, output) + target.zero_point, minimum), maximum)

    return function


def _sum_rescales(a: float, b: float, c: float, shift: int) -> tuple[Rescale, Rescale, Rescale]:
    """Of both operands, left shifted, to twice the larger scale; and of their sum to the output's.

    Raises:
        ValueError: the output's scale is too small.
    """
    largest = 2 * max(a, b)
    output = largest / ((1 << shift) * c)
    if output > 1:
        raise ValueError("its output scale is too small for its input scales")
    return rescale_of(a / largest), rescale_of(b / largest), rescale_of(output)


def lower(graph: Graph, operator: Operator) -> Lowered:
    first, second = (graph.tensors[index] for index in operator.inputs[:2])
    target = graph.output(operator)
    walk = walk_of(first.shape, second.shape)
    lead = {position: 0 for position, tensor in enumerate((first, second)) if tensor.elements == target.elements}
    if operator.name in ("ADD", "SUB") and target.dtype == "int8" and len(lead) == len((first, second)):
        parameters = _linear_parameters(operator, first, second, target)
        if parameters is not None:
            return Lowered(
                kernel=LINEAR,
                header=f"kernels/{LINEAR}.h",
                struct="SumS8",
                parameters=parameters,
                inputs=(first.index, second.index),
                lead=lead,
            )
    return Lowered(
        kernel=f"{operator.name.lower()}_{SHORT[target.dtype]}",
        header="kernels/binary.h",
        struct="Binary",
        parameters={
            "shape": walk.shape,
            "first_stride": walk.first,
            "second_stride": walk.second,
            **_parameters(operator, first, second, target),
        },
        inputs=(first.index, second.index),
        lead=lead,
    )


def _linear_parameters(operator: Operator, first: Tensor, second: Tensor, target: Tensor) -> dict[str, Value] | None:
    """Of firmware/kernels/sum_s8.h for an int8 ADD or SUB, if it computes the same."""
    assert first.quantization is not None
    assert second.quantization is not None
    assert target.quantization is not None
    a, b, c = (
        float(quantization.scale) for quantization in (first.quantization, second.quantization, target.quantization)
    )
    sign = -1 if operator.name == "SUB" else 1
    shift = LEFT_SHIFT["int8"]
    first_rescale, second_rescale, output = _sum_rescales(a, b, c, shift)
    found = linear_sum(
        operand_table(first.quantization.zero_point, shift, first_rescale),
        sign * operand_table(second.quantization.zero_point, shift, second_rescale),
        output,
        target.quantization.zero_point,
        (a / c, sign * b / c),
    )
    if found is None:
        return None
    minimum, maximum = activation_range(operator.options.get("activation", 0), target.quantization)
    return {
        "count": target.elements,
        "first": found.first,
        "second": found.second,
        "offset": found.offset,
        "activation_min": minimum,
        "activation_max": maximum,
    }
