"""The Keras networks equal the reference models: operators, shapes, parameters, multiply-accumulates, outputs."""

from math import prod
from pathlib import Path

import numpy as np
import pytest

from common.errors import UserError
from generator.graph import Graph
from generator.importer import parse_graph, read_graph
from models.architectures import ARCHITECTURES, Architecture, architecture
from models.weights import WEIGHTED, sequence
from tests.reference import reference_data

every = pytest.mark.parametrize("network", ARCHITECTURES, ids=lambda network: network.name)


def layers(graph: Graph) -> list[tuple[str, tuple[int, ...], tuple[int, ...]]]:
    """Kind, shape of the weights, shape of the output of each operator with weights."""
    found = []
    for operator in sequence(graph):
        if operator.name in WEIGHTED:
            weights = graph.input(operator, 1)
            assert weights is not None
            found.append((operator.name, weights.shape, graph.output(operator).shape))
    return found


def macs(graph: Graph) -> int:
    """Outputs times the weights that each of them takes."""
    total = 0
    for kind, weights, output in layers(graph):
        total += prod(output) * (prod(weights[1:3]) if kind == "DEPTHWISE_CONV_2D" else prod(weights[1:]))
    return total


def parameters(graph: Graph) -> int:
    return sum(prod(weights) + output[-1] for _, weights, output in layers(graph))


@pytest.mark.reference
@every
def test_reference_model_has_the_stated_size(network: Architecture) -> None:
    graph = read_graph(reference_data() / "models" / network.int8)
    assert (parameters(graph), macs(graph)) == (network.parameters, network.macs)


@pytest.mark.reference
@every
def test_network_is_the_reference_layer_by_layer(network: Architecture) -> None:
    pytest.importorskip("tensorflow")
    from models.quantize import FLOAT, convert

    mine = parse_graph(convert(network.build(), None, FLOAT), network.name)
    reference = read_graph(reference_data() / "models" / network.int8)
    kinds, wanted = ([o.name for o in sequence(graph) if o.name != "RESHAPE"] for graph in (mine, reference))
    assert kinds == wanted  # present converters leave out the RESHAPE before a dense layer
    assert layers(mine) == layers(reference)


@pytest.mark.reference
@every
def test_network_with_the_reference_weights_gives_its_outputs(network: Architecture) -> None:
    """ds_cnn's float model has int8 weights and quantises activations as it runs, so that it is less exact."""
    tf = pytest.importorskip("tensorflow")
    from models.weights import load

    if not network.floating:
        pytest.skip("no float tflite is published")
    path = reference_data() / "models" / network.floating
    built = network.build()
    load(built, path)
    shape = built.input_shape[1:]
    low, high = {"ic": (0, 255), "ad": (-40, 0), "kws": (-30, 30)}.get(network.bench, (0, 1))
    inputs = np.random.default_rng(0).uniform(low, high, (1, *shape)).astype(np.float32)
    interpreter = tf.lite.Interpreter(str(path))
    interpreter.allocate_tensors()
    given = interpreter.get_input_details()[0]
    interpreter.set_tensor(given["index"], inputs.reshape(given["shape"]))
    interpreter.invoke()
    wanted = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    tolerance = 0.03 if network.name == "ds_cnn" else 1e-3
    assert np.allclose(built.predict(inputs, verbose=0), wanted, atol=tolerance)


@pytest.mark.reference
@pytest.mark.parametrize("name", ["resnet8", "mobilenet_v1", "wakeword", "autoencoder"])
def test_published_keras_weights_fit(name: str) -> None:
    pytest.importorskip("tensorflow")
    from models.weights import load

    network = architecture(name)
    built = network.build()
    before = built.get_weights()[0].copy()
    load(built, reference_data() / "models" / network.weights)
    assert not np.array_equal(before, built.get_weights()[0])


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    from models.weights import load

    other = architecture("ds_cnn").build()
    path = tmp_path / "other.keras"
    other.save(path)
    with pytest.raises(UserError, match="has no weights of resnet8"):
        load(architecture("resnet8").build(), path)


def test_unknown_network_lists_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"unknown network 'x'; networks are: autoencoder, ds_cnn"):
        architecture("x")
