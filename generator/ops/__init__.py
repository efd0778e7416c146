"""The operators the ahead-of-time compiler knows: one module each, listed here.

A module has two functions. ``reject(graph, operator)`` returns the reason why this use of the operator cannot be
compiled, or None. ``lower(graph, operator)`` returns a `Lowered` kernel call, or an `Alias` where the output is the
input under another shape; it is called only for operators that were not rejected.
"""

from typing import Protocol

from generator.graph import Graph, Operator
from generator.ops import dequantize, fully_connected, quantize, reshape, variable
from generator.ops.lowered import Alias, Lowered

__all__ = ["REGISTRY", "Alias", "Lowered", "OperatorModule"]


class OperatorModule(Protocol):
    def reject(self, graph: Graph, operator: Operator) -> str | None: ...

    def lower(self, graph: Graph, operator: Operator) -> Lowered | Alias: ...


REGISTRY: dict[str, OperatorModule] = {
    "ASSIGN_VARIABLE": variable,
    "DEQUANTIZE": dequantize,
    "FULLY_CONNECTED": fully_connected,
    "QUANTIZE": quantize,
    "READ_VARIABLE": variable,
    "RESHAPE": reshape,
}
