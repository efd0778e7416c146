"""Which activations are planes instead of tensors: those around 3x3 depthwise convolutions, see `generator.ops.places`.

A depthwise convolution yields planes if all that reads its output is one pointwise convolution, and gets them if its
input is the output of one, or of another convolution that can write them.
"""

from collections import Counter
from dataclasses import replace
from functools import cache
from typing import Any

from generator.graph import Graph
from generator.ops import Lowered, conv_2d, depthwise_conv_2d, refusal
from generator.ops.places import PLANES, SOURCE, TARGET


def with_planes(graph: Graph) -> Graph:
    """The graph whose convolutions know of them."""
    readers = Counter(index for operator in graph.operators for index in set(operator.inputs))
    readers.update(graph.outputs)
    reader = {index: operator for operator in graph.operators for index in operator.inputs}
    writer = {index: operator for operator in graph.operators for index in operator.outputs}
    by_index = {operator.index: operator for operator in graph.operators}
    options: dict[int, dict[str, Any]] = {}

    @cache
    def convolution(index: int) -> Lowered | None:
        """`conv_2d.unclamped` of an operator, None for what is no convolution."""
        operator = by_index[index]
        if operator.name != "CONV_2D" or refusal(graph, operator) is not None:
            return None
        return conv_2d.unclamped(graph, operator)

    for operator in graph.operators:
        if operator.name != "DEPTHWISE_CONV_2D" or refusal(graph, operator) is not None:
            continue
        lines = depthwise_conv_2d.plane_lines(graph, operator)
        source, target = operator.inputs[0], operator.outputs[0]
        after, before = reader.get(target), writer.get(source)
        if lines is None or readers[target] > 1 or after is None:
            continue
        reading = convolution(after.index)
        if reading is None or not reading.parameters["pointwise"]:
            continue
        channels = graph.tensors[target].shape[3]
        places = lines.input_places(channels)
        writing = None
        if before is not None and readers[source] == 1 and lines.holds_input:
            writing = convolution(before.index)
        gets = writing is not None and conv_2d.writes_planes(writing, places)
        options.setdefault(operator.index, {})[PLANES] = gets
        options.setdefault(after.index, {})[SOURCE] = lines.output_places(channels)
        if gets and before is not None:
            options.setdefault(before.index, {})[TARGET] = places
    operators = (
        replace(operator, options={**operator.options, **options.get(operator.index, {})})
        for operator in graph.operators
    )
    return replace(graph, operators=tuple(operators))
