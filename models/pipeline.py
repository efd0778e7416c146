"""Data -> network -> training -> int8 model -> description: what `invoke train` runs for all but synthetic sounds."""

import hashlib
import json
import platform
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from common.benchmark import Benchmark, load_benchmark
from common.errors import UserError
from common.files import write_atomic
from models.ad import data as machines
from models.architectures import architecture, ds_cnn
from models.backend import tensorflow
from models.ic import data as cifar
from models.imitation import apart, match_shares, together
from models.kws import data as speech
from models.lessons import Answers, Lesson, Teacher
from models.quantize import INT8, convert
from models.recipes import Course, Recipe, recipe
from models.registry import fetch
from models.samples import Corpus, Floats, Samples, real
from models.sww import data as wakewords
from models.trainer import CHECKPOINT, SMOKE_EPOCHS, Epoch, Run, quality, train
from models.vww import data as persons
from models.weights import load

CALIBRATION = 120  # inputs, a like number of each class
CALIBRATION_SEED = 2
TEACHER_BATCH = 64

Report = Callable[[str], None]


def load_corpus(bench: str, source: Path, seed: int, report: Report) -> Corpus:
    """Samples of a benchmark from its data set's archive or folder.

    Raises:
        UserError: it is missing, damaged or another data set, or there is no loader for the benchmark.
    """
    if not source.exists():
        raise UserError(f"no {source}; --data takes the data set's archive, or the folder it was unpacked to")
    report(f"reading {source}")
    if bench == "kws":
        return speech.load(source, seed, report)
    if bench == "ic":
        return cifar.load(source, seed)
    if bench == "vww":
        return persons.load(source, seed)
    if bench == "ad":
        return machines.load(source, report)
    if bench == "sww":
        return wakewords.load(source, seed, report)
    raise UserError(f"no loader for the data of benchmark '{bench}'")


def make(
    bench: str,
    source: Path,
    out: Path,
    *,
    recipe_name: str,
    seed: int,
    epochs: int | None,
    smoke: bool,
    resume: bool,
    report: Report,
) -> Path:
    """Train by a recipe, quantise, write `<bench>_int8.tflite`, `<bench>.keras` and `<bench>_int8.json` to ``out``.

    Raises:
        UserError: the data is wrong, TensorFlow is missing or the training failed; the files of before stay.
    """
    started = time.monotonic()
    chosen = recipe(bench, recipe_name)
    tf = tensorflow(one_dnn=True)
    example = like_the_network(chosen) if chosen.apart else None
    teacher = example.predict_on_batch if example else teach(fetch(chosen.teacher)) if chosen.teacher else None
    corpus = load_corpus(bench, source, seed, report)
    if not corpus.labelled:
        corpus = judged_by(teacher, corpus, bench)
    report(f"{corpus.origin}: {len(corpus.training)} to train with, {len(corpus.validation)} to validate")
    tf.keras.utils.set_random_seed(seed)
    network = build(chosen)
    run = Run(chosen, out, seed, SMOKE_EPOCHS if smoke else epochs or chosen.epochs, smoke)
    lesson: Lesson = Answers(chosen, network, teacher)
    history = []
    if chosen.apart:
        history = stages_apart(run, chosen.apart, network, example, corpus, report, resume=resume)
        resume &= (out / CHECKPOINT).exists()
        lesson = together(chosen, network, example, corpus.training)
    history += train(run, network, corpus, lesson, report, resume=resume)
    if chosen.apart:
        match_shares(network, example, real(corpus.validation, bench))
    report("quantising")
    inputs = calibration(load_benchmark(bench), corpus.training)
    content = convert(network, inputs, INT8)
    path = out / f"{bench}_int8.tflite"
    network.save(out / f"{bench}.keras")
    write_atomic(path, content)
    description = {
        "name": path.name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "seed": seed,
        "smoke": smoke,
        "data": {"origin": corpus.origin, **corpus.facts, "training_samples": len(corpus.training)},
        "recipe": facts(chosen) | {"epochs": run.epochs},
        "network": chosen.network,
        "training": {
            "loss": round(history[-1].loss, 4),
            "validation": round(quality(run, network, corpus), 4),
            "fit_seconds": round(sum(epoch.seconds for epoch in history), 1),
            "total_seconds": round(time.monotonic() - started, 1),
        },
        "tools": {"python": platform.python_version(), "numpy": np.__version__, "tensorflow": tf.__version__},
    }
    write_atomic(path.with_suffix(".json"), json.dumps(description, indent=2) + "\n")
    report(f"wrote {path}, {path.with_suffix('.json').name} and {bench}.keras")
    return path


def like_the_network(chosen: Recipe) -> Any:
    """The teacher as a Keras network of the recipe's architecture."""
    network = architecture(chosen.network).build()
    load(network, fetch(chosen.teacher))
    network.trainable = False
    return network


def stages_apart(
    run: Run, course: Course, network: Any, teacher: Any, corpus: Corpus, report: Report, *, resume: bool
) -> list[Epoch]:
    """The part of a run in which stages are taught apart, in the folder `apart` of the run's; every epoch's figures."""
    recipe = replace(run.recipe, epochs=course.epochs, schedule=course.schedule)
    first = Run(recipe, run.folder / "apart", run.seed, SMOKE_EPOCHS if run.smoke else course.epochs, run.smoke)
    report("teaching each stage apart")
    history = train(first, network, corpus, apart(recipe, network, teacher, corpus.training), report, resume=resume)
    report("teaching all stages together")
    return history


def judged_by(teacher: Teacher | None, corpus: Corpus, bench: str) -> Corpus:
    """Samples of unknown class with the classes that the teacher gives them; validation then is agreement with it.

    Raises:
        UserError: there is no teacher.
    """
    if teacher is None:
        raise UserError(f"{corpus.origin} have no classes: train with a recipe that has a teacher (--recipe shipped)")

    def judged(samples: Samples) -> Samples:
        parts = np.array_split(np.arange(len(samples)), max(1, len(samples) // TEACHER_BATCH))
        answers = [teacher(real(samples.take(part), bench)).argmax(axis=1) for part in parts]
        return replace(samples, labels=np.concatenate(answers).astype(np.int64))

    return replace(
        corpus,
        training=judged(corpus.training),
        validation=judged(corpus.validation),
        facts=corpus.facts | {"labels": "the teacher's answers"},
    )


def build(chosen: Recipe) -> Any:
    """The recipe's network, untrained."""
    if chosen.dropout is not None:
        return ds_cnn.build(chosen.dropout)
    return architecture(chosen.network).build()


def facts(chosen: Recipe) -> dict[str, Any]:
    """What a recipe consists of, for the record."""
    return {
        "name": chosen.name,
        "batch": chosen.batch,
        "weight_decay": chosen.weight_decay,
        "augmentation": chosen.augment.__name__ if chosen.augment else "none",
        "mixup": chosen.mixup,
        "teacher": chosen.teacher or "none",
        "trust": chosen.trust,
        "temperature": chosen.temperature,
        "epochs_of_stages_apart": chosen.apart.epochs if chosen.apart else 0,
    }


def calibration(benchmark: Benchmark, samples: Samples) -> Floats:
    """Training inputs for the quantiser, evenly over the classes, float32 [n, ...].

    The model's input gets the data set's own scale that way: its bytes are copied unchanged (see `with_ends`).
    """
    random = np.random.default_rng(CALIBRATION_SEED)
    classes = np.unique(samples.labels)
    share = CALIBRATION // len(classes)
    of_class = [random.permutation(np.flatnonzero(samples.labels == label))[:share] for label in classes]
    indices = np.concatenate(of_class)
    return with_ends(benchmark, real(samples.take(indices), benchmark.name))


def with_ends(benchmark: Benchmark, given: Floats) -> Floats:
    """Calibration inputs with the lowest and highest number of the data set put into the first one."""
    inputs = given.copy()
    wire = benchmark.inputs[0].dtype
    if wire in ("int8", "uint8"):
        limits = np.iinfo(wire)
        ends = (np.array([limits.min, limits.max]) - benchmark.input_zero_point) * benchmark.input_scale
        inputs.reshape(len(inputs), -1)[0, :2] = ends
    return inputs


def teach(model: Path) -> Teacher:
    """A float `.tflite` as a teacher, on whole batches.

    Raises:
        UserError: it cannot be read.
    """
    interpreter = tensorflow(one_dnn=True).lite.Interpreter(str(model), num_threads=1)
    given, answer = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    current = 0

    def teacher(batch: Floats) -> Floats:
        nonlocal current
        shape = [len(batch), *given["shape"][1:]]
        if len(batch) != current:
            interpreter.resize_tensor_input(given["index"], shape)
            interpreter.allocate_tensors()
            current = len(batch)
        interpreter.set_tensor(given["index"], batch.reshape(shape).astype(np.float32))
        interpreter.invoke()
        return np.asarray(interpreter.get_tensor(answer["index"]), np.float32)

    return teacher
