"""Where a network can be cut in two: layers whose output is all that the rest needs, marked by their names."""

from itertools import pairwise
from typing import Any

from models.backend import keras

_PREFIX = "stage_"


def stage_end(number: int) -> str:
    """The name of the last layer of a stage."""
    return f"{_PREFIX}{number}"


def features(network: Any) -> Any:
    """A model of the same input that gives the output of every stage but the last, whose output is the network's."""
    return keras().Model(network.input, [layer.output for layer in _ends(network)])


def stages(network: Any) -> Any:
    """The stages side by side, with the network's own layers: each has an input and an output of its own."""
    k = keras()
    bounds = [network.input, *(layer.output for layer in _ends(network)), network.output]
    parts = [k.Model(start, end) for start, end in pairwise(bounds)]
    inputs = [k.Input(part.input_shape[1:]) for part in parts]
    return k.Model(inputs, [part(given) for part, given in zip(parts, inputs, strict=True)])


def _ends(network: Any) -> list[Any]:
    return [layer for layer in network.layers if layer.name.startswith(_PREFIX)]
