"""Lessons from a teacher of the same architecture: each stage of a network learns to do what the teacher's does.

First apart: a stage is asked for the teacher's output of what the teacher's stage before gives (blockwise distillation,
arXiv:1911.13053), half of the time altered by chance, so that features occur together that no sample at hand shows
together. Then together, each stage behind the network's own ones.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from models.architectures.stage import features, stages
from models.backend import keras
from models.lessons import Batch, augmented
from models.recipes import Recipe
from models.samples import Floats, Samples, real

GAIN = 0.5  # standard deviation of a channel's gain, as a logarithm
MIXED = 0.5  # of the samples get a share of another one's features
FLOOR = 1e-9  # added to probabilities before the logarithm
SHIFTS = 200  # each by the difference of the shares
MEASURED = 256  # samples that the features' variances are taken from


@dataclass(frozen=True)
class _Imitation:
    """``losses``: squared errors, and the divergence of the answers. ``weights``: one over the features' variances."""

    recipe: Recipe
    teacher: Any  # a model of the teacher's layers
    model: Any  # the same of the network's
    losses: list[str]
    weights: list[float]


class Apart(_Imitation):
    """Inputs and outputs of all stages, side by side."""

    def batches(self, samples: Samples, random: Generator) -> Iterator[Batch]:
        teacher_stages, teacher_features = self.teacher
        for _, inputs in augmented(self.recipe, samples, random):
            given = [inputs, *(altered(random, found) for found in teacher_features.predict_on_batch(inputs))]
            yield given, teacher_stages.predict_on_batch(given)


class Together(_Imitation):
    """Outputs of all stages of the network behind one another."""

    def batches(self, samples: Samples, random: Generator) -> Iterator[Batch]:
        for _, inputs in augmented(self.recipe, samples, random):
            yield inputs, self.teacher.predict_on_batch(inputs)


def apart(recipe: Recipe, network: Any, teacher: Any, samples: Samples) -> Apart:
    """``network`` and ``teacher``: Keras models of one architecture. ``samples``: for the features' variances."""
    return Apart(recipe, (stages(teacher), features(teacher)), stages(network), *_scales(recipe, teacher, samples))


def together(recipe: Recipe, network: Any, teacher: Any, samples: Samples) -> Together:
    """As `apart`."""
    return Together(recipe, _all(teacher), _all(network), *_scales(recipe, teacher, samples))


def match_shares(network: Any, teacher: Any, inputs: Floats) -> None:
    """Shift the biases of the last layer until each class is answered as often as by the teacher.

    A pupil's answers are less sure than its teacher's, so that rare classes are answered too seldom.
    """
    wanted = _shares(teacher.predict(inputs, verbose=0))
    logarithms = np.log(network.predict(inputs, verbose=0) + FLOOR)
    shift = np.zeros(len(wanted))
    for _ in range(SHIFTS):
        shift += wanted - _shares(logarithms + shift)
    last = network.layers[-1]
    kernel, bias = last.get_weights()
    last.set_weights([kernel, bias + shift.astype(np.float32)])


def _shares(answers: Floats) -> NDArray[np.float64]:
    """Of each class among the answers [n, classes]."""
    return np.bincount(answers.argmax(axis=1), minlength=answers.shape[1]) / len(answers)


def altered(random: Generator, batch: Floats) -> Floats:
    """Features [n, ..., channels], the first half of them mixed with others' and each channel amplified by chance."""
    half = len(batch) // 2
    chosen = batch[:half]
    around = [1] * (batch.ndim - 2)
    share = random.uniform(0, 0.5, (half, *around, 1)) * (random.uniform(size=(half, *around, 1)) < MIXED)
    gain = np.exp(random.normal(0, GAIN, (half, *around, batch.shape[-1])))
    mixed = (chosen * (1 - share) + chosen[::-1] * share) * gain
    return np.concatenate([mixed.astype(np.float32), batch[half:]])


def _all(network: Any) -> Any:
    return keras().Model(network.input, [*features(network).outputs, network.output])


def _scales(recipe: Recipe, teacher: Any, samples: Samples) -> tuple[list[str], list[float]]:
    some = real(samples.take(np.arange(0, len(samples), max(1, len(samples) // MEASURED))), recipe.bench)
    found = features(teacher).predict(some, batch_size=recipe.batch, verbose=0)
    variances = [float(part.reshape(-1, part.shape[-1]).var(axis=0).mean()) for part in found]
    return ["mse"] * len(found) + ["kl_divergence"], [*(1 / variance for variance in variances), 1.0]
