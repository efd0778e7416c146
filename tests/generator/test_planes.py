"""Activations as planes around depthwise convolutions: where they are, and that outputs stay the same bits."""

from dataclasses import dataclass, field

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from generator.importer import parse_graph
from generator.lower import lower
from generator.planes import with_planes
from models.flatbuffer import OperatorSpec, TensorSpec, build_model
from tests.generator.host_kernels import assert_equals_oracle

SAME, VALID = 0, 1
RELU = 1
DEPTHWISE, POINTWISE = "depthwise_conv_2d_s8_3x3_planes", "conv_2d_s8_paired_planes"


@dataclass
class Network:
    """Convolutions one after another, with random constants; outputs clamped at their zero point, or not."""

    height: int
    width: int
    channels: int
    seed: int = 0
    clamped: bool = True
    tensors: list[TensorSpec] = field(default_factory=list)
    operators: list[OperatorSpec] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        self.tensors.append(TensorSpec((1, self.height, self.width, self.channels), scales=[0.05], zero_points=[3]))
        self.last = 0

    def pointwise(self, filters: int) -> "Network":
        weights = self.rng.integers(-127, 128, (filters, 1, 1, self.channels)).astype(np.int8)
        self._add("CONV_2D", weights, filters, 1, 1, SAME, axis=0)
        return self

    def windows(self, filters: int, size: int = 3, stride: int = 1, padding: int = SAME) -> "Network":
        weights = self.rng.integers(-127, 128, (filters, size, size, self.channels)).astype(np.int8)
        self._add("CONV_2D", weights, filters, size, stride, padding, axis=0, taps=(size, size))
        return self

    def depthwise(self, taps: tuple[int, int] = (3, 3), stride: int = 1, padding: int = SAME) -> "Network":
        weights = self.rng.integers(-127, 128, (1, *taps, self.channels)).astype(np.int8)
        self._add("DEPTHWISE_CONV_2D", weights, self.channels, max(taps), stride, padding, axis=3, taps=taps)
        return self

    def _add(
        self,
        name: str,
        weights: np.ndarray[tuple[int, ...], np.dtype[np.int8]],
        filters: int,
        largest: int,
        stride: int,
        padding: int,
        *,
        axis: int,
        taps: tuple[int, int] = (1, 1),
    ) -> None:
        sizes = []
        for size, reach in ((self.height, taps[0]), (self.width, taps[1])):
            sizes.append(-(-size // stride) if padding == SAME else (size - reach) // stride + 1)
        self.height, self.width = sizes
        self.channels = filters
        depth = weights[..., 0].size if axis == 3 else weights[0].size
        scales = self.rng.uniform(0.5, 2.0, filters) * 0.1 / np.sqrt(depth)
        zero_point = -128 if self.clamped else int(self.rng.integers(-20, 20))
        first = len(self.tensors)
        self.tensors += [
            TensorSpec(weights.shape, scales=scales.tolist(), axis=axis, data=weights),
            TensorSpec(
                (filters,), "int32", scales=[0.05], data=self.rng.integers(-3000, 3000, filters).astype(np.int32)
            ),
            TensorSpec((1, self.height, self.width, filters), scales=[0.35], zero_points=[zero_point]),
        ]
        options = {"padding": padding, "stride_h": stride, "stride_w": stride, "dilation_h": 1, "dilation_w": 1}
        if name == "DEPTHWISE_CONV_2D":
            options["depth_multiplier"] = 1
        activation = RELU if self.clamped else 0
        self.operators.append(OperatorSpec(name, [self.last, first, first + 1], [first + 2], activation, options))
        self.last = first + 2

    def build(self) -> bytes:
        return build_model(self.tensors, self.operators, [0], [self.last])


def kernels(network: Network) -> list[str]:
    return [step.kernel for step in lower(with_planes(parse_graph(network.build(), "network"))).steps]


def check(network: Network, runs: int = 2) -> None:
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
    network = Network(height, width, channels, seed, clamped)
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
    check(Network(*size, 5, seed).pointwise(6).depthwise(taps, stride, padding).pointwise(9))


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
    network = Network(height, 2 * pairs * stride, channels, seed).windows(4 * blocks, taps, stride)
    network.depthwise().pointwise(8)
    program = lower(with_planes(parse_graph(network.build(), "network")))
    assert program.steps[1].inputs == program.steps[1].outputs or program.steps[0].kernel != "conv_2d_s8_paired"
    check(network)


def test_those_with_rows_of_odd_width_do_not() -> None:
    program = lower(with_planes(parse_graph(Network(6, 5, 3).windows(8).depthwise().pointwise(8).build(), "network")))
    assert program.steps[1].inputs != program.steps[1].outputs


def test_a_chain_shares_its_memory() -> None:
    program = lower(
        with_planes(parse_graph(Network(6, 6, 4).pointwise(8).depthwise().pointwise(12).build(), "network"))
    )
    assert [step.kernel for step in program.steps] == [POINTWISE, DEPTHWISE, POINTWISE]
    assert program.steps[1].inputs == program.steps[1].outputs


def test_depthwise_first_is_copied() -> None:
    program = lower(with_planes(parse_graph(Network(6, 6, 8).depthwise().pointwise(12).build(), "network")))
    assert [step.kernel for step in program.steps] == [DEPTHWISE, POINTWISE]
    assert program.steps[0].inputs != program.steps[0].outputs
    check(Network(6, 6, 8).depthwise().pointwise(12))


def test_other_readers_keep_tensors() -> None:
    network = Network(6, 6, 8).depthwise().pointwise(12)
    middle = network.operators[0].outputs[0]
    model = build_model(network.tensors, network.operators, [0], [network.last, middle])
    assert DEPTHWISE not in {step.kernel for step in lower(with_planes(parse_graph(model, "network"))).steps}
    assert kernels(Network(6, 6, 8).depthwise()) == ["depthwise_conv_2d_s8_3x3"]
