"""FULLY_CONNECTED: int8 activations and weights, int32 bias, per tensor or per channel."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generator.graph import Graph, Operator, Tensor
from generator.ops.lowered import Lowered, reject_unless_per_tensor
from generator.quantization import (
    ACTIVATION_BOUNDS,
    ACTIVATION_NAMES,
    INT8_MIN,
    Rescale,
    activation_range,
    rescale_of,
)

UNITS_PER_BLOCK = 4  # FULLY_CONNECTED_UNITS in firmware/kernels/fully_connected_s8.h
INPUTS_PER_WORD = 4


@dataclass(frozen=True)
class Layer:
    """The tensors of one layer: weights [units, depth], bias [units] or None."""

    input: Tensor
    weights: Tensor
    bias: Tensor | None
    output: Tensor


def _layer(graph: Graph, operator: Operator) -> Layer | None:
    source, weights = graph.input(operator, 0), graph.input(operator, 1)
    if source is None or weights is None:
        return None
    return Layer(source, weights, graph.input(operator, 2), graph.output(operator))


def reject(graph: Graph, operator: Operator) -> str | None:
    layer = _layer(graph, operator)
    if layer is None:
        return "input or weights are missing"
    return (
        reject_unless_per_tensor(layer.input, "input", "int8")
        or reject_unless_per_tensor(layer.output, "output", "int8")
        or _reject_weights(layer)
        or _reject_bias(layer)
        or _reject_options(operator)
        or _reject_range(layer)
    )


def _reject_weights(layer: Layer) -> str | None:
    weights = layer.weights
    if weights.data is None:
        return "weights are not a constant"
    if weights.dtype != "int8" or weights.quantization is None:
        return f"weights are {weights.dtype}, supported is quantised int8"
    if len(weights.shape) != 2:
        return f"weights have the shape {list(weights.shape)}, supported is [units, depth]"
    if np.any(weights.quantization.zero_points):
        return "weights have a zero point other than 0"
    units, depth = weights.shape
    if weights.quantization.per_channel and (
        weights.quantization.axis != 0 or len(weights.quantization.scales) != units
    ):
        return "weights are quantised along another axis than the units"
    if units == 0 or depth == 0 or layer.input.elements % depth or not layer.input.elements:
        return f"input {layer.input} does not fit weights {list(weights.shape)}"
    if layer.output.elements != layer.input.elements // depth * units:
        return f"output {layer.output} does not fit input {layer.input} and weights {list(weights.shape)}"
    return None


def _reject_bias(layer: Layer) -> str | None:
    if layer.bias is None:
        return None
    if layer.bias.data is None or layer.bias.dtype != "int32":
        return "bias is not a constant int32 tensor"
    if layer.bias.elements != layer.weights.shape[0]:
        return f"bias has {layer.bias.elements} values for {layer.weights.shape[0]} units"
    return None


def _reject_options(operator: Operator) -> str | None:
    activation = operator.options.get("activation", 0)
    if activation not in ACTIVATION_BOUNDS:
        known = activation < len(ACTIVATION_NAMES)
        return f"fused activation {ACTIVATION_NAMES[activation] if known else activation} is not supported"
    if operator.options.get("weights_format", 0) != 0:
        return "shuffled weights are not supported"
    return None


def _reject_range(layer: Layer) -> str | None:
    """Refuse what the 32-bit accumulator could overflow with: there the reference result is undefined."""
    reach = np.abs(_constant_weights(layer).astype(np.int64)).sum(axis=1) * -INT8_MIN
    if np.any(np.abs(_folded_bias(layer)) + reach >= 2**31):
        return "its accumulator can overflow 32 bits"
    try:
        _rescales(layer)
    except ValueError as error:
        return str(error)
    return None


def _constant_weights(layer: Layer) -> NDArray[np.int8]:
    """[units, depth]"""
    assert layer.weights.data is not None
    weights: NDArray[np.int8] = layer.weights.data
    return weights


def _folded_bias(layer: Layer) -> NDArray[np.int64]:
    """[units], with -input zero point x row sum of the weights added."""
    assert layer.input.quantization is not None
    sums: NDArray[np.int64] = _constant_weights(layer).astype(np.int64).sum(axis=1)
    bias = -layer.input.quantization.zero_point * sums
    if layer.bias is not None and layer.bias.data is not None:
        bias += layer.bias.data.reshape(-1)
    return bias


def _rescales(layer: Layer) -> tuple[Rescale, ...]:
    """Input scale x weight scale / output scale in float64, one per unit or one in all.

    Source: ``CalculateOpDataFullyConnected``, tensorflow/lite/micro/kernels/fully_connected_common.cc.
    """
    assert layer.input.quantization is not None
    assert layer.weights.quantization is not None
    assert layer.output.quantization is not None
    source, target = float(layer.input.quantization.scale), float(layer.output.quantization.scale)
    return tuple(rescale_of(source * float(scale) / target) for scale in layer.weights.quantization.scales)


def pack_weights(weights: NDArray[np.int8]) -> NDArray[np.int8]:
    """[units, depth] -> [units / 4][depth / 4][4 units][4 inputs], flattened, both padded to 4 with zeros."""
    units, depth = weights.shape
    padded = np.zeros((-(-units // UNITS_PER_BLOCK) * UNITS_PER_BLOCK, padded_depth(depth)), np.int8)
    padded[:units, :depth] = weights
    blocks = padded.reshape(-1, UNITS_PER_BLOCK, padded.shape[1] // INPUTS_PER_WORD, INPUTS_PER_WORD)
    return np.ascontiguousarray(blocks.transpose(0, 2, 1, 3)).reshape(-1)


def padded_depth(depth: int) -> int:
    return -(-depth // INPUTS_PER_WORD) * INPUTS_PER_WORD


def lower(graph: Graph, operator: Operator) -> Lowered:
    layer = _layer(graph, operator)
    assert layer is not None
    output = layer.output.quantization
    assert output is not None
    weights = _constant_weights(layer)
    units, depth = weights.shape
    minimum, maximum = activation_range(operator.options.get("activation", 0), output)
    rescales = _rescales(layer)
    return Lowered(
        kernel="fully_connected_s8",
        header="kernels/fully_connected_s8.h",
        struct="FullyConnected",
        parameters={
            "weights": pack_weights(weights),
            "bias": np.pad(_folded_bias(layer), (0, -units % UNITS_PER_BLOCK)).astype(np.int32),
            "rescale": rescales,
            "batches": layer.input.elements // depth,
            "depth": padded_depth(depth),
            "input_stride": depth,
            "units": units,
            "per_channel": len(rescales) > 1,
            "output_zero_point": output.zero_point,
            "activation_min": minimum,
            "activation_max": maximum,
        },
        inputs=(layer.input.index,),
        macs=layer.input.elements * units,
        read_past=padded_depth(depth) - depth,
    )
