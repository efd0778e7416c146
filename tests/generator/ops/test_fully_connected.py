"""FULLY_CONNECTED equals TensorFlow Lite Micro's reference kernels bit for bit, or is refused with a reason."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from common.errors import UserError
from generator.importer import parse_graph
from generator.lower import lower
from models.flatbuffer import OperatorSpec, TensorSpec, build_model
from tests.generator.cases import run_on_host, run_oracle
from tests.generator.host_kernels import assert_equals_oracle, oracle_outputs, run_both
from tests.generator.ops.overlay import overlaid
from tests.reference import reference_data

LIMITS = {"int8": (-128, 127), "int16": (-32768, 32767)}


@dataclass
class Case:
    """One layer; weights, bias and scales follow from ``seed`` unless ``changes`` replace fields of a tensor."""

    dtype: str = "int8"
    batches: int = 1
    depth: int = 7
    units: int = 5
    activation: int = 0
    per_channel: bool = False
    bias: str | None = "int32"
    gain: float = 1.0
    zero_points: tuple[int, int, int] = (3, 0, -5)  # of input, weights, output
    weights: str = "int8"
    constant: bool = True
    least_weight: int = -127  # -128 does not fit the kernel of paired weights
    seed: int = 0
    changes: dict[str, dict[str, Any]] = field(default_factory=dict)

    def tensors(self) -> dict[str, TensorSpec]:
        rng = np.random.default_rng(self.seed)
        shape = (self.units, self.depth)
        tensors = {
            "input": TensorSpec((self.batches, self.depth), self.dtype),
            "weights": TensorSpec(shape, self.weights),
            "bias": TensorSpec(shape[:1], self.bias or "int32"),
            "output": TensorSpec((self.batches, self.units), self.dtype),
        }
        if self.dtype == "float32":
            tensors["weights"].data = rng.normal(0, 1, shape).astype(np.float32)
            tensors["bias"].data = rng.normal(0, 1, self.units).astype(np.float32)
        else:
            self._quantize(rng, tensors)
        if not self.constant:
            tensors["weights"].data = None
        if self.bias is None:
            del tensors["bias"]
        for name, fields in self.changes.items():
            for key, value in fields.items():
                setattr(tensors[name], key, value)
        return tensors

    def _quantize(self, rng: np.random.Generator, tensors: dict[str, TensorSpec]) -> None:
        high = LIMITS[self.dtype][1]
        scales = rng.uniform(0.001, 0.01, self.units if self.per_channel else 1)
        input_scale = float(np.float32(rng.uniform(0.01, 0.1)))
        source, weights, middle = self.zero_points
        quantized = self.dtype == "int16"
        tensors["input"].scales, tensors["input"].zero_points = [input_scale], [0 if quantized else source]
        tensors["output"].scales = [float(input_scale * 0.0055 * 73 * np.sqrt(self.depth / 3) / self.gain)]
        tensors["output"].zero_points = [0 if quantized else middle]
        tensors["weights"].scales = scales.tolist()
        tensors["weights"].zero_points = [weights] * len(scales)
        tensors["weights"].data = (
            rng.integers(0, 256, (self.units * self.depth + 1) // 2).astype(np.uint8)
            if self.weights == "int4"
            else rng.integers(self.least_weight, 128, (self.units, self.depth)).astype(np.int8)
        )
        reach = int(high * np.sqrt(self.depth) * 20)
        tensors["bias"].scales = [input_scale * float(np.float32(scale)) for scale in scales]
        tensors["bias"].data = rng.integers(-reach, reach, self.units).astype(self.bias or "int32")

    def model(self, **options: int) -> bytes:
        names = list(self.tensors())
        last = len(names) - 1
        operator = OperatorSpec("FULLY_CONNECTED", list(range(last)), [last], self.activation, options)
        inputs = [0] if self.constant else [0, 1]
        return build_model(list(self.tensors().values()), [operator], inputs, [last])

    def inputs(self, count: int = 4) -> list[list[NDArray[Any]]]:
        """The extremes, both in turn, and random ones, for the input and for weights that are no constant."""
        rng = np.random.default_rng(self.seed + 1)
        shapes = [(self.batches, self.depth)] + ([] if self.constant else [(self.units, self.depth)])
        return [[self._values(rng, shape, number) for shape in shapes] for number in range(count)]

    def _values(self, rng: np.random.Generator, shape: tuple[int, ...], number: int) -> NDArray[Any]:
        if self.dtype == "float32":
            return rng.normal(0, 2, shape).astype(np.float32)
        low, high = LIMITS[self.dtype]
        alternating = np.where(np.arange(np.prod(shape)) % 2, low, high).reshape(shape)
        fixed = [np.full(shape, low), np.full(shape, high), alternating]
        values = fixed[number] if number < len(fixed) else rng.integers(low, high + 1, shape)
        return values.astype(self.dtype)


@st.composite
def cases(draw: st.DrawFn, dtype: str) -> Case:
    zero_point = st.integers(-128, 127)
    weights = draw(st.sampled_from(["int8", "int8", "int4"])) if dtype == "int8" else "int8"
    per_channel = dtype != "float32" and weights == "int8" and draw(st.booleans())
    biases = {"int8": ["int32", None], "int16": ["int64", "int32", None], "float32": ["float32", None]}[dtype]
    weights_zero_point = st.integers(-8, 7) if weights == "int4" else zero_point
    shifted = dtype == "int8" and not per_channel and draw(st.booleans())
    return Case(
        dtype=dtype,
        batches=draw(st.sampled_from([1, 1, 1, 2, 3, 6])),
        depth=draw(st.integers(1, 40)),
        units=draw(st.integers(1, 20)),
        activation=draw(st.integers(0, 3)),
        per_channel=per_channel,
        bias=draw(st.sampled_from(biases)),
        gain=draw(st.sampled_from([0.1, 1.0, 1.0, 3.0, 1000.0])),
        zero_points=(draw(zero_point), draw(weights_zero_point) if shifted else 0, draw(zero_point)),
        weights="float32" if dtype == "float32" else weights,
        least_weight=draw(st.sampled_from([-127, -127, -128])),
        constant=dtype != "int8" or weights == "int4" or draw(st.sampled_from([True, True, False])),
        seed=draw(st.integers(0, 2**16)),
    )


@settings(max_examples=250)
@given(cases("int8"))
def test_int8(case: Case) -> None:
    assert_equals_oracle(case.model(), case.inputs())


@pytest.mark.parametrize(
    ("changes", "paired"),
    [
        ({}, True),
        ({"depth": 700, "units": 4, "per_channel": True}, True),
        ({"units": 3}, False),
        ({"least_weight": -128, "depth": 200}, False),
        ({"depth": 700, "gain": 0.01, "changes": {"bias": {"data": np.full(5, 2**23, np.int32)}}}, False),
        ({"gain": 1000.0}, False),
    ],
    ids=["paired", "deep", "units", "weights", "reach", "factor above 1"],
)
def test_paired(changes: dict[str, Any], paired: bool) -> None:
    case = Case(**changes)
    (step,) = lower(parse_graph(case.model(), "model")).steps
    assert step.header == f"kernels/fully_connected_s8{'_paired' if paired else ''}.h"
    assert_equals_oracle(case.model(), case.inputs())


@pytest.mark.parametrize("depth", [640, 641, 900])
def test_scratch_memory_of_its_own_for_deep_layers(depth: int) -> None:
    case = Case(depth=depth, units=9)
    (step,) = lower(parse_graph(case.model(), "model")).steps
    assert (step.scratch is None) is (depth <= 640)
    assert_equals_oracle(case.model(), case.inputs())


@settings(max_examples=60)
@given(cases("int16"))
def test_int16(case: Case) -> None:
    assert_equals_oracle(case.model(), case.inputs())


@settings(max_examples=40)
@given(cases("float32"))
def test_float32(case: Case) -> None:
    assert_equals_oracle(case.model(), case.inputs(2))


@settings(max_examples=80)
@given(st.sampled_from(["int8", "int16", "float32"]).flatmap(cases))
def test_output_over_the_input(case: Case) -> None:
    """At the distance that `Lowered.lead` allows."""
    model, inputs = case.model(), case.inputs()
    program = lower(parse_graph(model, "model"))
    run_both(program, overlaid(program), inputs, oracle_outputs(model, inputs))


@pytest.mark.parametrize(
    ("batches", "depth", "units", "lead"),
    [(1, 9, 3, 0), (1, 9, 5, 0), (3, 4, 4, 0), (9, 4, 6, 0), (99, 4, 6, 128)],
    ids=["one block", "expanded at once", "whole columns", "one step", "growing"],
)
def test_lead(batches: int, depth: int, units: int, lead: int) -> None:
    (step,) = lower(parse_graph(Case(batches=batches, depth=depth, units=units).model(), "model")).steps
    assert step.lead == {0: lead}


@pytest.mark.parametrize(
    "case",
    [
        Case(depth=1, units=1),
        Case(depth=13, units=23, activation=1),
        Case(depth=13, units=9, per_channel=True),
        Case(batches=5, depth=13, units=3, per_channel=True),
        Case(batches=2, depth=5, units=7, zero_points=(-128, 127, 127)),
        Case(depth=9, units=6, constant=True, weights="int4", zero_points=(0, -8, 0)),
    ],
    ids=["smallest", "one scale", "scales", "batches", "weights with a zero point", "int4"],
)
def test_rendered(tmp_path: Path, case: Case) -> None:
    """The whole generated program, where the address sanitizer sees every read."""
    inputs = np.stack([values for (values,) in case.inputs(8)])
    np.testing.assert_array_equal(run_on_host(case.model(), inputs, "int8", tmp_path), run_oracle(case.model(), inputs))


def refusal(case: Case, **options: int) -> str:
    with pytest.raises(UserError) as caught:
        lower(parse_graph(case.model(**options), "model"))
    message = str(caught.value)
    assert "operator 0 FULLY_CONNECTED: " in message
    return message


@pytest.mark.parametrize(
    ("case", "words"),
    [
        (Case(changes={"input": {"dtype": "uint8"}}), "input is uint8"),
        (Case(changes={"output": {"dtype": "int16"}}), "output is int16 for an input of int8"),
        (Case(dtype="float32", bias=None, changes={"weights": {"data": np.zeros((5, 7), np.int8)}}), "hybrid models"),
        (Case(dtype="int16", weights="int4"), "weights are int4 for an input of int16"),
        (Case(changes={"input": {"scales": [], "zero_points": []}}), "input has no quantisation"),
        (Case(changes={"output": {"scales": [0.1] * 5, "zero_points": [0] * 5, "axis": 1}}), "output is quantised per"),
        (Case(changes={"weights": {"scales": [], "zero_points": []}}), "weights have no quantisation"),
        (
            Case(dtype="int16", bias="int64", changes={"input": {"zero_points": [1]}}),
            "int16 with the zero point 1",
        ),
        (Case(dtype="int16", bias="int64", zero_points=(0, 3, 0)), "weights have a zero point other than 0"),
        (Case(per_channel=True, zero_points=(0, 3, 0)), "weights have a zero point other than 0"),
        (Case(dtype="int16", bias="int64", constant=False), "weights are not a constant"),
        (Case(weights="int4", zero_points=(0, 9, 0)), "weights are int4 with the zero point 9"),
        (Case(weights="int4", constant=False), "weights are int4 and not a constant"),
        (Case(weights="int4", per_channel=True), "int4 and quantised per channel"),
        (
            Case(changes={"weights": {"scales": [0.1] * 7, "zero_points": [0] * 7, "axis": 1}}),
            "another axis than the filters",
        ),
        (Case(changes={"weights": {"shape": (5, 7, 1), "data": np.zeros((5, 7, 1), np.int8)}}), "supported is [units"),
        (Case(changes={"weights": {"shape": (5, 4), "data": np.zeros((5, 4), np.int8)}}), "does not fit weights"),
        (Case(changes={"output": {"shape": (1, 4)}}), "does not fit input"),
        (Case(batches=2, changes={"output": {"shape": (1, 10)}}), "does not fit input"),
        (Case(changes={"bias": {"shape": (4,), "data": np.zeros(4, np.int32)}}), "bias has 4 values for 5 filters"),
        (Case(bias="int64"), "bias is not a constant int32 tensor"),
        (Case(changes={"bias": {"data": None}}), "bias is not a constant int32 tensor"),
        (Case(changes={"bias": {"scales": [1.0]}}), "bias has the scale 1,"),
        (Case(changes={"bias": {"data": np.full(5, 2**31 - 1, np.int32)}}), "can overflow 32 bits"),
        (Case(depth=150_000, constant=False, bias=None), "can overflow 32 bits"),
        (Case(dtype="int16", changes={"bias": {"data": np.full(5, 2**31 - 1, np.int32)}}), "can overflow 32 bits"),
        (
            Case(dtype="int16", bias="int64", changes={"bias": {"data": np.full(5, 2**47, np.int64)}}),
            "can overflow 48 bits",
        ),
        (Case(bias=None, changes={"output": {"scales": [1e-14]}}), "too large"),
        (Case(bias=None, constant=False, changes={"output": {"scales": [1e-14]}}), "too large"),
        (Case(dtype="int16", bias=None, changes={"output": {"scales": [1e-6]}}), "too large for a 64-bit"),
        (Case(activation=4), "fused activation TANH"),
        (Case(activation=9), "fused activation 9"),
    ],
)
def test_refusals(case: Case, words: str) -> None:
    assert words in refusal(case)


def test_shuffled_weights_are_refused() -> None:
    assert "shuffled weights" in refusal(Case(), weights_format=1)


@pytest.mark.reference
@pytest.mark.parametrize("name", ["ad01_int8", "ad01_fp32"])
def test_reference_models(name: str) -> None:
    model = (reference_data() / "models" / f"{name}.tflite").read_bytes()
    rng = np.random.default_rng(0)
    if name.endswith("int8"):
        assert_equals_oracle(model, [[rng.integers(-128, 128, (1, 640)).astype(np.int8)] for _ in range(20)])
    else:
        assert_equals_oracle(model, [[rng.normal(0, 3, (1, 640)).astype(np.float32)] for _ in range(5)], rtol=1e-5)
