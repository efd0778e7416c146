"""Graph -> graph that takes one step of the signal instead of all of them."""

from collections.abc import Mapping
from dataclasses import replace
from math import prod

from common.errors import UserError
from generator.graph import Graph, Operator, Tensor
from generator.streaming.operators import APPEND, SHAPES, Sliding, sliding


def stream(graph: Graph, axis: int) -> tuple[Graph, list[str]]:
    """Rewrite ``graph`` for one step along ``axis`` of its input at a time; with notes, a line each.

    The new graph's outputs are bit for bit those of the old one for the last steps it was given. Its state before the
    first step must be made by feeding it, see `generator.program.Prime`.

    Raises:
        UserError: the model has several inputs or remembers by itself, the axis is none that steps can be cut along, or
            not a single operator slides over time; the message says why.
    """
    source = _signal(graph, axis)
    found = _sliding_operators(graph, source, axis)
    axes = {source.index: axis} | {graph.operators[p].outputs[0]: how.axis for p, how in found.items()}
    return _Rewriter(graph, axes, found).run()


def _signal(graph: Graph, axis: int) -> Tensor:
    if len(graph.inputs) != 1:
        raise UserError(f"streaming needs a model with one input, this one has {len(graph.inputs)}")
    if any(tensor.variable for tensor in graph.tensors):
        raise UserError("the model keeps variables between inferences: it is a streaming one already")
    source = graph.tensors[graph.inputs[0]]
    axes = [k for k, size in enumerate(source.shape) if size > 1 and prod(source.shape[:k]) == 1]
    if axis not in axes:
        possible = f"possible is {axes[0]}" if axes else "there is none to stream along"
        raise UserError(f"the input {source} cannot be cut into steps along axis {axis}; {possible}")
    return source


def _sliding_operators(graph: Graph, source: Tensor, axis: int) -> dict[int, Sliding]:
    """Position of each operator that slides over time."""
    axes = {source.index: axis}
    found: dict[int, Sliding] = {}
    reasons = []
    for position, operator in enumerate(graph.operators):
        if not any(index in axes for index in operator.inputs):
            continue
        how = sliding(graph, operator, axes)
        if isinstance(how, str):
            reasons.append(f"{operator.label}: {how}")
            continue
        found[position] = how
        axes[operator.outputs[0]] = how.axis
    if all(graph.operators[position].name in SHAPES for position in found):
        raise UserError("nothing of the model can be computed step by step: " + "; ".join(reasons[:3]))
    return found


class _Rewriter:
    def __init__(self, graph: Graph, axes: Mapping[int, int], found: Mapping[int, Sliding]) -> None:
        self._graph, self._axes, self._found = graph, axes, found
        self._tensors = list(graph.tensors)
        self._operators: list[Operator] = []
        self._histories: dict[tuple[int, int], int] = {}  # (tensor, steps) -> the variable tensor that holds them

    def run(self) -> tuple[Graph, list[str]]:
        for index, axis in self._axes.items():
            self._tensors[index] = _steps(self._graph.tensors[index], axis, 1)
        for index in self._graph.inputs:
            self._append_histories(index)
        for position, operator in enumerate(self._graph.operators):
            how = self._found.get(position)
            inputs = tuple(self._read(index, how) for index in operator.inputs)
            if how is not None and operator.name in SHAPES:
                inputs = inputs[:1]  # its shape is that of all steps
            self._operators.append(replace(operator, inputs=inputs))
            for index in operator.outputs:
                self._append_histories(index)
        outputs = tuple(self._read(index, None) for index in self._graph.outputs)
        graph = replace(self._graph, tensors=tuple(self._tensors), operators=tuple(self._operators), outputs=outputs)
        kept = sum(self._tensors[index].bytes for index in self._histories.values())
        return graph, [
            f"streaming: {len(self._found)} of {len(self._graph.operators)} operators compute one step of"
            f" {self._graph.tensors[self._graph.inputs[0]].shape[self._axes[self._graph.inputs[0]]]};"
            f" {kept} bytes are kept between inferences"
        ]

    def _read(self, index: int, how: Sliding | None) -> int:
        """The tensor to read instead of ``index``: itself, or its history."""
        if index not in self._axes:
            return index
        steps = self._needed(index, how)
        return index if steps == 1 else self._histories[index, steps]

    def _needed(self, index: int, how: Sliding | None) -> int:
        return self._graph.tensors[index].shape[self._axes[index]] if how is None else how.steps

    def _append_histories(self, index: int) -> None:
        """Keep as many steps of a tensor that was just computed as its readers need."""
        if index not in self._axes:
            return
        lengths = {
            self._needed(index, self._found.get(position))
            for position, operator in enumerate(self._graph.operators)
            if index in operator.inputs
        }
        if index in self._graph.outputs:
            lengths.add(self._needed(index, None))
        for steps in sorted(lengths - {1}):
            history = replace(
                _steps(self._graph.tensors[index], self._axes[index], steps), index=len(self._tensors), variable=True
            )
            self._tensors.append(history)
            self._histories[index, steps] = history.index
            number = max((operator.index for operator in (*self._graph.operators, *self._operators)), default=0) + 1
            self._operators.append(Operator(number, APPEND, (index,), (history.index,)))


def _steps(tensor: Tensor, axis: int, count: int) -> Tensor:
    return replace(tensor, shape=(*tensor.shape[:axis], count, *tensor.shape[axis + 1 :]))
