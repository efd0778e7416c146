"""TRANSPOSE_CONV equals TensorFlow Lite Micro's reference kernels bit for bit, or is refused with a reason."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from generator.graph import Graph, Operator, Quantization
from generator.importer import parse_graph
from generator.lower import lower
from generator.ops import transpose_conv
from generator.ops.window import SAME, VALID
from generator.passes import optimise
from generator.program import Step
from models.flatbuffer import OperatorSpec, TensorSpec, build_model
from tests.generator.cases import run_on_host, run_oracle
from tests.generator.host_kernels import assert_equals_oracle, oracle_outputs, run_both
from tests.generator.ops import test_conv_2d as conv_2d
from tests.generator.ops.overlay import overlaid

TENSORS = ("shape", "weights", "input", "bias", "output")


@dataclass
class Case(conv_2d.Case):
    """``more``: output rows and columns beyond those of the operator in TensorFlow; negative: cut off.

    ``written``: the contents of input 0; None for the output's shape.
    """

    more: tuple[int, int] = (0, 0)
    written: tuple[int, ...] | None = None

    @property
    def options(self) -> dict[str, Any]:
        return {"padding": self.padding, "stride_h": self.stride[0], "stride_w": self.stride[1]}

    def output_shape(self) -> tuple[int, int, int, int]:
        height, width = (
            (size * stride if self.padding == SAME else (size - 1) * stride + taps) + more
            for size, stride, taps, more in zip(
                (self.height, self.width), self.stride, (self.filter_h, self.filter_w), self.more, strict=True
            )
        )
        if self.padding == SAME:
            return self.batches, max(height, 1), max(width, 1), self.filters
        return self.batches, max(height, self.filter_h), max(width, self.filter_w), self.filters

    def tensors(self) -> dict[str, TensorSpec]:
        named = super().tensors()
        shape = TensorSpec((4,), "int32", data=np.array(self.written or named["output"].shape, np.int32))
        return {name: tensor for name in TENSORS if (tensor := {"shape": shape, **named}.get(name)) is not None}

    def model(self, inputs: list[int] | None = None, after: str | None = None) -> bytes:
        """``inputs`` replace the operator's; ``after``: an operator behind it, with the same quantisation."""
        named = self.tensors()
        tensors = list(named.values())
        last = len(tensors) - 1
        operators = [OperatorSpec("TRANSPOSE_CONV", inputs or list(range(last)), [last], self.activation, self.options)]
        if after is not None:
            tensors.append(replace(named["output"]))
            operators.append(OperatorSpec(after, [last], [last + 1]))
        return build_model(tensors, operators, [2], [len(tensors) - 1])


BIASES = {"int8": ["int32", None], "int16": ["int64", "int16", None], "float32": ["float32", None]}


@st.composite
def cases(draw: st.DrawFn, dtype: str) -> Case:
    taps, strides, more = st.integers(1, 5), st.integers(1, 4), st.sampled_from([0, 0, 0, 1, 2, -1, -2, -7, 9])
    return Case(
        dtype=dtype,
        batches=draw(st.integers(1, 2)),
        height=draw(st.integers(1, 6)),
        width=draw(st.integers(1, 6)),
        group_channels=draw(st.integers(1, 9)),
        group_filters=draw(st.integers(1, 7)),
        filter_h=draw(taps),
        filter_w=draw(taps),
        stride=(draw(strides), draw(strides)),
        padding=draw(st.sampled_from([SAME, VALID])),
        activation=draw(st.integers(0, 3)),
        per_channel=draw(st.booleans()),
        bias=draw(st.sampled_from(BIASES[dtype])),
        gain=draw(st.sampled_from([0.1, 1.0, 1.0, 3.0, 1000.0])),
        zero_points=(draw(st.integers(-128, 127)), draw(st.integers(-128, 127))),
        seed=draw(st.integers(0, 2**16)),
        more=(draw(more), draw(more)),
    )


@settings(max_examples=200)
@given(cases("int8"))
def test_int8(case: Case) -> None:
    assert_equals_oracle(case.model(), case.inputs(5))


@settings(max_examples=100)
@given(cases("int16"))
def test_int16(case: Case) -> None:
    assert_equals_oracle(case.model(), case.inputs(5))


@settings(max_examples=100)
@given(cases("float32"))
def test_float32(case: Case) -> None:
    assert_equals_oracle(case.model(), case.inputs(2))


@pytest.mark.slow
@settings(max_examples=3000)
@given(st.sampled_from(["int8", "int8", "int16", "float32"]).flatmap(cases))
def test_many(case: Case) -> None:
    assert_equals_oracle(case.model(), case.inputs())


def step_of(case: Case) -> Step:
    (step,) = lower(parse_graph(case.model(), "model")).steps
    return step


@settings(max_examples=120)
@given(st.sampled_from(["int8", "int16", "float32"]).flatmap(cases))
def test_output_over_the_input(case: Case) -> None:
    """At the distance that `Lowered.lead` allows."""
    model, inputs = case.model(), case.inputs()
    program = lower(parse_graph(model, "model"))
    if program.steps[0].lead:
        run_both(program, overlaid(program), inputs, oracle_outputs(model, inputs))


def test_kernels() -> None:
    """int8 with a stride of 1 is a convolution like any other."""
    assert step_of(Case()).kernel.startswith("conv_2d_s8")
    assert step_of(Case(stride=(1, 2))).kernel == "transpose_conv_s8"
    assert not step_of(Case(stride=(1, 2))).lead
    assert step_of(Case(stride=(2, 2), dtype="int16", bias=None)).kernel == "conv_2d_s16"


@pytest.mark.parametrize("weight", [1e-12, 1e-9, 3e-8, 2e-7])
@pytest.mark.parametrize("stride", [(1, 1), (2, 2), (3, 1)])
def test_filters_out_of_proportion(weight: float, stride: tuple[int, int]) -> None:
    """Scales as of dead channels: multiplier 0, right shifts of up to 31, biases up to the limits."""
    case = Case(
        stride=stride,
        group_filters=6,
        changes={
            "weights": {"scales": [weight, weight, 0.01, weight * 8, 0.01, weight / 16]},
            "bias": {"data": np.array([2**30, -(2**30), 300, -(2**29), 2**20, 2**30 + 12345], np.int32)},
        },
    )
    assert_equals_oracle(case.model(), case.inputs())


@pytest.mark.parametrize("dtype", BIASES)
@pytest.mark.parametrize("padding", [SAME, VALID])
@pytest.mark.parametrize("stride", [(1000, 1), (2, 10**8)])
def test_strides_beyond_the_output(dtype: str, padding: int, stride: tuple[int, int]) -> None:
    for bias in BIASES[dtype]:
        case = Case(dtype=dtype, bias=bias, filter_h=4, changes={"output": {"shape": (1, 5, 6, 4)}})
        case = replace(case, stride=stride, padding=padding)
        assert_equals_oracle(case.model(), case.inputs())


@pytest.mark.parametrize("bias", [[0], []], ids=["absent", "not listed"])
@pytest.mark.parametrize("dtype", ["int8", "int16", "float32"])
def test_absent_bias_and_shape(dtype: str, bias: list[int]) -> None:
    case = Case(dtype=dtype, bias=None, stride=(2, 2))
    assert_equals_oracle(case.model([0, 1, 2] + [-1 for _ in bias]), case.inputs())


def test_the_shape_tensor_is_not_read() -> None:
    case = Case(stride=(2, 2), written=(1, 2, 3, 4))
    assert_equals_oracle(case.model(), case.inputs())


@pytest.mark.parametrize("dtype", ["int8", "float32"])
@pytest.mark.parametrize("after", ["RELU", "RELU6"])
def test_activation_becomes_part_of_it(dtype: str, after: str) -> None:
    case = Case(dtype=dtype, bias=None, stride=(2, 2))
    model = case.model(after=after)
    fused = optimise(parse_graph(model, "model")).graph
    assert [operator.name for operator in fused.operators] == ["TRANSPOSE_CONV"]
    assert_equals_oracle(model, case.inputs(), graph=fused)


@pytest.mark.parametrize(
    "case",
    [
        Case(group_channels=3, group_filters=5, stride=(2, 2)),
        Case(batches=2, group_channels=1, group_filters=1, stride=(3, 2), padding=VALID, more=(1, 2)),
        Case(group_channels=3, group_filters=3, filter_h=1, filter_w=2, stride=(2, 3), more=(-1, 0)),
        Case(height=1, width=1, group_channels=2, filter_h=1, filter_w=1, stride=(4, 4), more=(-3, 5)),
        Case(group_channels=5, group_filters=2),
        Case(dtype="int16", bias="int16", group_channels=3, stride=(2, 2)),
        Case(dtype="float32", bias="float32", group_channels=3, stride=(3, 1), more=(-2, 2)),
    ],
    ids=["int8", "one channel", "holes", "small output", "stride 1", "int16", "float32"],
)
def test_rendered(tmp_path: Path, case: Case) -> None:
    """The whole generated program, where the address sanitizer sees every read."""
    inputs = np.stack([values for (values,) in case.inputs(8)])
    np.testing.assert_array_equal(
        run_on_host(case.model(), inputs, case.dtype, tmp_path), run_oracle(case.model(), inputs)
    )


def refusal(case: Case, **options: int) -> str:
    graph = parse_graph(case.model(), "model")
    operator = replace(graph.operators[0], options=graph.operators[0].options | options)
    return transpose_conv.reject(graph, operator) or ""


def changed(case: Case, name: str, **fields: Any) -> tuple[Graph, Operator]:
    """What the importer would not let through."""
    graph = parse_graph(case.model(), "model")
    tensors = list(graph.tensors)
    tensors[TENSORS.index(name)] = replace(tensors[TENSORS.index(name)], **fields)
    return replace(graph, tensors=tuple(tensors)), graph.operators[0]


WIDE_BIAS = np.full(4, 1 - 2**47, np.int64)


@pytest.mark.parametrize(
    ("case", "words"),
    [
        (Case(changes={"input": {"dtype": "uint8"}}), "input is uint8"),
        (Case(changes={"output": {"dtype": "int16"}}), "output is int16 for an input of int8"),
        (Case(weights="int4"), "weights are int4, supported is int8"),
        (Case(changes={"weights": {"dtype": "uint8"}}), "weights are uint8"),
        (
            Case(dtype="float32", bias=None, changes={"weights": {"dtype": "int8", "data": np.zeros(144, np.int8)}}),
            "hybrid models are not supported",
        ),
        (Case(changes={"input": {"scales": [], "zero_points": []}}), "input has no quantisation"),
        (Case(changes={"weights": {"scales": []}}), "weights have no quantisation"),
        (Case(per_channel=False, changes={"weights": {"zero_points": [3]}}), "weights have a zero point other than 0"),
        (Case(dtype="int16", bias="int64", changes={"output": {"zero_points": [1]}}), "int16 with the zero point 1"),
        # The reference reads an int32 bias as int64, half of it beyond its end.
        (Case(dtype="int16", bias="int32"), "bias is int32 for an input of int16, supported is a constant"),
        (Case(bias="int64"), "bias is not a constant int32 tensor"),
        (Case(changes={"input": {"shape": (5, 5, 4)}}), "input has the shape [5, 5, 4]"),
        (Case(changes={"output": {"shape": (2, 5, 5, 4)}}), "supported is [1, 5, 5, 4]"),
        (Case(changes={"output": {"shape": (1, 5, 5, 3)}}), "supported is [1, 5, 5, 4]"),
        (Case(changes={"input": {"shape": (1, 5, 5, 8)}}), "are not for an input of 8 channels"),
        (
            Case(padding=VALID, changes={"output": {"shape": (1, 2, 5, 4)}}),
            "its filter reaches over 3 elements along an axis of 2",
        ),
        (Case(changes={"bias": {"data": np.full(4, 2**31 - 1, np.int32)}}), "can overflow 32 bits"),
        (Case(dtype="int16", bias="int64", changes={"bias": {"data": WIDE_BIAS}}), "can overflow 48 bits"),
        (Case(changes={"output": {"scales": [1e-14]}}), "too large"),
        (Case(activation=4), "fused activation TANH"),
    ],
)
def test_refusals(case: Case, words: str) -> None:
    assert words in refusal(case)


INT16 = Case(dtype="int16", bias="int16")


@pytest.mark.parametrize(
    ("case", "name", "fields", "words"),
    [
        (Case(), "weights", {"data": None}, "weights are not a constant"),
        (Case(), "input", {"data": np.zeros((1, 5, 5, 4), np.int8)}, "its input is a constant"),
        (Case(), "bias", {"data": None}, "bias is not a constant int32 tensor"),
        (INT16, "bias", {"data": None}, "supported is a constant of int16 or int64"),
        (Case(), "bias", {"shape": (3,), "data": np.zeros(3, np.int32)}, "bias has 3 values for 4 filters"),
        (Case(), "output", {"shape": (1, 5, 0, 4)}, "output has the shape [1, 5, 0, 4]"),
        (
            Case(),
            "weights",
            {"quantization": Quantization(np.ones(4, np.float32), np.zeros(4, np.int64), 3)},
            "another axis than the filters",
        ),
    ],
)
def test_refused_tensors(case: Case, name: str, fields: dict[str, Any], words: str) -> None:
    assert words in (transpose_conv.reject(*changed(case, name, **fields)) or "")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"stride_h": 0}, "stride_h is 0"),
        ({"stride_w": -1}, "stride_w is -1"),
        ({"stride_h": 2**30}, "its stride 1073741824 or"),
        ({"padding": 2}, "padding 2"),
    ],
)
def test_refused_options(options: dict[str, int], words: str) -> None:
    assert words in refusal(Case(), **options)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [([0, -1, 2, 3], "input or weights are missing"), ([0, 1, 2, 3, 3], "it has 5 inputs, supported are 3 or 4")],
)
def test_refused_inputs(inputs: list[int], words: str) -> None:
    with pytest.raises(UserError, match=words):
        lower(parse_graph(Case().model(inputs), "model"))
