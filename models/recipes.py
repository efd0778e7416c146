"""How each benchmark's network is trained: the reference's recipe and that of the shipped model, as data.

Facts of the reference's: mlcommons/tiny, benchmark/training/*/train.py, and keras_model.py for the schedules.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from numpy.random import Generator

from common.errors import UserError
from models.ic import augment as pictures
from models.kws import augment as speech
from models.samples import Floats
from models.sww import augment as sounds
from models.vww import augment as photographs

REFERENCE, SHIPPED = "reference", "shipped"

Schedule = Callable[[int, int], float]  # epoch from 0, number of epochs -> learning rate
Augment = Callable[[Generator, Floats], Floats]  # [n, ...] -> [n, ...]


def steps(*parts: tuple[int, float]) -> Schedule:
    """Constant rates: the first that an epoch is below the number of; the last one for all that follow."""

    def rate(epoch: int, _: int) -> float:
        return next((value for end, value in parts if epoch < end), parts[-1][1])

    return rate


def decay(start: float, factor: float) -> Schedule:
    """``start`` times ``factor`` for each epoch."""
    return lambda epoch, _: start * factor**epoch


def cosine(peak: float, warm_up: int = 2) -> Schedule:
    """Up to ``peak`` in a few epochs, then half a cosine down to nearly nothing."""

    def rate(epoch: int, epochs: int) -> float:
        rise = min(1.0, (epoch + 1) / (warm_up + 1))
        return peak * rise * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * epoch / max(1, epochs))))

    return rate


@dataclass(frozen=True)
class Course:
    """Epochs and their learning rates."""

    epochs: int
    schedule: Schedule


@dataclass(frozen=True)
class Recipe:
    """``mixup``: parameter of the beta distribution that pairs of samples are mixed by, 0 for none.

    ``apart``: how the stages are taught apart, by a teacher of the same architecture; after that they are together.

    ``teacher``: a registered float model whose probabilities are learnt as well, weighted by ``trust``, after their
    logarithms were divided by ``temperature``.
    """

    name: str
    bench: str
    network: str
    epochs: int
    batch: int
    schedule: Schedule
    loss: str = "categorical_crossentropy"
    weight_decay: float = 0.0
    augment: Augment | None = None
    mixup: float = 0.0
    teacher: str = ""
    trust: float = 0.0
    temperature: float = 1.0
    apart: Course | None = None
    dropout: tuple[float, float] | None = None  # of DS-CNN, where it is not the reference's


RECIPES = (
    Recipe(
        name=REFERENCE,
        bench="kws",
        network="ds_cnn",
        epochs=36,
        batch=100,
        schedule=steps((12, 5e-4), (24, 1e-4), (36, 2e-5), (37, 1e-5)),
    ),
    Recipe(
        name=SHIPPED,
        bench="kws",
        network="ds_cnn",
        epochs=60,
        batch=100,
        schedule=cosine(2e-3),
        weight_decay=1e-4,
        augment=speech.distort,
        mixup=0.3,
        teacher="kws_ref_model_float32.tflite",
        trust=0.7,
        temperature=1.5,
        dropout=(0.05, 0.1),
    ),
    Recipe(
        name=REFERENCE,
        bench="ic",
        network="resnet8",
        epochs=500,
        batch=32,
        schedule=decay(1e-3, 0.99),
        augment=pictures.reference,
    ),
    Recipe(
        name=SHIPPED,
        bench="ic",
        network="resnet8",
        epochs=200,
        batch=50,
        schedule=cosine(3e-3),
        weight_decay=1e-4,
        augment=pictures.strong,
        mixup=0.5,
        teacher="pretrainedResnet.tflite",
        trust=1.0,
        temperature=2.0,
    ),
    Recipe(
        name=REFERENCE,
        bench="vww",
        network="mobilenet_v1",
        epochs=50,
        batch=32,
        schedule=steps((20, 1e-3), (30, 5e-4), (50, 2.5e-4)),
        augment=photographs.reference,
    ),
    Recipe(
        name=SHIPPED,
        bench="vww",
        network="mobilenet_v1",
        epochs=4,
        batch=32,
        schedule=cosine(3e-3),
        augment=photographs.lively,
        teacher="vww_96_float.tflite",
        apart=Course(3, cosine(5e-3)),
    ),
    Recipe(
        name=REFERENCE,
        bench="sww",
        network="wakeword",
        epochs=50,
        batch=100,
        schedule=steps((50, 1e-3)),
    ),
    Recipe(
        name=SHIPPED,
        bench="sww",
        network="wakeword",
        epochs=40,
        batch=32,
        schedule=cosine(3e-3),
        augment=sounds.lively,
        teacher="str_ww_ref_model.h5",
        apart=Course(20, cosine(5e-3)),
    ),
    Recipe(
        name=REFERENCE,
        bench="ad",
        network="autoencoder",
        epochs=100,
        batch=512,
        schedule=steps((100, 1e-3)),
        loss="mse",
    ),
)


def recipe(bench: str, name: str) -> Recipe:
    """Raises UserError when a benchmark has no recipe of this name; the message lists those there are."""
    for candidate in RECIPES:
        if (candidate.bench, candidate.name) == (bench, name):
            return candidate
    known = ", ".join(f"{candidate.bench} {candidate.name}" for candidate in RECIPES)
    raise UserError(f"no recipe '{name}' for benchmark '{bench}'; there are: {known}")
