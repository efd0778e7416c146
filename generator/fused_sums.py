"""ADD and SUB in the convolution before them: one step that writes the sums over their other operand.

That saves storing the convolution's outputs and loading them again, and the memory of one of the two operands.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from generator.graph import Graph, Operator
from generator.ops import Alias, Lowered, binary, winograd

Result = tuple[Lowered, ...] | Alias
Pair = tuple[Operator, Result]  # an operator and what it became


def fuse_sums(graph: Graph, lowered: Sequence[Result]) -> tuple[Graph, list[Result]]:
    """The graph and what its operators became, with convolutions that take over sums in the place of these.

    Such an operator keeps the convolution's number; the other operand is the last of its inputs.
    """
    pairs = list(zip(graph.operators, lowered, strict=True))
    position = 0
    while position < len(pairs):
        found = next(_convolutions(graph, pairs, position), None)
        if found is None:
            position += 1
        else:
            before, operand = found
            pairs[position] = _fused(pairs[before], pairs[position], operand)
            del pairs[before]
    return replace(graph, operators=tuple(operator for operator, _ in pairs)), [result for _, result in pairs]


def _convolutions(graph: Graph, pairs: Sequence[Pair], position: int) -> Iterator[tuple[int, int]]:
    """Places of those that can take over the operator at ``position``, and the number of its input that they compute.

    A convolution moves to the place of the sum.
    """
    operator, result = pairs[position]
    if _call(result, binary.LINEAR) is None:
        return
    for operand in (0, 1):
        mine, other = operator.inputs[operand], operator.inputs[1 - operand]
        for before, (writer, written) in enumerate(pairs[:position]):
            convolution = _call(written, winograd.KERNEL)
            if mine not in writer.outputs or convolution is None or not winograd.can_add(convolution):
                continue
            if not _is_intermediate(graph, mine) or _reader_places(pairs, mine) != [position]:
                continue
            if _stays(graph, pairs, writer.inputs[0], before, position) and _is_free(
                graph, pairs, other, before, position
            ):
                yield before, operand


def _call(result: Result, kernel: str) -> Lowered | None:
    """The one call of ``kernel`` that an operator became, if it did."""
    if isinstance(result, Alias) or len(result) != 1 or result[0].kernel != kernel:
        return None
    return result[0]


def _is_intermediate(graph: Graph, tensor: int) -> bool:
    """Whether operators alone write and read it."""
    found = graph.tensors[tensor]
    return found.data is None and not found.variable and tensor not in (*graph.inputs, *graph.outputs)


def _reader_places(pairs: Sequence[Pair], tensor: int) -> list[int]:
    return [place for place, (operator, _) in enumerate(pairs) for index in operator.inputs if index == tensor]


def _stays(graph: Graph, pairs: Sequence[Pair], tensor: int, first: int, last: int) -> bool:
    """Whether the operators between the two places leave the tensor's memory alone."""
    results = (result for _, result in pairs[first:last] if not isinstance(result, Alias))
    return not graph.tensors[tensor].variable and all(call.over != tensor for result in results for call in result)


def _is_free(graph: Graph, pairs: Sequence[Pair], tensor: int, before: int, position: int) -> bool:
    """Whether the tensor's memory is its own, and nothing needs it after the sum at ``position``; the convolution in
    the place ``before`` must not need it either."""
    writer = next((result for operator, result in pairs[:position] if tensor in operator.outputs), None)
    if writer is None or isinstance(writer, Alias) or not _is_intermediate(graph, tensor):
        return False
    places = _reader_places(pairs, tensor)
    shared = any(isinstance(pairs[place][1], Alias) for place in places)
    return not shared and before not in places and max(places) == position and places.count(position) == 1


def _fused(before: Pair, after: Pair, operand: int) -> Pair:
    (convolution, written), (operator, result) = before, after
    assert not isinstance(written, Alias)
    assert not isinstance(result, Alias)
    other = operator.inputs[1 - operand]
    name = f"{convolution.name} + {operator.name}"
    fused = replace(convolution, name=name, inputs=(*convolution.inputs, other), outputs=operator.outputs)
    return fused, (winograd.with_sum(written[0], result[0], operand, other),)
