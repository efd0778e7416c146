"""QUANTIZE and DEQUANTIZE against TensorFlow Lite Micro: every pair of types it converts."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import UserError
from generator.importer import parse_graph
from generator.lower import lower
from generator.ops.quantize import CONVERSIONS
from models.flatbuffer import OperatorSpec, TensorSpec, build_model
from tests.generator.host_kernels import assert_equals_oracle

PAIRS = [(source, target) for source, targets in CONVERSIONS.items() for target in targets]
COUNT = 300


def conversion(source: str, target: str, scales: tuple[float, float], zero_points: tuple[int, int]) -> bytes:
    tensors = [
        TensorSpec((COUNT,), dtype) if dtype == "float32" else TensorSpec((COUNT,), dtype, [scale], [zero_point])
        for dtype, scale, zero_point in zip((source, target), scales, zero_points, strict=True)
    ]
    name = "DEQUANTIZE" if target == "float32" else "QUANTIZE"
    return build_model(tensors, [OperatorSpec(name, [0], [1])], [0], [1])


def zero_points_of(dtype: str) -> st.SearchStrategy[int]:
    if dtype == "int8":
        return st.integers(-128, 127)
    return st.integers(0, 255) if dtype == "uint8" else st.just(0)


@pytest.mark.parametrize(("source", "target"), PAIRS)
@given(data=st.data())
def test_every_pair(source: str, target: str, data: st.DataObject) -> None:
    scales = (10 ** data.draw(st.floats(-3, 0)), 10 ** data.draw(st.floats(-3, 0)))
    zero_points = (data.draw(zero_points_of(source)), data.draw(zero_points_of(target)))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    values: Any
    if source == "float32":
        values = rng.normal(0, scales[1] * 100, COUNT)
        values[:5] = np.array([1e6, -1e6, 0.5, -0.5, 1.5]) * scales[1]  # the reference has no infinities
    else:
        limits = np.iinfo("int16" if source == "int32" else source)
        values = rng.integers(limits.min, limits.max, COUNT, endpoint=True)
        values[:2] = limits.min, limits.max
    assert_equals_oracle(conversion(source, target, scales, zero_points), [[values.astype(source)]])


def test_refuses_other_pairs() -> None:
    with pytest.raises(UserError, match=r"it turns uint8\[300\] into int16\[300\]"):
        lower(parse_graph(conversion("uint8", "int16", (0.1, 0.1), (0, 0)), "m"))
