"""What `invoke train` and `invoke quantize` run."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from common.benchmark import load_benchmark
from common.errors import UserError
from common.files import write_atomic
from common.paths import BUILD
from models import pipeline
from models.ad.train import make as make_ad
from models.architectures import architecture
from models.quantize import INT8, LayerReport, chosen, convert, layer_reports, read_indices
from models.recipes import REFERENCE
from models.registry import Model, by_name, fetch
from models.samples import Samples, real, require_classes
from models.weights import load

Report = Callable[[str], None]


def train(
    bench: str,
    out: Path | None,
    seed: int,
    smoke: bool,
    report: Report,
    *,
    data: Path | None = None,
    recipe: str = REFERENCE,
    epochs: int | None = None,
    resume: bool = False,
) -> str:
    """Make the model of a benchmark in ``out``, by default ``build/train/<bench>``, and say how to run it.

    Without ``data``, ad is trained with sounds that are synthesised.

    Raises:
        UserError: no data for this benchmark, or the training failed.
    """
    load_benchmark(bench)
    folder = out or BUILD / "train" / bench
    if data is None:
        if bench != "ad":
            raise UserError(f"--data is missing: the archive or folder of {bench}'s data set; see `invoke models`")
        path = make_ad(folder, seed=seed, smoke=smoke, report=report)
    else:
        path = pipeline.make(
            bench,
            data,
            folder,
            recipe_name=recipe,
            seed=seed,
            epochs=epochs,
            smoke=smoke,
            resume=resume,
            report=report,
        )
    return f"run it with `invoke build --bench {bench} --model {path}`"


def quantize(
    bench: str,
    model: str,
    data: Path,
    console: Console,
    report: Report,
    *,
    kind: str = INT8,
    indices: Path | None = None,
    out: Path | None = None,
) -> str:
    """Quantise a float model of a known network with calibration inputs from ``data``; show what it does to each layer.

    ``model``: a Keras file or float `.tflite`, or a registered one's name. ``indices``: which samples calibrate, by the
    rules' list; else 120, evenly over the classes.

    Raises:
        UserError: the model is of no known network, the data is wrong, or the calibration misses a class.
    """
    path, name = _source(model)
    network = architecture(name or bench).build()
    load(network, path)
    benchmark = load_benchmark(bench)
    corpus = pipeline.load_corpus(bench, data, 0, report)
    pool = corpus.training
    if indices is None:
        inputs = pipeline.calibration(benchmark, pool)
    else:
        selected = chosen(pool, read_indices(indices), str(indices))
        if benchmark.labels and corpus.labelled:
            require_classes(selected, benchmark.labels, f"the calibration set of {indices}")
        inputs = pipeline.with_ends(benchmark, real(selected, bench))
    content = convert(network, inputs, kind)
    judged = corpus.validation if len(corpus.validation) and benchmark.labels and corpus.labelled else None
    reports = layer_reports(
        network, content, inputs, judged, real(judged, bench) if isinstance(judged, Samples) else None
    )
    target = out or BUILD / "quantized" / f"{path.stem}_{kind}.tflite"
    write_atomic(target, content)
    rows = {"model": path.name, "kind": kind, "calibration_inputs": len(inputs), "layers": [*map(asdict, reports)]}
    write_atomic(target.with_suffix(".json"), json.dumps(rows, indent=1) + "\n")
    console.print(report_table(path.name, reports))
    return f"wrote {target} ({len(content):,} bytes) and {target.with_suffix('.json').name}"


def _source(model: str) -> tuple[Path, str]:
    """A file, and the name of its network where the registry tells."""
    path = Path(model).expanduser()
    if path.is_file():
        return path, _network_of(path.name)
    registered: Model = by_name(model)
    return fetch(registered.name), _network_of(registered.name)


def _network_of(name: str) -> str:
    from models.architectures import ARCHITECTURES

    return next((a.name for a in ARCHITECTURES if name in (a.floating, a.weights)), "")


def report_table(title: str, reports: list[LayerReport]) -> Table:
    """A line for each layer."""
    table = Table(title=f"{title}, quantised", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for heading in ("layer", "range", "scale", "zero", "SQNR dB", "weights dB", "lost %"):
        table.add_column(heading, justify="left" if heading == "layer" else "right", no_wrap=True)
    for item in reports:
        table.add_row(
            item.name,
            f"{item.low:.3g}..{item.high:.3g}",
            f"{item.scale:.4g}",
            str(item.zero_point),
            f"{item.sqnr:.1f}",
            "" if item.weight_sqnr is None else f"{item.weight_sqnr:.1f}",
            "" if item.lost is None else f"{item.lost:+.2f}",
        )
    return table
