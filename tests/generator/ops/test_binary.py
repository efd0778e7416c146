"""Elementwise operators of two tensors against TensorFlow Lite Micro."""

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
from generator.ops.binary import DTYPES, walk_of
from models.flatbuffer import OperatorSpec, TensorSpec, build_model
from tests.generator.cases import run_on_host, run_oracle
from tests.generator.host_kernels import assert_equals_oracle

PAIRS = [
    ((1, 3, 4, 5), (1, 3, 4, 5)),
    ((7,), (7,)),
    ((1, 3, 4, 5), (5,)),
    ((1, 3, 4, 5), (1, 1, 1, 1)),
    ((1, 1, 1, 1), (1, 3, 4, 5)),
    ((1, 3, 1, 5), (1, 3, 4, 5)),
    ((1, 3, 4, 5), (1, 1, 4, 1)),
    ((2, 3, 4, 5), (2, 1, 1, 5)),
    ((4, 1), (1, 6)),
]
QUANTIZED = [(name, dtype) for name in DTYPES for dtype in DTYPES[name] if dtype in ("int8", "int16")]
EXACT = [(name, dtype) for name in DTYPES for dtype in DTYPES[name] if dtype in ("int32", "float32")]
LIMITS = {"int8": 127, "int16": 32767, "int32": 2**20, "float32": 100}


def values(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
    limit = LIMITS[dtype]
    if dtype == "float32":
        return rng.normal(0, limit, shape).astype(np.float32)
    kind = rng.integers(4)
    if kind == 0:
        return np.full(shape, rng.choice([-limit - 1, limit]), dtype)
    return rng.integers(-limit - 1, limit + 1, shape).astype(dtype)


def model_of(name: str, tensors: list[TensorSpec], activation: int, *, constant: NDArray[Any] | None = None) -> bytes:
    if constant is not None:
        tensors[1].data = constant
    inputs = [0] if constant is not None else [0, 1]
    return build_model(tensors, [OperatorSpec(name, [0, 1], [2], activation)], inputs, [2])


def scales_of(name: str, rng: np.random.Generator, dtype: str) -> list[float]:
    if name in ("MAXIMUM", "MINIMUM"):
        return [0.05] * 3
    a, b = 10 ** rng.uniform(-3, 0, 2)
    size = 256 if dtype == "int8" else 65536
    reach = {"MUL": a * b * size, "PRELU": a * b * size, "SQUARED_DIFFERENCE": (a + b) ** 2 * size}.get(name, a + b)
    return [a, b, reach * rng.uniform(0.1, 2)]


@pytest.mark.parametrize(("name", "dtype"), QUANTIZED)
@given(
    pair=st.sampled_from(PAIRS),
    activation=st.sampled_from([0, 1, 2, 3]),
    with_constant=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_quantised(
    name: str,
    dtype: str,
    pair: tuple[tuple[int, ...], tuple[int, ...]],
    activation: int,
    with_constant: bool,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    zero_points = rng.integers(-128, 128, 3) if dtype == "int8" else [0, 0, 0]
    if name in ("MAXIMUM", "MINIMUM"):
        zero_points = [0, 0, 0]
    shapes = (*pair, np.broadcast_shapes(*pair))
    tensors = [
        TensorSpec(shape, dtype, scales=[float(scale)], zero_points=[int(zero_point)])
        for shape, scale, zero_point in zip(shapes, scales_of(name, rng, dtype), zero_points, strict=True)
    ]
    constant = values(rng, pair[1], dtype) if with_constant else None
    plain = name in ("MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE", "PRELU")
    model = model_of(name, tensors, 0 if plain else activation, constant=constant)
    inputs = [[values(rng, shape, dtype) for shape in (pair[:1] if with_constant else pair)] for _ in range(4)]
    assert_equals_oracle(model, inputs)


@pytest.mark.parametrize("name", ["ADD", "SUB"])
@settings(max_examples=30)
@given(
    exponents=st.tuples(*[st.floats(-3, 0) | st.sampled_from([-1.0, -2.0])] * 2),
    spread=st.floats(0.3, 2) | st.sampled_from([0.5, 1.0]),
    zero_points=st.tuples(*[st.integers(-128, 127)] * 3),
    activation=st.integers(0, 3),
)
def test_every_pair(
    name: str, exponents: tuple[float, float], spread: float, zero_points: tuple[int, int, int], activation: int
) -> None:
    """Of int8 values, mostly for one linear function of them; equal scales give ties."""
    a, b = (10**exponent for exponent in exponents)
    first, second = np.meshgrid(*[np.arange(-128, 128, dtype=np.int8)] * 2)
    tensors = [
        TensorSpec((1, first.size), scales=[scale], zero_points=[zero_point])
        for scale, zero_point in zip((a, b, (a + b) * spread), zero_points, strict=True)
    ]
    model = model_of(name, tensors, activation)
    assert_equals_oracle(model, [[first.reshape(1, -1), second.reshape(1, -1)]])


def test_sums_are_mostly_one_linear_function() -> None:
    rng, found = np.random.default_rng(0), 0
    for _ in range(40):
        scales = *10 ** rng.uniform(-2, 0, 2), 10 ** rng.uniform(-1, 0.3)
        tensors = [TensorSpec((1, 8), scales=[scale], zero_points=[int(rng.integers(-128, 128))]) for scale in scales]
        found += lower(parse_graph(model_of("ADD", tensors, 0), "m")).steps[0].kernel == "sum_s8"
    assert found > 30


def test_a_sum_that_is_not_one_linear_function() -> None:
    """With an output scale this small the factors do not fit 32 bits."""
    tensors = [TensorSpec((1, 19), scales=[scale], zero_points=[3]) for scale in (0.5, 0.3, 0.01)]
    model, rng = model_of("ADD", tensors, 0), np.random.default_rng(0)
    assert lower(parse_graph(model, "m")).steps[0].kernel == "add_s8"
    assert_equals_oracle(model, [[values(rng, (1, 19), "int8") for _ in range(2)] for _ in range(5)])


@pytest.mark.parametrize(("name", "dtype"), EXACT)
@pytest.mark.parametrize("pair", PAIRS)
def test_integers_and_floats(name: str, dtype: str, pair: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    rng = np.random.default_rng(0)
    shapes = (*pair, np.broadcast_shapes(*pair))
    plain = name in ("MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE", "PRELU")
    for activation in (0,) if dtype == "int32" or plain else (0, 1, 2, 3):
        model = model_of(name, [TensorSpec(shape, dtype) for shape in shapes], activation)
        inputs = [[values(rng, shape, dtype) for shape in pair] for _ in range(3)]
        if dtype == "int32" and name in ("MUL", "SQUARED_DIFFERENCE"):
            inputs = [[value % 1000 for value in pair_of] for pair_of in inputs]
        assert_equals_oracle(model, inputs, rtol=1e-6)


@pytest.mark.parametrize("pair", [((1, 3, 1, 5), (1, 3, 4, 1)), ((1, 33), (1, 33))])
def test_the_generated_c(pair: tuple[tuple[int, ...], tuple[int, ...]], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    shapes = (*pair, np.broadcast_shapes(*pair))
    tensors = [TensorSpec(shape, scales=[0.1], zero_points=[3]) for shape in shapes]
    model = model_of("ADD", tensors, 1, constant=values(rng, pair[1], "int8"))
    inputs = rng.integers(-128, 128, (50, *pair[0])).astype(np.int8)
    np.testing.assert_array_equal(run_on_host(model, inputs, "int8", tmp_path), run_oracle(model, inputs))


def test_shapes_are_merged() -> None:
    walk = walk_of((2, 3, 4), (2, 3, 4))
    assert walk.shape == (1, 1, 1, 1, 24)
    walk = walk_of((1, 3, 4, 5), (5,))
    assert (walk.shape, walk.first, walk.second) == ((1, 1, 1, 12, 5), (0, 0, 0, 5, 1), (0, 0, 0, 0, 1))


@pytest.mark.parametrize(
    ("shapes", "dtypes", "words"),
    [
        (((1, 3), (1, 4), (1, 3)), ("int8",) * 3, "broadcast"),
        (((1, 3), (1, 3), (1, 4)), ("int8",) * 3, r"does not fit inputs"),
        (((1, 3), (1, 3), (1, 3)), ("int8", "int8", "int16"), "output is int16, the first input int8"),
        (((1, 3), (1, 3), (1, 3)), ("bool",) * 3, "first input is bool, supported is int8 or"),
    ],
)
def test_refusals(shapes: tuple[tuple[int, ...], ...], dtypes: tuple[str, ...], words: str) -> None:
    tensors = [TensorSpec(shape, dtype, scales=[0.1]) for shape, dtype in zip(shapes, dtypes, strict=True)]
    with pytest.raises(UserError, match=words):
        lower(parse_graph(model_of("ADD", tensors, 0), "m"))
