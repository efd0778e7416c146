"""UNIDIRECTIONAL_SEQUENCE_LSTM: int8 and int16 with int8 weights and an int16 cell state, and float32.

Source: ``UnidirectionalSequenceLstmPrepare`` and what it calls, tensorflow/lite/micro/kernels/lstm_eval_common.cc;
``EvalLstm``, tensorflow/lite/micro/kernels/lstm_eval.h.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.graph import Graph, Operator, Tensor
from generator.ops.fully_connected import pack_weights
from generator.ops.linear import Linear, folded_bias, reject_quantized_weights, reject_range, rescales, weight_matrix
from generator.ops.lowered import Lowered, reject_unless_per_tensor
from generator.ops.lstm_tensors import GATE_SCALE, GATES, ROLES, Lstm, lstm_of, reject_presence, reject_tensors
from generator.ops.packing import padded_depth
from generator.ops.unary_s16 import sigmoid_table
from generator.program import Value
from generator.quantization import ACTIVATION_NAMES, LIMITS, rescale_of

TANH = ACTIVATION_NAMES.index("TANH")
PRODUCT_SCALE = 2.0**-30  # of a product of two results of the gates' functions
LARGEST_TANH_SHIFT = 14  # 3 x 2^15 shifted by it fits 32 bits


def reject(graph: Graph, operator: Operator) -> str | None:
    if reason := reject_presence(graph, operator) or _reject_options(operator):
        return reason
    lstm = lstm_of(graph, operator)
    if reason := reject_tensors(lstm, graph.output(operator)):
        return reason
    return None if lstm.dtype == "float32" else _reject_quantization(lstm)


def _reject_options(operator: Operator) -> str | None:
    activation = operator.options.get("activation", 0)
    if activation != TANH:
        name = ACTIVATION_NAMES[activation] if activation < len(ACTIVATION_NAMES) else activation
        return f"the cell gate's activation is {name}, supported is TANH"
    clip = operator.options.get("cell_clip", 0.0)
    return None if clip >= 0 else f"cell_clip is {clip:g}, supported is 0 or more"


def _reject_quantization(lstm: Lstm) -> str | None:
    for role, tensor in (("input", lstm.input), ("hidden state", lstm.hidden), ("cell state", lstm.cell)):
        if reason := reject_unless_per_tensor(tensor, role, tensor.dtype):
            return reason
    for position, layer in (*enumerate(lstm.input_layers, 1), *enumerate(lstm.recurrent_layers, 5)):
        if reason := reject_unless_per_tensor(layer.weights, ROLES[position], "int8"):
            return reason
        if reason := reject_quantized_weights(layer) or reject_range(layer):
            return f"{ROLES[position]}: {reason}"
    for role, tensor in (("cell state", lstm.cell), ("hidden state", lstm.hidden)):
        if _scale(tensor) <= PRODUCT_SCALE:
            return f"{role} has the scale {_scale(tensor):g}, supported is more than {PRODUCT_SCALE:g}"
    if _tanh_shift(lstm.cell) > LARGEST_TANH_SHIFT:
        return f"cell state has the scale {_scale(lstm.cell):g}, supported is at most 4"
    return None


def _scale(tensor: Tensor) -> float:
    assert tensor.quantization is not None
    return float(tensor.quantization.scale)


def _tanh_shift(cell: Tensor) -> int:
    """Left shift from the cell state to the scale of the gates' arguments, as if its scale were a power of two."""
    return round(math.log2(_scale(cell) / GATE_SCALE))


def lower(graph: Graph, operator: Operator) -> Lowered:
    lstm = lstm_of(graph, operator)
    rows = lstm.batches * lstm.steps
    clip = float(operator.options.get("cell_clip", 0.0))
    plain = lstm.dtype == "float32"
    past = max(padded_depth(depth) - depth for depth in (lstm.inputs, lstm.units))
    # Every row of the output is written while the same row of the input is read.
    lead = max(lstm.units, rows * lstm.units - (rows - 1) * lstm.inputs)
    return Lowered(
        kernel={"int8": "lstm_s8", "int16": "lstm_s16", "float32": "lstm_f32"}[lstm.dtype],
        header="kernels/lstm_f32.h" if plain else "kernels/lstm.h",
        struct="LstmF32" if plain else "Lstm",
        parameters={
            "rows": rows,
            "run": 1 if lstm.time_major else lstm.steps,
            "batches": lstm.batches,
            "inputs": lstm.inputs,
            "units": lstm.units,
            **(_float_parameters(lstm, clip) if plain else _quantized_parameters(lstm, clip)),
        },
        inputs=(lstm.input.index, lstm.hidden.index, lstm.cell.index),
        macs=rows * len(GATES) * lstm.units * (lstm.inputs + lstm.units),
        read_past=past if lstm.dtype == "int8" else 0,
        lead={0: lead * np.dtype(lstm.dtype).itemsize},
    )


def _float_parameters(lstm: Lstm, clip: float) -> dict[str, Value]:
    """The fields that only `LstmF32` of firmware/kernels/lstm_f32.h has."""
    return {
        "input_weights": _by_unit([tensor.data for tensor in lstm.input_weights]),
        "recurrent_weights": _by_unit([tensor.data for tensor in lstm.recurrent_weights]),
        "bias": _by_unit([tensor.data for tensor in lstm.biases]),
        "cell_clip": np.float32(clip),
    }


def _quantized_parameters(lstm: Lstm, clip: float) -> dict[str, Value]:
    """The fields that only `Lstm` of firmware/kernels/lstm.h has."""
    assert lstm.hidden.quantization is not None
    minimum, maximum = LIMITS["int16"]
    if clip > 0:
        maximum = int(min(clip / _scale(lstm.cell), maximum))
        minimum = -maximum
    shift = _tanh_shift(lstm.cell)
    return {
        **_gate_parameters("input", lstm.input_layers),
        **_gate_parameters("recurrent", lstm.recurrent_layers),
        "table": sigmoid_table(),
        "cell_rescale": rescale_of(PRODUCT_SCALE / _scale(lstm.cell)),
        "hidden_rescale": rescale_of(PRODUCT_SCALE / _scale(lstm.hidden)),
        "cell_min": minimum,
        "cell_max": maximum,
        "tanh_multiplier": 3 << max(shift, 0),
        "tanh_shift": max(-shift, 0),
        "hidden_zero_point": lstm.hidden.quantization.zero_point,
    }


def _gate_parameters(kind: str, layers: tuple[Linear, ...]) -> dict[str, Value]:
    """``kind``: prefix of the fields."""
    depth, int8 = layers[0].weights.shape[1], layers[0].dtype == "int8"
    weights = _by_unit([weight_matrix(layer) for layer in layers]).reshape(-1, depth)
    bias = _by_unit([folded_bias(layer) for layer in layers])
    return {
        f"{kind}_weights": pack_weights(weights) if int8 else weights,
        f"{kind}_bias": bias.astype(np.int32 if int8 else np.int64),
        f"{kind}_rescale": tuple(rescales(layer)[0] for layer in layers),
        f"{kind}_depth": padded_depth(depth) if int8 else depth,
    }


def _by_unit(gates: Sequence[NDArray[Any] | None]) -> NDArray[Any]:
    """[units, ...] of each gate -> [units, gates, ...]."""
    return np.stack([values for values in gates if values is not None], axis=1)
