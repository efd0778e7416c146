"""The numpy integer inference: its fixed-point arithmetic, and equality with TensorFlow Lite Micro."""

import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.benchmark import load_benchmark
from models.ad import integer
from models.ad.structure import Quantisation, read_layers


@given(st.floats(1e-8, 100))
def test_fixed_point_is_close(real: float) -> None:
    mantissa, exponent = integer.fixed_point(real)
    assert 2**30 <= mantissa < 2**31
    assert Fraction(mantissa) * Fraction(2) ** (exponent - 31) == pytest.approx(real, rel=2**-31)


def test_fixed_point_carries_when_the_mantissa_rounds_up() -> None:
    assert integer.fixed_point(1 - 2**-40) == (2**30, 1)


def half_away(value: Fraction) -> int:
    whole = int(abs(value) + Fraction(1, 2))
    return whole if value >= 0 else -whole


@given(st.integers(-(2**26), 2**26), st.integers(2**30, 2**31 - 1), st.integers(-20, 4))
def test_multiply_rounds_twice_halves_away_from_zero(value: int, mantissa: int, exponent: int) -> None:
    """The doubling high product rounds its ties up when negative (gemmlowp), the shift away from 0."""
    product = Fraction((value << max(exponent, 0)) * mantissa, 2**31)
    high = half_away(product)
    if product < 0 and product.denominator == 2:
        high += 1
    expected = half_away(Fraction(high, 2 ** max(-exponent, 0)))
    got = integer.multiply(np.array([value]), np.array([mantissa]), np.array([exponent]))
    assert got.tolist() == [expected]


@given(st.lists(st.floats(-200, 200, width=32), min_size=1, max_size=20))
def test_quantise_is_nearest_and_saturates(values: list[float]) -> None:
    parameters = Quantisation(0.25, 90)
    codes = integer.quantise(np.array(values, np.float32), parameters)
    real = integer.dequantise(codes, parameters)
    inside = (codes > -128) & (codes < 127)
    assert (np.abs(real - np.array(values))[inside] <= 0.125).all()
    assert (codes[np.array(values) > 9.5] == 127).all()
    assert (codes[np.array(values) < -54.75] == -128).all()


def compare_with_tflm(model: Path) -> None:
    runtime = pytest.importorskip("tflite_micro.python.tflite_micro.runtime")
    content = model.read_bytes()
    interpreter = runtime.Interpreter.from_bytes(content)
    rng = np.random.default_rng(1)
    noise = rng.integers(-128, 128, (300, 640))
    smooth = np.clip(np.cumsum(rng.normal(0, 3, (300, 640)), axis=1), -128, 127)
    codes = np.concatenate([noise, smooth, np.full((1, 640), -128), np.full((1, 640), 127)]).astype(np.int8)
    expected = []
    for row in codes:
        interpreter.set_input(row[np.newaxis], 0)
        interpreter.invoke()
        expected.append(interpreter.get_output(0)[0].copy())
    np.testing.assert_array_equal(integer.run(read_layers(content), codes), np.array(expected))


def test_shipped_model_equals_tflite_micro() -> None:
    compare_with_tflm(load_benchmark("ad").model)


@pytest.mark.reference
def test_reference_model_equals_tflite_micro() -> None:
    data = os.environ.get("FIRMBENCH_DATA")
    if not data:
        pytest.skip("FIRMBENCH_DATA is not set: no reference models")
    compare_with_tflm(Path(data) / "models" / "ad01_int8.tflite")
