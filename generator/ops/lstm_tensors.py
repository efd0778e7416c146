"""The tensors of UNIDIRECTIONAL_SEQUENCE_LSTM and what they must be.

Source: ``LstmTensors::ValidateTensorStatus`` and ``ValidateTensorSize``, tensorflow/lite/micro/kernels/lstm_eval.cc and
lstm_eval_common.cc; the types of weights, biases and cell state are those unidirectional_sequence_lstm.cc evaluates.
"""

from dataclasses import dataclass

import numpy as np

from generator.graph import Graph, Operator, Quantization, Tensor
from generator.ops.linear import Linear

GATES = ("input", "forget", "cell", "output")
INPUTS = 24
ROLES = {
    0: "input",
    **{1 + i: f"input-to-{gate} weights" for i, gate in enumerate(GATES)},
    **{5 + i: f"recurrent-to-{gate} weights" for i, gate in enumerate(GATES)},
    **{12 + i: f"{gate} gate bias" for i, gate in enumerate(GATES)},
    18: "hidden state",
    19: "cell state",
}
VARIANTS = {
    **dict.fromkeys(range(9, 12), "peephole weights"),
    **dict.fromkeys(range(16, 18), "a projection"),
    **dict.fromkeys(range(20, 24), "layer normalisation"),
}
DTYPES = {  # by the input's: weights, biases, cell state
    "int8": ("int8", "int32", "int16"),
    "int16": ("int8", "int64", "int16"),
    "float32": ("float32", "float32", "float32"),
}
GATE_SCALE = 2.0**-12  # of the arguments of the gates' functions


@dataclass(frozen=True)
class Lstm:
    """The tensors of one layer, one per gate of weights and biases.

    input: [batches, steps, inputs], or steps first; weights: [units, inputs] and [units, units]; biases: [units];
    states: [batches, units].
    """

    input: Tensor
    input_weights: tuple[Tensor, ...]
    recurrent_weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]
    hidden: Tensor
    cell: Tensor
    time_major: bool

    @property
    def dtype(self) -> str:
        return self.input.dtype

    @property
    def batches(self) -> int:
        return self.input.shape[1 if self.time_major else 0]

    @property
    def steps(self) -> int:
        return self.input.shape[0 if self.time_major else 1]

    @property
    def inputs(self) -> int:
        return self.input.shape[2]

    @property
    def units(self) -> int:
        return self.hidden.shape[1]

    @property
    def input_layers(self) -> tuple[Linear, ...]:
        layers = zip(self.input_weights, self.biases, strict=True)
        return tuple(Linear(self.input, weights, bias, _gate_argument()) for weights, bias in layers)

    @property
    def recurrent_layers(self) -> tuple[Linear, ...]:
        return tuple(Linear(self.hidden, weights, None, _gate_argument()) for weights in self.recurrent_weights)


def _gate_argument() -> Tensor:
    quantization = Quantization(np.array([GATE_SCALE], np.float32), np.zeros(1, np.int64), 0)
    return Tensor(-1, "", (), "int16", quantization, None)


def lstm_of(graph: Graph, operator: Operator) -> Lstm:
    tensors = [graph.tensors[index] for index in operator.inputs]
    time_major = bool(operator.options.get("time_major", False))
    weights, recurrent, biases = (tuple(tensors[first : first + len(GATES)]) for first in (1, 5, 12))
    return Lstm(tensors[0], weights, recurrent, biases, tensors[18], tensors[19], time_major)


def reject_presence(graph: Graph, operator: Operator) -> str | None:
    if len(operator.inputs) != INPUTS or len(operator.outputs) != 1:
        return f"it has {len(operator.inputs)} inputs and {len(operator.outputs)} outputs, supported are {INPUTS} and 1"
    for position, role in ROLES.items():
        if graph.input(operator, position) is None:
            return f"{role}: missing, supported is an LSTM with all four gates and their biases"
    for position, variant in VARIANTS.items():
        if graph.input(operator, position) is not None:
            return f"input {position} is there, supported is an LSTM without {variant}"
    return None


def reject_tensors(lstm: Lstm, output: Tensor) -> str | None:
    """Refuse types and shapes."""
    return _reject_input(lstm) or _reject_constants(lstm) or _reject_states(lstm) or _reject_output(lstm, output)


def _reject_input(lstm: Lstm) -> str | None:
    if lstm.dtype not in DTYPES:
        return f"input is {lstm.dtype}, supported are {', '.join(DTYPES)}"
    if len(lstm.input.shape) != 3 or not lstm.input.elements or lstm.input.data is not None:
        return f"input is {lstm.input}, supported is a tensor of three dimensions that is no constant"
    if len(lstm.hidden.shape) < 2 or not lstm.units:
        return f"hidden state is {lstm.hidden}, supported is [batches, units]"
    return None


def _reject_constants(lstm: Lstm) -> str | None:
    weights, bias, _ = DTYPES[lstm.dtype]
    for first, tensors, dtype, shape in (
        (1, lstm.input_weights, weights, [lstm.units, lstm.inputs]),
        (5, lstm.recurrent_weights, weights, [lstm.units, lstm.units]),
        (12, lstm.biases, bias, [lstm.units]),
    ):
        for position, tensor in enumerate(tensors, first):
            if tensor.data is None or tensor.dtype != dtype or list(tensor.shape) != shape:
                given = f"{'a variable' if tensor.data is None else 'a constant'} {tensor}"
                return (
                    f"{ROLES[position]}: {given}, supported is a constant {dtype}{shape} for an input of {lstm.dtype}"
                )
    return None


def _reject_states(lstm: Lstm) -> str | None:
    for role, tensor, dtype in (
        ("hidden state", lstm.hidden, lstm.dtype),
        ("cell state", lstm.cell, DTYPES[lstm.dtype][2]),
    ):
        if tensor.dtype != dtype or tensor.elements != lstm.batches * lstm.units:
            return f"{role} is {tensor}, supported is {dtype}[{lstm.batches}, {lstm.units}]"
        if not tensor.variable or tensor.data is not None:
            return f"{role} is not a variable tensor without initial values"
    if lstm.hidden.index == lstm.cell.index:
        return "hidden state and cell state are one tensor, supported are two"
    return None


def _reject_output(lstm: Lstm, target: Tensor) -> str | None:
    shape = (*lstm.input.shape[:2], lstm.units)
    if target.dtype != lstm.dtype or target.shape != shape:
        return f"output is {target}, supported is {lstm.dtype}{list(shape)}"
    return None
