"""What CONV_2D, TRANSPOSE_CONV and FULLY_CONNECTED share: constant weights, filters first; a bias; rescaling."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generator.graph import Graph, Operator, Tensor
from generator.ops.lowered import reject_unless_per_tensor
from generator.quantization import (
    ACTIVATION_BOUNDS,
    ACTIVATION_NAMES,
    INT8_MIN,
    LIMITS,
    Rescale,
    activation_range,
    rescale_of,
)

INT16_MIN = -(2**15)
WEIGHTS = {"int8": ("int8", "int4"), "int16": ("int8",), "float32": ("float32",)}  # by the input's type
BIASES = {"int8": ("int32",), "int16": ("int32", "int64"), "float32": ("float32",)}
WIDE_REACH = 2**47  # of the reference's rescaling of 64-bit accumulators
WIDE_SHIFT = 7
MOST_FILTERS = 1 << 16


@dataclass(frozen=True)
class Linear:
    """The tensors of one layer: weights [filters, ...], bias [filters] or None."""

    input: Tensor
    weights: Tensor
    bias: Tensor | None
    output: Tensor

    @property
    def dtype(self) -> str:
        return self.input.dtype

    @property
    def filters(self) -> int:
        return self.weights.shape[0]

    @property
    def wide(self) -> bool:
        """Whether the reference accumulates in 64 bits and rescales from there: int16 without a 32-bit bias."""
        return self.dtype == "int16" and (self.bias is None or self.bias.dtype == "int64")


def linear_of(graph: Graph, operator: Operator, positions: tuple[int, int, int] = (0, 1, 2)) -> Linear | None:
    """The layer, or None if its input or weights are missing; ``positions`` of input, weights and bias."""
    source, weights, bias = (graph.input(operator, position) for position in positions)
    if source is None or weights is None:
        return None
    return Linear(source, weights, bias, graph.output(operator))


def reject_types(layer: Linear) -> str | None:
    """Refuse combinations of types that TensorFlow Lite Micro does not compute."""
    if layer.dtype not in WEIGHTS:
        return f"input is {layer.dtype}, supported are {', '.join(WEIGHTS)}"
    if layer.output.dtype != layer.dtype:
        return f"output is {layer.output.dtype} for an input of {layer.dtype}"
    weights, supported = layer.weights, WEIGHTS[layer.dtype]
    if weights.dtype not in supported:
        hybrid = " (hybrid models are not supported)" if layer.dtype == "float32" else ""
        return (
            f"weights are {weights.dtype} for an input of {layer.dtype}, supported is {' or '.join(supported)}{hybrid}"
        )
    if layer.dtype == "float32":
        return None
    reason = reject_unless_per_tensor(layer.input, "input", layer.dtype) or reject_unless_per_tensor(
        layer.output, "output", layer.dtype
    )
    if reason is not None:
        return reason
    if weights.quantization is None:
        return "weights have no quantisation parameters"
    if layer.dtype == "int16":
        for role, tensor in (("input", layer.input), ("output", layer.output)):
            if tensor.quantization is not None and tensor.quantization.zero_point != 0:
                return f"{role} is int16 with the zero point {tensor.quantization.zero_point}, supported is 0"
    return None


def reject_constants(layer: Linear) -> str | None:
    if layer.weights.data is None:
        return "weights are not a constant"
    if layer.input.data is not None:
        return "its input is a constant"
    return None


def reject_quantized_weights(layer: Linear) -> str | None:
    """Refuse weights that are not symmetric, or quantised along another axis than the filters."""
    quantization = layer.weights.quantization
    if quantization is None:
        return None
    if np.any(quantization.zero_points):
        return "weights have a zero point other than 0"
    if quantization.per_channel and (quantization.axis != 0 or len(quantization.scales) != layer.filters):
        return "weights are quantised along another axis than the filters"
    return None


def reject_bias(layer: Linear) -> str | None:
    bias, supported = layer.bias, BIASES[layer.dtype]
    if bias is None:
        return None
    if bias.data is None or bias.dtype not in supported:
        return f"bias is not a constant {' or '.join(supported)} tensor"
    if bias.elements != layer.filters:
        return f"bias has {bias.elements} values for {layer.filters} filters"
    return None


def reject_activation(operator: Operator, output: Tensor | None = None) -> str | None:
    """Refuse fused activations that TensorFlow Lite Micro silently leaves out, and unknown ones.

    Raises:
        ValueError: its bounds cannot be expressed in the quantisation of ``output``.
    """
    activation = operator.options.get("activation", 0)
    if activation not in ACTIVATION_BOUNDS:
        known = 0 <= activation < len(ACTIVATION_NAMES)
        return f"fused activation {ACTIVATION_NAMES[activation] if known else activation} is not supported"
    if output is not None and output.quantization is not None and output.dtype in LIMITS:
        activation_range(activation, output.quantization, output.dtype)
    return None


def reject_range(layer: Linear) -> str | None:
    """Refuse what the reference's accumulator could overflow with, where its result is undefined, and its rescale."""
    if layer.dtype == "float32":
        return None
    if layer.filters > MOST_FILTERS:
        return f"it has {layer.filters:,} filters, supported are at most {MOST_FILTERS:,}"
    if np.any(np.abs(bias_values(layer).astype(np.float64)) >= WIDE_REACH):
        return "its accumulator can overflow 48 bits"
    reach = int(np.max(accumulator_reach(layer)))
    if layer.wide and reach >= WIDE_REACH:
        return "its accumulator can overflow 48 bits"
    if not layer.wide and reach >= 2**31:
        return "its accumulator can overflow 32 bits"
    try:
        shift = max(rescale.shift for rescale in rescales(layer))
    except ValueError as error:
        return str(error)
    if layer.wide and shift > WIDE_SHIFT:
        return "the factor between its scales is too large for a 64-bit accumulator"
    return None


def weight_matrix(layer: Linear) -> NDArray[np.int8]:
    """Constant int8 or int4 weights as [filters, weights per filter]."""
    data = layer.weights.data
    assert data is not None
    if layer.weights.dtype == "int4":
        data = unpack_int4(data, layer.weights.elements)
    matrix: NDArray[np.int8] = data.reshape(layer.filters, -1)
    return matrix


def unpack_int4(data: NDArray[np.uint8], count: int) -> NDArray[np.int8]:
    """Two's complement nibbles, the low one of each byte first."""
    nibbles = np.stack([data & 15, data >> 4], axis=-1).reshape(-1)[:count].astype(np.int8)
    values: NDArray[np.int8] = np.where(nibbles < 8, nibbles, nibbles - 16).astype(np.int8)
    return values


def bias_values(layer: Linear) -> NDArray[np.int64]:
    """[filters], zeros where there is none."""
    if layer.bias is None or layer.bias.data is None:
        return np.zeros(layer.filters, np.int64)
    return layer.bias.data.reshape(-1).astype(np.int64)


def folded_bias(layer: Linear) -> NDArray[np.int64]:
    """[filters], with -input zero point x sum of the filter's weights added."""
    assert layer.input.quantization is not None
    sums: NDArray[np.int64] = weight_matrix(layer).sum(axis=1, dtype=np.int64)
    return bias_values(layer) - layer.input.quantization.zero_point * sums


def accumulator_reach(layer: Linear) -> NDArray[np.int64]:
    """[filters]: a bound of the magnitude of every partial sum, with the zero point folded into the bias or not."""
    low = INT8_MIN if layer.dtype == "int8" else INT16_MIN
    magnitudes: NDArray[np.int64] = np.abs(weight_matrix(layer).astype(np.int16)).sum(axis=1, dtype=np.int64)
    reach: NDArray[np.int64] = np.abs(folded_bias(layer)) + magnitudes * -low
    return reach


def rescales(layer: Linear) -> tuple[Rescale, ...]:
    """Input scale x weight scale / output scale in float64, one per filter or one in all.

    Source: ``CalculateOpDataFullyConnected``, tensorflow/lite/micro/kernels/fully_connected_common.cc, and
    ``PopulateConvolutionQuantizationParams``, tensorflow/lite/kernels/kernel_util.cc.

    Raises:
        ValueError: one of them is too large.
    """
    assert layer.input.quantization is not None
    assert layer.weights.quantization is not None
    assert layer.output.quantization is not None
    source, target = float(layer.input.quantization.scale), float(layer.output.quantization.scale)
    return tuple(rescale_of(source * float(scale) / target) for scale in layer.weights.quantization.scales)


def rescale_per_filter(layer: Linear) -> tuple[Rescale, ...]:
    factors = rescales(layer)
    return factors if len(factors) > 1 else factors * layer.filters
