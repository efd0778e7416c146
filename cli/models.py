"""Tasks of models and data sets."""

from pathlib import Path

from invoke.context import Context
from invoke.tasks import task

from cli.last_build import chosen_model
from cli.options import BENCH_HELP, DEFAULT_BENCH, friendly, integer, path_of
from common.console import console, say


@task(
    help={
        "fetch": "fetch this file into build/models, or go on doing so",
        "from_": "folder to take it from instead of the network",
        "mirror": "URL of a folder that holds the files (default $FIRMBENCH_MIRROR)",
        "show": "all that is known of one file: licence, provenance, published quality, URL",
    }
)
@friendly
def models(
    _context: Context,
    fetch: str | None = None,
    from_: str | None = None,
    mirror: str | None = None,
    show: str | None = None,
) -> None:
    """List the models and training archives firmbench knows, or fetch one, checked by its SHA-256."""
    from models.listing import describe, fetch_model, models_table

    if show is not None:
        say("\n".join(describe(show)))
    elif fetch is None:
        console.print(models_table())
    else:
        say(fetch_model(fetch, path_of(from_), mirror, console))


@task(
    help={
        "fetch": "fetch this data set into build/datasets, or go on doing so",
        "from_": "folder, or URL of one, to take it from instead of its repository",
        "trust": "accept files whose SHA-256 is not known here, and record it",
    }
)
@friendly
def data(_context: Context, fetch: str | None = None, from_: str | None = None, trust: bool = False) -> None:
    """List the data sets of the accuracy runs, or fetch one, checked by its SHA-256 as far as that is known."""
    from datasets.listing import datasets_table, fetch_dataset

    if fetch is None:
        console.print(datasets_table())
    else:
        say(fetch_dataset(fetch, from_, trust, console))


@task(
    help={
        "bench": BENCH_HELP,
        "data": "the data set's archive or folder (default for ad: sounds that are synthesised)",
        "recipe": "reference: as upstream trains; shipped: as the models of this repository were made",
        "epochs": "instead of the recipe's number",
        "out": "folder for the model, checkpoints and logs (default build/train/<bench>)",
        "resume": "go on after the last finished epoch",
        "smoke": "a few steps, to see that everything works",
    }
)
@friendly
def train(
    _context: Context,
    bench: str = DEFAULT_BENCH,
    data: str | None = None,
    recipe: str = "reference",
    epochs: str | None = None,
    out: str | None = None,
    seed: str = "0",
    resume: bool = False,
    smoke: bool = False,
) -> None:
    """Train a benchmark's network and quantise it. Needs TensorFlow."""
    from models.training import train as train_model

    message = train_model(
        bench,
        path_of(out),
        integer("--seed", seed),
        smoke,
        say,
        data=path_of(data),
        recipe=recipe,
        epochs=integer("--epochs", epochs) if epochs else None,
        resume=resume,
    )
    say(message)


@task(
    help={
        "bench": BENCH_HELP,
        "model": "a float model: Keras file, .tflite, or the name of one that `invoke models` lists",
        "data": "the data set's archive or folder, for calibration",
        "kind": "int8, or int16x8: 16-bit activations (default int8)",
        "indices": "which samples calibrate: a .npy or a text of indices (default: 120, evenly over the classes)",
        "out": "file to write (default build/quantized/<model>_<kind>.tflite)",
    }
)
@friendly
def quantize(
    _context: Context,
    bench: str,
    model: str,
    data: str,
    kind: str = "int8",
    indices: str | None = None,
    out: str | None = None,
) -> None:
    """Quantise a benchmark's float model and show what that does to each layer. Needs TensorFlow."""
    from models.training import quantize as quantize_model

    list_ = path_of(indices)
    target = path_of(out)
    source = Path(data).expanduser()
    say(quantize_model(bench, model, source, console, say, kind=kind, indices=list_, out=target))


@task(
    help={
        "bench": BENCH_HELP,
        "data": "folder with <DIR>/<model id>/y_labels.csv and .bin files",
        "model": "a .tflite or Keras file (default: the benchmark's)",
        "kernels": "tflm: TensorFlow Lite Micro, as the firmware; tflite: TensorFlow Lite (default tflm)",
        "count": "at most this many files, of every class some",
        "out": "file for each file's results (default build/evaluation/<model>.csv)",
    }
)
@friendly
def evaluate(
    _context: Context,
    bench: str,
    data: str,
    model: str | None = None,
    kernels: str = "tflm",
    count: str | None = None,
    out: str | None = None,
) -> None:
    """Score a model on this computer as `invoke bench --mode accuracy` scores a board."""
    from common.benchmark import load_benchmark
    from common.paths import BUILD
    from models.evaluate import evaluate as evaluate_model
    from models.evaluate import evaluation_table, write_files

    benchmark = load_benchmark(bench)
    path = Path(model).expanduser() if model else chosen_model(bench, None).model
    number = integer("--count", count) if count else None
    result = evaluate_model(benchmark, path, Path(data).expanduser(), kernels=kernels, count=number, console=console)
    target = Path(out).expanduser() if out else BUILD / "evaluation" / f"{path.stem}.csv"
    write_files(result, target)
    console.print(evaluation_table(benchmark, result))
    say(f"results of each file: {target}")
