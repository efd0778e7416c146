"""Trains a network by a recipe: seeded, with checkpoints to resume from, progress and TensorBoard logs.

All randomness of an epoch comes from the seed and the epoch's number, so that a resumed run goes on as an uninterrupted
one would. A checkpoint is replaced in one step after each epoch whose loss is a number.
"""

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import UserError
from common.files import write_atomic
from models.backend import tensorflow
from models.lessons import Lesson
from models.recipes import Recipe
from models.samples import Corpus, real

SMOKE_STEPS = 3  # of an epoch
SMOKE_EPOCHS = 2
CHECKPOINT = "checkpoint"
MARGIN = 4  # of disk space over what the run writes

Report = Callable[[str], None]


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


def train(run: Run, network: Any, corpus: Corpus, lesson: Lesson, report: Report, *, resume: bool) -> list[Epoch]:
    """Fit the lesson's model, which holds the layers of ``network``; every epoch's figures.

    Raises:
        UserError: the loss is no number, the disk is too small, or the checkpoint is of another run. The last good
            checkpoint stays in all cases.
        KeyboardInterrupt: passed on after saying how to go on.
    """
    tf = tensorflow(one_dnn=True)
    if not len(corpus.training):
        raise UserError(f"{corpus.origin}: there is nothing to train with")
    lesson.model.compile(
        tf.keras.optimizers.AdamW(weight_decay=run.recipe.weight_decay)
        if run.recipe.weight_decay
        else tf.keras.optimizers.Adam(),
        lesson.losses,
        loss_weights=lesson.weights,
    )
    checkpoint = Checkpoint(run)
    checkpoint.check_space(lesson.model)
    history = checkpoint.load(lesson.model) if resume else []
    if history:
        report(f"going on after epoch {history[-1].number} of {run.epochs}")
    log = Log(run.folder / "logs")
    try:
        for number in range(len(history), run.epochs):
            history.append(_epoch(run, network, corpus, lesson, number))
            last = history[-1]
            checkpoint.save(lesson.model, history)
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


def _epoch(run: Run, network: Any, corpus: Corpus, lesson: Lesson, number: int) -> Epoch:
    started = time.monotonic()
    lesson.model.optimizer.learning_rate = run.recipe.schedule(number, run.epochs)
    tensorflow().keras.utils.set_random_seed(run.seed * 100_003 + number)  # dropout
    random = np.random.default_rng([run.seed, number])
    losses = []
    for inputs, targets in islice(lesson.batches(corpus.training, random), SMOKE_STEPS if run.smoke else None):
        loss = float(np.ravel(lesson.model.train_on_batch(inputs, targets))[0])  # the sum of those of all outputs
        lesson.model.reset_metrics()
        if not np.isfinite(loss):
            raise UserError(
                f"the loss is {loss} in epoch {number + 1}: the training diverged; the checkpoint in"
                f" {run.folder / CHECKPOINT} is of the epoch before; try another --seed or look at the data"
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


class Checkpoint:
    """`checkpoint/` of a run: network, optimizer and history after the last good epoch."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._folder = run.folder / CHECKPOINT

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
