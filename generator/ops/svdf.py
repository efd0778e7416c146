"""SVDF: int8 with a state of int8 or int16, and float32.

The arithmetic is that of tensorflow/lite/micro/kernels/svdf_common.cc as the pinned package has it: at int8 a state's
zero point is added after the value was clamped, so that the sum may wrap.
"""

from dataclasses import dataclass, replace

import numpy as np

from generator.graph import Graph, Operator, Tensor
from generator.ops.linear import Linear, accumulator_reach, folded_bias, reject_quantized_weights, rescales
from generator.ops.lowered import Lowered, reject_unless_per_tensor
from generator.ops.window import Window, window_lead
from generator.program import Value
from generator.quantization import (
    ACTIVATION_BOUNDS,
    ACTIVATION_NAMES,
    INT8_MAX,
    INT8_MIN,
    activation_range,
)

ROLES = ("input", "feature weights", "time weights", "bias", "state")
STATES = {"int8": ("int8", "int16"), "float32": ("float32",)}  # by the input's type; the time weights are of the same
INTEGER_KERNELS = {"int8": "svdf_s8", "int16": "svdf_s16"}  # by the state's type
FLOAT_KERNELS = ("svdf_f32", "svdf_relu_f32", "svdf_clamp_f32", "svdf_clamp_f32", "svdf_tanh_f32", "svdf_sign_bit_f32")
NONE, RELU = 0, 1  # of ACTIVATION_NAMES
BIAS_TOLERANCE = 1e-5


@dataclass(frozen=True)
class Svdf:
    """Input [batches, depth], feature weights [filters, depth], time weights [filters, memory], bias [units],
    state [batches, filters x memory] and output [batches, units], with ``rank`` filters for each unit."""

    input: Tensor
    feature_weights: Tensor
    time_weights: Tensor
    bias: Tensor
    state: Tensor
    output: Tensor
    rank: int

    @property
    def features(self) -> Linear:
        """From the input to the newest values of the state."""
        return Linear(self.input, self.feature_weights, None, self.state)

    @property
    def times(self) -> Linear:
        """From the state to the output: weights [units, rank x memory]."""
        units = self.output.shape[1]
        rows = replace(self.time_weights, shape=(units, self.time_weights.elements // units))
        return Linear(self.state, rows, self.bias, self.output)


def _layer(graph: Graph, operator: Operator) -> Svdf | str:
    """The layer, or what is missing. TensorFlow Lite Micro crashes without a bias."""
    tensors = [graph.input(operator, position) for position in range(len(ROLES))]
    present = [tensor for tensor in tensors if tensor is not None]
    if len(present) < len(ROLES):
        return f"{ROLES[tensors.index(None)]} is missing, supported are all of {', '.join(ROLES)}"
    if len(operator.inputs) > len(ROLES):
        return f"it has {len(operator.inputs)} inputs, supported are {', '.join(ROLES)}"
    source, features, times, bias, state = present
    output, rank = graph.output(operator), operator.options.get("rank", 0)
    return Svdf(source, features, times, bias, state, output, rank)


def reject(graph: Graph, operator: Operator) -> str | None:
    layer = _layer(graph, operator)
    if isinstance(layer, str):
        return layer
    return (
        _reject_types(layer)
        or _reject_shapes(layer)
        or _reject_roles(layer)
        or _reject_bias_scale(layer)
        or _reject_activation(layer, operator.options.get("activation", 0))
        or _reject_range(layer)
    )


def _reject_types(layer: Svdf) -> str | None:
    dtype = layer.input.dtype
    if dtype not in STATES:
        return f"input is {dtype}, supported is {' or '.join(STATES)}"
    state = layer.state.dtype
    return (
        reject_unless_per_tensor(layer.input, "input", dtype)
        or reject_unless_per_tensor(layer.feature_weights, "feature weights", dtype)
        or reject_unless_per_tensor(layer.state, "state", *STATES[dtype])
        or reject_unless_per_tensor(layer.time_weights, f"with a state of {state}, time weights", state)
        or reject_unless_per_tensor(layer.bias, "bias", "int32" if dtype == "int8" else dtype)
        or reject_unless_per_tensor(layer.output, "output", dtype)
    )


def _reject_shapes(layer: Svdf) -> str | None:
    for role, tensor in (("input", layer.input), ("time weights", layer.time_weights)):
        if len(tensor.shape) != 2:
            return f"{role} {tensor}, supported are two dimensions"
    (batches, depth), (filters, memory) = layer.input.shape, layer.time_weights.shape
    if layer.rank < 1 or filters % layer.rank:
        return f"rank is {layer.rank}, supported is a divisor of its {filters} filters"
    for role, tensor, shape in (
        ("feature weights", layer.feature_weights, (filters, depth)),
        ("bias", layer.bias, (filters // layer.rank,)),
        ("state", layer.state, (batches, filters * memory)),
        ("output", layer.output, (batches, filters // layer.rank)),
    ):
        if tensor.shape != shape:
            return f"{role} {tensor}, supported is {list(shape)} to fit the other tensors"
    return None


def _reject_roles(layer: Svdf) -> str | None:
    """Refuse weights that are no constants or not symmetric, and a state that is no variable."""
    for role, tensor in zip(ROLES[1:4], (layer.feature_weights, layer.time_weights, layer.bias), strict=True):
        if tensor.data is None:
            return f"{role} {tensor}, supported is a constant"
    if layer.input.dtype == "int8":
        for role, stage in (("feature weights", layer.features), ("time weights", layer.times)):
            reason = reject_quantized_weights(stage)
            if reason is not None:
                return f"{role}: {reason}"
    if not layer.state.variable or layer.state.data is not None:
        return f"state {layer.state}, supported is a variable tensor without data"
    return None


def _reject_bias_scale(layer: Svdf) -> str | None:
    """Refuse what TensorFlow Lite Micro refuses: a scale that is not that of state times time weights."""
    state, weights, given = layer.state.quantization, layer.time_weights.quantization, layer.bias.quantization
    if layer.input.dtype == "float32" or state is None or weights is None:
        return None
    product = float(state.scale) * float(weights.scale)
    bias_scale = float(given.scale) if given is not None else 0.0
    if not abs(bias_scale - product) < BIAS_TOLERANCE:
        return f"bias has the scale {bias_scale:g}, that of state times time weights is {product:g}"
    return None


def _reject_activation(layer: Svdf, activation: int) -> str | None:
    """Refuse unknown activations, and those of int8 that would change the output.

    TensorFlow Lite Micro has none at int8. TensorFlow Lite has none either and accepts RELU alone, as the converter
    chooses the output's zero point so that int8 begins at 0.
    """
    known = activation in range(len(FLOAT_KERNELS))
    if layer.input.dtype == "float32":
        names = ", ".join(ACTIVATION_NAMES)
        return None if known else f"fused activation {activation} is not supported, supported are {names}"
    output = layer.output.quantization
    assert output is not None
    if activation in (NONE, RELU):
        return None
    if activation in ACTIVATION_BOUNDS and activation_range(activation, output) == (INT8_MIN, INT8_MAX):
        return None
    name = ACTIVATION_NAMES[activation] if known else activation
    return f"fused activation {name} is not supported at int8 (TensorFlow Lite Micro leaves it out), NONE and RELU are"


def _reject_range(layer: Svdf) -> str | None:
    """As `reject_range` of linear.py, except that sums of 16-bit products may overflow.

    For nearly every int16 layer there are states with which they would. The reference keeps these sums in memory, in 32
    bits, so that they wrap in practice.
    """
    if layer.input.dtype == "float32":
        return None
    for stage in (layer.features, layer.times):
        if stage.input.dtype == "int8" and np.max(accumulator_reach(stage)) >= 2**31:
            return "its accumulator can overflow 32 bits"
        try:
            rescales(stage)
        except ValueError as error:
            return str(error)
    return None


def lower(graph: Graph, operator: Operator) -> Lowered:
    layer = _layer(graph, operator)
    assert isinstance(layer, Svdf)
    (batches, depth), (filters, memory) = layer.input.shape, layer.time_weights.shape
    units = filters // layer.rank
    source = replace(layer.input, shape=(1, batches, 1, depth))
    target = replace(layer.output, shape=(1, batches, 1, units))
    activation = operator.options.get("activation", 0)
    quantized = layer.input.dtype == "int8"
    sizes = {"batches": batches, "depth": depth, "units": units, "rank": layer.rank, "memory": memory}
    return Lowered(
        kernel=INTEGER_KERNELS[layer.state.dtype] if quantized else FLOAT_KERNELS[activation],
        header="kernels/svdf.h" if quantized else "kernels/svdf_f32.h",
        struct="Svdf" if quantized else "SvdfF32",
        parameters={**sizes, **(_scaling(layer) if quantized else _bounds(activation))},
        inputs=(*operator.inputs[:3], operator.inputs[4]) if quantized else operator.inputs,
        macs=batches * filters * (depth + memory),
        lead={0: window_lead(source, target, Window(1, 1, 1, 1, 1, 1, 0, 0, batches, 1), 1, 1)},
    )


def _bounds(activation: int) -> dict[str, Value]:
    low, high = ACTIVATION_BOUNDS.get(activation, (None, None))
    return {"activation_min": np.float32(low or 0), "activation_max": np.float32(high or 0)}


def _scaling(layer: Svdf) -> dict[str, Value]:
    state, output = layer.state.quantization, layer.output.quantization
    assert state is not None
    assert output is not None
    return {
        "feature_bias": folded_bias(layer.features).astype(np.int32),
        "bias": folded_bias(layer.times).astype(np.int32),  # wraps, as the kernel's sums do
        "state_rescale": rescales(layer.features)[0],
        "output_rescale": rescales(layer.times)[0],
        "state_zero_point": state.zero_point,
        "output_zero_point": output.zero_point,
    }
