"""The operators the ahead-of-time compiler knows: one module each, listed here.

A module has two functions. ``reject(graph, operator)`` returns the reason why this use of the operator cannot be
compiled, or None. ``lower(graph, operator)`` returns a `Lowered` kernel call, or an `Alias` where the output is the
input under another shape; it is called only for operators that were not rejected.
"""

from typing import Protocol

from generator.graph import Graph, Operator
from generator.ops import (
    binary,
    conv_2d,
    depthwise_conv_2d,
    dequantize,
    fully_connected,
    lookup,
    pool_2d,
    quantize,
    reshape,
    softmax,
    variable,
)
from generator.ops.lowered import Alias, Lowered

__all__ = ["REGISTRY", "Alias", "Lowered", "OperatorModule"]


class OperatorModule(Protocol):
    def reject(self, graph: Graph, operator: Operator) -> str | None: ...

    def lower(self, graph: Graph, operator: Operator) -> Lowered | Alias: ...


REGISTRY: dict[str, OperatorModule] = {
    "ADD": binary,
    "ASSIGN_VARIABLE": variable,
    "AVERAGE_POOL_2D": pool_2d,
    "CONV_2D": conv_2d,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d,
    "DEQUANTIZE": dequantize,
    "DIV": binary,
    "FULLY_CONNECTED": fully_connected,
    "HARD_SWISH": lookup,
    "LEAKY_RELU": lookup,
    "LOGISTIC": lookup,
    "MAXIMUM": binary,
    "MAX_POOL_2D": pool_2d,
    "MINIMUM": binary,
    "MUL": binary,
    "QUANTIZE": quantize,
    "READ_VARIABLE": variable,
    "RELU": lookup,
    "RELU6": lookup,
    "RESHAPE": reshape,
    "SOFTMAX": softmax,
    "SQUARED_DIFFERENCE": binary,
    "SUB": binary,
    "TANH": lookup,
}
