"""Weights of the reference models into our Keras networks.

A float `.tflite` holds batch normalisation folded into the convolution or dense layer before it. Such a layer's filters
and biases go into the Keras layer as they are, and the normalisation after it becomes the identity.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import UserError
from generator.graph import Graph, Operator, Tensor
from generator.importer import read_graph
from models.backend import keras

WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def load(network: Any, source: Path) -> None:
    """Put the weights of a `.tflite` (float) or Keras file (`.h5`, `.keras`) into ``network``.

    Raises:
        UserError: the file cannot be read, is quantised, or is of another network.
    """
    if source.suffix != ".tflite":
        _load_keras(network, source)
        return
    graph = read_graph(source)
    layers = weighted_layers(network)
    found = list(_filters(graph, source))
    if [kind for kind, _, _ in found] != [_kind(layer) for layer in layers]:
        raise UserError(f"{source} is no {network.name}: its layers are {', '.join(kind for kind, _, _ in found)}")
    for layer, (_, weights, bias) in zip(layers, found, strict=True):
        norm = _normalisation_after(network, layer)
        wanted = layer.weights[0].shape
        if tuple(weights.shape) != tuple(wanted):
            raise UserError(f"{source} is no {network.name}: {layer.name} is {list(weights.shape)}, not {list(wanted)}")
        if layer.use_bias:
            layer.set_weights([weights, bias])
        else:
            layer.set_weights([weights])
        if norm is not None:
            one = np.ones_like(bias)
            beta = 0 * bias if layer.use_bias else bias
            norm.set_weights([one, beta, 0 * bias, one * np.float32(1 - norm.epsilon)])
        elif not layer.use_bias and bias.any():
            raise UserError(f"{source}: {layer.name} has a bias that {network.name} has no place for")


def sequence(graph: Graph) -> list[Operator]:
    """Operators from input to output; of parallel branches the one of more operators first, as Keras orders layers.

    Converters write branches in any order.
    """
    makers = {output: operator for operator in graph.operators for output in operator.outputs}
    depth: dict[int, int] = {}
    for operator in graph.operators:
        for output in operator.outputs:
            depth[output] = 1 + max((depth.get(index, 0) for index in operator.inputs), default=0)
    found: dict[int, Operator] = {}

    def visit(tensor: int) -> None:
        operator = makers.get(tensor)
        if operator is None or operator.index in found:
            return
        for index in sorted(operator.inputs, key=lambda index: -depth.get(index, 0)):
            visit(index)
        found[operator.index] = operator

    for output in graph.outputs:
        visit(output)
    return list(found.values())


def weighted_layers(network: Any) -> list[Any]:
    """Convolutions and dense layers, in the network's order, which is that of `sequence` of a `.tflite` made of it."""
    return [layer for layer in network.layers if _kind(layer)]


def set_filters(network: Any, layer: Any, folded: NDArray[np.float32]) -> None:
    """Give a layer the weights of a `.tflite` in which the normalisation after it, if any, is folded into them."""
    filters = np.moveaxis(folded, 0, -1)
    norm = _normalisation_after(network, layer)
    if norm is not None:
        gamma, _, _, variance = norm.get_weights()
        factor = gamma / np.sqrt(variance + norm.epsilon)
        shape = (-1, 1) if _kind(layer) == "DEPTHWISE_CONV_2D" else (-1,)
        factor = factor.reshape(shape)
        filters = np.divide(filters, factor, out=np.zeros_like(filters), where=np.abs(factor) > 1e-12)
    layer.set_weights([filters, *layer.get_weights()[1:]])


def _load_keras(network: Any, source: Path) -> None:
    """By the layers' order: configurations of older Keras versions are not readable, their weights are."""
    if not source.is_file():
        raise UserError(f"no file {source}")
    try:
        if source.suffix == ".keras":
            network.set_weights(keras().models.load_model(source, compile=False).get_weights())
        else:
            network.load_weights(source)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{source} has no weights of {network.name}: {str(error).splitlines()[0]}") from error


def _kind(layer: Any) -> str:
    return {"Conv2D": "CONV_2D", "DepthwiseConv2D": "DEPTHWISE_CONV_2D", "Dense": "FULLY_CONNECTED"}.get(
        type(layer).__name__, ""
    )


def _filters(graph: Graph, source: Path) -> Iterator[tuple[str, NDArray[Any], NDArray[Any]]]:
    """Kind, weights in Keras's order, bias of each layer that has weights, as `sequence` orders them."""
    for operator in sequence(graph):
        if operator.name not in WEIGHTED:
            continue
        weights, bias = graph.input(operator, 1), graph.input(operator, 2)
        if weights is None or weights.data is None or graph.output(operator).dtype != "float32":
            raise UserError(f"{source}: {operator.label} is no layer of a float model with constant weights")
        # convolutions: [out, rows, columns, in], depthwise [1, rows, columns, channels]; dense: [out, in]
        data = np.moveaxis(dequantized(weights), 0, -1)
        channels = graph.output(operator).shape[-1]
        stored = bias.data if bias is not None and bias.data is not None else np.zeros(channels, np.float32)
        yield operator.name, data, stored


def dequantized(tensor: Tensor) -> NDArray[np.float32]:
    """A constant's numbers; those of models with int8 weights and float activations are dequantised."""
    assert tensor.data is not None
    if tensor.quantization is None:
        return np.asarray(tensor.data, np.float32)
    shape = [1] * len(tensor.shape)
    shape[tensor.quantization.axis] = -1
    scales = tensor.quantization.scales
    return np.asarray(tensor.data, np.float32) * (scales.reshape(shape) if len(scales) > 1 else scales[0])


def _normalisation_after(network: Any, layer: Any) -> Any | None:
    """The batch normalisation that takes ``layer``'s output, if one does."""
    output = layer.output
    for candidate in network.layers:
        if type(candidate).__name__ == "BatchNormalization" and candidate.input is output:
            return candidate
    return None
