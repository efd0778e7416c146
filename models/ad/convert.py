"""Conversion of the folded network to int8 TensorFlow Lite."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.ad.folding import Dense
from models.backend import tensorflow

_CALIBRATION_STRIDE = 5  # upstream calibrates with every fifth training window


def to_int8(layers: Sequence[Dense], windows: NDArray[np.float32]) -> bytes:
    """Quantise fully to int8, input and output included, weights per tensor as in the reference model.

    Args:
        layers: the folded network; ReLU follows all but the last.
        windows: float32 [n, 640], the training windows; every fifth calibrates the activation ranges.

    Returns:
        The model file's bytes: one subgraph, batch 1.
    """
    tf = tensorflow()

    def samples() -> Iterator[list[NDArray[np.float32]]]:
        for window in windows[::_CALIBRATION_STRIDE]:
            yield [window[np.newaxis]]

    # The weights enter the graph as constants; an empty module tells the converter that there are no variables.
    converter = tf.lite.TFLiteConverter.from_concrete_functions([_graph(layers)], tf.Module())
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = samples
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    # Present converters quantise dense layers per channel unless told not to.
    converter._experimental_disable_per_channel_quantization_for_dense_layers = True
    return bytes(converter.convert())


def _graph(layers: Sequence[Dense]) -> Any:
    """The folded network as a TensorFlow graph with an input of shape [1, 640]."""
    tf = tensorflow()

    def network(x: Any) -> Any:
        for i, layer in enumerate(layers):
            x = tf.nn.bias_add(tf.linalg.matmul(x, layer.weights, name=f"layer_{i}"), layer.bias)
            if i < len(layers) - 1:
                x = tf.nn.relu(x)
        return x

    given = tf.TensorSpec([1, layers[0].weights.shape[0]], tf.float32, name="input")
    return tf.function(network, input_signature=[given]).get_concrete_function()
