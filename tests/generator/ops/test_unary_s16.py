"""Elementwise functions of one int16 tensor against TensorFlow Lite Micro: all 65,536 values over many scales."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from generator.importer import parse_graph
from generator.lower import lower
from generator.ops.unary_s16 import CENTRED, LINES, SIGMOIDS
from models.flatbuffer import OperatorSpec, TensorSpec, build_model
from tests.generator.cases import run_on_host, run_oracle
from tests.generator.host_kernels import assert_equals_oracle

ALL = np.arange(-(2**15), 2**15).astype(np.int16)
UNIT = 2.0**-15  # scale of LOGISTIC's and TANH's output


def function(
    name: str,
    scales: tuple[float, float],
    zero_points: tuple[int, int] = (0, 0),
    alpha: float = 0.1,
    count: int = 2**16,
) -> bytes:
    tensors = [
        TensorSpec((count,), "int16", scales=[scale], zero_points=[zero_point])
        for scale, zero_point in zip(scales, zero_points, strict=True)
    ]
    return build_model(tensors, [OperatorSpec(name, [0], [1], options={"alpha": alpha})], [0], [1])


@pytest.mark.parametrize("name", LINES)
@settings(max_examples=40)
@given(
    exponent=st.floats(-5, 0),
    ratio=st.floats(-2, 2),
    zero_points=st.tuples(st.integers(-300, 300), st.integers(-300, 300)),
    alpha=st.floats(0, 1.5, width=32),
)
def test_lines(name: str, exponent: float, ratio: float, zero_points: tuple[int, int], alpha: float) -> None:
    scales = 10**exponent, 10 ** (exponent + ratio)
    assert_equals_oracle(function(name, scales, (0, 0) if name in CENTRED else zero_points, alpha), [[ALL]])


@pytest.mark.parametrize("name", SIGMOIDS)
@settings(max_examples=40)
@given(
    scale=st.one_of(st.floats(-7, 0.4).map(lambda exponent: 10**exponent), st.integers(-20, 1).map(lambda e: 2.0**e))
)
def test_sigmoids(name: str, scale: float) -> None:
    assert_equals_oracle(function(name, (scale, UNIT)), [[ALL]])


@pytest.mark.parametrize("name", ["LEAKY_RELU", "TANH"])
def test_the_generated_c(name: str, tmp_path: Path) -> None:
    model = function(name, (2.0**-12, UNIT), count=33)
    inputs = np.random.default_rng(0).integers(-(2**15), 2**15, (20, 33)).astype(np.int16)
    inputs[0], inputs[1] = -(2**15), 2**15 - 1
    np.testing.assert_array_equal(run_on_host(model, inputs, "int16", tmp_path), run_oracle(model, inputs))


@pytest.mark.parametrize(
    ("name", "scales", "zero_points", "words"),
    [
        ("RELU", (0.1, 0.1), (0, 1), "the zero point of its int16 output is 1, not 0"),
        ("TANH", (0.1, UNIT), (5, 0), "the zero point of its int16 input is 5, not 0"),
        ("LOGISTIC", (0.1, 2 * UNIT), (0, 0), "not 1/32768"),
        ("LOGISTIC", (3.0, UNIT), (0, 0), "input scale 3 is too large"),
        ("HARD_SWISH", (0.1, 0.1), (0, 0), "input is int16, which has no kernel"),
        ("ABS", (1e6, 1e-6), (0, 0), "between its scales is too large"),
    ],
)
def test_refusals(name: str, scales: tuple[float, float], zero_points: tuple[int, int], words: str) -> None:
    with pytest.raises(UserError, match=words):
        lower(parse_graph(function(name, scales, zero_points), "m"))
