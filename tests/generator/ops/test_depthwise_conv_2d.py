"""DEPTHWISE_CONV_2D against TensorFlow Lite Micro."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from common.errors import UserError
from generator.importer import parse_graph
from generator.lower import lower
from generator.plan import Plan, check_plan, lifetimes
from generator.program import Program
from models.flatbuffer import OperatorSpec, TensorSpec, build_model
from tests.generator.cases import run_on_host, run_oracle
from tests.generator.host_kernels import assert_equals_oracle, oracle_outputs, run_both
from tests.generator.ops.overlay import overlaid

SAME, VALID = 0, 1
LIMITS = {"int8": 127, "int16": 32767}


@dataclass(frozen=True)
class Case:
    input: tuple[int, int, int, int]
    filter: tuple[int, int]
    multiplier: int = 1
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: int = SAME
    activation: int = 0
    per_channel: bool = True
    with_bias: bool = True
    dtype: str = "int8"
    seed: int = 0

    def output_size(self, axis: int) -> int:
        size, reach = self.input[1 + axis], (self.filter[axis] - 1) * self.dilation[axis] + 1
        return -(-size // self.stride[axis]) if self.padding == SAME else (size - reach) // self.stride[axis] + 1

    @property
    def output(self) -> tuple[int, int, int, int]:
        return self.input[0], self.output_size(0), self.output_size(1), self.input[3] * self.multiplier

    def model(self, **changes: dict[str, Any]) -> bytes:
        rng = np.random.default_rng(self.seed)
        filters = self.output[3]
        int8 = self.dtype == "int8"
        input_scale = 0.05 if int8 else 0.0005
        scales = rng.uniform(0.001, 0.02, filters if self.per_channel else 1).tolist()
        zero_points = rng.integers(-128, 128, 2).tolist() if int8 else [0, 0]
        output_scale = float(rng.uniform(0.02, 0.2)) * (1 if int8 else 0.01)
        kernel = (1, *self.filter, filters)
        tensors = {
            "input": TensorSpec(self.input, self.dtype, [input_scale], zero_points[:1]),
            "weights": TensorSpec(kernel, "int8", scales, axis=3, data=rng.integers(-127, 128, kernel).astype(np.int8)),
            "bias": TensorSpec(
                (filters,),
                "int32" if int8 else "int64",
                [input_scale * scale for scale in scales],
                data=rng.integers(-3000, 3000, filters).astype(np.int32 if int8 else np.int64),
            ),
            "output": TensorSpec(self.output, self.dtype, [output_scale], zero_points[1:]),
        }
        for name, fields in changes.items():
            for key, value in fields.items():
                setattr(tensors[name], key, value)
        options = {
            "padding": self.padding,
            "stride_h": self.stride[0],
            "stride_w": self.stride[1],
            "dilation_h": self.dilation[0],
            "dilation_w": self.dilation[1],
            "depth_multiplier": self.multiplier,
        }
        operator = OperatorSpec(
            "DEPTHWISE_CONV_2D", [0, 1, 2] if self.with_bias else [0, 1], [3], self.activation, options
        )
        return build_model(list(tensors.values()), [operator], [0], [3])

    def inputs(self, count: int = 3) -> list[list[NDArray[Any]]]:
        rng, limit = np.random.default_rng(self.seed), LIMITS[self.dtype]
        chosen = [rng.integers(-limit - 1, limit + 1, self.input) for _ in range(count)]
        chosen += [np.full(self.input, -limit - 1), np.full(self.input, limit)]
        return [[values.astype(self.dtype)] for values in chosen]


@st.composite
def cases(draw: st.DrawFn, dtype: str = "int8", multipliers: st.SearchStrategy[int] = st.just(1)) -> Case:  # noqa: B008
    filters = draw(st.integers(1, 4)), draw(st.integers(1, 5))
    dilation = draw(st.sampled_from([(1, 1), (1, 1), (2, 1), (1, 3), (2, 2)]))
    padding = draw(st.sampled_from([SAME, VALID]))
    least = [(taps - 1) * step + 1 if padding == VALID else 1 for taps, step in zip(filters, dilation, strict=True)]
    height, width = (draw(st.integers(low, low + 6)) for low in least)
    return Case(
        input=(draw(st.sampled_from([1, 1, 2])), height, width, draw(st.integers(1, 9))),
        filter=filters,
        multiplier=draw(multipliers),
        stride=(draw(st.integers(1, 3)), draw(st.integers(1, 3))),
        dilation=dilation,
        padding=padding,
        activation=draw(st.sampled_from([0, 1, 2, 3])),
        per_channel=draw(st.booleans()),
        with_bias=draw(st.booleans()),
        dtype=dtype,
        seed=draw(st.integers(0, 2**32)),
    )


@st.composite
def small_cases(draw: st.DrawFn) -> Case:
    filters, stride = (draw(st.integers(1, 3)), draw(st.integers(1, 3))), draw(st.sampled_from([1, 2]))
    padding = draw(st.sampled_from([SAME, VALID]))
    height, width = (draw(st.integers(taps if padding == VALID else 1, 15)) for taps in filters)
    return Case(
        input=(draw(st.sampled_from([1, 1, 2])), height, width, draw(st.integers(1, 20))),
        filter=draw(st.sampled_from([filters, (3, 3)])) if min(height, width) >= 3 else filters,
        stride=(stride, stride),
        padding=padding,
        activation=draw(st.sampled_from([0, 1, 2, 3])),
        per_channel=draw(st.booleans()),
        with_bias=draw(st.booleans()),
        seed=draw(st.integers(0, 2**32)),
    )


@given(case=small_cases(), low=st.booleans())
def test_small_filters(case: Case, low: bool) -> None:
    model = case.model(output={"zero_points": [-128]}) if low else case.model()
    column = case.filter[1] == 1 and case.output[1:3] == (1, 1)
    assert column or lower(parse_graph(model, "m")).steps[0].kernel == "depthwise_conv_2d_s8_3x3"
    assert_equals_oracle(model, case.inputs())


@given(case=small_cases(), taps=st.integers(1, 9), dilation=st.integers(1, 2), more=st.integers(0, 4))
def test_columns(case: Case, taps: int, dilation: int, more: int) -> None:
    """Filters of one column; of several outputs, too. The one output of a step of a signal has its own rule."""
    batches, _, width, channels = case.input
    height = (taps - 1) * dilation + 1 + more
    shape = (batches, height, width if more else 1, channels + 1)
    column = replace(case, input=shape, filter=(taps, 1), dilation=(dilation, 1), padding=VALID)
    model = column.model()
    if column.output[1:3] == (1, 1):
        assert lower(parse_graph(model, "m")).steps[0].kernel == "depthwise_conv_2d_s8"
    assert_equals_oracle(model, column.inputs())


@given(case=cases())
def test_one_filter_per_channel(case: Case) -> None:
    assert_equals_oracle(case.model(), case.inputs())


@given(case=cases(multipliers=st.integers(2, 5)))
def test_several_filters_per_channel(case: Case) -> None:
    assert_equals_oracle(case.model(), case.inputs())


@given(case=cases(dtype="int16", multipliers=st.integers(1, 3)))
def test_int16(case: Case) -> None:
    assert_equals_oracle(case.model(), case.inputs())


@pytest.mark.parametrize("multiplier", [1, 3])
def test_float(multiplier: int) -> None:
    rng = np.random.default_rng(0)
    case = Case((1, 6, 5, 3), (3, 3), multiplier)
    weights = rng.normal(0, 1, (1, 3, 3, 3 * multiplier)).astype(np.float32)
    bias = rng.normal(0, 1, 3 * multiplier).astype(np.float32)
    plain: dict[str, Any] = {"dtype": "float32", "scales": [], "zero_points": []}
    model = case.model(input=plain, output=plain, weights={**plain, "data": weights}, bias={**plain, "data": bias})
    assert_equals_oracle(model, [[rng.normal(0, 1, case.input).astype(np.float32)]], rtol=1e-5)


BENCHMARKS = [
    Case((1, 25, 5, 64), (3, 3), activation=1),
    Case((1, 48, 48, 16), (3, 3), stride=(2, 2), activation=1),
    Case((1, 30, 1, 40), (3, 1), padding=VALID),
    Case((1, 6, 6, 57), (3, 3), activation=1),
]


@pytest.mark.parametrize("case", BENCHMARKS)
def test_layers_of_the_benchmarks(case: Case) -> None:
    assert_equals_oracle(case.model(), case.inputs())


def assert_right_if_planned(case: Case, place: Callable[[Program], Plan]) -> None:
    program = lower(parse_graph(case.model(), "m"))
    inputs = case.inputs(1)
    run_both(program, place(program), inputs, oracle_outputs(case.model(), inputs))


@given(case=cases() | small_cases())
def test_the_output_may_overlay_the_input(case: Case) -> None:
    assert_right_if_planned(case, overlaid)


def in_place(program: Program) -> Plan:
    (step,), (port,) = program.steps, program.inputs
    sizes = {buffer.name: -(-buffer.bytes // 4) * 4 for buffer in program.buffers}
    end = max(sizes[port.buffer], sizes[step.outputs[0]])
    offsets = {port.buffer: 0, step.outputs[0]: 0, step.scratch or "": end}
    memory = Plan(offsets, lifetimes(program), end + sizes[step.scratch or ""], 0)
    check_plan(program, memory)
    return memory


@given(case=small_cases())
def test_small_filters_work_in_place(case: Case) -> None:
    (step,) = lower(parse_graph(case.model(), "m")).steps
    if step.in_place:
        assert_right_if_planned(case, in_place)


@pytest.mark.parametrize(
    ("case", "band"),
    [
        (Case((1, 50, 48, 8), (3, 3), activation=1), 17),
        (Case((1, 49, 48, 5), (3, 3), stride=(2, 2)), 9),
        (Case((2, 50, 37, 5), (3, 2), padding=VALID), 24),
        (Case((1, 3, 700, 2), (3, 3)), 1),
        (Case((1, 7, 900, 2), (2, 3), stride=(2, 2)), 1),
    ],
)
def test_large_planes_in_bands(case: Case, band: int) -> None:
    (step,) = lower(parse_graph(case.model(), "m")).steps
    assert step.parameters["band"] == band
    assert step.in_place == {0}
    assert_equals_oracle(case.model(), case.inputs(1))
    assert_right_if_planned(case, in_place)


def test_constant_filters_and_extreme_scales() -> None:
    case = Case((1, 6, 7, 5), (3, 3), activation=1)
    weights = np.random.default_rng(0).integers(-128, 128, (1, 3, 3, 5)).astype(np.int8)
    weights[..., 1] = 0
    scales = [0.01, 0.01, 1e-9, 0.1, 1e-4]
    bias = {"scales": [0.05 * scale for scale in scales], "data": np.array([0, 5000, 99, -(2**20), 2**24], np.int32)}
    output = {"scales": [0.05], "zero_points": [-128]}
    model = case.model(weights={"data": weights, "scales": scales}, bias=bias, output=output)
    assert lower(parse_graph(model, "m")).steps[0].kernel == "depthwise_conv_2d_s8_3x3"
    assert_equals_oracle(model, case.inputs())


@pytest.mark.parametrize(
    ("case", "changes"),
    [
        (Case((1, 6, 6, 3), (4, 3)), {}),
        (Case((1, 6, 6, 3), (3, 3), dilation=(2, 1)), {}),
        (Case((1, 6, 6, 3), (3, 3), stride=(1, 2)), {}),
        (Case((1, 6, 6, 3), (3, 3), stride=(3, 3)), {}),
        (Case((1, 6, 6, 3), (3, 3)), {"output": {"scales": [1e-5]}}),
        (
            Case((1, 6, 6, 3), (3, 3)),
            {
                "weights": {"scales": [0.01]},
                "bias": {"scales": [0.0005], "data": np.full(3, 2**30 - 100, np.int32)},
                "output": {"scales": [0.0005 * 2**30 / 100.5], "zero_points": [0]},
            },
        ),
    ],
)
def test_what_is_left_to_the_general_kernel(case: Case, changes: dict[str, Any]) -> None:
    model = case.model(**changes)
    assert lower(parse_graph(model, "m")).steps[0].kernel == "depthwise_conv_2d_s8"
    assert_equals_oracle(model, case.inputs())


@pytest.mark.parametrize(
    "case", [Case((1, 5, 4, 6), (3, 3)), Case((2, 4, 5, 1), (2, 3), 3), Case((1, 7, 3, 5), (4, 1), padding=VALID)]
)
def test_the_generated_c(case: Case, tmp_path: Path) -> None:
    inputs = np.stack([values[0] for values in case.inputs(20)])
    np.testing.assert_array_equal(run_on_host(case.model(), inputs, "int8", tmp_path), run_oracle(case.model(), inputs))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"weights": {"shape": (2, 3, 3, 2), "data": np.zeros((2, 3, 3, 2), np.int8)}}, "supported is .1, height"),
        ({"weights": {"shape": (1, 3, 3, 3), "data": np.zeros((1, 3, 3, 3), np.int8)}}, "does not fit weights"),
        ({"weights": {"axis": 0}}, "another axis"),
        ({"weights": {"data": None}}, "weights are not a constant"),
        ({"output": {"shape": (1, 4, 4, 5)}}, "does not fit"),
        ({"input": {"dtype": "float32", "scales": []}}, "output is int8 for an input of float32"),
    ],
)
def test_refusals(changes: dict[str, dict[str, Any]], words: str) -> None:
    with pytest.raises(UserError, match=words):
        lower(parse_graph(Case((1, 4, 4, 4), (3, 3)).model(**changes), "m"))
