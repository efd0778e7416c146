"""Folded layers compute what the dense and normalisation layers computed one after the other."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.ad.folding import BatchNorm, Dense, fold, reconstruct


@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 9))
def test_fold_is_the_composition(seed: int, inputs: int, outputs: int) -> None:
    rng = np.random.default_rng(seed)

    def floats(*shape: int, low: float = -2, high: float = 2) -> np.ndarray:
        return rng.uniform(low, high, shape).astype(np.float32)

    dense = Dense(floats(inputs, outputs), floats(outputs))
    norm = BatchNorm(1e-3, floats(outputs), floats(outputs), floats(outputs), floats(outputs, low=0, high=3))
    x = floats(7, inputs).astype(np.float64)
    between = x @ dense.weights + dense.bias
    expected = norm.gamma * (between - norm.mean) / np.sqrt(norm.variance + 1e-3) + norm.beta
    folded = fold(dense, norm)
    assert folded.weights.dtype == folded.bias.dtype == np.float32
    scale = 1 + np.abs(norm.gamma / np.sqrt(norm.variance + 1e-3)).max()
    np.testing.assert_allclose(x @ folded.weights + folded.bias, expected, atol=1e-4 * scale)


def test_relu_follows_all_layers_but_the_last() -> None:
    minus = Dense(np.array([[-1.0]], np.float32), np.array([0.0], np.float32))
    x = np.array([[3.0], [-3.0]], np.float32)
    np.testing.assert_array_equal(reconstruct([minus], x), [[-3], [3]])
    np.testing.assert_array_equal(reconstruct([minus, minus], x), [[0], [-3]])
