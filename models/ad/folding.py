"""Folding batch normalisation into the fully connected layer before it, and running the result."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Dense:
    """``y = x @ weights + bias``: weights [inputs, outputs], bias [outputs]."""

    weights: Floats
    bias: Floats


@dataclass(frozen=True)
class BatchNorm:
    """``y = gamma * (x - mean) / sqrt(variance + epsilon) + beta``, each [outputs]."""

    epsilon: float
    gamma: Floats
    beta: Floats
    mean: Floats
    variance: Floats


def fold(dense: Dense, norm: BatchNorm) -> Dense:
    """One layer that computes what the two compute one after the other.

    The bias of the dense layer passes through the normalisation like everything else:
    ``bias' = (bias - mean) * scale + beta`` with ``scale = gamma / sqrt(variance + epsilon)``.
    Arithmetic is float64, the result float32.
    """
    scale = norm.gamma.astype(np.float64) / np.sqrt(norm.variance.astype(np.float64) + norm.epsilon)
    bias = (dense.bias.astype(np.float64) - norm.mean) * scale + norm.beta
    return Dense((dense.weights * scale).astype(np.float32), bias.astype(np.float32))


def reconstruct(layers: Sequence[Dense], windows: Floats) -> Floats:
    """Run folded layers, ReLU after all but the last: float32 [n, inputs] to float32 [n, outputs]."""
    values = windows
    for layer in layers[:-1]:
        values = np.maximum(values @ layer.weights + layer.bias, np.float32(0))
    return np.asarray(values @ layers[-1].weights + layers[-1].bias, np.float32)
