"""CONV_2D equals TensorFlow Lite Micro's reference kernels bit for bit, or is refused with a reason."""

import shutil
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from common.errors import UserError
from common.paths import FIRMWARE
from generator.graph import Graph, Operator, Tensor
from generator.importer import parse_graph
from generator.lower import lower
from generator.ops.window import SAME, VALID, window_of
from models.flatbuffer import OperatorSpec, TensorSpec, build_model
from tests.generator.cases import run_on_host, run_oracle
from tests.generator.host_kernels import assert_equals_oracle, oracle_outputs, run_both
from tests.generator.ops.overlay import overlaid
from tests.reference import reference_data

LIMITS = {"int8": (-128, 127), "int16": (-32768, 32767)}


@dataclass
class Case:
    """One layer; ``weights``, ``bias`` and the scales follow from ``seed`` unless ``changes`` replace fields."""

    dtype: str = "int8"
    batches: int = 1
    height: int = 5
    width: int = 5
    group_channels: int = 4
    groups: int = 1
    group_filters: int = 4
    filter_h: int = 3
    filter_w: int = 3
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: int = SAME
    activation: int = 0
    per_channel: bool = True
    bias: str | None = "int32"
    gain: float = 1.0  # about how many output ranges the accumulators span
    zero_points: tuple[int, int] = (3, -5)
    weights: str = "int8"
    seed: int = 0
    changes: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def channels(self) -> int:
        return self.groups * self.group_channels

    @property
    def filters(self) -> int:
        return self.groups * self.group_filters

    @property
    def options(self) -> dict[str, Any]:
        return {
            "padding": self.padding,
            "stride_h": self.stride[0],
            "stride_w": self.stride[1],
            "dilation_h": self.dilation[0],
            "dilation_w": self.dilation[1],
        }

    def output_shape(self) -> tuple[int, int, int, int]:
        operator = OperatorSpec("CONV_2D", [], [], options=self.options)
        window = window_of(operator, self.height, self.width, self.filter_h, self.filter_w)  # type: ignore[arg-type]
        return self.batches, window.output_h, window.output_w, self.filters

    def tensors(self) -> dict[str, TensorSpec]:
        rng = np.random.default_rng(self.seed)
        shape = (self.filters, self.filter_h, self.filter_w, self.group_channels)
        source = TensorSpec((self.batches, self.height, self.width, self.channels), self.dtype)
        output = TensorSpec(self.output_shape(), self.dtype)
        if self.dtype == "float32":
            tensors = {
                "input": source,
                "weights": TensorSpec(shape, "float32", data=rng.normal(0, 1, shape).astype(np.float32)),
                "bias": TensorSpec(shape[:1], "float32", data=rng.normal(0, 1, shape[0]).astype(np.float32)),
                "output": output,
            }
        else:
            tensors = self._quantized(rng, shape, source, output)
        if self.bias is None:
            del tensors["bias"]
        for name, fields in self.changes.items():
            for key, value in fields.items():
                setattr(tensors[name], key, value)
        return tensors

    def _quantized(
        self, rng: np.random.Generator, shape: tuple[int, ...], source: TensorSpec, output: TensorSpec
    ) -> dict[str, TensorSpec]:
        high = LIMITS[self.dtype][1]
        weight_scales = rng.uniform(0.001, 0.01, self.filters if self.per_channel else 1)
        depth = int(np.prod(shape[1:]))
        spread = 73.0 * (high / np.sqrt(3)) * np.sqrt(depth) * 0.0055  # of accumulators x weight scale
        source.scales, output.scales = [0.05], [float(0.05 * spread / high / self.gain)]
        source.zero_points, output.zero_points = [self.zero_points[0]], [self.zero_points[1]]
        if self.dtype == "int16":
            source.zero_points = output.zero_points = [0]
        if self.weights == "int4":
            values = rng.integers(0, 256, (int(np.prod(shape)) + 1) // 2).astype(np.uint8)
        else:
            values = rng.integers(-127, 128, shape).astype(np.int8)
        reach = int(high * np.sqrt(depth) * 20)
        return {
            "input": source,
            "weights": TensorSpec(shape, self.weights, scales=weight_scales.tolist(), data=values),
            "bias": TensorSpec(
                shape[:1],
                self.bias or "int32",
                scales=(0.05 * weight_scales).tolist(),
                data=rng.integers(-reach, reach, shape[0]).astype(self.bias or "int32"),
            ),
            "output": output,
        }

    def model(self) -> bytes:
        tensors = list(self.tensors().values())
        last = len(tensors) - 1
        operator = OperatorSpec("CONV_2D", list(range(last)), [last], self.activation, self.options)
        return build_model(tensors, [operator], [0], [last])

    def inputs(self, count: int = 4) -> list[list[NDArray[Any]]]:
        """The extremes, both in turn, and random ones."""
        shape = (self.batches, self.height, self.width, self.channels)
        rng = np.random.default_rng(self.seed + 1)
        if self.dtype == "float32":
            return [[rng.normal(0, 2, shape).astype(np.float32)] for _ in range(count)]
        low, high = LIMITS[self.dtype]
        alternating = np.where(np.arange(np.prod(shape)) % 2, low, high).reshape(shape)
        fixed = [np.full(shape, low), np.full(shape, high), alternating]
        random = [rng.integers(low, high + 1, shape) for _ in range(max(count - 3, 1))]
        return [[values.astype(self.dtype)] for values in (fixed + random)[:count]]


@st.composite
def cases(draw: st.DrawFn, dtype: str) -> Case:
    small, strides = st.integers(1, 4), st.integers(1, 3)
    case = Case(
        dtype=dtype,
        batches=draw(st.integers(1, 2)),
        height=draw(st.integers(1, 8)),
        width=draw(st.integers(1, 8)),
        groups=draw(st.sampled_from([1, 1, 1, 2, 3])),
        group_channels=draw(st.integers(1, 9)),
        group_filters=draw(st.integers(1, 9)),
        filter_h=draw(small),
        filter_w=draw(small),
        stride=(draw(strides), draw(strides)),
        dilation=(draw(st.integers(1, 2)), draw(st.integers(1, 2))),
        padding=draw(st.sampled_from([SAME, VALID])),
        activation=draw(st.integers(0, 3)),
        per_channel=draw(st.booleans()),
        bias=draw(
            st.sampled_from({"int8": ["int32", None], "int16": ["int64", "int32", None]}.get(dtype, ["float32", None]))
        ),
        gain=draw(st.sampled_from([0.1, 1.0, 1.0, 3.0, 1000.0])),
        zero_points=(draw(st.integers(-128, 127)), draw(st.integers(-128, 127))),
        weights=draw(st.sampled_from(["int8", "int8", "int4"])) if dtype == "int8" else "int8",
        seed=draw(st.integers(0, 2**16)),
    )
    if case.padding == VALID:
        reach_h, reach_w = (case.filter_h - 1) * case.dilation[0] + 1, (case.filter_w - 1) * case.dilation[1] + 1
        case = replace(case, height=max(case.height, reach_h), width=max(case.width, reach_w))
    return case


@settings(max_examples=150)
@given(cases("int8"))
def test_int8(case: Case) -> None:
    assert_equals_oracle(case.model(), case.inputs())


@settings(max_examples=80)
@given(cases("int16"))
def test_int16(case: Case) -> None:
    assert_equals_oracle(case.model(), case.inputs())


@settings(max_examples=60)
@given(cases("float32"))
def test_float32(case: Case) -> None:
    assert_equals_oracle(case.model(), case.inputs(2))


@pytest.mark.slow
@settings(max_examples=3000)
@given(st.sampled_from(["int8", "int8", "int16", "float32"]).flatmap(cases))
def test_many(case: Case) -> None:
    assert_equals_oracle(case.model(), case.inputs())


@settings(max_examples=120)
@given(st.sampled_from(["int8", "int8", "int16", "float32"]).flatmap(cases))
def test_output_over_the_input(case: Case) -> None:
    """At the distance that `Lowered.lead` allows."""
    model, inputs = case.model(), case.inputs()
    program = lower(parse_graph(model, "model"))
    run_both(program, overlaid(program), inputs, oracle_outputs(model, inputs))


@pytest.mark.parametrize(
    ("changes", "tails", "outside"),
    [
        ({"group_channels": 3, "stride": (2, 2)}, 1, (0, 9)),
        ({"group_channels": 3, "stride": (2, 2), "width": 39}, 1, (9, 9)),
        ({"group_channels": 3}, 1, (9, 9)),
        ({"group_channels": 3, "padding": VALID, "width": 39}, 1, None),
        ({"group_channels": 6}, 2, None),
        ({"group_channels": 2}, 2, (6, 6)),
        ({"group_channels": 1, "stride": (2, 1)}, 0, (3, 3)),
        ({"group_channels": 5}, 0, (15, 15)),
        ({"group_channels": 1, "filter_h": 5, "filter_w": 5, "stride": (2, 2)}, 1, (5, 10)),
        ({"group_channels": 3, "filter_h": 5, "filter_w": 5, "dilation": (2, 1)}, 3, None),
        ({"group_channels": 1, "filter_h": 10, "filter_w": 4, "stride": (2, 2)}, 0, (10, 10)),
        ({"group_channels": 4, "filter_h": 2, "filter_w": 3}, 0, (8, 8)),
        ({"group_channels": 3, "filter_h": 1, "filter_w": 1, "stride": (1, 2)}, 0, None),
        ({"group_channels": 8, "dilation": (1, 2)}, 0, None),
    ],
)
def test_windows(changes: dict[str, Any], tails: int, outside: tuple[int, int] | None) -> None:
    """Of all kinds of rows, over the sides of an input without a padded copy."""
    case = replace(Case(height=14, width=40, batches=2), **changes)
    parameters = lower(parse_graph(case.model(), "model")).steps[0].parameters
    sides = (parameters["outside_left"], parameters["outside_right"]) if "outside" in parameters else None
    assert (parameters["tails"], sides) == (tails, outside)
    assert_equals_oracle(case.model(), case.inputs())


LARGE = Case(height=9, width=11, group_channels=8, group_filters=8)  # more pixels than are expanded at a time


@pytest.mark.parametrize(
    ("changes", "lead"),
    [
        ({"filter_h": 1, "filter_w": 1}, 0),
        ({"filter_h": 1, "filter_w": 1, "group_filters": 4}, 0),
        ({"filter_h": 1, "filter_w": 1, "group_filters": 16}, 64 * 8),  # after 64 of the 99 pixels, 16 - 8 each
        ({"padding": VALID}, 0),
        ({}, 96),  # after 64 pixels, the window of the next begins at pixel 52
        ({"stride": (2, 2)}, 0),
        ({"dtype": "int16", "bias": None, "filter_h": 1, "filter_w": 1}, 2 * 7),  # all of a pixel but the last channel
    ],
    ids=["1x1", "1x1 narrower", "1x1 wider", "no padding", "padding", "strides", "int16"],
)
def test_lead(changes: dict[str, Any], lead: int) -> None:
    case = replace(LARGE, **changes)
    model, inputs = case.model(), case.inputs()
    program = lower(parse_graph(model, "model"))
    assert program.steps[0].lead == {0: lead}
    run_both(program, overlaid(program), inputs, oracle_outputs(model, inputs))


@settings(max_examples=60)
@given(
    st.sampled_from(["int8", "int16", "float32"]).flatmap(cases),
    st.tuples(*[st.integers(0, 4)] * 4),
)
def test_merged_padding(case: Case, pads: tuple[int, int, int, int]) -> None:
    """The option ``pads`` of a merged PAD operator, against that operator before a convolution."""
    top, left, bottom, right = pads
    reach_h, reach_w = (case.filter_h - 1) * case.dilation[0] + 1, (case.filter_w - 1) * case.dilation[1] + 1
    padded = replace(
        case,
        padding=VALID,
        height=max(case.height + top + bottom, reach_h),
        width=max(case.width + left + right, reach_w),
    )
    inner = replace(padded, height=padded.height - top - bottom, width=padded.width - left - right)
    if min(inner.height, inner.width) < 1:
        return
    model = with_pad(padded, inner, pads)
    graph = parse_graph(model, "model")
    convolution = graph.operators[1]
    merged = replace(
        convolution,
        index=0,
        inputs=(0, *convolution.inputs[1:]),
        options={name: value for name, value in convolution.options.items() if name != "padding"} | {"pads": pads},
    )
    program = lower(replace(graph, operators=(merged,)))
    inputs = inner.inputs()
    run_both(program, overlaid(program), inputs, oracle_outputs(model, inputs))


def with_pad(padded: Case, inner: Case, pads: tuple[int, int, int, int]) -> bytes:
    """PAD, then the convolution of ``padded``; the input has the shape of ``inner``."""
    tensors = padded.tensors()
    source = replace(tensors["input"], shape=(inner.batches, inner.height, inner.width, inner.channels))
    top, left, bottom, right = pads
    paddings = TensorSpec(
        (4, 2), "int32", data=np.array([0, 0, top, bottom, left, right, 0, 0], np.int32).reshape(4, 2)
    )
    names = list(tensors)
    operators = [
        OperatorSpec("PAD", [0, 1], [2]),
        OperatorSpec("CONV_2D", list(range(2, 1 + len(names))), [1 + len(names)], padded.activation, padded.options),
    ]
    return build_model([source, paddings, *tensors.values()], operators, [0], [1 + len(names)])


@pytest.mark.parametrize(
    "case",
    [
        Case(group_channels=3, group_filters=5, stride=(2, 2)),
        Case(height=9, width=9, group_channels=1, group_filters=1, padding=VALID),
        Case(batches=2, group_channels=7, filter_h=1, filter_w=1, group_filters=6),
        Case(groups=3, group_channels=2, group_filters=3, dilation=(2, 2)),
        Case(group_channels=5, filter_h=1, filter_w=3, weights="int4", per_channel=False),
        Case(dtype="int16", bias="int64", group_channels=3, stride=(2, 2)),
        Case(dtype="float32", bias="float32", group_channels=3, dilation=(2, 1)),
    ],
    ids=["three channels", "one channel", "pointwise", "groups", "int4", "int16", "float32"],
)
def test_rendered(tmp_path: Path, case: Case) -> None:
    """The whole generated program, where the address sanitizer sees every read."""
    inputs = np.stack([values for (values,) in case.inputs(8)])
    np.testing.assert_array_equal(
        run_on_host(case.model(), inputs, case.dtype, tmp_path), run_oracle(case.model(), inputs)
    )


@pytest.mark.parametrize("weight", [1e-12, 1e-9, 3e-8, 2e-7])
def test_filters_out_of_proportion(weight: float) -> None:
    """Scales as of dead channels: multiplier 0, right shifts of up to 31, biases up to the limits."""
    case = Case(
        group_filters=6,
        changes={
            "weights": {"scales": [weight, weight, 0.01, weight * 8, 0.01, weight / 16]},
            "bias": {"data": np.array([2**30, -(2**30), 300, -(2**29), 2**20, 2**30 + 12345], np.int32)},
        },
    )
    assert_equals_oracle(case.model(), case.inputs())


def test_constant_filters_cost_no_precision() -> None:
    """A filter whose output is constant is rescaled by offsets; one that only nearly is keeps the layer from it."""
    case = Case(
        group_channels=1,
        filter_h=1,
        filter_w=1,
        group_filters=2,
        changes={
            "weights": {"data": np.ones((2, 1, 1, 1), np.int8), "scales": [2.0, 0.01]},
            "output": {"scales": [0.12], "zero_points": [0]},  # factor 0.83: no right shift
            "bias": {"data": np.array([10**6, 0], np.int32)},
        },
    )
    for bias, by_offset in ((10**6, True), (-10, False)):
        case.changes["bias"]["data"] = np.array([bias, 0], np.int32)
        (step,) = lower(parse_graph(case.model(), "model")).steps
        assert step.parameters["by_offset"] == by_offset
        assert_equals_oracle(case.model(), case.inputs())


CHECK = """
#include <stdio.h>
#include <stdint.h>
#include "kernels/requantize.h"
static int check(int32_t x, int32_t m, int32_t right, int32_t zero_point) {
    int32_t offset = (int32_t)(((int64_t)(2 * zero_point + 1)) * ((int64_t)1 << (right - 1)));
    int32_t got = requantize_by_offset(x, (int32_t)((int64_t)2 * m - ((int64_t)1 << 32)), offset, right);
    int32_t want = requantize(x, (Rescale){m, 0, (int8_t)right}) + zero_point;
    if (got != want) printf("x %d m %d right %d zero point %d: %d, not %d\\n", x, m, right, zero_point, got, want);
    return got == want;
}
int main(void) {
    uint32_t state = 1;
    static const int32_t ms[] = {1 << 30, (1 << 30) + 1, 1518500250, INT32_MAX - 1, INT32_MAX};
    static const int32_t zero_points[] = {-128, -1, 0, 1, 127};
    long count = 0;
    for (int32_t right = 1; right <= 22; right++)
        for (int mi = 0; mi < 45; mi++) {
            state = state * 1664525u + 1013904223u;
            int32_t m = mi < 5 ? ms[mi] : (int32_t)((1u << 30) + (state >> 2));
            for (int zi = 0; zi < 5; zi++)
                for (int k = -200; k <= 200; k++) {
                    // around the halves between two results, around zero, and around the limits
                    state = state * 1664525u + 1013904223u;
                    int64_t half = (2 * k + 1) * ((int64_t)1 << (right + 30)) / m;
                    for (int d = -3; d <= 3; d++) {
                        int64_t x[] = {half + d, k, (1 << 30) - 4 + d, 4 - (1 << 30) + d, (int32_t)state >> 2};
                        for (int i = 0; i < 5; i++)
                            if (x[i] < (1 << 30) && x[i] > -(1 << 30)) {
                                if (!check((int32_t)x[i], m, right, zero_points[zi])) return 1;
                                count++;
                            }
                    }
                }
        }
    printf("%ld\\n", count);
    return 0;
}
"""


def test_requantize_by_offset_equals_requantize(tmp_path: Path) -> None:
    """Around every rounding edge for accumulators below 2^30, right shifts of 1 to 22, multipliers over their range."""
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("no host compiler (gcc)")
    source, program = tmp_path / "check.c", tmp_path / "check"
    source.write_text(CHECK)
    flags = ["-std=c11", "-O2", "-Wall", "-fsanitize=undefined", "-fno-sanitize-recover=all", f"-I{FIRMWARE}"]
    subprocess.run([compiler, *flags, source, "-o", program], check=True)
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout) > 10_000_000


def refusal(case: Case, **options: Any) -> str:
    graph = parse_graph(case.model(), "model")
    operator = replace(graph.operators[0], options=graph.operators[0].options | options)
    with pytest.raises(UserError) as caught:
        lower(replace(graph, operators=(operator,)))
    message = str(caught.value)
    assert "operator 0 CONV_2D: " in message
    return message


@pytest.mark.parametrize(
    ("case", "words"),
    [
        (Case(changes={"input": {"dtype": "uint8"}}), "input is uint8"),
        (Case(changes={"output": {"dtype": "int16"}}), "output is int16 for an input of int8"),
        (Case(changes={"weights": {"dtype": "uint8"}}), "weights are uint8"),
        (
            Case(dtype="float32", bias=None, changes={"weights": {"dtype": "int8", "data": np.zeros(144, np.int8)}}),
            "hybrid models are not supported",
        ),
        (Case(changes={"input": {"scales": [], "zero_points": []}}), "input has no quantisation"),
        (Case(changes={"output": {"scales": [0.1] * 4, "zero_points": [0] * 4, "axis": 3}}), "output is quantised per"),
        (Case(changes={"weights": {"scales": []}}), "weights have no quantisation"),
        (Case(per_channel=False, changes={"weights": {"zero_points": [3]}}), "weights have a zero point other than 0"),
        (Case(changes={"weights": {"axis": 3}}), "another axis than the filters"),
        (Case(dtype="int16", bias="int64", changes={"output": {"zero_points": [1]}}), "int16 with the zero point 1"),
        (Case(changes={"weights": {"data": None}}), "weights are not a constant"),
        (Case(changes={"bias": {"data": None}}), "bias is not a constant int32 tensor"),
        (Case(bias="int64"), "bias is not a constant int32 tensor"),
        (Case(changes={"bias": {"shape": (3,), "data": np.zeros(3, np.int32)}}), "bias has 3 values for 4 filters"),
        (Case(changes={"input": {"shape": (5, 5, 4)}}), "input has the shape [5, 5, 4]"),
        (Case(changes={"input": {"shape": (0, 5, 5, 4)}}), "input has the shape [0, 5, 5, 4]"),
        (Case(changes={"output": {"shape": (1, 4, 5, 4)}}), "with this window it has the shape [1, 5, 5, 4]"),
        (Case(padding=VALID, changes={"input": {"shape": (1, 2, 5, 4)}}), "filter reaches over 3 elements"),
        (Case(changes={"input": {"shape": (1, 5, 5, 5)}}), "do not divide into groups"),
        (Case(changes={"input": {"shape": (1, 5, 5, 12)}}), "do not divide into groups"),
        (Case(changes={"bias": {"data": np.full(4, 2**31 - 1, np.int32)}}), "can overflow 32 bits"),
        (Case(dtype="int16", changes={"bias": {"data": np.full(4, 2**31 - 1, np.int32)}}), "can overflow 32 bits"),
        (
            Case(dtype="int16", bias="int64", changes={"bias": {"data": np.full(4, -(2**47), np.int64)}}),
            "can overflow 48 bits",
        ),
        (Case(changes={"output": {"scales": [1e-14]}}), "too large"),
        (Case(dtype="int16", bias=None, changes={"output": {"scales": [1e-6]}}), "too large for a 64-bit"),
        (Case(activation=4), "fused activation TANH"),
    ],
)
def test_refusals(case: Case, words: str) -> None:
    assert words in refusal(case)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"stride_h": 0}, "stride_h is 0"), ({"dilation_w": -1}, "dilation_w is -1"), ({"padding": 2}, "padding 2")],
)
def test_refused_options(options: dict[str, int], words: str) -> None:
    assert words in refusal(Case(), **options)


def test_missing_weights_are_refused() -> None:
    tensors = list(Case().tensors().values())
    model = build_model(tensors, [OperatorSpec("CONV_2D", [0, -1], [3], 0, Case().options)], [0], [3])
    with pytest.raises(UserError, match="input or weights are missing"):
        lower(parse_graph(model, "model"))


@pytest.mark.reference
@pytest.mark.parametrize(
    "name", ["kws_ref_model", "pretrainedResnet_quant", "pretrainedResnet", "vww_96_int8", "str_ww_ref_model"]
)
def test_layers_of_reference_models(name: str) -> None:
    """Each convolution of a model as a model of its own."""
    graph = parse_graph((reference_data() / "models" / f"{name}.tflite").read_bytes(), name)
    layers = [operator for operator in graph.operators if operator.name == "CONV_2D"]
    assert layers
    for operator in layers:
        model = alone(graph, operator)
        source = graph.tensors[operator.inputs[0]]
        rng = np.random.default_rng(operator.index)
        if source.dtype == "float32":
            assert_equals_oracle(model, [[rng.normal(0, 1, source.shape).astype(np.float32)]], rtol=1e-5)
        else:
            extremes = [np.full(source.shape, value) for value in (-128, 127)]
            random = [rng.integers(-128, 128, source.shape) for _ in range(3)]
            assert_equals_oracle(model, [[values.astype(np.int8)] for values in extremes + random])


def alone(graph: Graph, operator: Operator) -> bytes:
    tensors = [spec(graph.tensors[index]) for index in (*operator.inputs, *operator.outputs)]
    last = len(tensors) - 1
    options = {name: value for name, value in operator.options.items() if name != "activation"}
    layer = OperatorSpec("CONV_2D", list(range(last)), [last], operator.options["activation"], options)
    return build_model(tensors, [layer], [0], [last])


def spec(tensor: Tensor) -> TensorSpec:
    result = TensorSpec(tensor.shape, tensor.dtype, data=tensor.data)
    if tensor.quantization is not None:
        result.scales = [float(scale) for scale in tensor.quantization.scales]
        result.zero_points = tensor.quantization.zero_points.tolist()
        result.axis = tensor.quantization.axis
    return result
