"""Full integer quantisation after training, and what it does to each layer.

The converter is TensorFlow's. Convolutions get a scale per channel, dense layers one per tensor as the reference models
have, inputs and outputs are integers. Activation ranges are those that the calibration inputs give.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import UserError
from generator.graph import Graph, Tensor
from generator.importer import parse_graph
from models.backend import tensorflow
from models.samples import Floats, Samples
from models.weights import WEIGHTED, dequantized, sequence, set_filters, weighted_layers

INT8, INT16 = "int8", "int16x8"
FLOAT = "float32"
KINDS = (INT8, INT16, FLOAT)
REPORT_INPUTS = 64  # of the calibration set, that layers are compared with


@dataclass(frozen=True)
class LayerReport:
    """One operator. ``low``, ``high``: range of its output over the inputs, in float.

    ``scale``, ``zero_point``: how the output is quantised. ``sqnr``: signal to noise of the output, in dB, after all
    quantised layers so far. ``weight_sqnr``: of its own weights. ``lost``: percentage points of accuracy lost when only
    its weights are quantised. Both are None for a layer without weights.
    """

    name: str
    low: float
    high: float
    scale: float
    zero_point: int
    sqnr: float
    weight_sqnr: float | None
    lost: float | None


def convert(network: Any, calibration: Floats | None, kind: str = INT8) -> bytes:
    """A `.tflite` of batch 1 of a Keras network: "int8", "int16x8" (16-bit activations, 8-bit weights) or "float32".

    ``calibration``: float32 [n, ...], for float32 none.

    Raises:
        UserError: unknown kind, or nothing to calibrate with.
    """
    tf = tensorflow()
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    if kind not in KINDS:
        raise UserError(f"unknown kind '{kind}'; kinds are: {', '.join(KINDS)}")
    shape = [1, *network.input_shape[1:]]
    function = tf.function(
        lambda x: network(x, training=False), input_signature=[tf.TensorSpec(shape, tf.float32, name="input")]
    )
    # The weights enter the graph as constants; an empty module tells the converter that there are no variables.
    frozen = convert_variables_to_constants_v2(function.get_concrete_function())
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen], tf.Module())
    if kind != FLOAT:
        if calibration is None or not len(calibration):
            raise UserError("quantisation needs calibration inputs; give --data")

        def samples() -> Iterator[list[Floats]]:
            for values in calibration:
                yield [values[np.newaxis]]

        ops = tf.lite.OpsSet
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = samples
        converter.target_spec.supported_ops = [
            ops.TFLITE_BUILTINS_INT8
            if kind == INT8
            else ops.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        ]
        converter.inference_input_type = converter.inference_output_type = tf.int8 if kind == INT8 else tf.int16
        converter._experimental_disable_per_channel_quantization_for_dense_layers = True
    return bytes(converter.convert())


def layer_reports(
    network: Any, quantized: bytes, calibration: Floats, judged: Samples | None = None, inputs: Floats | None = None
) -> list[LayerReport]:
    """Compare a quantised model with the float network it was made of, operator by operator.

    ``judged`` and ``inputs``: labelled samples and their real inputs, for ``lost``; else that is None everywhere.
    """
    floating = convert(network, None, FLOAT)
    exact, rounded = parse_graph(floating, "float"), parse_graph(quantized, "quantised")
    names = [operator.name for operator in rounded.operators]
    if names != [operator.name for operator in exact.operators]:
        raise UserError("the quantised model has other operators than the float one; they cannot be compared")
    chosen = calibration[:: max(1, len(calibration) // REPORT_INPUTS)][:REPORT_INPUTS]
    wanted = _outputs(floating, exact, chosen)
    found = _outputs(quantized, rounded, chosen)
    lost = _lost(network, rounded, judged, inputs) if judged is not None and inputs is not None else {}
    reports = []
    for operator, want, have in zip(rounded.operators, wanted, found, strict=True):
        tensor = rounded.output(operator)
        assert tensor.quantization is not None
        real = (have.astype(np.float64) - tensor.quantization.zero_point) * tensor.quantization.scale
        original, own = exact.input(exact.operators[operator.index], 1), rounded.input(operator, 1)
        weighted = operator.name in WEIGHTED and original is not None and own is not None
        reports.append(
            LayerReport(
                f"{operator.index} {operator.name}",
                float(want.min()),
                float(want.max()),
                float(tensor.quantization.scale),
                tensor.quantization.zero_point,
                sqnr(want, real),
                sqnr(dequantized(original), dequantized(own)) if weighted and original and own else None,
                lost.get(operator.index),
            )
        )
    return reports


def sqnr(signal: NDArray[Any], rounded: NDArray[Any]) -> float:
    """Signal to noise in dB: 10 log10 of the squares' sums; infinite without noise."""
    exact = np.asarray(signal, np.float64).reshape(-1)
    noise = np.square(exact - np.asarray(rounded, np.float64).reshape(-1)).sum()
    power = np.square(exact).sum()
    if noise == 0:
        return float("inf")
    return float(10 * np.log10(power / noise)) if power else float("-inf")


def _outputs(content: bytes, graph: Graph, inputs: Floats) -> list[NDArray[Any]]:
    """Every operator's first output for all inputs, [n, ...], as TensorFlow Lite's reference kernels give them."""
    tf = tensorflow()
    interpreter = tf.lite.Interpreter(
        model_content=content,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_REF,
    )
    interpreter.allocate_tensors()
    source = graph.tensors[graph.inputs[0]]
    collected: list[list[NDArray[Any]]] = [[] for _ in graph.operators]
    for values in inputs:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], quantized_input(values[np.newaxis], source))
        interpreter.invoke()
        for operator, outputs in zip(graph.operators, collected, strict=True):
            outputs.append(interpreter.get_tensor(operator.outputs[0])[0].copy())
    return [np.stack(outputs) for outputs in collected]


def quantized_input(values: Floats, tensor: Tensor) -> NDArray[Any]:
    """Real inputs in a tensor's own type: rounded and clamped, or as they are for a float model."""
    if tensor.quantization is None:
        return values
    limits = np.iinfo(tensor.dtype)
    rounded = np.rint(values / tensor.quantization.scale) + tensor.quantization.zero_point
    quantized: NDArray[Any] = np.clip(rounded, limits.min, limits.max).astype(tensor.dtype)
    return quantized


def _lost(network: Any, graph: Graph, judged: Samples, inputs: Floats) -> dict[int, float]:
    """By operator with weights: percentage points of accuracy lost when only its weights are quantised."""
    before = network.predict(inputs, batch_size=256, verbose=0).argmax(axis=1)
    kept = network.get_weights()
    changed = {}
    operators = [operator for operator in sequence(graph) if operator.name in WEIGHTED]
    for operator, layer in zip(operators, weighted_layers(network), strict=True):
        weights = graph.input(operator, 1)
        assert weights is not None
        set_filters(network, layer, dequantized(weights))
        after = network.predict(inputs, batch_size=256, verbose=0).argmax(axis=1)
        truth = judged.labels
        changed[operator.index] = 100 * float((before == truth).mean() - (after == truth).mean())
        network.set_weights(kept)
    return changed


def read_indices(source: Path) -> list[int]:
    """Calibration indices by the rules: a `.npy` of whole numbers, or a text of one a line.

    Raises:
        UserError: unreadable, empty, or no whole numbers.
    """
    try:
        if source.suffix == ".npy":
            values = np.load(source, allow_pickle=False)
        else:
            values = np.array([float(line) for line in source.read_text().split()])
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"cannot read the indices in {source}: {error}") from error
    if not values.size or not np.all(np.mod(values, 1) == 0) or values.min() < 0:
        raise UserError(f"{source} holds no list of whole numbers from 0")
    return [int(value) for value in values.reshape(-1)]


def chosen(samples: Samples, indices: Sequence[int], where: str) -> Samples:
    """The samples of these indices.

    Raises:
        UserError: an index is beyond the set.
    """
    if max(indices) >= len(samples):
        raise UserError(f"{where}: index {max(indices)} of a set of {len(samples)}; the list is of another set")
    return samples.take(np.array(indices))
