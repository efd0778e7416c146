"""Writes `.tflite` models with the schema package, without TensorFlow."""

from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
import tflite

from generator.options import OPTIONS

TYPES = {
    "float16": tflite.TensorType.FLOAT16,
    "float32": tflite.TensorType.FLOAT32,
    "bool": tflite.TensorType.BOOL,
    "int8": tflite.TensorType.INT8,
    "int16": tflite.TensorType.INT16,
    "int32": tflite.TensorType.INT32,
    "int4": tflite.TensorType.INT4,
    "int64": tflite.TensorType.INT64,
    "resource": tflite.TensorType.RESOURCE,
    "string": tflite.TensorType.STRING,
    "uint8": tflite.TensorType.UINT8,
}


@dataclass
class TensorSpec:
    """``signature``: the shape with -1 for dimensions that may change. ``buffer``: a number, not that of ``data``.
    ``outside``: offset and size of a constant in the file, behind the flatbuffer.
    """

    shape: tuple[int, ...]
    dtype: str = "int8"
    scales: list[float] = field(default_factory=list)
    zero_points: list[int] = field(default_factory=list)
    axis: int = 0
    data: Any = None
    name: str = "t"
    variable: bool = False
    signature: tuple[int, ...] = ()
    sparse: bool = False
    buffer: int | None = None
    outside: tuple[int, int] | None = None


def activation(*shape: int, scale: float = 1.0, zero_point: int = 0) -> TensorSpec:
    """An int8 tensor that is no constant."""
    return TensorSpec(shape, scales=[scale], zero_points=[zero_point])


@dataclass
class OperatorSpec:
    """``options`` are named as in generator/options.py; ``activation`` is one of them. ``name`` may be CUSTOM:code."""

    name: str
    inputs: list[int]
    outputs: list[int]
    activation: int = 0
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class SubgraphSpec:
    tensors: list[TensorSpec]
    operators: list[OperatorSpec]
    inputs: list[int] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)


def build_model(
    tensors: list[TensorSpec],
    operators: list[OperatorSpec],
    inputs: list[int],
    outputs: list[int],
    others: tuple[SubgraphSpec, ...] = (),
) -> bytes:
    """The bytes of a ``.tflite`` file; ``others`` are the subgraphs after the main one."""
    builder = flatbuffers.Builder(1024)
    subgraphs = (SubgraphSpec(tensors, operators, inputs, outputs), *others)
    codes = sorted({operator.name for subgraph in subgraphs for operator in subgraph.operators})
    buffers = [_buffer(builder, None)]
    subgraphs_vector = _offsets(builder, [_subgraph(builder, subgraph, codes, buffers) for subgraph in subgraphs])
    buffers_vector = _offsets(builder, buffers)
    codes_vector = _offsets(builder, [_operator_code(builder, name) for name in codes])
    tflite.ModelStart(builder)
    tflite.ModelAddVersion(builder, 3)
    tflite.ModelAddOperatorCodes(builder, codes_vector)
    tflite.ModelAddSubgraphs(builder, subgraphs_vector)
    tflite.ModelAddBuffers(builder, buffers_vector)
    builder.Finish(tflite.ModelEnd(builder), b"TFL3")
    return bytes(builder.Output())


def _subgraph(builder: Any, spec: SubgraphSpec, codes: list[str], buffers: list[int]) -> int:
    tensor_offsets = []
    for tensor in spec.tensors:
        own = tensor.data is not None or tensor.outside is not None
        if own:
            buffers.append(_buffer(builder, tensor.data, tensor.outside))
        number = len(buffers) - 1 if own else 0
        tensor_offsets.append(_tensor(builder, tensor, number if tensor.buffer is None else tensor.buffer))
    tensors_vector = _offsets(builder, tensor_offsets)
    operators_vector = _offsets(builder, [_operator(builder, operator, codes) for operator in spec.operators])
    inputs_vector = builder.CreateNumpyVector(np.array(spec.inputs, np.int32))
    outputs_vector = builder.CreateNumpyVector(np.array(spec.outputs, np.int32))
    tflite.SubGraphStart(builder)
    tflite.SubGraphAddTensors(builder, tensors_vector)
    tflite.SubGraphAddInputs(builder, inputs_vector)
    tflite.SubGraphAddOutputs(builder, outputs_vector)
    tflite.SubGraphAddOperators(builder, operators_vector)
    return int(tflite.SubGraphEnd(builder))


def _offsets(builder: Any, offsets: list[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


def _buffer(builder: Any, payload: Any, outside: tuple[int, int] | None = None) -> int:
    data = None
    if payload is not None:
        data = builder.CreateByteVector(np.asarray(payload).tobytes())
    tflite.BufferStart(builder)
    if outside is not None:
        tflite.BufferAddOffset(builder, outside[0])
        tflite.BufferAddSize(builder, outside[1])
    if data is not None:
        tflite.BufferAddData(builder, data)
    return int(tflite.BufferEnd(builder))


def _operator_code(builder: Any, name: str) -> int:
    kind, _, custom = name.partition(":")
    number = getattr(tflite.BuiltinOperator, kind)
    custom_code = builder.CreateString(custom) if custom else None
    tflite.OperatorCodeStart(builder)
    if custom_code is not None:
        tflite.OperatorCodeAddCustomCode(builder, custom_code)
    tflite.OperatorCodeAddDeprecatedBuiltinCode(builder, min(number, 127))
    tflite.OperatorCodeAddBuiltinCode(builder, number)
    tflite.OperatorCodeAddVersion(builder, 1)
    return int(tflite.OperatorCodeEnd(builder))


def _tensor(builder: Any, tensor: TensorSpec, buffer: int) -> int:
    name = builder.CreateString(tensor.name)
    shape = builder.CreateNumpyVector(np.array(tensor.shape, np.int32))
    signature = builder.CreateNumpyVector(np.array(tensor.signature, np.int32)) if tensor.signature else None
    quantization = sparsity = None
    if tensor.sparse:
        tflite.SparsityParametersStart(builder)
        sparsity = tflite.SparsityParametersEnd(builder)
    if tensor.scales:
        scales = builder.CreateNumpyVector(np.array(tensor.scales, np.float32))
        zero_points = builder.CreateNumpyVector(np.array(tensor.zero_points or [0] * len(tensor.scales), np.int64))
        tflite.QuantizationParametersStart(builder)
        tflite.QuantizationParametersAddScale(builder, scales)
        tflite.QuantizationParametersAddZeroPoint(builder, zero_points)
        tflite.QuantizationParametersAddQuantizedDimension(builder, tensor.axis)
        quantization = tflite.QuantizationParametersEnd(builder)
    tflite.TensorStart(builder)
    tflite.TensorAddShape(builder, shape)
    tflite.TensorAddType(builder, TYPES[tensor.dtype])
    tflite.TensorAddBuffer(builder, buffer)
    tflite.TensorAddName(builder, name)
    tflite.TensorAddIsVariable(builder, tensor.variable)
    if signature is not None:
        tflite.TensorAddShapeSignature(builder, signature)
    if sparsity is not None:
        tflite.TensorAddSparsity(builder, sparsity)
    if quantization is not None:
        tflite.TensorAddQuantization(builder, quantization)
    return int(tflite.TensorEnd(builder))


def _operator(builder: Any, operator: OperatorSpec, codes: list[str]) -> int:
    inputs = builder.CreateNumpyVector(np.array(operator.inputs, np.int32))
    outputs = builder.CreateNumpyVector(np.array(operator.outputs, np.int32))
    options = None
    known = OPTIONS.get(operator.name)
    if known is not None:
        values = {"activation": operator.activation} | operator.options
        values = {
            name: builder.CreateString(value) if isinstance(value, str) else value for name, value in values.items()
        }
        getattr(tflite, f"{known.table}Start")(builder)
        for name, value in values.items():
            if name in known.fields:
                getattr(tflite, f"{known.table}Add{known.fields[name]}")(builder, value)
        options = getattr(tflite, f"{known.table}End")(builder)
    tflite.OperatorStart(builder)
    tflite.OperatorAddOpcodeIndex(builder, codes.index(operator.name))
    tflite.OperatorAddInputs(builder, inputs)
    tflite.OperatorAddOutputs(builder, outputs)
    if known is not None:
        tflite.OperatorAddBuiltinOptionsType(builder, getattr(tflite.BuiltinOptions, known.table))
        tflite.OperatorAddBuiltinOptions(builder, options)
    return int(tflite.OperatorEnd(builder))
