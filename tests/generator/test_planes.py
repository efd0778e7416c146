"""Activations as planes around depthwise convolutions: where they are, and that outputs stay the same bits."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from generator.importer import parse_graph
from generator.lower import lower
from generator.planes import with_planes
from models.flatbuffer import build_model
from tests.generator.convolutions import SAME, VALID, Convolutions
from tests.generator.host_kernels import assert_equals_oracle

DEPTHWISE, POINTWISE = "depthwise_conv_2d_s8_3x3_planes", "conv_2d_s8_paired_planes"


def kernels(network: Convolutions) -> list[str]:
    return [step.kernel for step in lower(with_planes(parse_graph(network.build(), "network"))).steps]


def check(network: Convolutions, runs: int = 2) -> None:
    model = network.build()
    source = network.tensors[0].shape
    inputs = [[network.rng.integers(-128, 128, source).astype(np.int8)] for _ in range(runs)]
    assert_equals_oracle(model, inputs, graph=with_planes(parse_graph(model, "network")))


@given(
    height=st.integers(1, 13),
    width=st.integers(1, 13),
    channels=st.integers(1, 13),
    filters=st.lists(st.integers(4, 14), min_size=2, max_size=4),
    strides=st.lists(st.sampled_from([1, 2]), min_size=4, max_size=4),
    clamped=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_chains(
    height: int, width: int, channels: int, filters: list[int], strides: list[int], clamped: bool, seed: int
) -> None:
    network = Convolutions(height, width, channels, seed, clamped)
    for count, stride in zip(filters, strides, strict=False):
        network.pointwise(count).depthwise(stride=stride)
    network.pointwise(8)
    names = kernels(network)
    assert names.count(DEPTHWISE) >= len(filters) - names.count("depthwise_conv_2d_s8")
    check(network)


@given(
    size=st.tuples(st.integers(3, 12), st.integers(3, 12)),
    taps=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.sampled_from([1, 2]),
    padding=st.sampled_from([SAME, VALID]),
    seed=st.integers(0, 1000),
)
def test_windows(size: tuple[int, int], taps: tuple[int, int], stride: int, padding: int, seed: int) -> None:
    check(Convolutions(*size, 5, seed).pointwise(6).depthwise(taps, stride, padding).pointwise(9))


@given(
    height=st.integers(1, 20),
    pairs=st.integers(1, 10),
    channels=st.integers(1, 5),
    blocks=st.integers(1, 4),
    taps=st.sampled_from([2, 3, 5]),
    stride=st.sampled_from([1, 2]),
    seed=st.integers(0, 1000),
)
def test_convolutions_of_several_taps_write_planes(
    height: int, pairs: int, channels: int, blocks: int, taps: int, stride: int, seed: int
) -> None:
    network = Convolutions(height, 2 * pairs * stride, channels, seed).windows(4 * blocks, taps, stride)
    network.depthwise().pointwise(8)
    program = lower(with_planes(parse_graph(network.build(), "network")))
    assert program.steps[1].inputs == program.steps[1].outputs or program.steps[0].kernel != "conv_2d_s8_paired"
    check(network)


def test_those_with_rows_of_odd_width_do_not() -> None:
    program = lower(
        with_planes(parse_graph(Convolutions(6, 5, 3).windows(8).depthwise().pointwise(8).build(), "network"))
    )
    assert program.steps[1].inputs != program.steps[1].outputs


def test_a_chain_shares_its_memory() -> None:
    program = lower(
        with_planes(parse_graph(Convolutions(6, 6, 4).pointwise(8).depthwise().pointwise(12).build(), "network"))
    )
    assert [step.kernel for step in program.steps] == [POINTWISE, DEPTHWISE, POINTWISE]
    assert program.steps[1].inputs == program.steps[1].outputs


def test_depthwise_first_is_copied() -> None:
    program = lower(with_planes(parse_graph(Convolutions(6, 6, 8).depthwise().pointwise(12).build(), "network")))
    assert [step.kernel for step in program.steps] == [DEPTHWISE, POINTWISE]
    assert program.steps[0].inputs != program.steps[0].outputs
    check(Convolutions(6, 6, 8).depthwise().pointwise(12))


def test_other_readers_keep_tensors() -> None:
    network = Convolutions(6, 6, 8).depthwise().pointwise(12)
    middle = network.operators[0].outputs[0]
    model = build_model(network.tensors, network.operators, [0], [network.last, middle])
    assert DEPTHWISE not in {step.kernel for step in lower(with_planes(parse_graph(model, "network"))).steps}
    assert kernels(Convolutions(6, 6, 8).depthwise()) == ["depthwise_conv_2d_s8_3x3"]
