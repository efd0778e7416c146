"""The page: runs and published results brought into the form that `templates/report/page.html.j2` shows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from common.benchmark import benchmark_names, load_benchmark
from common.board import VARIANT, Board, board_names, load_board
from common.console import say
from common.errors import UserError
from common.files import write_atomic
from common.paths import BUILD
from common.templates import template_environment
from harness.results import ACCURACY, ENERGY, PERFORMANCE
from harness.runs import RunRecord, find_run, list_runs, newest_results
from studies.report.artefacts import Artefacts, Tensor, artefacts_of
from studies.report.published import PublishedRun, published_runs

OUT = BUILD / "report.html"
PUBLISHED, MEASURED, MODELLED = "published", "measured", "modelled"
PLAN_WIDTH, PLAN_HEIGHT = 720, 260  # of the picture of the arena, user units
HASH_DIGITS = 12


@dataclass(frozen=True)
class Bar:
    """One row of a chart. ``percent`` of the longest bar; ``kind``: published, measured or modelled."""

    label: str
    detail: str
    text: str
    percent: float
    kind: str


@dataclass(frozen=True)
class Chart:
    title: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class LayerBar:
    name: str
    kernel: str
    macs: str
    cycles: str
    per_mac: str
    share: str
    percent: float


@dataclass(frozen=True)
class Box:
    """A tensor in the picture of the arena, in user units from the upper left corner."""

    name: str
    kind: str
    hint: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class RunView:
    """One run as the page shows it. Names and values are texts."""

    record: RunRecord
    anchor: str
    board: str
    timing: str
    energy_timing: str
    latency: str
    throughput: str
    quality: str
    energy: str
    sizes: dict[str, str]
    windows: tuple[Bar, ...]
    artefacts: Artefacts
    layers: tuple[LayerBar, ...]
    boxes: tuple[Box, ...]
    reservations: tuple[str, ...]
    provenance: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class BenchView:
    """The runs of one benchmark on one chip, and their charts."""

    title: str
    chip: str
    charts: tuple[Chart, ...]
    runs: tuple[RunView, ...]


def write_report(names: Sequence[str], out: Path | None, console: Console) -> Path:
    """Write the page for these runs, or for the newest of every benchmark.

    Raises:
        UserError: no such run, or no run at all.
    """
    records = [find_run(name) for name in names] or _newest()
    if not records:
        raise UserError("there is no run to report on; `invoke bench` makes one")
    path = out or OUT
    write_atomic(path, render_page(records))
    say(f"report: {path}", console)
    return path


def _newest() -> list[RunRecord]:
    """The newest results of each image, else of the archive, and the newest energy run, which has its own image."""
    archived = list_runs()[0]
    found = {(record.board, record.bench): record for record in reversed(archived)}
    found |= {(record.board, record.bench): record for record in newest_results()}
    chosen = []
    for key, record in sorted(found.items()):
        metered = [run for run in archived if (run.board, run.bench) == key and run.energy_uj is not None]
        chosen += [record, *(metered[:1] if record.energy_uj is None else [])]
    return chosen


def render_page(records: Sequence[RunRecord]) -> str:
    """Same runs and files, same text."""
    groups: dict[tuple[str, str], list[RunRecord]] = {}
    for record in records:
        groups.setdefault((record.bench, record.board), []).append(record)
    benches = [_bench_view(bench, board, group) for (bench, board), group in groups.items()]
    runs = [run for view in benches for run in view.runs]
    return (
        template_environment(html=True)
        .get_template("report/page.html.j2")
        .render(benches=benches, runs=runs, plan_width=PLAN_WIDTH, plan_height=PLAN_HEIGHT, several=len(runs) > 1)
    )


def _bench_view(bench: str, board_name: str, records: Sequence[RunRecord]) -> BenchView:
    board = load_board(board_name) if board_name.partition(VARIANT)[0] in board_names() else None
    title = load_benchmark(bench).title if bench in benchmark_names() else bench
    published = [run for run in published_runs(board) if run.bench == bench] if board else []
    charts = (
        _chart("Latency, ms per inference", records, published, PERFORMANCE),
        _chart("Energy, µJ per inference", records, published, ENERGY),
    )
    return BenchView(
        title=f"{title} ({bench})",
        chip=board.mcu if board else board_name,
        charts=tuple(chart for chart in charts if chart is not None),
        runs=tuple(_run_view(record, board) for record in records),
    )


def _chart(title: str, records: Sequence[RunRecord], published: Sequence[PublishedRun], mode: str) -> Chart | None:
    """All of them, the best first; None without a figure of our own."""
    rows: list[tuple[float, str, str, str]] = []
    for record in records:
        value = record.latency_ms if mode == PERFORMANCE else record.energy_uj
        if value is not None:
            kind = MEASURED if record.timing(mode) == MEASURED else MODELLED
            rows.append((value, record.model, f"firmbench, {record.name}", kind))
    if not rows:
        return None
    for run in published:
        figure = run.latency_ms if mode == PERFORMANCE else run.energy_uj
        if figure is not None:
            supply = f", {run.supply}".replace(" V", "\u00a0V") if mode == ENERGY and run.supply else ""
            rows.append((figure, f"{run.by}, {run.round}", f"{run.stack}{supply}", PUBLISHED))
    longest = max(value for value, *_ in rows) or 1.0
    digits = 3 if mode == PERFORMANCE else 1
    bars = (
        Bar(label, detail, f"{value:,.{digits}f}", round(100 * value / longest, 2), kind)
        for value, label, detail, kind in sorted(rows, key=lambda row: row[0])
    )
    return Chart(title, tuple(bars))


def _run_view(record: RunRecord, board: Board | None) -> RunView:
    artefacts = artefacts_of(record, board) if board else Artefacts()
    return RunView(
        record=record,
        anchor="run-" + "".join(char if char.isalnum() else "-" for char in record.name),
        board=board.title if board else record.board,
        timing=record.timing(PERFORMANCE),
        energy_timing=record.timing(ENERGY),
        latency=_figure(record.latency_ms, ",.3f"),
        throughput=_figure(record.number(PERFORMANCE, "throughput"), ",.3f"),
        quality=_quality(record),
        energy=_figure(record.energy_uj, ",.1f"),
        sizes={name: _figure(record.number(f"{name}_bytes"), ",.0f") for name in ("flash", "ram", "arena")},
        windows=tuple(_windows(record)),
        artefacts=artefacts,
        layers=tuple(_layers(artefacts)),
        boxes=tuple(_boxes(artefacts.tensors)),
        reservations=tuple(_texts(record.section(PERFORMANCE).get("reservations"))),
        provenance=tuple((name, value) for name, value in _provenance(record) if value),
    )


def _figure(value: float | None, form: str) -> str:
    return f"{value:{form}}" if value is not None else ""


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, str))


def _quality(record: RunRecord) -> str:
    passed = record.section(ACCURACY).get("passed")
    samples = record.number(ACCURACY, "samples")
    if not record.quality or samples is None:
        return record.quality
    verdict = {True: ", target met", False: ", target missed"}.get(passed, "") if isinstance(passed, bool) else ""
    return f"{record.quality} of {samples:,.0f} files{verdict}"


def _windows(record: RunRecord) -> Iterator[Bar]:
    """Each window's latency; the bars begin at zero, as all others do."""
    windows = record.section(PERFORMANCE).get("windows")
    rows = []
    for item in windows if isinstance(windows, list) else []:
        latency = item.get("latency_ms") if isinstance(item, dict) else None
        if isinstance(latency, int | float) and latency > 0:
            rows.append((float(latency), str(item.get("input", "")), str(item.get("iterations", ""))))
    longest = max((latency for latency, *_ in rows), default=1.0)
    kind = MEASURED if record.timing(PERFORMANCE) == MEASURED else MODELLED
    for number, (latency, name, iterations) in enumerate(rows, 1):
        detail = f"{name}, {iterations} inferences"
        yield Bar(f"window {number}", detail, f"{latency:,.3f}", round(100 * latency / longest, 2), kind)


def _layers(artefacts: Artefacts) -> Iterator[LayerBar]:
    total = sum(layer.cycles for layer in artefacts.layers)
    longest = max((layer.cycles for layer in artefacts.layers), default=1)
    for layer in artefacts.layers:
        yield LayerBar(
            name=f"{layer.operator} {layer.name}",
            kernel=layer.kernel,
            macs=f"{layer.macs:,}",
            cycles=f"{layer.cycles:,}",
            per_mac=f"{layer.cycles / layer.macs:.2f}" if layer.macs else "",
            share=f"{100 * layer.cycles / total:.1f} %" if total else "",
            percent=round(100 * layer.cycles / max(longest, 1), 2),
        )


def _boxes(tensors: Sequence[Tensor]) -> Iterator[Box]:
    """Steps from left to right, bytes from bottom to top."""
    if not tensors:
        return
    steps = max(tensor.last for tensor in tensors) + 1
    arena = max(1, *(tensor.offset + tensor.bytes for tensor in tensors))
    across, up = PLAN_WIDTH / steps, PLAN_HEIGHT / arena
    for tensor in sorted(tensors, key=lambda tensor: -tensor.bytes):
        yield Box(
            name=tensor.name,
            kind=tensor.kind,
            hint=f"{tensor.name}, {tensor.kind}: {tensor.bytes:,} bytes at {tensor.offset:,}",
            x=round(tensor.first * across, 1),
            y=round(PLAN_HEIGHT - (tensor.offset + tensor.bytes) * up, 1),
            width=round((tensor.last - tensor.first + 1) * across, 1),
            height=round(tensor.bytes * up, 1),
        )


def _provenance(record: RunRecord) -> Iterator[tuple[str, str]]:
    yield "run", record.name
    yield "run at", record.when
    yield "board", record.board
    yield "port", " ".join((record.text("port", "spec"), record.text("port", "description"))).strip()
    yield "debug probe", record.text("port", "probe_serial_number")
    yield "device answers as", record.text("device", "name")
    yield "model", record.model
    yield "model SHA-256", record.model_sha256
    yield "image SHA-256", record.elf_sha256
    inputs = record.section(PERFORMANCE).get("inputs")
    yield "inputs", str(inputs.get("description", "")) if isinstance(inputs, dict) else ""
    data = record.section(ACCURACY).get("data")
    if isinstance(data, dict):
        yield "data set", f"{data.get('path') or 'synthetic'}"
        yield "labels SHA-256", str(data.get("labels_sha256") or "")
    yield "energy monitor", str(record.section(ENERGY).get("monitor") or "")
    tools = record.content.get("tools")
    if isinstance(tools, dict):
        yield "tools", ", ".join(f"{name} {version}" for name, version in sorted(tools.items()))
