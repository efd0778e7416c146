"""``.tflite`` flatbuffer -> `Graph`. The schema comes from the PyPI package ``tflite``; no TensorFlow is needed."""

import struct
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tflite
from numpy.typing import NDArray

from common.errors import UserError
from generator import wellformed
from generator.graph import NUMPY_TYPES, Graph, Operator, Quantization, Tensor
from generator.options import OPTIONS
from generator.variables import resolve_variables

IDENTIFIER = b"TFL3"
MOST_NAME = 80  # bytes of a name that are kept
EMPTY_TABLE = b"\x04\0\x04\0\x04\0\0\0"  # a flatbuffer table without fields, at byte 4
# What reading a damaged flatbuffer may raise.
DAMAGE = (struct.error, IndexError, KeyError, ValueError, TypeError, OverflowError, AttributeError, MemoryError)

DTYPES = {value: name.lower() for name, value in vars(tflite.TensorType).items() if isinstance(value, int)}
OPERATOR_NAMES = {value: name for name, value in vars(tflite.BuiltinOperator).items() if isinstance(value, int)}


def read_graph(path: Path) -> Graph:
    """Read the main subgraph of a model file.

    Raises:
        UserError: as `read_model` and `parse_graph`.
    """
    return parse_graph(read_model(path), str(path))


def read_model(path: Path) -> bytes:
    """Raises UserError when there is no such file or it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read model {path}: {error.strerror}") from error


def parse_graph(content: bytes, name: str) -> Graph:
    """Read the main subgraph of a model from its bytes; ``name`` is for messages.

    Raises:
        UserError: empty, not a TFLite flatbuffer, damaged, or beyond what can be handled.
    """
    if len(content) < 8 or content[4:8] != IDENTIFIER:
        raise UserError(f"{name} is not a TensorFlow Lite model: bytes 4..7 are not 'TFL3'")
    try:
        return _graph(content)
    except UserError as error:
        raise UserError(f"{name} cannot be compiled: {error}") from error
    except DAMAGE as error:
        raise UserError(f"{name} is truncated or damaged: {error}; copy or convert the model again") from error


def _graph(content: bytes) -> Graph:
    model = tflite.Model.GetRootAsModel(content, 0)
    count = model.SubgraphsLength()
    main = _subgraph(model, content, 0, count)
    if not main.inputs or not main.outputs:
        raise UserError("the model has no input or no output")
    called = {operator.options["init_subgraph"] for operator in main.operators if operator.name == "CALL_ONCE"}
    subgraphs = {number: _subgraph(model, content, number, count) for number in sorted(called) if 1 <= number < count}
    return resolve_variables(replace(main, subgraphs=subgraphs))


def _subgraph(model: Any, content: bytes, number: int, count: int) -> Graph:
    if not 0 <= number < count:
        raise ValueError(f"there is no subgraph {number}")
    source = model.Subgraphs(number)
    tensors = source.TensorsLength()
    wellformed.reject_counts(tensors, source.OperatorsLength())
    operators = _operators(model, source)
    inputs = _list(source.InputsLength, source.Inputs)
    outputs = _list(source.OutputsLength, source.Outputs)
    using = wellformed.users(operators, inputs, outputs)
    wellformed.check_references(using, operators, tensors)
    graph = Graph(_tensors(model, content, source, using), operators, inputs, outputs)
    wellformed.check_writers(graph)
    return graph


def _tensors(model: Any, content: bytes, source: Any, using: Mapping[int, str]) -> tuple[Tensor, ...]:
    """Those that nothing refers to are left empty."""
    tensors, refused = [], []
    for index in range(source.TensorsLength()):
        if index not in using:
            tensors.append(Tensor(index, "", (), "unused", None, None))
            continue
        tensor, reason = _tensor(model, content, source.Tensors(index), index)
        tensors.append(tensor)
        if reason is not None:
            refused.append(f"  {tensor.label} of {using[index]} {reason}")
    if refused:
        raise UserError(
            f"{len(refused)} of {len(tensors)} tensors are damaged or not supported:\n" + wellformed.bullets(refused)
        )
    return tuple(tensors)


def _tensor(model: Any, content: bytes, source: Any, index: int) -> tuple[Tensor, str | None]:
    """The tensor, and the reason why it cannot be compiled."""
    dtype = DTYPES.get(source.Type(), f"type {source.Type()}")
    tensor = Tensor(index, _text(source.Name()), (), dtype, None, None, bool(source.IsVariable()))
    if source.Sparsity() is not None:
        return tensor, "is sparse, which is not supported"
    if source.ShapeLength() > wellformed.MOST_RANK:
        return tensor, f"has {source.ShapeLength()} dimensions, supported are at most {wellformed.MOST_RANK}"
    shape = _list(source.ShapeLength, source.Shape)
    if reason := wellformed.reject_shape(replace(tensor, shape=shape)):
        return tensor, reason
    quantization = _quantization(source.Quantization()) if dtype in wellformed.ZERO_POINTS else None
    if reason := wellformed.reject_quantization(quantization, dtype):
        return tensor, reason
    tensor = replace(tensor, shape=shape, quantization=quantization)
    data, reason = _data(model, content, source.Buffer(), tensor)
    return replace(tensor, data=data), reason


def _data(model: Any, content: bytes, number: int, tensor: Tensor) -> tuple[NDArray[Any] | None, str | None]:
    """A constant's values, and the reason why they cannot be read."""
    if number >= model.BuffersLength():
        return None, f"refers to buffer {number}, there are {model.BuffersLength()}"
    buffer = model.Buffers(number)
    if buffer.Offset() > 1:  # behind the flatbuffer, in models of more than 2 GB
        start, size = buffer.Offset(), buffer.Size()
        if start + size > len(content):
            return None, f"refers to bytes {start} to {start + size} of a file of {len(content)}"
        raw = np.frombuffer(content, np.uint8, size, start)
    elif buffer.DataLength():
        raw = buffer.DataAsNumpy()
    else:
        return None, None
    bits = 4 if tensor.dtype == "int4" else 8 * np.dtype(tensor.dtype).itemsize if tensor.dtype in NUMPY_TYPES else 0
    if bits and raw.size != -(-tensor.elements * bits // 8):
        found = f"{raw.size * 8 // bits} values" if bits % 8 == 0 and raw.size * 8 % bits == 0 else f"{raw.size} bytes"
        return None, f"has {found} for the shape {list(tensor.shape)} of {tensor.dtype}"
    if tensor.dtype in NUMPY_TYPES:
        raw = raw.view(np.dtype(tensor.dtype).newbyteorder("<")).reshape(tensor.shape)
    return raw, None


def _quantization(source: Any) -> Quantization | None:
    if source is None or source.ScaleLength() == 0:
        return None
    scales = source.ScaleAsNumpy().astype(np.float32)
    zero_points = (
        source.ZeroPointAsNumpy().astype(np.int64)
        if source.ZeroPointLength()
        else np.zeros(len(scales), dtype=np.int64)
    )
    return Quantization(scales, zero_points, source.QuantizedDimension())


def _operators(model: Any, subgraph: Any) -> tuple[Operator, ...]:
    operators: list[Operator] = []
    operands = 0
    for index in range(subgraph.OperatorsLength()):
        source = subgraph.Operators(index)
        operands += source.InputsLength() + source.OutputsLength()
        if operands > wellformed.MOST_OPERANDS:
            raise UserError(f"its first {index + 1} operators have {operands:,} inputs and outputs")
        operators.append(_operator(model, source, index))
    return tuple(operators)


def _operator(model: Any, source: Any, index: int) -> Operator:
    if source.OpcodeIndex() >= model.OperatorCodesLength():
        raise UserError(
            f"operator {index} has the code {source.OpcodeIndex()}, there are {model.OperatorCodesLength()}"
        )
    name = operator_name(model.OperatorCodes(source.OpcodeIndex()))
    inputs = _list(source.InputsLength, source.Inputs)
    outputs = _list(source.OutputsLength, source.Outputs)
    operator = Operator(index, name, inputs, outputs)
    return replace(operator, options=_options(source, operator)) if name in OPTIONS else operator


def operator_name(code: Any) -> str:
    """The name that an operator code of the flatbuffer stands for; ``CUSTOM:name`` where it is no builtin one."""
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    name = OPERATOR_NAMES.get(number, f"BUILTIN_{number}")
    return f"{name}:{_text(code.CustomCode())}" if name == "CUSTOM" else name


def _options(source: Any, operator: Operator) -> dict[str, Any]:
    """Without a table, and where a field is not in it, the schema's defaults."""
    expected, table = OPTIONS[operator.name], source.BuiltinOptions()
    kind = source.BuiltinOptionsType()
    if table is not None and kind not in (0, getattr(tflite.BuiltinOptions, expected.table)):
        raise UserError(f"{operator.label} has the options of another operator: {kind}")
    typed = getattr(tflite, expected.table)()
    typed.Init(*((EMPTY_TABLE, 4) if table is None else (table.Bytes, table.Pos)))
    return {ours: getattr(typed, accessor)() for ours, accessor in expected.fields.items()}


def _list(length: Callable[[], int], element: Callable[[int], int]) -> tuple[int, ...]:
    if length() > wellformed.MOST_OPERANDS:
        raise UserError(f"it has a list of {length():,} tensors, supported are {wellformed.MOST_OPERANDS:,}")
    return tuple(element(position) for position in range(length()))


def _text(raw: bytes | None) -> str:
    """A name as it may appear in a message."""
    text = (raw or b"")[:MOST_NAME].decode(errors="replace")
    return "".join(character if character.isprintable() else "?" for character in text)
