"""Training: it learns, goes on after an interruption as if there were none, and stops at a loss that is no number."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.errors import UserError
from generator.importer import parse_graph
from models import pipeline
from models.lessons import Answers, mix
from models.recipes import Recipe, recipe, steps
from models.samples import Corpus, Samples
from models.trainer import Epoch, Run, train

RECIPE = Recipe("test", "kws", "ds_cnn", epochs=4, batch=16, schedule=steps((4, 1e-2)))


def quiet(_: str) -> None:
    pass


@pytest.fixture
def corpus() -> Corpus:
    """Two of the twelve classes, told apart by their mean."""
    random = np.random.default_rng(0)
    labels = np.arange(64) % 2
    inputs = (random.normal(size=(64, 4)) + 3 * labels[:, None]).astype(np.float32)
    return Corpus(Samples(inputs, labels), Samples(inputs[:32], labels[:32]), "a test")


def network() -> Any:
    tf = pytest.importorskip("tensorflow")
    tf.keras.utils.set_random_seed(5)
    inputs = tf.keras.Input((4,))
    return tf.keras.Model(inputs, tf.keras.layers.Dense(12, activation="softmax")(inputs))


def fit(run: Run, model: Any, corpus: Corpus, report: Any, *, resume: bool) -> list[Epoch]:
    return train(run, model, corpus, Answers(run.recipe, model), report, resume=resume)


def test_it_learns_and_logs(tmp_path: Path, corpus: Corpus) -> None:
    model = network()
    history = fit(Run(RECIPE, tmp_path, 0, 30), model, corpus, quiet, resume=False)
    assert history[-1].loss < history[0].loss
    assert history[-1].quality > 0.9
    assert [path.name for path in (tmp_path / "checkpoint").glob("*.keras")] == ["epoch_0030.keras"]


def test_resumed_run_equals_an_uninterrupted_one(tmp_path: Path, corpus: Corpus) -> None:
    whole = network()
    fit(Run(RECIPE, tmp_path / "whole", 0, 4), whole, corpus, quiet, resume=False)
    broken = network()
    lines: list[str] = []

    def interrupt(text: str) -> None:
        lines.append(text)
        if text.startswith("epoch 2/"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(Run(RECIPE, tmp_path / "b", 0, 4), broken, corpus, interrupt, resume=False)
    assert "epoch 2 is saved; go on with --resume" in lines[-1]
    again = network()
    history = fit(Run(RECIPE, tmp_path / "b", 0, 4), again, corpus, quiet, resume=True)
    assert [epoch.number for epoch in history] == [1, 2, 3, 4]
    assert all(np.array_equal(a, b) for a, b in zip(whole.get_weights(), again.get_weights(), strict=True))


def test_loss_that_is_no_number_keeps_the_checkpoint(tmp_path: Path, corpus: Corpus) -> None:
    run = Run(RECIPE, tmp_path, 0, 2)
    fit(run, network(), corpus, quiet, resume=False)
    before = sorted((tmp_path / "checkpoint").iterdir())
    corpus.training.inputs[:] = np.nan
    with pytest.raises(UserError, match="the loss is nan in epoch 1: the training diverged"):
        fit(run, network(), corpus, quiet, resume=False)
    assert sorted((tmp_path / "checkpoint").iterdir()) == before


def test_checkpoint_of_another_run_is_refused(tmp_path: Path, corpus: Corpus) -> None:
    with pytest.raises(UserError, match="no checkpoint in"):
        fit(Run(RECIPE, tmp_path, 0, 2), network(), corpus, quiet, resume=True)
    fit(Run(RECIPE, tmp_path, 0, 1), network(), corpus, quiet, resume=False)
    with pytest.raises(UserError, match="is of another run"):
        fit(Run(RECIPE, tmp_path, 1, 1), network(), corpus, quiet, resume=True)


def test_small_disk_is_found_before_the_training(
    tmp_path: Path, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    model = network()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(UserError, match="0 MB free, the training needs"):
        fit(Run(RECIPE, tmp_path, 0, 1), model, corpus, quiet, resume=False)


def test_mixup_keeps_the_targets_sums() -> None:
    random = np.random.default_rng(0)
    inputs, targets = mix(random, np.ones((8, 3), np.float32), np.eye(12, dtype=np.float32)[:8], 0.3)
    assert np.allclose(inputs, 1) and np.allclose(targets.sum(axis=1), 1)
    assert (targets.argmax(axis=1) == np.arange(8)).all()


def test_smoke_run_makes_an_int8_model_with_the_data_sets_input_scale(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    random = np.random.default_rng(0)
    np.savez(
        tmp_path / "pool.npz",
        features=random.integers(-128, 128, (240, 49, 10)).astype(np.int8),
        labels=(np.arange(240) % 12).astype(np.int8),
        speaker=np.array([f"s{index // 12}" for index in range(240)]),
    )
    path = pipeline.make(
        "kws",
        tmp_path / "pool.npz",
        tmp_path / "out",
        recipe_name="reference",
        seed=0,
        epochs=None,
        smoke=True,
        resume=False,
        report=quiet,
    )
    graph = parse_graph(path.read_bytes(), "smoke")
    quantization = graph.tensors[graph.inputs[0]].quantization
    assert quantization is not None
    assert np.isclose(quantization.scale, 0.5847029, rtol=1e-5) and quantization.zero_point == 83


def test_unknown_recipe_lists_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"no recipe 'x' for benchmark 'kws'; there are: kws reference, kws shipped"):
        recipe("kws", "x")
