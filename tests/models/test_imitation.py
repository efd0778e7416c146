"""Stage by stage imitation of a teacher, and the pictures made up for it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.architectures import architecture
from models.architectures.stage import features, stage_end, stages
from models.imitation import altered, apart, match_shares, together
from models.lessons import Lesson
from models.recipes import Recipe, steps
from models.samples import Corpus, Samples
from models.trainer import Run, train

RECIPE = Recipe("test", "sww", "small", epochs=15, batch=32, schedule=steps((15, 2e-2)))


@pytest.fixture
def corpus() -> Corpus:
    inputs = np.random.default_rng(0).normal(size=(128, 6)).astype(np.float32)
    samples = Samples(inputs, np.zeros(128, np.int64))
    return Corpus(samples, samples.take(np.arange(32)), "a test")


def network(seed: int) -> Any:
    tf = pytest.importorskip("tensorflow")
    tf.keras.utils.set_random_seed(seed)
    layers = tf.keras.layers
    x = inputs = tf.keras.Input((6,))
    for number in range(2):
        x = layers.ReLU(name=stage_end(number))(layers.BatchNormalization()(layers.Dense(8)(x)))
    return tf.keras.Model(inputs, layers.Dense(3, activation="softmax")(x))


@pytest.mark.parametrize(("name", "count"), [("mobilenet_v1", 15), ("resnet8", 5), ("wakeword", 5)])
def test_stages_behind_one_another_are_the_network(name: str, count: int) -> None:
    pytest.importorskip("tensorflow")
    whole = architecture(name).build()
    inputs = np.random.default_rng(0).uniform(0, 1, (2, *whole.input_shape[1:])).astype(np.float32)
    found = features(whole).predict_on_batch(inputs)
    outputs = stages(whole).predict_on_batch([inputs, *found])
    assert len(outputs) == count
    assert all(np.allclose(a, b, atol=1e-5) for a, b in zip(outputs, found, strict=False))
    assert np.allclose(outputs[-1], whole.predict_on_batch(inputs), atol=1e-5)


@pytest.mark.parametrize("lesson", [apart, together])
def test_a_network_comes_to_give_its_teachers_answers(tmp_path: Path, corpus: Corpus, lesson: Any) -> None:
    teacher, pupil = network(1), network(2)
    inputs = corpus.validation.inputs
    before = np.abs(pupil.predict_on_batch(inputs) - teacher.predict_on_batch(inputs)).mean()
    taught: Lesson = lesson(RECIPE, pupil, teacher, corpus.training)
    assert len(taught.losses) == len(taught.weights or ()) == 3
    train(Run(RECIPE, tmp_path, 0, 15), pupil, corpus, taught, lambda _: None, resume=False)
    after = np.abs(pupil.predict_on_batch(inputs) - teacher.predict_on_batch(inputs)).mean()
    assert after < before / 2


def test_answers_become_as_frequent_as_the_teachers(corpus: Corpus) -> None:
    teacher, pupil = network(1), network(2)
    kernel, bias = pupil.layers[-1].get_weights()
    pupil.layers[-1].set_weights([kernel, bias + np.array([3, 0, 0])])
    inputs = corpus.training.inputs

    def counts(model: Any) -> Any:
        return np.bincount(model.predict_on_batch(inputs).argmax(axis=1), minlength=3)

    assert np.abs(counts(pupil) - counts(teacher)).max() > 30
    match_shares(pupil, teacher, inputs)
    assert np.abs(counts(pupil) - counts(teacher)).max() <= 2


def test_half_of_a_batch_is_altered() -> None:
    batch = np.random.default_rng(1).uniform(1, 2, (8, 3, 3, 5)).astype(np.float32)
    changed = altered(np.random.default_rng(2), batch)
    assert changed.shape == batch.shape and changed.dtype == np.float32
    assert np.array_equal(changed[4:], batch[4:])
    assert (np.abs(changed[:4] - batch[:4]) > 0).all() and (changed > 0).all()


def test_scenes_are_made_of_the_pictures_and_the_seed() -> None:
    pytest.importorskip("PIL")
    from models.vww.scenes import scenes

    pictures = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)
    found = scenes(np.random.default_rng(3), pictures, 6, 96)
    assert found.shape == (6, 96, 96, 3) and found.dtype == np.uint8
    assert np.array_equal(found, scenes(np.random.default_rng(3), pictures, 6, 96))
    assert len({scene.tobytes() for scene in found}) == 6 and found.std() > 20
