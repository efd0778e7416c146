"""SOFTMAX against TensorFlow Lite Micro."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import UserError
from generator.importer import parse_graph
from generator.lower import lower
from models.flatbuffer import OperatorSpec, TensorSpec, activation, build_model
from tests.generator.host_kernels import assert_equals_oracle, host_program

OUTPUTS = {"int8": (1 / 256, -128), "int16": (1 / 65536, -32768)}


def softmax(shape: tuple[int, ...], scale: float, zero_point: int, dtype: str, beta: float = 1.0) -> bytes:
    output_scale, output_zero_point = OUTPUTS[dtype]
    tensors = [
        activation(*shape, scale=scale, zero_point=zero_point),
        TensorSpec(shape, dtype, scales=[output_scale], zero_points=[output_zero_point]),
    ]
    return build_model(tensors, [OperatorSpec("SOFTMAX", [0], [1], options={"beta": beta})], [0], [1])


def rows(rng: np.random.Generator, shape: tuple[int, ...]) -> list[list[np.ndarray[Any, Any]]]:
    inputs = [rng.integers(-128, 128, shape), np.full(shape, -128), np.full(shape, 127)]
    inputs.append(np.clip(rng.normal(rng.uniform(-100, 100), rng.uniform(1, 50), shape), -128, 127))
    one_hot = np.full(shape, -128)
    one_hot[..., rng.integers(shape[-1])] = 127
    return [[values.astype(np.int8)] for values in (*inputs, one_hot)]


@given(
    shape=st.lists(st.integers(1, 12), min_size=1, max_size=4).map(tuple),
    exponent=st.floats(-4, 0.7),
    zero_point=st.integers(-128, 127),
    dtype=st.sampled_from(["int8", "int16"]),
    beta=st.sampled_from([1.0, 0.5, 3.0]),
    seed=st.integers(0, 2**32),
)
def test_quantised(
    shape: tuple[int, ...], exponent: float, zero_point: int, dtype: str, beta: float, seed: int
) -> None:
    model = softmax(shape, 10.0**exponent, zero_point, dtype, beta)
    assert_equals_oracle(model, rows(np.random.default_rng(seed), shape))


@given(
    shape=st.lists(st.integers(1, 12), min_size=1, max_size=4).map(tuple),
    exponent=st.floats(-6, -0.6),
    beta=st.sampled_from([1.0, 0.5, 3.0]),
    seed=st.integers(0, 2**32),
)
def test_int16(shape: tuple[int, ...], exponent: float, beta: float, seed: int) -> None:
    tensors = [
        TensorSpec(shape, "int16", scales=[10.0**exponent], zero_points=[0]),
        TensorSpec(shape, "int16", scales=[1 / 32768], zero_points=[0]),
    ]
    model = build_model(tensors, [OperatorSpec("SOFTMAX", [0], [1], options={"beta": beta})], [0], [1])
    rng = np.random.default_rng(seed)
    near = rng.normal(rng.uniform(-20000, 20000), 10.0 ** rng.uniform(0, 4.5), shape)
    inputs = [rng.integers(-32768, 32768, shape), np.full(shape, -32768), np.clip(near, -32768, 32767)]
    assert_equals_oracle(model, [[values.astype(np.int16)] for values in inputs])


def test_every_difference_of_int16() -> None:
    """Through the whole of both tables."""
    tensors = [
        TensorSpec((30000, 2), "int16", scales=[10 / 65535], zero_points=[0]),
        TensorSpec((30000, 2), "int16", scales=[1 / 32768], zero_points=[0]),
    ]
    model = build_model(tensors, [OperatorSpec("SOFTMAX", [0], [1], options={"beta": 1.0})], [0], [1])
    values = np.stack([np.arange(30000), np.full(30000, 30000)], axis=1).astype(np.int16)
    assert_equals_oracle(model, [[values], [(values - 30000).astype(np.int16)]])


def test_long_rows() -> None:
    """Of which the reference computes those whose exponentials sum to less than 512."""
    rng = np.random.default_rng(0)
    model = softmax((1, 1001), 0.05, 3, "int8")
    assert_equals_oracle(model, [[rng.integers(-128, 128, (1, 1001)).astype(np.int8)] for _ in range(20)])
    (output,) = host_program(model, dsp=False).run([np.full((1, 1001), 9, np.int8)])
    assert np.all(output == -128)


@given(shape=st.lists(st.integers(1, 12), min_size=1, max_size=4).map(tuple), seed=st.integers(0, 2**32))
def test_float(shape: tuple[int, ...], seed: int) -> None:
    tensors = [TensorSpec(shape, "float32"), TensorSpec(shape, "float32")]
    model = build_model(tensors, [OperatorSpec("SOFTMAX", [0], [1], options={"beta": 1.0})], [0], [1])
    values = np.random.default_rng(seed).normal(0, 5, shape).astype(np.float32)
    assert_equals_oracle(model, [[values]], rtol=1e-6)


@pytest.mark.parametrize(
    ("scale", "zero_point", "output", "words"),
    [
        (1e-3, 0, TensorSpec((1, 4), "int16", scales=[1 / 65536], zero_points=[-32768]), "scale 1/32768 and the zero"),
        (1e-3, 0, activation(1, 4, scale=1 / 256, zero_point=-128), "output is int8 for an input of int16"),
        (
            9.0,
            0,
            TensorSpec((1, 4), "int16", scales=[1 / 32768], zero_points=[0]),
            "of its input, 9, is too large",
        ),
        (1e-3, 5, TensorSpec((1, 4), "int16", scales=[1 / 32768], zero_points=[0]), "of its int16 input is 5, not 0"),
    ],
)
def test_refuses_int16(scale: float, zero_point: int, output: TensorSpec, words: str) -> None:
    tensors = [TensorSpec((1, 4), "int16", scales=[scale], zero_points=[zero_point]), output]
    model = build_model(tensors, [OperatorSpec("SOFTMAX", [0], [1], options={"beta": 1.0})], [0], [1])
    with pytest.raises(UserError, match=words):
        lower(parse_graph(model, "m"))


@pytest.mark.parametrize(
    ("scale", "zero_point", "words"),
    [(1 / 256, 0, "scale 1/256 and the zero point -128"), (1 / 128, -128, "scale 1/256 and the zero point -128")],
)
def test_refuses_other_outputs(scale: float, zero_point: int, words: str) -> None:
    tensors = [activation(1, 4), activation(1, 4, scale=scale, zero_point=zero_point)]
    model = build_model(tensors, [OperatorSpec("SOFTMAX", [0], [1], options={"beta": 1.0})], [0], [1])
    with pytest.raises(UserError, match=words):
        lower(parse_graph(model, "m"))
