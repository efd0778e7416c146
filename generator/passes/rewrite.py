"""What the passes share: who reads a tensor, and graphs with some operators or tensors exchanged."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from generator.graph import Graph, Operator


def readers(graph: Graph) -> dict[int, list[Operator]]:
    """Tensor -> the operators that read it, one entry per operand."""
    found: dict[int, list[Operator]] = {}
    for operator in graph.operators:
        for index in operator.inputs:
            found.setdefault(index, []).append(operator)
    return found


def sole_reader(graph: Graph, operator: Operator) -> Operator | None:
    """The one operator that reads an operator's only output, where nothing else needs that output."""
    (output,) = operator.outputs[:1]
    reading = readers(graph).get(output, [])
    needed = output in graph.outputs or graph.tensors[output].variable or len(operator.outputs) != 1
    return None if needed or len(reading) != 1 else reading[0]


def with_operators(graph: Graph, changes: Mapping[int, Operator | None]) -> Graph:
    """The graph with operators, named by their index, exchanged or (None) taken out."""
    kept = (changes.get(operator.index, operator) for operator in graph.operators)
    return replace(graph, operators=tuple(operator for operator in kept if operator is not None))


def with_constant(graph: Graph, tensor: int, data: NDArray[Any]) -> Graph:
    """The graph with a constant in the place of a tensor that an operator computed."""
    changed = replace(graph.tensors[tensor], data=data)
    return replace(graph, tensors=(*graph.tensors[:tensor], changed, *graph.tensors[tensor + 1 :]))


def without(graph: Graph, operator: Operator) -> Graph:
    """The graph without an operator whose output is its first input: those who read the one now read the other."""
    source, target = operator.inputs[0], operator.outputs[0]
    changes: dict[int, Operator | None] = {operator.index: None}
    for reader in readers(graph).get(target, []):
        inputs = tuple(source if index == target else index for index in reader.inputs)
        changes[reader.index] = replace(reader, inputs=inputs)
    outputs = tuple(source if index == target else index for index in graph.outputs)
    return replace(with_operators(graph, changes), outputs=outputs)
