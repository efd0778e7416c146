"""UNIDIRECTIONAL_SEQUENCE_LSTM equals TensorFlow Lite Micro's reference kernel over inferences one after another, which
carry the states on, or is refused with a reason."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from generator.importer import parse_graph
from generator.lower import lower
from generator.ops.lstm_tensors import DTYPES, ROLES
from models.flatbuffer import OperatorSpec, build_model
from tests.generator.cases import run_on_host, run_oracle
from tests.generator.host_kernels import HostProgram, assert_equals_oracle, oracle_outputs
from tests.generator.ops.lstm_case import POSITIONS, TANH, Case
from tests.generator.ops.overlay import overlaid


@st.composite
def cases(draw: st.DrawFn, dtype: str) -> Case:
    limits = np.iinfo(dtype if dtype != "float32" else "int8")
    zero_point = st.integers(int(limits.min), int(limits.max))
    power = st.integers(-29, 2).map(lambda exponent: 2.0**exponent)
    return Case(
        dtype=dtype,
        batches=draw(st.integers(1, 4)),
        steps=draw(st.integers(1, 5)),
        depth=draw(st.integers(1, 21)),
        units=draw(st.integers(1, 13)),
        time_major=draw(st.booleans()),
        zero_points=(draw(zero_point), draw(zero_point), draw(st.sampled_from([0, 0, 9]))),
        hidden_scale=draw(
            st.one_of(st.just(2.0**-7), st.floats(-8, -2 if dtype == "int16" else 1).map(lambda exponent: 10**exponent))
        ),
        cell_scale=draw(st.one_of(st.just(2.0**-11), power, st.floats(1e-8, 5, exclude_min=True))),
        cell_clip=draw(st.one_of(st.just(0.0), st.floats(0, 20, width=32), st.sampled_from([1e-7, np.inf]))),
        gain=draw(st.sampled_from([0.03, 1.0, 1.0, 30.0] if dtype != "int16" else [1e-3, 1e-2, 1.0, 10.0])),
        seed=draw(st.integers(0, 2**16)),
    )


@settings(max_examples=200)
@given(cases("int8"))
def test_int8(case: Case) -> None:
    assert_equals_oracle(case.model(), case.inputs())


@settings(max_examples=120)
@given(cases("int16"))
def test_int16(case: Case) -> None:
    assert_equals_oracle(case.model(), case.inputs())


@settings(max_examples=80)
@given(cases("float32"))
def test_float32(case: Case) -> None:
    assert_equals_oracle(case.model(), case.inputs())


@pytest.mark.parametrize("cell_clip", [0.0, 0.5])
def test_what_is_no_finite_number(cell_clip: float) -> None:
    case = Case("float32", batches=3, cell_clip=cell_clip)
    inputs = case.inputs()
    for values, special in zip(inputs[1:], (np.inf, -np.inf, 3e38, np.nan), strict=True):
        values[0][1, 0, 2] = special
    assert_equals_oracle(case.model(), inputs)


@pytest.mark.parametrize("time_major", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_long_sequence_of_inferences(dtype: str, time_major: bool) -> None:
    case = Case(dtype, steps=1, time_major=time_major, zero_points=(0, 0, 0))
    assert_equals_oracle(case.model(), case.inputs(60))


def test_two_layers_in_a_row() -> None:
    """Each with states of its own."""
    first, second = Case(units=5).tensors(), Case(depth=5, seed=1).tensors()
    del second["input"]
    specs = [*first.values(), *second.values()]
    names = [[*first], ["input", *second]]
    starts = 0, len(first) - 1
    operators = [
        OperatorSpec(
            "UNIDIRECTIONAL_SEQUENCE_LSTM",
            [start + own.index(ROLES[i]) if i and i in ROLES else start if not i else -1 for i in range(POSITIONS)],
            [start + len(own) - 1],
            TANH,
        )
        for start, own in zip(starts, names, strict=True)
    ]
    assert_equals_oracle(build_model(specs, operators, [0], [len(specs) - 1]), Case().inputs())


@settings(max_examples=60)
@given(st.sampled_from([*DTYPES]).flatmap(cases))
def test_output_over_the_input(case: Case) -> None:
    """At the distance that `Lowered.lead` allows."""
    program = lower(parse_graph(case.model(), "model"))
    wanted = oracle_outputs(case.model(), case.inputs())
    for dsp in (False, True):
        machine = HostProgram(program, overlaid(program), dsp)
        for values, (expected,) in zip(case.inputs(), wanted, strict=True):
            np.testing.assert_array_equal(machine.run(values)[0], expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_rendered(tmp_path: Path, dtype: str) -> None:
    """The whole generated program, where the address sanitizer sees every read."""
    case = Case(dtype, time_major=True)
    inputs = np.stack([values for (values,) in case.inputs(6)])
    np.testing.assert_array_equal(run_on_host(case.model(), inputs, dtype, tmp_path), run_oracle(case.model(), inputs))


CHANGES: list[tuple[str, dict[str, Any], str]] = [
    ("input", {"dtype": "uint8"}, "input is uint8, supported are int8, int16, float32"),
    ("input", {"shape": (6, 5)}, "input is int8[6, 5], supported is a tensor of three dimensions"),
    ("input", {"data": np.zeros((2, 3, 5), np.int8)}, "that is no constant"),
    ("input", {"scales": []}, "input has no quantisation"),
    ("input-to-cell weights", {"data": None}, "input-to-cell weights: a variable int8[6, 5], supported is a constant"),
    (
        "recurrent-to-output weights",
        {"data": np.zeros((6, 6), np.float32), "dtype": "float32"},
        "a constant int8[6, 6]",
    ),
    (
        "recurrent-to-input weights",
        {"data": np.zeros((6, 5), np.int8), "shape": (6, 5)},
        "supported is a constant int8",
    ),
    ("forget gate bias", {"data": np.zeros(6, np.int64), "dtype": "int64"}, "forget gate bias: a constant int64[6]"),
    ("input-to-cell weights", {"zero_points": [1]}, "input-to-cell weights: weights have a zero point other than 0"),
    (
        "input-to-input weights",
        {"scales": [0.1] * 6, "zero_points": [0] * 6},
        "input-to-input weights is quantised per channel",
    ),
    (
        "cell gate bias",
        {"data": np.full(6, 2**31 - 1, np.int32)},
        "input-to-cell weights: its accumulator can overflow",
    ),
    ("recurrent-to-cell weights", {"scales": [1e30]}, "recurrent-to-cell weights: the factor"),
    ("hidden state", {"shape": (12,)}, "hidden state is int8[12], supported is [batches, units]"),
    ("hidden state", {"dtype": "int16"}, "hidden state is int16[2, 6], supported is int8[2, 6]"),
    ("hidden state", {"variable": False}, "hidden state is not a variable tensor"),
    ("hidden state", {"scales": [2.0**-30]}, "hidden state has the scale 9.31323e-10, supported is more"),
    ("cell state", {"dtype": "int8"}, "cell state is int8[2, 6], supported is int16[2, 6]"),
    ("cell state", {"shape": (2, 5)}, "cell state is int16[2, 5], supported is int16[2, 6]"),
    ("cell state", {"data": np.zeros((2, 6), np.int16)}, "cell state is not a variable tensor without initial values"),
    ("cell state", {"scales": []}, "cell state has no quantisation"),
    ("cell state", {"scales": [2.0**-30]}, "cell state has the scale 9.31323e-10, supported is more"),
    ("cell state", {"scales": [8.0]}, "cell state has the scale 8, supported is at most 4"),
    ("output", {"shape": (2, 3, 5)}, "output is int8[2, 3, 5], supported is int8[2, 3, 6]"),
    ("output", {"dtype": "int16"}, "output is int16[2, 3, 6], supported is int8[2, 3, 6]"),
]


def refusal(model: bytes) -> str:
    with pytest.raises(UserError) as caught:
        lower(parse_graph(model, "model"))
    return str(caught.value)


@pytest.mark.parametrize(("tensor", "fields", "words"), CHANGES)
def test_refused_tensors(tensor: str, fields: dict[str, Any], words: str) -> None:
    assert words in refusal(Case(changes={tensor: fields}).model())


@pytest.mark.parametrize(
    ("case", "words"),
    [
        (Case(activation=0), "the cell gate's activation is NONE, supported is TANH"),
        (Case(activation=9), "the cell gate's activation is 9"),
        (Case(cell_clip=-1.0), "cell_clip is -1"),
        (Case(cell_clip=np.nan), "cell_clip is nan"),
        (Case(omitted=1), "input-to-input weights: missing, supported is an LSTM with all four gates"),
        (Case(omitted=13), "forget gate bias: missing"),
        (Case(spare=10), "input 10 is there, supported is an LSTM without peephole weights"),
        (Case(spare=16), "without a projection"),
        (Case(spare=21), "without layer normalisation"),
        (Case("int16", changes={"cell gate bias": {"data": np.full(6, 2**47 - 1)}}), "can overflow 48 bits"),
    ],
)
def test_refusals(case: Case, words: str) -> None:
    assert words in refusal(case.model())


def test_other_numbers_of_inputs_are_refused() -> None:
    assert "it has 20 inputs and 1 outputs, supported are 24 and 1" in refusal(Case().model(inputs=20))


def test_states_in_one_tensor_are_refused() -> None:
    """Which int16 and float32 could share."""
    tensors = Case("int16").tensors()
    names = list(tensors)
    roles = ROLES | {19: "hidden state"}
    indices = [names.index(roles[i]) if i in roles else -1 for i in range(POSITIONS)]
    operator = OperatorSpec("UNIDIRECTIONAL_SEQUENCE_LSTM", indices, [len(names) - 1], TANH)
    assert "are one tensor" in refusal(build_model(list(tensors.values()), [operator], [0], [len(names) - 1]))
