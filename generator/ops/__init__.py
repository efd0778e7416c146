"""The operators the ahead-of-time compiler knows: one module each, listed here.

A module has two functions. ``reject(graph, operator)`` returns the reason why this use of the operator cannot be
compiled, or None; it may raise ValueError instead. ``lower(graph, operator)`` returns a `Lowered` kernel call or
several, or an `Alias` where the output is the input under another shape; it is called only for operators that were not
rejected.
"""

from typing import Protocol

from generator.graph import Graph, Operator
from generator.ops import (
    append_step,
    binary,
    conv_2d,
    depthwise_conv_2d,
    fully_connected,
    index,
    lookup,
    lstm,
    movement,
    pool_2d,
    quantize,
    reduce,
    resize,
    softmax,
    svdf,
    transpose_conv,
    unary_f32,
)
from generator.ops.lowered import Alias, Lowered

__all__ = ["MODULES", "REGISTRY", "Alias", "Lowered", "OperatorModule", "refusal"]


class OperatorModule(Protocol):
    def reject(self, graph: Graph, operator: Operator) -> str | None: ...

    def lower(self, graph: Graph, operator: Operator) -> Lowered | tuple[Lowered, ...] | Alias: ...


REGISTRY: dict[str, OperatorModule] = {
    "ABS": lookup,
    "ADD": binary,
    "ARG_MAX": index,
    "ARG_MIN": index,
    "ASSIGN_VARIABLE": movement,
    "AVERAGE_POOL_2D": pool_2d,
    "BATCH_TO_SPACE_ND": movement,
    "BROADCAST_TO": movement,
    "CEIL": unary_f32,
    "CONCATENATION": movement,
    "CONV_2D": conv_2d,
    "COS": unary_f32,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d,
    "DEPTH_TO_SPACE": movement,
    "DEQUANTIZE": quantize,
    "DIV": binary,
    "ELU": lookup,
    "EXP": unary_f32,
    "EXPAND_DIMS": movement,
    "FILL": movement,
    "FLOOR": unary_f32,
    "FULLY_CONNECTED": fully_connected,
    "GATHER": index,
    "HARD_SWISH": lookup,
    "LEAKY_RELU": lookup,
    "LOG": unary_f32,
    "LOGICAL_NOT": lookup,
    "LOGISTIC": lookup,
    "MAXIMUM": binary,
    "MAX_POOL_2D": pool_2d,
    "MEAN": reduce,
    "MINIMUM": binary,
    "MUL": binary,
    "NEG": unary_f32,
    "PACK": movement,
    "PAD": movement,
    "PADV2": movement,
    "PRELU": binary,
    "QUANTIZE": quantize,
    "READ_VARIABLE": movement,
    "REDUCE_MAX": reduce,
    "REDUCE_MIN": reduce,
    "RELU": lookup,
    "RELU6": lookup,
    "RESHAPE": movement,
    "RESIZE_BILINEAR": resize,
    "RESIZE_NEAREST_NEIGHBOR": resize,
    "REVERSE_V2": movement,
    "ROUND": unary_f32,
    "RSQRT": lookup,
    "SIN": unary_f32,
    "SLICE": movement,
    "SOFTMAX": softmax,
    "SPACE_TO_BATCH_ND": movement,
    "SPACE_TO_DEPTH": movement,
    "SPLIT": movement,
    "SPLIT_V": movement,
    "SQRT": unary_f32,
    "SQUARE": unary_f32,
    "SQUARED_DIFFERENCE": binary,
    "SQUEEZE": movement,
    "STRIDED_SLICE": movement,
    "SUB": binary,
    "SUM": reduce,
    "SVDF": svdf,
    "TANH": lookup,
    "TRANSPOSE": movement,
    "TRANSPOSE_CONV": transpose_conv,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": lstm,
    "UNPACK": movement,
    "ZEROS_LIKE": movement,
}
MODULES = {**REGISTRY, "APPEND_STEP": append_step}  # with what passes make, which no model file contains
SEVERAL_OUTPUTS = ("SPLIT", "SPLIT_V", "UNPACK")


def refusal(graph: Graph, operator: Operator) -> str | None:
    """The reason why an operator cannot be compiled, or None."""
    module = MODULES.get(operator.name)
    if module is None:
        return "no kernel for this operator"
    if len(operator.outputs) != 1 and operator.name not in SEVERAL_OUTPUTS:
        return f"it has {len(operator.outputs)} outputs, not one"
    try:
        return module.reject(graph, operator) or _reject_axes(graph, operator)
    except ValueError as error:
        return str(error)


def _reject_axes(graph: Graph, operator: Operator) -> str | None:
    """Refuse numbers of scales that are not the tensor's size along their axis; a bias's do not matter."""
    for number in (*operator.inputs, *operator.outputs):
        if number < 0:
            continue
        tensor = graph.tensors[number]
        quantization = tensor.quantization
        if quantization is None or not quantization.per_channel or tensor.dtype in ("int32", "int64"):
            continue
        if tensor.shape[quantization.axis :][:1] != (len(quantization.scales),) or quantization.axis < 0:
            return f"{tensor.label} has {len(quantization.scales)} scales along axis {quantization.axis} of {tensor}"
    return None
