"""SVDF equals TensorFlow Lite Micro's reference kernel bit for bit at every inference, or is refused with a reason."""

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
from generator.ops import svdf
from generator.passes import optimise
from models.flatbuffer import OperatorSpec, TensorSpec, activation, build_model
from tests.generator.cases import run_on_host, run_oracle
from tests.generator.host_kernels import assert_equals_oracle, host_program, oracle_outputs, run_both
from tests.generator.ops.overlay import overlaid

LIMITS = {"int8": 127, "int16": 32767}
NAMES = ("input", "feature weights", "time weights", "bias", "state", "output")


@dataclass
class Case:
    """One layer; constants and scales follow from ``seed`` unless ``changes`` replace fields of a tensor.

    ``state`` is its type, and float32 that of all tensors. With ``extreme`` every weight is the least there is.
    """

    state: str = "int8"
    batches: int = 1
    depth: int = 5
    units: int = 3
    rank: int = 2
    memory: int = 4
    activation: int = 0
    zero_points: tuple[int, int, int] = (3, 0, -5)  # of input, state, output
    gains: tuple[float, float] = (1.0, 1.0)
    extreme: bool = False
    seed: int = 0
    inputs_of_operator: tuple[int, ...] = (0, 1, 2, 3, 4)
    changes: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def float32(self) -> bool:
        return self.state == "float32"

    def tensors(self) -> dict[str, TensorSpec]:
        filters = self.units * self.rank
        dtype, bias = ("float32", "float32") if self.float32 else ("int8", "int32")
        tensors = {
            "input": TensorSpec((self.batches, self.depth), dtype),
            "feature weights": TensorSpec((filters, self.depth), dtype),
            "time weights": TensorSpec((filters, self.memory), self.state),
            "bias": TensorSpec((self.units,), bias),
            "state": TensorSpec((self.batches, filters * self.memory), self.state, variable=True),
            "output": TensorSpec((self.batches, self.units), dtype),
        }
        rng = np.random.default_rng(self.seed)
        for name in ("feature weights", "time weights", "bias"):
            tensors[name].data = self._constant(rng, tensors[name])
        if not self.float32:
            self._quantize(rng, tensors)
        for name, fields in self.changes.items():
            for key, value in fields.items():
                setattr(tensors[name], key, value)
        return tensors

    def _constant(self, rng: np.random.Generator, tensor: TensorSpec) -> NDArray[Any]:
        if self.float32:
            return rng.normal(0, 1, tensor.shape).astype(np.float32)
        if tensor.dtype == "int32":
            reach = 10000 if self.state == "int8" else 2**31 - 1
            return rng.integers(-reach, reach, tensor.shape).astype(np.int32)
        limit = LIMITS[tensor.dtype]
        low, high = (-limit - 1, -limit) if self.extreme else (-limit, limit + 1)
        return rng.integers(low, high, tensor.shape).astype(tensor.dtype)

    def _quantize(self, rng: np.random.Generator, tensors: dict[str, TensorSpec]) -> None:
        """Scales such that random inputs give states and outputs over much of their range, at gains of 1."""
        limit = LIMITS[self.state]
        source, features, times = (np.float32(scale) for scale in rng.uniform(0.001, 0.1, 3))
        state = np.float32(source * features * 5300 * np.sqrt(self.depth) / (limit / 2) / self.gains[0])
        summed = limit / 2 * limit / 1.7 * np.sqrt(self.rank * self.memory)
        output = np.float32(state * times * summed / 60 / self.gains[1])
        for name, scale in zip(NAMES, (source, features, times, state * times, state, output), strict=True):
            tensors[name].scales, tensors[name].zero_points = [float(scale)], [0]
        for name, zero_point in zip(("input", "state", "output"), self.zero_points, strict=True):
            tensors[name].zero_points = [zero_point]

    def model(self) -> bytes:
        operator = OperatorSpec("SVDF", list(self.inputs_of_operator), [5], self.activation, {"rank": self.rank})
        tensors = list(self.tensors().values())
        given = [index for index, tensor in enumerate(tensors[:5]) if tensor.data is None and not tensor.variable]
        return build_model(tensors, [operator], given, [5])

    def inputs(self, count: int = 7) -> list[list[NDArray[Any]]]:
        """One after another: random ones, the extremes, both in turn, and random ones again."""
        rng = np.random.default_rng(self.seed + 1)
        shape = (self.batches, self.depth)
        if self.float32:
            return [[rng.normal(0, 2, shape).astype(np.float32)] for _ in range(count)]
        alternating = np.where(np.arange(np.prod(shape)) % 2, -128, 127).reshape(shape)
        fixed = {1: np.full(shape, -128), 2: np.full(shape, 127), 3: alternating}
        values = [fixed.get(number, rng.integers(-128, 128, shape)) for number in range(count)]
        return [[value.astype(np.int8)] for value in values]


@st.composite
def cases(draw: st.DrawFn, state: str) -> Case:
    zero_point = st.integers(-128, 127)
    state_zero_point = st.sampled_from([0, 0, 1, -128, 127]) | zero_point if state == "int8" else st.just(0)
    gains = st.sampled_from([0.1, 1.0, 1.0, 3.0, 1000.0])
    return Case(
        state=state,
        batches=draw(st.integers(1, 3)),
        depth=draw(st.integers(1, 21)),
        units=draw(st.integers(1, 6)),
        rank=draw(st.integers(1, 4)),
        memory=draw(st.integers(1, 12)),
        activation=draw(st.integers(0, 5 if state == "float32" else 1)),
        zero_points=(draw(zero_point), draw(state_zero_point), draw(zero_point)),
        gains=(draw(gains), draw(gains)),
        extreme=draw(st.sampled_from([False, False, True])),
        seed=draw(st.integers(0, 2**16)),
    )


@settings(max_examples=150)
@given(cases("int8"))
def test_int8(case: Case) -> None:
    assert_equals_oracle(case.model(), case.inputs())


@settings(max_examples=150)
@given(cases("int16"))
def test_state_of_int16(case: Case) -> None:
    assert_equals_oracle(case.model(), case.inputs())


@settings(max_examples=80)
@given(cases("float32"))
def test_float32(case: Case) -> None:
    assert_equals_oracle(case.model(), case.inputs(5))


@settings(max_examples=60)
@given(st.sampled_from(["int8", "int16", "float32"]).flatmap(cases))
def test_output_over_the_input(case: Case) -> None:
    """At the distance that `Lowered.lead` allows."""
    model, inputs = case.model(), case.inputs()
    program = lower(parse_graph(model, "model"))
    run_both(program, overlaid(program), inputs, oracle_outputs(model, inputs))


@pytest.mark.parametrize(
    "case",
    [
        Case(depth=1, units=1, rank=1, memory=1),
        Case(zero_points=(-128, 100, 127), gains=(50.0, 1.0)),
        Case(state="int16", zero_points=(0, 900, 0), gains=(100.0, 1.0)),
        Case(state="int16", memory=40, extreme=True, gains=(1000.0, 1000.0)),
        Case(depth=400, units=40, rank=3, memory=30, batches=2),
        Case(state="int16", depth=400, units=40, rank=1, memory=31),
        Case(activation=3, changes={"output": {"scales": [0.02], "zero_points": [-128]}}),
        Case(activation=2, changes={"output": {"scales": [0.001], "zero_points": [0]}}),
    ],
    ids=[
        "smallest",
        "states that wrap",
        "int16 with a zero point",
        "sums that wrap",
        "large",
        "large int16",
        "RELU6 of a narrow output",
        "RELU_N1_TO_1 of a narrow output",
    ],
)
def test_examples(case: Case) -> None:
    assert_equals_oracle(case.model(), case.inputs(12))


def scaled_finely(units: int, time_weight: int, output_scale: float) -> tuple[Case, NDArray[np.float32], NDArray[Any]]:
    """A layer that remembers nothing; its scales of input, feature weights and state; what it sums up for its input."""
    scales = np.array([0.0185, 0.0075, 0.000518], np.float32)
    values = dict(zip(("input", "feature weights", "state"), scales.tolist(), strict=True))
    values |= {"time weights": 1.0, "bias": values["state"], "output": output_scale}
    changes: dict[str, dict[str, Any]] = {name: {"scales": [scale]} for name, scale in values.items()}
    changes["time weights"]["data"] = np.full((units, 1), time_weight, np.int16)
    case = Case("int16", depth=6, units=units, rank=1, memory=1, zero_points=(0, 0, 0), changes=changes)
    return case, scales, 127 * case.tensors()["feature weights"].data.sum(axis=1, dtype=np.int64)


def test_states_are_scaled_by_a_float64() -> None:
    """The output is the state's difference from where it should be, so that it shows every bit of the factor."""
    case, scales, sums = scaled_finely(4000, 1, 0.000518)
    source, features, state = scales.astype(np.float64)
    case.changes["bias"]["data"] = -np.round(sums * (source * features / state)).clip(-32768, 32767).astype(np.int32)
    assert_equals_oracle(case.model(), [[np.full((1, 6), 127, np.int8)]])


def test_outputs_are_scaled_by_a_float64() -> None:
    """The sums are biases just below and above where the output changes."""
    case, scales, _ = scaled_finely(200, 0, 9000.1)
    steps = (np.arange(100) + 0.5) * float(np.float32(9000.1)) / float(scales[2])
    case.changes["bias"]["data"] = np.round(steps + np.array([[-8], [8]])).reshape(-1).astype(np.int32)
    (output,) = oracle_outputs(case.model(), [[np.zeros((1, 6), np.int8)]])[0]
    np.testing.assert_array_equal(output.reshape(2, 100), np.arange(100) + np.array([[0], [1]]))
    assert_equals_oracle(case.model(), [[np.zeros((1, 6), np.int8)]])


@pytest.mark.parametrize("number", range(5))
def test_float32_without_numbers(number: int) -> None:
    """Infinity, overflow and NaN through every activation but SIGN_BIT: a NaN's sign is the processor's choice."""
    case = Case("float32", memory=3, activation=number)
    values = (1.0, np.inf, 0.0, 0.0, 0.0, 3e38, -3e38, np.nan, 2.0, 0.0, 0.0, 1.0)
    assert_equals_oracle(case.model(), [[np.full((1, case.depth), value, np.float32)] for value in values])


@pytest.mark.parametrize("state", ["int8", "int16", "float32"])
def test_reset(state: str) -> None:
    """The state starts at its zero point, and again after a reset."""
    case = Case(state, zero_points=(3, 20 if state == "int8" else 0, -5))
    machine, inputs = host_program(case.model(), True), case.inputs()
    first = [machine.run(values)[0] for values in inputs]
    machine.reset()
    np.testing.assert_array_equal([machine.run(values)[0] for values in inputs], first)


@pytest.mark.parametrize("state", ["int8", "int16"])
def test_rendered(tmp_path: Path, state: str) -> None:
    """The whole generated program, where the address sanitizer sees every access."""
    case = Case(state, batches=2, depth=9, memory=7, zero_points=(3, 20 if state == "int8" else 0, -5))
    inputs = np.stack([values for (values,) in case.inputs(8)])
    np.testing.assert_array_equal(run_on_host(case.model(), inputs, "int8", tmp_path), run_oracle(case.model(), inputs))


def between_layers() -> bytes:
    """FULLY_CONNECTED with constant channels -> SVDF -> FULLY_CONNECTED that leaves a channel out."""
    tensors = list(Case(depth=4).tensors().values())
    rng = np.random.default_rng(0)
    first, last = rng.integers(-127, 128, (4, 6)), rng.integers(-127, 128, (2, 3))
    first[1], last[:, 2] = 0, 0
    tensors += [
        activation(1, 6, scale=0.05),
        TensorSpec((4, 6), scales=[0.01], data=first.astype(np.int8)),
        TensorSpec((2, 3), scales=[0.01], data=last.astype(np.int8)),
        activation(1, 2, scale=0.5),
    ]
    tensors[0].scales = [0.1]
    tensors[5].scales = [0.1]
    operators = [
        OperatorSpec("FULLY_CONNECTED", [6, 7, -1], [0]),
        OperatorSpec("SVDF", [0, 1, 2, 3, 4], [5], options={"rank": 2}),
        OperatorSpec("FULLY_CONNECTED", [5, 8, -1], [9]),
    ]
    return build_model(tensors, operators, [6], [9])


def with_constant_input() -> bytes:
    """A layer whose output still differs from one inference to the next, added to the model's input."""
    tensors = list(Case().tensors().values())
    tensors[0].data = np.array([[5, -100, 30, 127, -128]], np.int8)
    tensors += [activation(1, 3, scale=tensors[5].scales[0]), activation(1, 3, scale=tensors[5].scales[0] * 2)]
    operators = [OperatorSpec("SVDF", [0, 1, 2, 3, 4], [5], options={"rank": 2}), OperatorSpec("ADD", [5, 6], [7])]
    return build_model(tensors, operators, [6], [7])


@pytest.mark.parametrize(("model", "size"), [(between_layers(), 6), (with_constant_input(), 3)], ids=["layers", "fold"])
def test_passes_keep_the_state(model: bytes, size: int) -> None:
    graph = parse_graph(model, "model")
    optimised = optimise(graph).graph
    assert [operator.name for operator in optimised.operators] == [operator.name for operator in graph.operators]
    assert [tensor.shape for tensor in optimised.tensors] == [tensor.shape for tensor in graph.tensors]
    rng = np.random.default_rng(1)
    inputs = [[rng.integers(-128, 128, (1, size)).astype(np.int8)] for _ in range(8)]
    assert len(np.unique(np.stack([values for (values,) in oracle_outputs(model, inputs)]), axis=0)) > 1
    assert_equals_oracle(model, inputs, graph=optimised)


def test_a_layer_that_nobody_reads_stays() -> None:
    tensors = [*Case().tensors().values(), activation(1, 5, scale=0.1)]
    operators = [
        OperatorSpec("SVDF", [0, 1, 2, 3, 4], [5], options={"rank": 2}),
        OperatorSpec("RELU", [0], [6]),
    ]
    optimised = optimise(parse_graph(build_model(tensors, operators, [0], [6]), "model"))
    assert [operator.name for operator in optimised.graph.operators] == ["SVDF", "RELU"]
    assert not optimised.notes


def constant(*shape: int, dtype: str = "int8") -> dict[str, Any]:
    return {"shape": shape, "dtype": dtype, "data": np.zeros(shape, dtype)}


def change(name: str, **fields: Any) -> dict[str, dict[str, Any]]:
    return {name: fields}


@pytest.mark.parametrize(
    ("case", "words"),
    [
        (Case(inputs_of_operator=(0, 1, 2, -1, 4)), "bias is missing, supported are all of input, feature weights"),
        (Case(inputs_of_operator=(0, 1, 2, 3)), "state is missing"),
        (Case(inputs_of_operator=(0, 1, 2, 3, 4, 3)), "it has 6 inputs"),
        (Case(changes=change("input", dtype="int16")), "input is int16, supported is int8 or float32"),
        (Case(changes=change("input", scales=[])), "input has no quantisation"),
        (Case("float32", changes={"feature weights": constant(6, 5)}), "feature weights is int8, supported is float32"),
        (Case(changes=change("state", dtype="int32")), "state is int32, supported is int8 or int16"),
        (
            Case(changes=change("state", dtype="int16")),
            "with a state of int16, time weights is int8, supported is int16",
        ),
        (Case(changes={"bias": constant(3, dtype="int64")}), "bias is int64, supported is int32"),
        (Case(changes=change("output", dtype="int16")), "output is int16, supported is int8"),
        (
            Case(changes=change("time weights", scales=[0.1] * 6, zero_points=[0] * 6)),
            "time weights is quantised per channel",
        ),
        (Case(changes=change("input", shape=(1, 1, 5))), "input int8[1, 1, 5], supported are two dimensions"),
        (Case(changes={"time weights": constant(24)}), "time weights int8[24], supported are two dimensions"),
        (Case(changes={"time weights": constant(5, 4)}), "rank is 2, supported is a divisor of its 5 filters"),
        (Case(changes={"feature weights": constant(6, 4)}), "feature weights int8[6, 4], supported is [6, 5]"),
        (Case(changes={"bias": constant(6, dtype="int32")}), "bias int32[6], supported is [3]"),
        (Case(changes=change("state", shape=(1, 6, 4))), "state int8[1, 6, 4], supported is [1, 24]"),
        (Case(changes=change("output", shape=(1, 6))), "output int8[1, 6], supported is [1, 3]"),
        (Case(changes=change("feature weights", data=None)), "feature weights int8[6, 5], supported is a constant"),
        (Case(changes=change("time weights", data=None)), "time weights int8[6, 4], supported is a constant"),
        (Case(changes=change("bias", data=None)), "bias int32[3], supported is a constant"),
        (Case(changes=change("feature weights", zero_points=[1])), "feature weights: weights have a zero point"),
        (Case(changes=change("time weights", zero_points=[1])), "time weights: weights have a zero point"),
        (Case(changes=change("state", variable=False)), "state int8[1, 24], supported is a variable tensor"),
        (Case(changes=change("state", data=np.zeros((1, 24), np.int8))), "supported is a variable tensor without data"),
        (Case(changes=change("bias", scales=[1.0])), "bias has the scale 1, that of state times time weights is"),
        (Case(activation=3), "fused activation RELU6 is not supported at int8"),
        (Case(activation=4), "fused activation TANH is not supported at int8"),
        (Case(activation=9), "fused activation 9 is not supported at int8"),
        (Case("float32", activation=9), "fused activation 9 is not supported, supported are NONE, RELU"),
        (Case("float32", activation=-1), "fused activation -1 is not supported"),
        (Case(depth=140_000, rank=1, units=1, extreme=True, zero_points=(127, 0, 0)), "can overflow 32 bits"),
        (Case(changes=change("bias", data=np.full(3, 2**31 - 1, np.int32))), "can overflow 32 bits"),
        (Case(changes=change("output", scales=[1e-20])), "too large"),
        (Case(changes=change("input", scales=[1e38]) | change("feature weights", scales=[1e38])), "too large"),
    ],
)
def test_refusals(case: Case, words: str) -> None:
    graph = parse_graph(case.model(), "model")
    assert words in str(svdf.reject(graph, graph.operators[0]))


@pytest.mark.parametrize("rank", [0, -1])
def test_rank(rank: int) -> None:
    operator = OperatorSpec("SVDF", [0, 1, 2, 3, 4], [5], options={"rank": rank})
    model = build_model(list(Case().tensors().values()), [operator], [0], [5])
    with pytest.raises(UserError, match=f"operator 0 SVDF.*: rank is {rank}, supported is a divisor"):
        lower(parse_graph(model, "model"))
