"""1x1 convolutions of a single pixel, which streaming leaves, as the fully connected layers that they are."""

from dataclasses import replace

from generator.graph import Graph, Operator, Tensor
from generator.ops import refusal


def connect_pixels(graph: Graph) -> Graph:
    """CONV_2D becomes FULLY_CONNECTED, whose kernels are made for one row of inputs, where it is the same."""
    for position, operator in enumerate(graph.operators):
        if operator.name != "CONV_2D" or not _one_pixel(graph, operator):
            continue
        weights = graph.tensors[operator.inputs[1]]
        matrix = _matrix(weights, len(graph.tensors))
        options = {"activation": operator.options.get("activation", 0)}
        inputs = (operator.inputs[0], matrix.index, *operator.inputs[2:])
        connected = replace(operator, name="FULLY_CONNECTED", inputs=inputs, options=options)
        changed = replace(
            graph,
            tensors=(*graph.tensors, matrix),
            operators=(*graph.operators[:position], connected, *graph.operators[position + 1 :]),
        )
        if refusal(changed, connected) is None:
            graph = changed
    return graph


def _one_pixel(graph: Graph, operator: Operator) -> bool:
    """Whether one filter position covers all of the input's one pixel, channels in one group."""
    source, weights, target = (
        graph.tensors[operator.inputs[0]],
        graph.tensors[operator.inputs[1]],
        graph.output(operator),
    )
    return (
        source.dtype == "int8"
        and weights.dtype == "int8"
        and weights.data is not None
        and source.shape[:3] == target.shape[:3] == (1, 1, 1)
        and weights.shape[1:] == (1, 1, source.shape[3])
        and not any(operator.options.get("pads", ()))
    )


def _matrix(weights: Tensor, index: int) -> Tensor:
    assert weights.data is not None
    shape = (weights.shape[0], weights.shape[3])
    return replace(weights, index=index, shape=shape, data=weights.data.reshape(shape))
