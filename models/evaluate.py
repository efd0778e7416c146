"""A model's quality on the host, with the harness's own inputs and scores, so that it compares with a board's.

A `.tflite`, integer or float, runs as TensorFlow Lite Micro does, whose outputs the firmware's equal bit for bit, or
with TensorFlow Lite's own kernels; a Keras network as TensorFlow does. The results of every file are written down.
"""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from common.benchmark import MSE, Benchmark
from common.errors import UserError
from common.files import write_atomic
from common.oracle import Oracle, TensorInfo
from harness.dataset import DataSet, load_dataset
from harness.scores import Scores, file_scores, score
from harness.wire import input_tensors, real

TFLM, TFLITE = "tflm", "tflite"
KERNELS = (TFLM, TFLITE)

Infer = Callable[[bytes], NDArray[np.float64]]  # an input as it goes over the wire -> numbers of `m-results`, unrounded


@dataclass(frozen=True)
class Evaluation:
    """``files``: what a file's scores are, [n, results], in the data set's order."""

    model: str
    runtime: str
    data: DataSet
    files: NDArray[np.float64]
    scores: Scores


def evaluate(
    benchmark: Benchmark, model: Path, data: Path, *, kernels: str = TFLM, count: int | None = None, console: Console
) -> Evaluation:
    """Run a `.tflite` or Keras model over the labelled files of ``data`` (upstream's layout) and score it.

    Raises:
        UserError: the model is unreadable or another benchmark's, or the data set is wrong.
    """
    if kernels not in KERNELS:
        raise UserError(f"--kernels {kernels}: kernels are {', '.join(KERNELS)}")
    samples = load_dataset(benchmark, data, count)
    infer, runtime = runner(benchmark, model, kernels)
    rows = []
    for sample in track(samples.samples, f"evaluating {model.name}", console=console, transient=True):
        windows = sample.windows(benchmark.input_bytes)
        rows.append(file_scores(np.stack([infer(window.data) for window in windows])))
    files = np.stack(rows)
    labels = [sample.label for sample in samples.samples]
    return Evaluation(model.name, runtime, samples, files, score(files, labels, benchmark.classes))


def runner(benchmark: Benchmark, model: Path, kernels: str = TFLM) -> tuple[Infer, str]:
    """How to run a model, and the name of what it runs on.

    Raises:
        UserError: the model is unreadable or has not the benchmark's input.
    """
    if model.suffix in (".keras", ".h5"):
        return _keras(benchmark, model), "Keras"
    try:
        content = model.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {model}: {error.strerror}") from error
    if kernels == TFLM:
        oracle = Oracle(content)
        inputs, outputs = oracle.inputs, oracle.outputs
        run: Callable[[Any], Any] = oracle.run
        name = "TensorFlow Lite Micro"
    else:
        inputs, outputs, run = _tflite(content)
        name = "TensorFlow Lite"
    _check(benchmark, model, [tensor.shape for tensor in inputs])

    def infer(data: bytes) -> NDArray[np.float64]:
        tensors = input_tensors(benchmark, data, inputs)
        results = [real(values, tensor) for values, tensor in zip(run(tensors), outputs, strict=True)]
        return _results(benchmark, data, np.concatenate(results))

    return infer, name


def _results(benchmark: Benchmark, data: bytes, outputs: NDArray[np.float32]) -> NDArray[np.float64]:
    if benchmark.results != MSE:
        return outputs.astype(np.float64)
    sent = np.frombuffer(data, "<f4")
    return np.array([np.mean(np.square(outputs.astype(np.float64) - sent))])


def _check(benchmark: Benchmark, model: Path, shapes: list[tuple[int, ...]]) -> None:
    wanted = [tensor.shape for tensor in benchmark.inputs]
    if shapes != wanted:
        raise UserError(f"{model} takes {shapes}, benchmark '{benchmark.name}' gives {wanted}; give another --bench")


def _keras(benchmark: Benchmark, model: Path) -> Infer:
    from models.architectures import architecture
    from models.backend import keras
    from models.weights import load

    if model.suffix == ".keras":
        try:
            network = keras().models.load_model(model, compile=False)
        except (OSError, ValueError) as error:
            raise UserError(f"{model} is no Keras model: {str(error).splitlines()[0]}") from error
    else:
        network = architecture(benchmark.name).build()
        load(network, model)
    _check(benchmark, model, [(1, *network.input_shape[1:])])
    shape = benchmark.inputs[0].shape
    floating = (TensorInfo(np.dtype(np.float32), shape, None, 0),)

    def infer(data: bytes) -> NDArray[np.float64]:
        (values,) = input_tensors(benchmark, data, floating)
        outputs = np.asarray(network(values.reshape(shape), training=False), np.float32)
        return _results(benchmark, data, outputs.reshape(-1))

    return infer


def _tflite(content: bytes) -> tuple[tuple[TensorInfo, ...], tuple[TensorInfo, ...], Callable[[Any], Any]]:
    """TensorFlow Lite with its optimised kernels: some outputs differ from its reference kernels' in the last bits."""
    from models.backend import tensorflow

    interpreter = tensorflow().lite.Interpreter(model_content=content)
    interpreter.allocate_tensors()
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()

    def run(tensors: list[NDArray[Any]]) -> list[NDArray[Any]]:
        for details, values in zip(inputs, tensors, strict=True):
            interpreter.set_tensor(details["index"], values.reshape(details["shape"]))
        interpreter.invoke()
        return [interpreter.get_tensor(details["index"]).reshape(-1) for details in outputs]

    return tuple(map(_info, inputs)), tuple(map(_info, outputs)), run


def _info(details: dict[str, Any]) -> TensorInfo:
    scale, zero_point = details["quantization"]
    shape = tuple(int(size) for size in details["shape"])
    return TensorInfo(np.dtype(details["dtype"]), shape, np.float32(scale) if scale else None, int(zero_point))


def passed(benchmark: Benchmark, scores: Scores) -> bool | None:
    """Whether the quality target is met; None without one."""
    value = scores.top1 if benchmark.quality_metric == "top1" else scores.auc
    return None if benchmark.quality_target is None or value is None else value >= benchmark.quality_target


def write_files(evaluation: Evaluation, path: Path) -> None:
    """A CSV line `file,class,answer,result 0,...` for each file, to be compared with a board's results."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    count = evaluation.files.shape[1]
    writer.writerow(["file", "class", "answer", *(f"result_{index}" for index in range(count))])
    for sample, row in zip(evaluation.data.samples, evaluation.files, strict=True):
        answer = int(row.argmax()) if count > 1 else ""
        writer.writerow([sample.file, sample.label, answer, *(f"{value:.6f}" for value in row)])
    write_atomic(path, text.getvalue())


def evaluation_table(benchmark: Benchmark, evaluation: Evaluation) -> Table:
    """Top-1, area under the ROC curve, target, and each class."""
    scores = evaluation.scores
    table = Table(title=f"{benchmark.title}: {evaluation.model} on the host", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row("runs on", evaluation.runtime)
    table.add_row("data", evaluation.data.description)
    if scores.top1 is not None:
        table.add_row("top-1", f"{scores.top1:.1f} %")
    table.add_row("area under the ROC curve", "-" if scores.auc is None else f"{scores.auc:.4f}")
    if benchmark.quality_target is not None:
        verdict = {True: "met", False: "missed", None: "unknown"}[passed(benchmark, scores)]
        table.add_row(f"target: {benchmark.quality_metric} {benchmark.quality_target:g}", verdict)
    for item in scores.per_class:
        name = benchmark.labels[item.label] if benchmark.labels else str(item.label)
        table.add_row(f"  {name}", f"{item.correct}/{item.samples}, {item.percent:.0f} %")
    return table
