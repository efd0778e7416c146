"""What a network is trained to do: give the samples' classes, a teacher's answers, or its inputs again."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.random import Generator

from common.benchmark import load_benchmark
from models.recipes import Recipe
from models.samples import Floats, Samples, one_hot, real

Batch = tuple[Any, Any]  # inputs and targets of the model that is fitted: an array or a list of them, [n, ...] each


class Teacher(Protocol):
    """Probabilities [n, classes] of a batch [n, ...]."""

    def __call__(self, batch: Floats) -> Floats: ...


class Lesson(Protocol):
    """``model`` is what is fitted: the network, or one that has its layers. ``losses`` and ``weights`` are those of
    its outputs.
    """

    @property
    def model(self) -> Any: ...

    @property
    def losses(self) -> Any: ...

    @property
    def weights(self) -> list[float] | None: ...

    def batches(self, samples: Samples, random: Generator) -> Iterator[Batch]:
        """Once through the samples."""
        ...


@dataclass(frozen=True)
class Answers:
    """The network's output shall be the classes, mixed with the teacher's answers; or its input, of an autoencoder."""

    recipe: Recipe
    model: Any
    teacher: Teacher | None = None
    weights: list[float] | None = None

    @property
    def losses(self) -> str:
        return self.recipe.loss

    def batches(self, samples: Samples, random: Generator) -> Iterator[Batch]:
        recipe = self.recipe
        for chosen, inputs in augmented(recipe, samples, random):
            if recipe.loss == "mse":
                yield inputs, inputs
                continue
            targets = one_hot(chosen.labels, load_benchmark(recipe.bench).output_shapes[0][-1])
            mixed = inputs
            if recipe.mixup:
                mixed, targets = mix(random, inputs, targets, recipe.mixup)
            if self.teacher:
                taught = np.power(self.teacher(mixed), 1 / recipe.temperature)
                taught /= taught.sum(axis=1, keepdims=True)
                targets = recipe.trust * taught + (1 - recipe.trust) * targets
            yield mixed, targets.astype(np.float32)


def augmented(recipe: Recipe, samples: Samples, random: Generator) -> Iterator[tuple[Samples, Floats]]:
    """Batches and their augmented inputs, once through the samples in a random order; full ones where possible."""
    order = random.permutation(len(samples))
    size = min(recipe.batch, len(order))
    for start in range(0, len(order) - size + 1, size):
        chosen = samples.take(order[start : start + size])
        inputs = real(chosen, recipe.bench)
        yield chosen, recipe.augment(random, inputs) if recipe.augment else inputs


def mix(random: Generator, inputs: Floats, targets: Floats, alpha: float) -> tuple[Floats, Floats]:
    """Each sample with another one of the batch, the larger share its own (mixup, arXiv:1710.09412)."""
    share = random.beta(alpha, alpha, (len(inputs), 1))
    share = np.maximum(share, 1 - share).astype(np.float32)
    other = random.permutation(len(inputs))
    weight = share.reshape(-1, *[1] * (inputs.ndim - 1))
    mixed = inputs * weight + inputs[other] * (1 - weight)
    return np.asarray(mixed), np.asarray(targets * share + targets[other] * (1 - share))
