"""Reductions against TensorFlow Lite Micro."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import UserError
from generator.importer import parse_graph
from generator.lower import lower
from generator.ops.reduce import DTYPES
from models.flatbuffer import OperatorSpec, TensorSpec, build_model
from tests.generator.host_kernels import assert_equals_oracle

EVERY = [(name, dtype) for name in DTYPES for dtype in DTYPES[name]]


def reduction(
    name: str,
    dtype: str,
    shape: tuple[int, ...],
    axes: list[int],
    keep_dims: bool,
    scales: tuple[float, float] = (0.1, 0.1),
    zero_points: tuple[int, int] = (0, 0),
    output: tuple[int, ...] | None = None,
) -> bytes:
    reduced = {axis % len(shape) for axis in axes}
    kept = tuple(1 if axis in reduced else size for axis, size in enumerate(shape) if keep_dims or axis not in reduced)
    quantized: list[dict[str, Any]] = [
        {} if dtype == "float32" else {"scales": [scale], "zero_points": [zero_point]}
        for scale, zero_point in zip(scales, zero_points, strict=True)
    ]
    tensors = [
        TensorSpec(shape, dtype, **quantized[0]),
        TensorSpec((len(axes),), "int32", data=np.array(axes, np.int32)),
        TensorSpec(kept if output is None else output, dtype, **quantized[1]),
    ]
    return build_model(tensors, [OperatorSpec(name, [0, 1], [2], options={"keep_dims": keep_dims})], [0], [2])


@pytest.mark.parametrize(("name", "dtype"), EVERY)
@given(data=st.data())
def test_any_axes(name: str, dtype: str, data: st.DataObject) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 6), min_size=2, max_size=4)))
    axes = data.draw(st.lists(st.integers(0, len(shape) - 1), min_size=1, max_size=len(shape), unique=True))
    scales, zero_points = (0.1, 0.1), (0, 0)
    if name in ("MEAN", "SUM"):
        scales = (10 ** data.draw(st.floats(-2, 1)), 10 ** data.draw(st.floats(-2, 1)))
        zero_points = (data.draw(st.integers(-128, 127)), data.draw(st.integers(-128, 127)))
    if dtype == "int16":
        zero_points = (0, 0)
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    if dtype == "float32":
        inputs: list[Any] = [rng.normal(0, 1, shape)]
    else:
        limits = np.iinfo(dtype)
        inputs = [rng.integers(limits.min, limits.max, shape, endpoint=True), np.full(shape, limits.min)]
    model = reduction(name, dtype, shape, axes, data.draw(st.booleans()), scales, zero_points)
    assert_equals_oracle(model, [[values.astype(dtype)] for values in inputs], rtol=1e-5)


@pytest.mark.parametrize(
    ("shape", "axes"),
    [((1, 8, 8, 64), [1, 2]), ((2, 3, 5, 7), [1, 2]), ((1, 40, 41, 3), [2, 1]), ((2, 6, 5, 9), [1]), ((7, 6), [0])],
)
def test_means_of_channels(shape: tuple[int, ...], axes: list[int]) -> None:
    """More taps than a sum of 16 bits holds among them."""
    model = reduction("MEAN", "int8", shape, axes, keep_dims=False, scales=(0.1, 0.03), zero_points=(-4, 9))
    rng = np.random.default_rng(0)
    inputs = [rng.integers(-128, 128, shape), np.full(shape, -128), np.full(shape, 127)]
    assert lower(parse_graph(model, "m")).steps[0].kernel == "reduce_channel_sum_s8"
    assert_equals_oracle(model, [[values.astype(np.int8)] for values in inputs])


@pytest.mark.parametrize(
    ("axes", "output", "words"),
    [([5], (2, 3, 4), "there is no axis"), ([1], (2, 3), r"does not fit input int8\[2, 3, 4\] and axes \[1\]")],
)
def test_refusals(axes: list[int], output: tuple[int, ...], words: str) -> None:
    with pytest.raises(UserError, match=words):
        lower(parse_graph(reduction("MEAN", "int8", (2, 3, 4), axes, False, output=output), "m"))
