"""ADD and SUB in the convolution before them: bit for bit as TensorFlow Lite Micro, and only where nothing is lost."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from generator.compile import compile_model
from generator.importer import parse_graph
from generator.lower import lower
from generator.ops import winograd
from generator.ops.window import SAME, VALID
from models.flatbuffer import OperatorSpec, TensorSpec, build_model
from tests.generator.host_kernels import assert_equals_oracle
from tests.generator.ops.test_conv_2d import Case
from tests.reference import reference_data

FUSED = ("CONV_2D + ADD", "CONV_2D + SUB")
UNIT = {"stride_h": 1, "stride_w": 1, "dilation_h": 1, "dilation_w": 1, "padding": SAME}
BLOCK = Case(height=9, width=6, group_channels=8, group_filters=8)


@dataclass
class Block:
    """A convolution of the model's first input, the second one requantised, and their sum; further operators may
    follow. ``raw``, ``other``, ``result`` and ``total`` are the tensors of the second input, of what it becomes, of the
    convolution's output and of the sum."""

    case: Case
    name: str = "ADD"
    swapped: bool = False
    activation: int = 0
    scales: tuple[float, float] = (0.8, 1.3)  # of the other operand and of the sum, in those of the convolution's
    zero_points: tuple[int, int] = (-7, 20)

    def __post_init__(self) -> None:
        tensors = self.case.tensors()
        self.tensors = list(tensors.values())
        self.result = len(tensors) - 1
        first = OperatorSpec(
            "CONV_2D", list(range(self.result)), [self.result], self.case.activation, self.case.options
        )
        scale = tensors["output"].scales[0]
        self.raw = self.tensor(scale * 0.9, 11)
        self.other = self.tensor(scale * self.scales[0], self.zero_points[0])
        self.total = self.tensor(scale * self.scales[1], self.zero_points[1])
        self.operators = [OperatorSpec("QUANTIZE", [self.raw], [self.other]), first]
        self.sum = self.add(self.result, self.other)
        self.inputs, self.outputs = [0, self.raw], [self.total]

    def tensor(self, scale: float, zero_point: int) -> int:
        """Another one of the convolution's output's shape."""
        shape = self.case.output_shape()
        self.tensors.append(TensorSpec(shape, scales=[scale], zero_points=[zero_point]))
        return len(self.tensors) - 1

    def add(self, *operands: int) -> OperatorSpec:
        """The sum, behind the other operators."""
        ordered = list(operands)[::-1] if self.swapped else list(operands)
        self.operators.append(OperatorSpec(self.name, ordered, [self.total], self.activation))
        return self.operators[-1]

    def requantised(self, source: int, place: int | None = None) -> int:
        """A tensor that another operator, the last one or at ``place``, makes of ``source``."""
        target = self.tensor(self.tensors[source].scales[0] * 1.1, 5)
        operator = OperatorSpec("QUANTIZE", [source], [target])
        self.operators.insert(len(self.operators) if place is None else place, operator)
        return target

    def model(self) -> bytes:
        return build_model(self.tensors, self.operators, self.inputs, self.outputs)

    def values(self, count: int = 4) -> list[list[NDArray[Any]]]:
        rng = np.random.default_rng(self.case.seed)
        rows = self.case.inputs(count)
        others = [rng.integers(-128, 128, self.case.output_shape()).astype(np.int8) for _ in rows]
        return [[*row, other] for row, other in zip(rows, others, strict=True)]

    def check(self) -> list[str]:
        """Compare outputs; the names of the steps."""
        with patch.object(winograd, "_pays", return_value=True):
            assert_equals_oracle(self.model(), self.values())
            return [step.operator_name for step in lower(parse_graph(self.model(), "model")).steps]


@st.composite
def blocks(draw: st.DrawFn) -> Block:
    padding = draw(st.sampled_from([SAME, VALID]))
    sides = st.integers(1 if padding == SAME else 3, 13)
    relu = draw(st.booleans())
    case = Case(
        batches=draw(st.sampled_from([1, 1, 2])),
        height=draw(sides),
        width=draw(sides),
        group_channels=draw(st.integers(8, 20)),
        group_filters=2 * draw(st.integers(1, 9)),
        padding=padding,
        activation=int(relu),
        per_channel=draw(st.booleans()),
        gain=draw(st.sampled_from([0.1, 1.0, 3.0])),
        zero_points=(draw(st.sampled_from([-128, 3, 127])), -128 if relu else draw(st.integers(-128, 127))),
        seed=draw(st.integers(0, 2**16)),
    )
    return Block(
        case,
        name=draw(st.sampled_from(["ADD", "ADD", "SUB"])),
        swapped=draw(st.booleans()),
        activation=draw(st.integers(0, 3)),
        scales=(10 ** draw(st.floats(-1, 1)), 10 ** draw(st.floats(-0.3, 0.7))),
        zero_points=(draw(st.integers(-128, 127)), draw(st.integers(-128, 127))),
    )


@settings(max_examples=60)
@given(blocks())
def test_equals_the_oracle(block: Block) -> None:
    """Scales for which a sum is no linear function are left alone."""
    assert sorted(block.check()) in (
        ["CONV_2D + " + block.name, "QUANTIZE"],
        sorted(["QUANTIZE", "CONV_2D", block.name]),
    )


def test_most_sums_are_fused() -> None:
    rng, found = np.random.default_rng(0), 0
    for seed in range(10):
        scales = 10 ** rng.uniform(-0.5, 0.5), 10 ** rng.uniform(0, 0.5)
        block = Block(replace(BLOCK, seed=seed), swapped=bool(seed % 2), scales=scales)
        found += block.check() == ["QUANTIZE", "CONV_2D + ADD"]
    assert found > 7


def test_sums_take_the_place_of_their_operand() -> None:
    block = Block(BLOCK)
    with patch.object(winograd, "_pays", return_value=True):
        program = compile_model(block.model(), "model").program
    _, step = program.steps
    assert (step.operator, step.inputs, step.outputs) == (1, ("t0",), (f"t{block.other}",))
    assert program.outputs[0].buffer == f"t{block.other}"
    assert f"t{block.total}" not in {buffer.name for buffer in program.buffers}


def is_output(block: Block) -> None:
    block.outputs.append(block.result)


def is_read_again(block: Block) -> None:
    block.outputs.append(block.requantised(block.result))


def other_is_an_input(block: Block) -> None:
    block.sum.inputs[:] = [block.result, block.raw]


def other_is_an_output(block: Block) -> None:
    block.outputs.append(block.other)


def other_is_read_later(block: Block) -> None:
    block.outputs.append(block.requantised(block.other))


def other_has_a_second_name(block: Block) -> None:
    block.tensors.append(replace(block.tensors[block.other], shape=(int(np.prod(BLOCK.output_shape())),)))
    flat = len(block.tensors) - 1
    block.operators.append(OperatorSpec("RESHAPE", [block.other], [flat]))
    block.outputs.append(flat)


def other_is_the_convolution_s_input(block: Block) -> None:
    block.operators[1].inputs[0] = block.other
    block.inputs.remove(0)


def is_doubled(block: Block) -> None:
    block.sum.inputs[:] = [block.result, block.result]
    block.outputs.append(block.other)


@pytest.mark.parametrize(
    "change",
    [
        *(is_output, is_read_again, is_doubled, other_is_an_input, other_is_an_output, other_is_read_later),
        other_has_a_second_name,
    ],
    ids=lambda change: change.__name__.replace("_", " "),
)
def test_left_alone(change: Callable[[Block], None]) -> None:
    block = Block(BLOCK)
    assert set(block.check()) & set(FUSED)
    change(block)
    assert not set(block.check()) & set(FUSED)


@pytest.mark.parametrize(
    "changes",
    [{"group_filters": 9}, {"activation": 1}, {"stride": (2, 2)}],
    ids=["odd number of filters", "clamped before the sum", "stride 2"],
)
def test_layers_left_alone(changes: dict[str, Any]) -> None:
    block = Block(replace(BLOCK, **changes))
    assert block.check() == ["QUANTIZE", "CONV_2D", "ADD"]


def test_convolution_of_its_own_operand_is_left_alone() -> None:
    block = Block(BLOCK)
    other_is_the_convolution_s_input(block)
    values = [row[1:] for row in block.values()]
    with patch.object(winograd, "_pays", return_value=True):
        assert_equals_oracle(block.model(), values)
        names = [step.operator_name for step in lower(parse_graph(block.model(), "model")).steps]
    assert names == ["QUANTIZE", "CONV_2D", "ADD"]


def test_operand_that_is_read_before() -> None:
    block = Block(BLOCK)
    block.outputs.append(block.requantised(block.other, place=2))
    assert block.check() == ["QUANTIZE", "QUANTIZE", "CONV_2D + ADD"]


def test_convolution_whose_input_is_overwritten_stays() -> None:
    """The first sum takes the place of what another convolution reads, which must not move behind it."""
    block = Block(BLOCK)
    _, weights, bias = block.operators[1].inputs
    scale = block.tensors[block.result].scales[0]
    branch, last = block.tensor(scale, 3), block.tensor(scale * 2, 0)
    block.operators.insert(1, OperatorSpec("CONV_2D", [block.other, weights, bias], [branch], 0, BLOCK.options))
    block.operators.append(OperatorSpec("ADD", [branch, block.total], [last]))
    block.outputs = [last]
    assert block.check() == ["QUANTIZE", "CONV_2D", "CONV_2D + ADD", "ADD"]


def test_shortcut_computed_after_the_convolution() -> None:
    """The convolution moves behind the operator that computes the other operand."""
    block = Block(BLOCK)
    block.operators[:2] = reversed(block.operators[:2])
    assert block.check() == ["QUANTIZE", "CONV_2D + ADD"]


@pytest.mark.reference
def test_reference_model() -> None:
    """All sums of ic are fused; the tensor arena is smaller than that of two steps would be, 40,592 bytes."""
    content = (reference_data() / "models" / "pretrainedResnet_quant.tflite").read_bytes()
    compiled = compile_model(content, "ic")
    names = [(step.operator, step.operator_name) for step in compiled.program.steps]
    assert [name for name in names if "ADD" in name[1]] == [(index, "CONV_2D + ADD") for index in (2, 5, 9)]
    assert compiled.memory.arena_bytes <= 38_528
