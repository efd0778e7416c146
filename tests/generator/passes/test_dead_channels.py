"""Dead-channel elimination: random networks with dead filters keep the oracle's outputs, and lose what is dead."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.graph import Graph
from generator.importer import parse_graph, read_graph
from generator.lower import lower
from generator.passes import optimise
from generator.passes.dead_channels import eliminate_dead_channels
from generator.passes.ranges import channel_ranges
from models.flatbuffer import OperatorSpec, TensorSpec, build_model
from tests.generator.host_kernels import assert_equals_oracle, oracle_outputs
from tests.reference import reference_data

SAME, VALID = 0, 1
RELU = 1
SCALE = 0.05


class Network:
    """Layers on [1, 5, 6, ...] with filters that are dead in one way or another."""

    def __init__(self, seed: int, dead: float) -> None:
        self.rng = np.random.default_rng(seed)
        self.dead = dead
        self.tensors: list[TensorSpec] = []
        self.operators: list[OperatorSpec] = []
        self.input = self.activation((1, 5, 6, 3))

    def tensor(self, spec: TensorSpec) -> int:
        spec.name = f"t{len(self.tensors)}"
        self.tensors.append(spec)
        return len(self.tensors) - 1

    def activation(self, shape: tuple[int, ...], zero_point: int | None = None) -> int:
        point = int(self.rng.choice([-128, -128, -7, 40])) if zero_point is None else zero_point
        return self.tensor(TensorSpec(shape, scales=[SCALE], zero_points=[point]))

    def shape(self, tensor: int) -> tuple[int, ...]:
        return tuple(self.tensors[tensor].shape)

    def add(self, name: str, inputs: list[int], output: int, **options: object) -> int:
        activation = options.pop("activation", 0)
        assert isinstance(activation, int)
        self.operators.append(OperatorSpec(name, inputs, [output], activation, dict(options)))
        return output

    def weights(self, shape: tuple[int, ...], axis: int) -> tuple[int, int]:
        """Some filters are all zero, some inputs unused; some biases so low that the activation clamps them."""
        values = self.rng.integers(-127, 128, shape)
        filters = np.moveaxis(values, axis, 0)
        filters[self.rng.random(len(filters)) < self.dead] = 0
        if axis == 0 and len(shape) > 1:
            values[..., self.rng.random(shape[-1]) < self.dead] = 0
        bias = self.rng.integers(-2000, 2000, shape[axis])
        bias[self.rng.random(bias.size) < self.dead] = -(1 << 20)
        scales = [float(scale) for scale in self.rng.uniform(0.005, 0.02, shape[axis])]
        return (
            self.tensor(TensorSpec(shape, scales=scales, axis=axis, data=values.astype(np.int8))),
            self.tensor(TensorSpec(bias.shape, "int32", scales=[1.0], data=bias.astype(np.int32))),
        )

    def conv(self, x: int, filters: int, size: int, padding: int, activation: int) -> int:
        height, width, channels = self.shape(x)[1:]
        shrink = size - 1 if padding == VALID else 0
        operands = [x, *self.weights((filters, size, size, channels), 0)]
        output = self.activation((1, height - shrink, width - shrink, filters))
        return self.add("CONV_2D", operands, output, activation=activation, padding=padding, **dict.fromkeys(WINDOW, 1))

    def depthwise(self, x: int, padding: int, activation: int) -> int:
        height, width, channels = self.shape(x)[1:]
        shrink = 2 if padding == VALID else 0
        operands = [x, *self.weights((1, 3, 3, channels), 3)]
        output = self.activation((1, height - shrink, width - shrink, channels))
        options = dict.fromkeys((*WINDOW, "depth_multiplier"), 1)
        return self.add("DEPTHWISE_CONV_2D", operands, output, activation=activation, padding=padding, **options)

    def two(self, name: str, x: int, y: int) -> int:
        return self.add(name, [x, y], self.activation(self.shape(x)), activation=int(self.rng.choice([0, RELU])))

    def constant_operand(self, x: int) -> int:
        channels = self.shape(x)[-1]
        point = int(self.rng.integers(-128, 128))
        values = self.rng.integers(-128, 128, channels).astype(np.int8)
        return self.tensor(TensorSpec((channels,), scales=[SCALE], zero_points=[point], data=values))

    def finish(self, x: int, units: int) -> bytes:
        height, width, channels = self.shape(x)[1:]
        flat = self.activation((1, height * width * channels), self.tensors[x].zero_points[0])
        self.add("RESHAPE", [x], flat)
        operands = [flat, *self.weights((units, height * width * channels), 0)]
        output = self.activation((1, units))
        self.add("FULLY_CONNECTED", operands, output)
        return build_model(self.tensors, self.operators, [self.input], [output])


WINDOW = ("stride_h", "stride_w", "dilation_h", "dilation_w")


def random_network(seed: int, dead: float) -> bytes:
    network = Network(seed, dead)
    rng = network.rng
    x = network.input
    for _ in range(int(rng.integers(2, 6))):
        kind = rng.choice(["conv", "depthwise", "residual", "concatenation", "constant", "elementwise", "pool"])
        padding, activation = int(rng.integers(2)), int(rng.integers(2))
        small = min(network.shape(x)[1:3]) < 3
        if kind == "depthwise" and not small:
            x = network.depthwise(x, padding, activation)
        elif kind == "residual":
            channels = network.shape(x)[3]
            y = network.conv(x, channels, 1, SAME, activation)
            x = network.two(str(rng.choice(["ADD", "SUB", "MUL", "MAXIMUM"])), x, y)
            if network.operators[-1].name == "MAXIMUM":
                network.operators[-1].activation = 0
        elif kind == "concatenation":
            y = network.conv(x, 4, 1, SAME, activation)
            network.tensors[y].zero_points = network.tensors[x].zero_points
            shape = (*network.shape(x)[:3], network.shape(x)[3] + 4)
            output = network.activation(shape, network.tensors[x].zero_points[0])
            x = network.add("CONCATENATION", [x, y], output, axis=3)
        elif kind == "constant":
            x = network.two(str(rng.choice(["ADD", "MUL"])), x, network.constant_operand(x))
        elif kind == "elementwise":
            name = str(rng.choice(["RELU", "LOGISTIC", "LEAKY_RELU"]))
            output = network.activation(network.shape(x), -128 if name == "LOGISTIC" else None)
            if name == "LOGISTIC":
                network.tensors[output].scales = [1 / 256]
            x = network.add(name, [x], output, **({"alpha": 0.1} if name == "LEAKY_RELU" else {}))
            if name == "LOGISTIC":
                x = network.conv(x, 6, 1, SAME, 0)
        elif kind == "pool" and not small:
            point, shape = network.tensors[x].zero_points[0], network.shape(x)
            output = network.activation((1, shape[1] - 1, shape[2] - 1, shape[3]), point)
            options = {"filter_h": 2, "filter_w": 2, "stride_h": 1, "stride_w": 1, "padding": VALID}
            x = network.add(str(rng.choice(["MAX_POOL_2D", "AVERAGE_POOL_2D"])), [x], output, **options)
        else:
            size = 1 if small else int(rng.choice([1, 3]))
            x = network.conv(x, int(rng.integers(2, 9)), size, padding, activation)
    return network.finish(x, 5)


def random_inputs(seed: int, count: int = 3) -> list[list[np.ndarray]]:
    rng = np.random.default_rng(seed)
    extremes = [np.full((1, 5, 6, 3), value, np.int8) for value in (-128, 127)]
    return [[values] for values in extremes] + [
        [rng.integers(-128, 128, (1, 5, 6, 3)).astype(np.int8)] for _ in range(count)
    ]


@settings(max_examples=120)
@given(seed=st.integers(0, 2**32), dead=st.sampled_from([0.0, 0.2, 0.5, 0.9]))
def test_random_networks_keep_their_outputs(seed: int, dead: float) -> None:
    model = random_network(seed, dead)
    smaller, _ = eliminate_dead_channels(parse_graph(model, "m"))
    assert_equals_oracle(model, random_inputs(seed), graph=smaller)


def test_random_networks_lose_channels() -> None:
    """The test above would otherwise prove nothing."""
    smaller = [eliminate_dead_channels(parse_graph(random_network(seed, 0.5), "m"))[1] for seed in range(30)]
    assert sum(bool(notes) for notes in smaller) > 15


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32))
def test_nothing_is_dead_in_a_dense_network(seed: int) -> None:
    """Without zero weights and far biases there is nothing to drop but what a clamp makes constant."""
    graph = parse_graph(random_network(seed, 0.0), "m")
    smaller, notes = eliminate_dead_channels(graph)
    assert not notes or any(channel_ranges(graph)[index].constant.any() for index in produced(graph))
    assert len(smaller.operators) == len(graph.operators)


def produced(graph: Graph) -> list[int]:
    return [index for operator in graph.operators for index in operator.outputs]


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32), dead=st.sampled_from([0.0, 0.5]))
def test_values_stay_within_their_ranges(seed: int, dead: float) -> None:
    """Every intermediate tensor of the oracle, as the only output of a model cut off behind it."""
    network_model = random_network(seed, dead)
    ranges = channel_ranges(parse_graph(network_model, "m"))
    inputs = random_inputs(seed)
    network = rebuilt(seed, dead)
    for count, operator in enumerate(network.operators, 1):
        (output,) = operator.outputs
        model = build_model(network.tensors, network.operators[:count], [network.input], [output])
        values = np.concatenate(
            [found[0].reshape(-1, ranges[output].low.size) for found in oracle_outputs(model, inputs)]
        )
        assert (values >= ranges[output].low).all(), operator.name
        assert (values <= ranges[output].high).all(), operator.name


def rebuilt(seed: int, dead: float) -> Network:
    """The network of `random_network` before it became bytes."""
    captured: list[Network] = []
    finish = Network.finish

    def capture(self: Network, x: int, units: int) -> bytes:
        captured.append(self)
        return finish(self, x, units)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Network, "finish", capture)
        random_network(seed, dead)
    return captured[0]


def test_weights_that_two_layers_share() -> None:
    """Each keeps the filters that it needs."""
    network = Network(1, 0.0)
    operands = network.weights((4, 1, 1, 3), 0)
    options = {**dict.fromkeys(WINDOW, 1), "padding": SAME}
    first = network.add("CONV_2D", [network.input, *operands], network.activation((1, 5, 6, 4)), **options)
    second = network.add("CONV_2D", [network.input, *operands], network.activation((1, 5, 6, 4)), **options)
    heads = []
    for x, unused in ((first, 0), (second, 2)):
        weights, bias = network.weights((2, 1, 1, 4), 0)
        network.tensors[weights].data[..., unused] = 0
        heads.append(network.add("CONV_2D", [x, weights, bias], network.activation((1, 5, 6, 2)), **options))
    model = build_model(network.tensors, network.operators, [network.input], heads)
    smaller, notes = eliminate_dead_channels(parse_graph(model, "m"))
    assert sum("dropped 1 of 4" in note for note in notes) == 2
    assert_equals_oracle(model, random_inputs(0), graph=smaller)


def test_a_constant_beside_padding_stays() -> None:
    """A channel that is always 20 above the zero point: at the borders the padding makes a difference."""
    for padding, dropped in ((SAME, False), (VALID, True)):
        network = Network(2, 0.0)
        weights, bias = network.weights((4, 1, 1, 3), 0)
        network.tensors[weights].data[1] = 0
        network.tensors[bias].data[1] = 20 * 4
        network.tensors[weights].scales = [0.25] * 4
        options = {**dict.fromkeys(WINDOW, 1), "padding": SAME}
        x = network.add("CONV_2D", [network.input, weights, bias], network.activation((1, 5, 6, 4), 3), **options)
        ranges = channel_ranges(parse_graph(build_model(network.tensors, network.operators, [0], [x]), "m"))
        assert (ranges[x].low[1], ranges[x].high[1]) == (23, 23)
        model = network.finish(network.conv(x, 3, 3, padding, 0), 2)
        smaller, _ = eliminate_dead_channels(parse_graph(model, "m"))
        assert (smaller.tensors[x].shape[3] == 3) is dropped
        assert_equals_oracle(model, random_inputs(0), graph=smaller)


def test_channels_between_types_stay() -> None:
    """A dead channel behind QUANTIZE from float32: the input keeps it, so the output must."""
    network = Network(3, 0.0)
    x = network.add("QUANTIZE", [network.input], network.activation((1, 5, 6, 3)))
    network.tensors[network.input] = TensorSpec((1, 5, 6, 3), "float32")
    model = network.finish(network.conv(x, 4, 1, SAME, 0), 2)
    graph = parse_graph(model, "m")
    weights = graph.tensors[graph.operators[1].inputs[1]]
    assert weights.data is not None
    unused = weights.data.copy()
    unused[..., 1] = 0
    tensors = [replace(tensor, data=unused) if tensor is weights else tensor for tensor in graph.tensors]
    smaller, _ = eliminate_dead_channels(replace(graph, tensors=tuple(tensors)))
    assert smaller.tensors[x].shape == (1, 5, 6, 3)


def test_the_reference_visual_wake_words_model() -> None:
    path = reference_data() / "models" / "vww_96_int8.tflite"
    graph = read_graph(path)
    before, after = lower(optimise(graph, dead_channels=False).graph), lower(optimise(graph).graph)
    assert (before.macs, after.macs) == (7_489_664, 3_727_313)
    assert "became 3,727,313 MACs with 29,066 weights" in optimise(graph).notes[-1]
    rng = np.random.default_rng(0)
    inputs = [[rng.integers(-128, 128, (1, 96, 96, 3)).astype(np.int8)] for _ in range(3)]
    assert_equals_oracle(path.read_bytes(), inputs, graph=optimise(graph).graph)
