"""``.tflite`` flatbuffer -> `Graph`. The schema comes from the PyPI package ``tflite``; no TensorFlow is needed."""

import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tflite

from common.errors import UserError
from generator.graph import Graph, Operator, Quantization, Tensor
from generator.options import OPTIONS
from generator.variables import resolve_variables

IDENTIFIER = b"TFL3"
EFFECTS = ("CALL_ONCE", "ASSIGN_VARIABLE")  # operators that may have no output
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
        UserError: empty, not a TFLite flatbuffer, or damaged.
    """
    if len(content) < 8 or content[4:8] != IDENTIFIER:
        raise UserError(f"{name} is not a TensorFlow Lite model: bytes 4..7 are not 'TFL3'")
    try:
        return _graph(tflite.Model.GetRootAsModel(content, 0))
    except DAMAGE as error:
        raise UserError(f"{name} is truncated or damaged: {error}; copy or convert the model again") from error


def _graph(model: Any) -> Graph:
    main, *others = (_subgraph(model, model.Subgraphs(index)) for index in range(model.SubgraphsLength()))
    if not main.inputs or not main.outputs:
        raise ValueError("the model has no input or no output")
    return resolve_variables(replace(main, subgraphs=tuple(others)))


def _subgraph(model: Any, subgraph: Any) -> Graph:
    tensors = tuple(_tensor(model, subgraph.Tensors(i), i) for i in range(subgraph.TensorsLength()))
    operators = tuple(_operator(model, subgraph.Operators(i), i) for i in range(subgraph.OperatorsLength()))
    graph = Graph(tensors, operators, _indices(subgraph.InputsAsNumpy()), _indices(subgraph.OutputsAsNumpy()))
    _check_references(graph)
    return graph


def _tensor(model: Any, source: Any, index: int) -> Tensor:
    dtype = DTYPES[source.Type()]
    shape = _indices(source.ShapeAsNumpy())
    if any(size < 0 for size in shape):
        raise ValueError(f"tensor {index} has the shape {shape}")
    buffer = model.Buffers(source.Buffer())
    data = None
    if buffer is not None and buffer.DataLength() > 0:
        raw = buffer.DataAsNumpy().tobytes()
        if hasattr(np, dtype):
            data = np.frombuffer(raw, dtype=np.dtype(dtype).newbyteorder("<"))
            if data.size != int(np.prod(shape)):
                raise ValueError(f"tensor {index} has {data.size} values for the shape {shape}")
            data = data.reshape(shape)
        else:
            data = np.frombuffer(raw, dtype=np.uint8)
    name = (source.Name() or b"").decode(errors="replace")
    return Tensor(
        index, name, shape, dtype, _quantization(source.Quantization(), index), data, bool(source.IsVariable())
    )


def _quantization(source: Any, index: int) -> Quantization | None:
    if source is None or source.ScaleLength() == 0:
        return None
    scales = source.ScaleAsNumpy().astype(np.float32)
    zero_points = (
        source.ZeroPointAsNumpy().astype(np.int64)
        if source.ZeroPointLength()
        else np.zeros(len(scales), dtype=np.int64)
    )
    if len(zero_points) != len(scales):
        raise ValueError(f"tensor {index} has {len(scales)} scales and {len(zero_points)} zero points")
    if not np.all(np.isfinite(scales)) or np.any(scales <= 0):
        raise ValueError(f"tensor {index} has a scale that is not a positive number")
    return Quantization(scales, zero_points, source.QuantizedDimension())


def _operator(model: Any, source: Any, index: int) -> Operator:
    code = model.OperatorCodes(source.OpcodeIndex())
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    name = OPERATOR_NAMES.get(number, f"BUILTIN_{number}")
    if name == "CUSTOM":
        name = f"CUSTOM:{(code.CustomCode() or b'').decode(errors='replace')}"
    options = {}
    table = source.BuiltinOptions()
    if name in OPTIONS and table is not None:
        typed = getattr(tflite, OPTIONS[name].table)()
        typed.Init(table.Bytes, table.Pos)
        options = {ours: getattr(typed, accessor)() for ours, accessor in OPTIONS[name].fields.items()}
    return Operator(index, name, _indices(source.InputsAsNumpy()), _indices(source.OutputsAsNumpy()), options)


def _indices(array: Any) -> tuple[int, ...]:
    return () if isinstance(array, int) else tuple(int(value) for value in array)


def _check_references(graph: Graph) -> None:
    count = len(graph.tensors)
    used = [*graph.inputs, *graph.outputs]
    for operator in graph.operators:
        used += [index for index in operator.inputs if index != -1]
        used += operator.outputs
    if any(not 0 <= index < count for index in used):
        raise ValueError("an operator refers to a tensor that does not exist")
    if any(not operator.outputs and operator.name not in EFFECTS for operator in graph.operators):
        raise ValueError("an operator has no output")
