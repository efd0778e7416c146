"""What an anomaly detection model holds, read from the flatbuffer and checked against the benchmark's architecture."""

import struct
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import tflite
from numpy.typing import NDArray

from common.errors import UserError
from models.ad.network import HIDDEN, INPUTS

WIDTHS = (INPUTS, *HIDDEN, INPUTS)
LAYERS = len(WIDTHS) - 1
MACS = sum(inputs * outputs for inputs, outputs in pairwise(WIDTHS))  # of one inference
PARAMETERS = MACS + sum(WIDTHS[1:])


@dataclass(frozen=True)
class Quantisation:
    """``real = scale * (integer - zero_point)``, one scale for the whole tensor."""

    scale: float
    zero_point: int


@dataclass(frozen=True, eq=False)
class Layer:
    """An int8 fully connected layer: weights int8 [outputs, inputs] (zero point 0), bias int32 [outputs].

    ``weight_scales`` float32 has one element when the weights are quantised per tensor, else one per output.
    """

    weights: NDArray[np.int8]
    bias: NDArray[np.int32]
    weight_scales: NDArray[np.float32]
    input: Quantisation
    output: Quantisation
    relu: bool


def read_layers(content: bytes) -> tuple[Layer, ...]:
    """Read a model: ten int8 FULLY_CONNECTED layers of the benchmark's shapes, one after the other, nothing else.

    Raises:
        UserError: the model is another one; the message says how.
    """
    try:
        return _read(content)
    except (struct.error, IndexError, TypeError, AttributeError, ValueError) as error:
        raise UserError(f"not an intact TensorFlow Lite model ({error}); make or fetch it again") from error


def _read(content: bytes) -> tuple[Layer, ...]:
    model = tflite.Model.GetRootAsModel(content, 0)
    graph = model.Subgraphs(0)
    operators = [graph.Operators(i) for i in range(graph.OperatorsLength())]
    codes = [model.OperatorCodes(operator.OpcodeIndex()).BuiltinCode() for operator in operators]
    if codes != [tflite.BuiltinOperator.FULLY_CONNECTED] * LAYERS:
        raise UserError(f"an ad model has {LAYERS} FULLY_CONNECTED operators; this one has the operators {codes}")
    chain = [graph.Inputs(0), *(operator.Outputs(0) for operator in operators)]
    if [operator.Inputs(0) for operator in operators] != chain[:-1] or graph.Outputs(0) != chain[-1]:
        raise UserError("the layers of an ad model form one chain from input to output; those of this one do not")
    return tuple(_layer(model, graph, operator, i) for i, operator in enumerate(operators))


def _layer(model: Any, graph: Any, operator: Any, index: int) -> Layer:
    inputs, outputs = WIDTHS[index : index + 2]
    data, weights, bias = (graph.Tensors(operator.Inputs(k)) for k in range(3))
    output = graph.Tensors(operator.Outputs(0))
    _expect(data, [1, inputs], tflite.TensorType.INT8, f"input of layer {index}")
    _expect(weights, [outputs, inputs], tflite.TensorType.INT8, f"weights of layer {index}")
    _expect(bias, [outputs], tflite.TensorType.INT32, f"bias of layer {index}")
    _expect(output, [1, outputs], tflite.TensorType.INT8, f"output of layer {index}")
    options = tflite.FullyConnectedOptions()
    table = operator.BuiltinOptions()
    options.Init(table.Bytes, table.Pos)
    activation = options.FusedActivationFunction()
    wanted = tflite.ActivationFunctionType.NONE if index == LAYERS - 1 else tflite.ActivationFunctionType.RELU
    if activation != wanted:
        raise UserError(f"ad model, layer {index}: activation {activation}, expected {wanted}")
    return Layer(
        weights=_data(model, weights, np.int8).reshape(outputs, inputs),
        bias=_data(model, bias, np.int32),
        weight_scales=np.asarray(weights.Quantization().ScaleAsNumpy(), np.float32),
        input=_quantisation(data),
        output=_quantisation(output),
        relu=activation == tflite.ActivationFunctionType.RELU,
    )


def _expect(tensor: Any, shape: list[int], kind: int, where: str) -> None:
    got = tensor.ShapeAsNumpy().tolist()
    if got != shape or tensor.Type() != kind:
        raise UserError(f"ad model, {where}: shape {got} and type {tensor.Type()}, expected {shape} and {kind}")


def _data(model: Any, tensor: Any, dtype: type[np.generic]) -> NDArray[Any]:
    return np.frombuffer(model.Buffers(tensor.Buffer()).DataAsNumpy().tobytes(), np.dtype(dtype).newbyteorder("<"))


def _quantisation(tensor: Any) -> Quantisation:
    parameters = tensor.Quantization()
    return Quantisation(float(parameters.Scale(0)), int(parameters.ZeroPoint(0)))
