"""Trains a network by a recipe: seeded, with checkpoints to resume from, progress and TensorBoard logs.

All randomness of an epoch comes from the seed and the epoch's number, so that a resumed run goes on as an uninterrupted
one would. A checkpoint is replaced in one step after each epoch whose loss is a number.
"""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.random import Generator

from common.errors import UserError
from common.files import write_atomic
from models.backend import tensorflow
from models.recipes import Recipe
from models.samples import Corpus, Floats, Samples, one_hot

SCALE = {"vww": np.float32(1 / 255)}  # of uint8 pictures; the network for ic takes 0 to 255
SMOKE_STEPS = 3  # of an epoch
SMOKE_EPOCHS = 2
MARGIN = 4  # of disk space over what the run writes

Report = Callable[[str], None]


class Teacher(Protocol):
    """Probabilities [n, classes] of a batch [n, ...]."""

    def __call__(self, batch: Floats) -> Floats: ...


@dataclass(frozen=True)
class Epoch:
    """What one epoch gave. ``quality``: share of correct validation samples, or minus the validation loss."""

    number: int
    loss: float
    quality: float
    seconds: float


@dataclass(frozen=True)
class Run:
    """One training. ``folder`` gets `checkpoint/` and `logs/`."""

    recipe: Recipe
    folder: Path
    seed: int
    epochs: int
    smoke: bool = False

    @property
    def identity(self) -> dict[str, Any]:
        """What a checkpoint must have been made with to be resumed."""
        return {"recipe": self.recipe.name, "bench": self.recipe.bench, "seed": self.seed, "epochs": self.epochs}


def real(samples: Samples, bench: str) -> Floats:
    """Inputs as the network takes them: float32; pictures of bytes become 0 to 1 or 0 to 255."""
    inputs = samples.inputs
    if inputs.dtype != np.uint8:
        return np.asarray(inputs, np.float32)
    return inputs.astype(np.float32) * SCALE.get(bench, np.float32(1))


def train(
    run: Run, network: Any, corpus: Corpus, teacher: Teacher | None, report: Report, *, resume: bool
) -> list[Epoch]:
    """Fit ``network``; every epoch's figures.

    Raises:
        UserError: the loss is no number, the disk is too small, or the checkpoint is of another run. The last good
            checkpoint stays in all cases.
        KeyboardInterrupt: passed on after saying how to go on.
    """
    tf = tensorflow(one_dnn=True)
    if not len(corpus.training):
        raise UserError(f"{corpus.origin}: there is nothing to train with")
    network.compile(
        tf.keras.optimizers.AdamW(weight_decay=run.recipe.weight_decay)
        if run.recipe.weight_decay
        else tf.keras.optimizers.Adam(),
        run.recipe.loss,
    )
    checkpoint = Checkpoint(run)
    checkpoint.check_space(network)
    history = checkpoint.load(network) if resume else []
    if history:
        report(f"going on after epoch {history[-1].number} of {run.epochs}")
    log = Log(run.folder / "logs")
    try:
        for number in range(len(history), run.epochs):
            history.append(_epoch(run, network, corpus, teacher, number))
            last = history[-1]
            checkpoint.save(network, history)
            log.write(last, run.recipe.schedule(number, run.epochs))
            if last.number % max(1, run.epochs // 20) == 0 or last.number == run.epochs:
                left = np.mean([epoch.seconds for epoch in history]) * (run.epochs - last.number)
                report(
                    f"epoch {last.number}/{run.epochs}: loss {last.loss:.4f}, validation {last.quality:.4f},"
                    f" {last.seconds:.0f} s, {left / 60:.0f} min left"
                )
    except KeyboardInterrupt:
        done = f"epoch {history[-1].number} is saved" if history else "no epoch was finished"
        report(f"interrupted; {done}; go on with --resume")
        raise
    finally:
        log.close()
    return history


def _epoch(run: Run, network: Any, corpus: Corpus, teacher: Teacher | None, number: int) -> Epoch:
    started = time.monotonic()
    network.optimizer.learning_rate = run.recipe.schedule(number, run.epochs)
    tensorflow().keras.utils.set_random_seed(run.seed * 100_003 + number)  # dropout
    random = np.random.default_rng([run.seed, number])
    losses = []
    for inputs, targets in batches(run, corpus.training, teacher, random):
        loss = float(network.train_on_batch(inputs, targets))
        network.reset_metrics()
        if not np.isfinite(loss):
            raise UserError(
                f"the loss is {loss} in epoch {number + 1}: the training diverged; the checkpoint in"
                f" {run.folder / 'checkpoint'} is of the epoch before; try another --seed or look at the data"
            )
        losses.append(loss)
    return Epoch(number + 1, float(np.mean(losses)), quality(run, network, corpus), time.monotonic() - started)


def quality(run: Run, network: Any, corpus: Corpus) -> float:
    """Of the validation samples: the share answered correctly, or minus the mean loss of an autoencoder."""
    samples = corpus.validation
    if run.smoke:
        samples = samples.take(np.arange(min(len(samples), run.recipe.batch)))
    if not len(samples):
        return 0.0
    inputs = real(samples, run.recipe.bench)
    outputs = np.asarray(network.predict(inputs, batch_size=256, verbose=0))
    if run.recipe.loss == "mse":
        return -float(np.mean(np.square(outputs - inputs)))
    return float((outputs.argmax(axis=1) == samples.labels).mean())


def batches(run: Run, samples: Samples, teacher: Teacher | None, random: Generator) -> Iterator[tuple[Floats, Floats]]:
    """Augmented inputs and their targets, once through the samples in a random order; full batches where possible."""
    recipe = run.recipe
    order = random.permutation(len(samples))
    size = min(recipe.batch, len(order))
    starts = range(0, len(order) - size + 1, size)
    for step, start in enumerate(starts):
        if run.smoke and step == SMOKE_STEPS:
            return
        chosen = samples.take(order[start : start + size])
        inputs = real(chosen, recipe.bench)
        if recipe.augment:
            inputs = recipe.augment(random, inputs)
        if recipe.loss == "mse":
            yield inputs, inputs
            continue
        targets = one_hot(chosen.labels, _classes(recipe))
        if recipe.mixup:
            inputs, targets = mix(random, inputs, targets, recipe.mixup)
        if teacher:
            taught = np.power(teacher(inputs), 1 / recipe.temperature)
            taught /= taught.sum(axis=1, keepdims=True)
            targets = recipe.trust * taught + (1 - recipe.trust) * targets
        yield inputs, targets.astype(np.float32)


def _classes(recipe: Recipe) -> int:
    from common.benchmark import load_benchmark

    return load_benchmark(recipe.bench).output_shapes[0][-1]


def mix(random: Generator, inputs: Floats, targets: Floats, alpha: float) -> tuple[Floats, Floats]:
    """Each sample with another one of the batch, the larger share its own (mixup, arXiv:1710.09412)."""
    share = random.beta(alpha, alpha, (len(inputs), 1))
    share = np.maximum(share, 1 - share).astype(np.float32)
    other = random.permutation(len(inputs))
    weight = share.reshape(-1, *[1] * (inputs.ndim - 1))
    mixed = inputs * weight + inputs[other] * (1 - weight)
    return np.asarray(mixed), np.asarray(targets * share + targets[other] * (1 - share))


class Checkpoint:
    """`checkpoint/` of a run: network, optimizer and history after the last good epoch."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._folder = run.folder / "checkpoint"

    def check_space(self, network: Any) -> None:
        """Raises UserError where the disk cannot hold what the run writes."""
        needed = 3 * 4 * network.count_params() * MARGIN + (1 << 20)  # weights and two moments, twice at a time
        self._run.folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self._run.folder).free
        if free < needed:
            raise UserError(
                f"{self._run.folder}: {free >> 20} MB free, the training needs {needed >> 20} MB; "
                "make room or choose another folder with --out"
            )

    def save(self, network: Any, history: list[Epoch]) -> None:
        """In one step: the state names the weights' file, and the former file goes afterwards."""
        self._folder.mkdir(parents=True, exist_ok=True)
        weights = self._folder / f"epoch_{history[-1].number:04d}.keras"
        network.save(weights)
        state = {**self._run.identity, "weights": weights.name, "history": [asdict(epoch) for epoch in history]}
        write_atomic(self._folder / "state.json", json.dumps(state, indent=1) + "\n")
        for old in self._folder.glob("epoch_*.keras"):
            if old != weights:
                old.unlink()

    def load(self, network: Any) -> list[Epoch]:
        """Put the saved state into the compiled ``network``.

        Raises:
            UserError: there is none, or it is of another run or unreadable.
        """
        path = self._folder / "state.json"
        try:
            state = json.loads(path.read_text())
            history = [Epoch(**epoch) for epoch in state["history"]]
            mine, saved = self._run.identity, {name: state[name] for name in self._run.identity}
            weights = self._folder / state["weights"]
        except OSError as error:
            raise UserError(f"no checkpoint in {self._folder} ({error.strerror}); train without --resume") from error
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path} is damaged ({error}); train without --resume") from error
        if saved != mine:
            raise UserError(f"{path} is of another run ({saved}, not {mine}); give the same options or another --out")
        try:
            stored = tensorflow().keras.models.load_model(weights)
        except (OSError, ValueError) as error:
            raise UserError(f"{weights} is damaged; train without --resume") from error
        network.set_weights(stored.get_weights())
        network.optimizer.build(network.trainable_variables)
        for mine_variable, variable in zip(network.optimizer.variables, stored.optimizer.variables, strict=True):
            mine_variable.assign(variable)
        return history


class Log:
    """TensorBoard's event files, where the package `tensorboard` is installed."""

    def __init__(self, folder: Path) -> None:
        try:
            import tensorboard  # noqa: F401
        except ImportError:
            self._summary = None
            return
        self._summary = tensorflow().summary
        self._writer = self._summary.create_file_writer(str(folder))

    def write(self, epoch: Epoch, rate: float) -> None:
        if self._summary is None:
            return
        with self._writer.as_default(step=epoch.number):
            for name, value in (("loss", epoch.loss), ("validation", epoch.quality), ("learning rate", rate)):
                self._summary.scalar(name, value)
        self._writer.flush()

    def close(self) -> None:
        if self._summary is not None:
            self._writer.close()
