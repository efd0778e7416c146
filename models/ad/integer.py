"""Integer inference of the int8 autoencoder in numpy, bit for bit what TensorFlow Lite Micro computes.

The training judges the model with this, so the figures it states belong to the arithmetic that runs on a board.
Arithmetic: TensorFlow Lite's 8-bit quantisation specification and gemmlowp's fixed-point multiplication.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.ad.structure import Layer, Quantisation

Int8 = NDArray[np.int8]
Int64 = NDArray[np.int64]


def reconstruct(layers: Sequence[Layer], windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the model makes of its inputs: float32 [n, 640], quantised, run and dequantised, to float32 [n, 640]."""
    codes = run(layers, quantise(windows, layers[0].input))
    return dequantise(codes, layers[-1].output)


def quantise(values: NDArray[np.float32], parameters: Quantisation) -> Int8:
    """Nearest int8 codes, saturated."""
    codes = np.rint(values / np.float32(parameters.scale)) + parameters.zero_point
    return np.asarray(np.clip(codes, -128, 127), np.int8)


def dequantise(codes: Int8, parameters: Quantisation) -> NDArray[np.float32]:
    """Real values of int8 codes."""
    values: NDArray[np.float32] = (codes.astype(np.float32) - parameters.zero_point) * np.float32(parameters.scale)
    return values


def run(layers: Sequence[Layer], codes: Int8) -> Int8:
    """Outputs of the integer model: int8 [n, 640] to int8 [n, 640]."""
    for layer in layers:
        codes = _fully_connected(layer, codes)
    return codes


def _fully_connected(layer: Layer, codes: Int8) -> Int8:
    # Every product and partial sum is an integer below 2^25, so float64 (and its fast matrix product) is exact.
    centred = codes.astype(np.float64) - layer.input.zero_point
    sums = (centred @ layer.weights.astype(np.float64).T).astype(np.int64) + layer.bias
    # The product of the scales is taken in double: a float32 product moves the mantissa and, rarely, an output.
    multipliers = [fixed_point(layer.input.scale * float(scale) / layer.output.scale) for scale in layer.weight_scales]
    mantissas, exponents = np.array([m for m, _ in multipliers]), np.array([e for _, e in multipliers])
    outputs = multiply(sums, mantissas, exponents) + layer.output.zero_point
    lowest = max(-128, layer.output.zero_point) if layer.relu else -128
    return np.clip(outputs, lowest, 127).astype(np.int8)


def fixed_point(real: float) -> tuple[int, int]:
    """A positive real as (mantissa, exponent): about ``mantissa * 2**(exponent - 31)``, mantissa in [2^30, 2^31)."""
    fraction, exponent = math.frexp(real)
    mantissa = math.floor(fraction * 2**31 + 0.5)
    if mantissa == 2**31:
        return 2**30, exponent + 1
    return mantissa, exponent


def multiply(values: Int64, mantissas: Int64, exponents: Int64) -> Int64:
    """``values * mantissa * 2**(exponent - 31)`` with gemmlowp's two roundings, each to nearest, halves away from 0."""
    left, right = np.maximum(exponents, 0), np.maximum(-exponents, 0)
    products = (values << left) * mantissas
    nudged = products + np.where(products >= 0, 2**30, 1 - 2**30)
    high = np.where(nudged >= 0, nudged >> 31, -(-nudged >> 31))  # division truncates towards 0
    mask = (np.int64(1) << right) - 1
    threshold = (mask >> 1) + (high < 0)
    return np.asarray((high >> right) + ((high & mask) > threshold), np.int64)
