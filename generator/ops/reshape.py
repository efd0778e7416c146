"""RESHAPE: the same bytes under another shape."""

from generator.graph import Graph, Operator
from generator.ops.lowered import Alias


def reject(graph: Graph, operator: Operator) -> str | None:
    source, target = graph.input(operator, 0), graph.output(operator)
    if source is None:
        return "it has no input"
    if source.dtype != target.dtype or source.elements != target.elements:
        return f"it turns {source} into {target}"
    if source.data is not None:
        return "its input is a constant"
    return None


def lower(graph: Graph, operator: Operator) -> Alias:
    return Alias(operator.inputs[0])
