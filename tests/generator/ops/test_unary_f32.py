"""Elementwise functions of one float32 tensor against TensorFlow Lite Micro."""

import numpy as np
import pytest

from common.errors import UserError
from generator.importer import parse_graph
from generator.lower import lower
from generator.ops.unary_f32 import FUNCTIONS
from models.flatbuffer import OperatorSpec, TensorSpec, build_model
from tests.generator.host_kernels import assert_equals_oracle

POSITIVE = ("LOG", "RSQRT", "SQRT")


def function(name: str, output: tuple[int, ...] = (1, 200)) -> bytes:
    tensors = [TensorSpec((1, 200), "float32"), TensorSpec(output, "float32")]
    return build_model(tensors, [OperatorSpec(name, [0], [1], options={"alpha": 0.1})], [0], [1])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_as_the_oracle(name: str) -> None:
    values = np.random.default_rng(0).normal(0, 4, (1, 200)).astype(np.float32)
    values[0, :6] = 0.0, 0.5, 1.5, -2.5, 6.0, -3.0
    assert_equals_oracle(function(name), [[np.abs(values) + 0.01 if name in POSITIVE else values]], rtol=2e-6)


def test_refuses_another_size() -> None:
    with pytest.raises(UserError, match=r"output float32\[1, 100\] does not fit"):
        lower(parse_graph(function("SIN", (1, 100)), "m"))
