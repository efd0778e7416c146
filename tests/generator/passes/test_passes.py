"""Graph passes: each pattern vanishes, and the outputs stay the oracle's."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.graph import Graph
from generator.importer import parse_graph
from generator.passes import optimise
from models.flatbuffer import OperatorSpec, TensorSpec, activation, build_model
from tests.generator.host_kernels import assert_equals_oracle

SAME, VALID = 0, 1
CONV = {"stride_h": 1, "stride_w": 1, "dilation_h": 1, "dilation_w": 1}
MASKS = dict.fromkeys(("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask"), 0)


def checked(model: bytes, shape: tuple[int, ...], count: int = 3) -> Graph:
    """The optimised graph, which gives the oracle's outputs on random inputs."""
    graph = optimise(parse_graph(model, "m")).graph
    rng = np.random.default_rng(0)
    inputs = [[rng.integers(-128, 128, shape).astype(np.int8)] for _ in range(count)]
    assert_equals_oracle(model, inputs, graph=graph)
    return graph


def names(graph: Graph) -> list[str]:
    return [operator.name for operator in graph.operators]


def constant(*values: int) -> TensorSpec:
    return TensorSpec((len(values),), "int32", data=np.array(values, np.int32))


def weights(rng: np.random.Generator, *shape: int) -> TensorSpec:
    return TensorSpec(shape, scales=[0.01], data=rng.integers(-127, 128, shape).astype(np.int8))


def test_the_shape_that_keras_computes_for_a_reshape() -> None:
    """SHAPE -> STRIDED_SLICE -> PACK -> RESHAPE."""
    tensors = [
        activation(1, 2, 3),
        TensorSpec((3,), "int32"),
        constant(0),
        constant(1),
        constant(1),
        TensorSpec((), "int32"),
        TensorSpec((), "int32", data=np.array(6, np.int32)),
        TensorSpec((2,), "int32"),
        activation(1, 6),
        weights(np.random.default_rng(0), 4, 6),
        activation(1, 4),
    ]
    operators = [
        OperatorSpec("SHAPE", [0], [1], options={"out_type": 2}),
        OperatorSpec("STRIDED_SLICE", [1, 2, 3, 4], [5], options={**MASKS, "shrink_axis_mask": 1}),
        OperatorSpec("PACK", [5, 6], [7], options={"axis": 0, "values_count": 2}),
        OperatorSpec("RESHAPE", [0, 7], [8]),
        OperatorSpec("FULLY_CONNECTED", [8, 9, -1], [10]),
    ]
    assert names(checked(build_model(tensors, operators, [0], [10]), (1, 2, 3))) == ["RESHAPE", "FULLY_CONNECTED"]


def padded_convolution(
    name: str, pads: list[list[int]], padding: int, value: int | None = None, *, zero_point: int = -5
) -> bytes:
    rng = np.random.default_rng(0)
    shape, channels = (1, 5, 6, 3), 3
    padded = tuple(size + sum(pad) for size, pad in zip(shape, pads, strict=True))
    output = padded[1:3] if padding == SAME else (padded[1] - 2, padded[2] - 1)
    filters = (4, 3, 2, padded[3]) if name == "CONV_2D" else (1, 3, 2, channels)
    tensors = [
        activation(*shape, scale=0.05, zero_point=zero_point),
        TensorSpec((4, 2), "int32", data=np.array(pads, np.int32)),
        TensorSpec((1,), scales=[0.05], zero_points=[zero_point], data=np.array([value or 0], np.int8)),
        activation(*padded, scale=0.05, zero_point=zero_point),
        weights(rng, *filters),
        activation(padded[0], *output, 4 if name == "CONV_2D" else channels, scale=0.1),
    ]
    tensors[4].axis = 0 if name == "CONV_2D" else 3
    options: dict[str, Any] = {**CONV, "padding": padding, "depth_multiplier": 1}
    operators = [
        OperatorSpec("PAD", [0, 1], [3]) if value is None else OperatorSpec("PADV2", [0, 1, 2], [3]),
        OperatorSpec(name, [3, 4], [5], options=options),
    ]
    return build_model(tensors, operators, [0], [5])


@pytest.mark.parametrize("name", ["CONV_2D", "DEPTHWISE_CONV_2D"])
@pytest.mark.parametrize("padding", [SAME, VALID])
@given(around=st.lists(st.integers(0, 3), min_size=4, max_size=4))
def test_padding_becomes_the_convolution_s(name: str, padding: int, around: list[int]) -> None:
    pads = [[0, 0], around[:2], around[2:], [0, 0]]
    graph = checked(padded_convolution(name, pads, padding), (1, 5, 6, 3), count=1)
    assert names(graph) == [name]


def test_padding_with_another_value_stays() -> None:
    pads = [[0, 0], [1, 1], [1, 0], [0, 0]]
    assert names(checked(padded_convolution("CONV_2D", pads, VALID, value=7), (1, 5, 6, 3))) == ["PADV2", "CONV_2D"]
    assert names(checked(padded_convolution("CONV_2D", pads, VALID, value=-5), (1, 5, 6, 3))) == ["CONV_2D"]


def test_padding_of_channels_stays() -> None:
    model = padded_convolution("CONV_2D", [[0, 0], [1, 1], [0, 0], [0, 2]], VALID)
    assert names(checked(model, (1, 5, 6, 3))) == ["PAD", "CONV_2D"]


def layer_with_activation(name: str, scale: float = 0.1, *, twice: bool = False) -> bytes:
    tensors = [
        activation(1, 8, scale=0.05),
        weights(np.random.default_rng(0), 5, 8),
        activation(1, 5, scale=0.1, zero_point=-20),
        activation(1, 5, scale=scale, zero_point=-20),
        activation(1, 5, scale=0.3),
    ]
    operators = [OperatorSpec("FULLY_CONNECTED", [0, 1, -1], [2]), OperatorSpec(name, [2], [3])]
    if twice:
        operators.append(OperatorSpec("ADD", [2, 3], [4]))
    return build_model(tensors, operators, [0], [4 if twice else 3])


@pytest.mark.parametrize("name", ["RELU", "RELU6"])
def test_an_activation_becomes_the_layer_s(name: str) -> None:
    assert names(checked(layer_with_activation(name), (1, 8))) == ["FULLY_CONNECTED"]


def test_an_activation_that_rescales_or_is_not_the_only_reader_stays() -> None:
    assert names(checked(layer_with_activation("RELU", scale=0.2), (1, 8))) == ["FULLY_CONNECTED", "RELU"]
    assert names(checked(layer_with_activation("RELU", twice=True), (1, 8))) == ["FULLY_CONNECTED", "RELU", "ADD"]


def test_what_changes_nothing_and_what_nobody_reads_goes() -> None:
    tensors = [
        activation(1, 8, scale=0.05, zero_point=3),
        activation(1, 8, scale=0.05, zero_point=3),
        activation(1, 8, scale=0.1, zero_point=3),
        activation(1, 8, scale=0.1, zero_point=3),
    ]
    operators = [
        OperatorSpec("QUANTIZE", [0], [1]),
        OperatorSpec("RELU", [1], [2]),
        OperatorSpec("RELU6", [1], [3]),
    ]
    assert names(checked(build_model(tensors, operators, [0], [2]), (1, 8))) == ["RELU"]


def test_every_change_is_noted() -> None:
    notes = optimise(parse_graph(layer_with_activation("RELU"), "m")).notes
    assert notes == ("fused RELU 1 into FULLY_CONNECTED 0",)
