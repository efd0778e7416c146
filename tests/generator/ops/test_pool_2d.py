"""AVERAGE_POOL_2D and MAX_POOL_2D against TensorFlow Lite Micro."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from common.errors import UserError
from generator.importer import parse_graph
from generator.lower import lower
from models.flatbuffer import OperatorSpec, TensorSpec, build_model
from tests.generator.host_kernels import assert_equals_oracle

LIMITS = {"int8": 127, "int16": 32767}
SAME, VALID = 0, 1


def pool(
    name: str,
    dtype: str,
    shape: tuple[int, int, int, int],
    filters: tuple[int, int],
    strides: tuple[int, int],
    padding: int,
    activation: int = 0,
    zero_point: int = 0,
) -> bytes:
    sizes = [
        -(-size // stride) if padding == SAME else (size - taps) // stride + 1
        for size, taps, stride in zip(shape[1:3], filters, strides, strict=True)
    ]
    output = (shape[0], *sizes, shape[3])
    quantized: dict[str, Any] = {} if dtype == "float32" else {"scales": [0.05], "zero_points": [zero_point]}
    options = {
        "padding": padding,
        "stride_h": strides[0],
        "stride_w": strides[1],
        "filter_h": filters[0],
        "filter_w": filters[1],
    }
    tensors = [TensorSpec(shape, dtype, **quantized), TensorSpec(output, dtype, **quantized)]
    return build_model(tensors, [OperatorSpec(name, [0], [1], activation, options)], [0], [1])


def values(shape: tuple[int, ...], dtype: str, seed: int) -> list[list[NDArray[Any]]]:
    rng = np.random.default_rng(seed)
    if dtype == "float32":
        return [[rng.normal(0, 3, shape).astype(np.float32)]]
    limit = LIMITS[dtype]
    chosen = [rng.integers(-limit - 1, limit + 1, shape), np.full(shape, -limit - 1), np.full(shape, limit)]
    return [[value.astype(dtype)] for value in chosen]


@pytest.mark.parametrize("name", ["AVERAGE_POOL_2D", "MAX_POOL_2D"])
@pytest.mark.parametrize("dtype", ["int8", "int16", "float32"])
@given(data=st.data())
def test_any_window(name: str, dtype: str, data: st.DataObject) -> None:
    filters = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 5))
    padding = data.draw(st.sampled_from([SAME, VALID]))
    least = filters if padding == VALID else (1, 1)
    shape = (
        data.draw(st.integers(1, 2)),
        data.draw(st.integers(least[0], least[0] + 5)),
        data.draw(st.integers(least[1], least[1] + 5)),
        data.draw(st.integers(1, 9)),
    )
    strides = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3))
    zero_point = data.draw(st.integers(-128, 127)) if dtype == "int8" else 0
    activation = data.draw(st.sampled_from([0, 1, 2, 3]))
    model = pool(name, dtype, shape, filters, strides, padding, activation, zero_point)
    assert_equals_oracle(model, values(shape, dtype, data.draw(st.integers(0, 2**32))), rtol=1e-6)


@pytest.mark.parametrize("shape", [(1, 25, 5, 64), (1, 8, 8, 64), (1, 3, 3, 22), (1, 40, 41, 3), (1, 71, 72, 5)])
def test_whole_planes(shape: tuple[int, int, int, int]) -> None:
    """The last two have more taps than a sum of 16 bits holds, the last more than a reciprocal is exact for."""
    filters = shape[1], shape[2]
    assert_equals_oracle(pool("AVERAGE_POOL_2D", "int8", shape, filters, filters, VALID), values(shape, "int8", 0))


@pytest.mark.parametrize("taps", [1, 2, 3, 4, 64, 125, 254, 255, 256, 257, 4000, 4001, 4096])
def test_every_kind_of_sum(taps: int) -> None:
    """Sums next to those where quotients change, ties among them, and the extreme ones."""
    wanted = np.arange(-128, 127)[::8]
    middles = (2 * wanted + 1) * taps // 2
    sums = np.concatenate([middles + aside for aside in (-1, 0, 1)] + [[-128 * taps, 127 * taps, 0, 1, -1]])
    sums = np.clip(sums, -128 * taps, 127 * taps)
    least, more = np.divmod(sums, taps)
    inputs = (least + (np.arange(taps)[:, None] < more)).astype(np.int8).reshape(1, 1, taps, len(sums))
    model = pool("AVERAGE_POOL_2D", "int8", inputs.shape, (1, taps), (1, 1), VALID)
    assert_equals_oracle(model, [[inputs]])


def test_refuses_an_output_that_does_not_fit() -> None:
    options = {"padding": VALID, "stride_h": 1, "stride_w": 1, "filter_h": 2, "filter_w": 2}
    tensors = [TensorSpec((1, 4, 4, 1), scales=[0.1]), TensorSpec((1, 4, 4, 1), scales=[0.1])]
    model = build_model(tensors, [OperatorSpec("MAX_POOL_2D", [0], [1], options=options)], [0], [1])
    with pytest.raises(UserError, match=r"with this window it has the shape \[1, 3, 3, 1\]"):
        lower(parse_graph(model, "m"))
