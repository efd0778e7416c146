"""Elementwise functions of one int8 tensor: all 256 values over many scales, against TensorFlow Lite Micro."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import UserError
from generator.importer import parse_graph
from generator.lower import lower
from generator.ops.lookup import FUNCTIONS
from models.flatbuffer import OperatorSpec, TensorSpec, activation, build_model
from tests.generator.host_kernels import assert_equals_oracle

ALL = np.arange(-128, 128).astype(np.int8).reshape(1, 256)
FIXED_OUTPUT = {"LOGISTIC": (1 / 256, -128), "TANH": (1 / 128, 0)}
SCALES = st.floats(-3.5, 0.5).map(lambda exponent: 10.0**exponent)
ZERO_POINTS = st.integers(-128, 127)


@pytest.mark.parametrize("name", FUNCTIONS)
@given(data=st.data())
def test_all_values(name: str, data: st.DataObject) -> None:
    options: dict[str, Any] = {}
    source, source_zero_point = data.draw(SCALES), data.draw(ZERO_POINTS)
    target, target_zero_point = data.draw(SCALES), data.draw(ZERO_POINTS)
    if name == "LEAKY_RELU":
        options["alpha"] = data.draw(st.floats(0, 1.5, width=32))
    if name == "HARD_SWISH":
        target = source * data.draw(st.floats(0.009, 3.0))
    if name == "RELU6":
        target, target_zero_point = source, source_zero_point
    if name == "RSQRT":
        source_zero_point = -128
    target, target_zero_point = FIXED_OUTPUT.get(name, (target, target_zero_point))
    tensors = [
        activation(1, 256, scale=source, zero_point=source_zero_point),
        activation(1, 256, scale=target, zero_point=target_zero_point),
    ]
    model = build_model(tensors, [OperatorSpec(name, [0], [1], options=options)], [0], [1])
    assert_equals_oracle(model, [[ALL]])


def test_logical_not() -> None:
    model = build_model(
        [TensorSpec((5,), "bool"), TensorSpec((5,), "bool")], [OperatorSpec("LOGICAL_NOT", [0], [1])], [0], [1]
    )
    assert_equals_oracle(model, [[np.array([1, 0, 0, 1, 1], bool)]])


@pytest.mark.parametrize(
    ("name", "zero_points", "words"),
    [
        ("LOGISTIC", (0, 0), "the zero point of its output is 0, not -128"),
        ("RSQRT", (-127, 0), "its input may be negative: its zero point is -127, not -128"),
    ],
)
def test_refusals(name: str, zero_points: tuple[int, int], words: str) -> None:
    tensors = [activation(1, 4, scale=0.1, zero_point=zero_point) for zero_point in zero_points]
    with pytest.raises(UserError, match=words):
        lower(parse_graph(build_model(tensors, [OperatorSpec(name, [0], [1])], [0], [1]), "m"))
