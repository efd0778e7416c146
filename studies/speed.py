"""Modelled speed and size of the reference models for every objective, beside the best published figures."""

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from common.board import Board
from common.console import say
from common.errors import UserError
from common.files import write_atomic
from common.paths import BENCHMARKS, BUILD, ROOT
from generator.placement import OBJECTIVES

WORKERS = 2


@dataclass(frozen=True)
class Published:
    """The best of one benchmark on a chip; ``reference``: name of the model in the registry."""

    reference: str
    latency_ms: float
    by: str
    flash_bytes: int
    ram_bytes: int


@dataclass(frozen=True)
class Layer:
    operator: int
    name: str
    macs: int
    cycles: int


@dataclass(frozen=True)
class Measurement:
    """One image. ``cycles``: of one inference after a warm-up, modelled."""

    bench: str
    objective: str
    model: str
    cycles: int
    flash_bytes: int
    ram_bytes: int
    arena_bytes: int
    layers: tuple[Layer, ...]

    @property
    def macs(self) -> int:
        return sum(layer.macs for layer in self.layers)


def published_results(board: Board) -> dict[str, Published]:
    """By benchmark; empty for a chip that nobody has published results of."""
    path = BENCHMARKS / "published" / f"{board.mcu.lower()[:11]}.toml"
    if not path.is_file():
        return {}
    return {bench: Published(**fields) for bench, fields in tomllib.loads(path.read_text()).items()}


def measure(bench: str, model: Path, board: Board, objective: str) -> Measurement:
    """Build below `BUILD` and run."""
    from generator.build import build
    from generator.choice import choose
    from harness.profile import layer_cycles

    choice = choose(bench, model, bench)
    firmware = build(board, choice.benchmark, model, "aot", lambda _: None, optimize=objective)
    rows, total = layer_cycles(firmware, board)
    layers = tuple(Layer(step.operator, step.name, step.macs, cycles) for step, cycles in rows)
    sizes = firmware.flash_bytes, firmware.ram_bytes, firmware.arena_bytes
    return Measurement(bench, objective, model.name, total, *sizes, layers)


def _in_process(bench: str, model: Path, board: Board, objective: str) -> Measurement:
    """`measure` in a folder and process of its own, so that several run at once and no build of the user is touched."""
    environment = {**os.environ, "FIRMBENCH_BUILD": str(BUILD / "speed" / objective)}
    command = [sys.executable, "-m", "studies.speed", bench, str(model), board.name, objective]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise UserError(f"{bench} for {objective}: {done.stderr.strip().splitlines()[-1] if done.stderr else 'failed'}")
    data = json.loads(done.stdout)
    return Measurement(**{**data, "layers": tuple(Layer(**layer) for layer in data["layers"])})


def measure_all(board: Board, benches: Sequence[str], console: Console) -> list[Measurement]:
    """The reference models where the registry finds them, else the benchmarks' own of the same architecture.

    Raises:
        UserError: something could not be built or run.
    """
    from common.benchmark import load_benchmark
    from models.registry import fetch
    from models.untrained import default_model

    jobs = []
    for bench in benches:
        try:
            model = fetch(published_results(board)[bench].reference)
        except (UserError, KeyError) as error:
            model = default_model(load_benchmark(bench))
            say(f"{bench}: {model.name} instead of the reference model: {error}", console)
        jobs += [(bench, model, board, objective) for objective in OBJECTIVES]
    with ThreadPoolExecutor(WORKERS) as pool:
        futures = [pool.submit(_in_process, *job) for job in jobs]
        return [future.result() for future in track(futures, "measuring", console=console, transient=True)]


def run_speed(board: Board, benches: Sequence[str], page: Path | None, console: Console) -> None:
    """Measure, show the table, save ``build/speed.json`` and, with ``page``, a Markdown page."""
    results = measure_all(board, benches, console)
    published = published_results(board)
    table = Table(
        title=f"{board.title}, {board.clock.sysclk_hz // 1_000_000} MHz, modelled; ms beside the best published",
        box=None,
        padding=(0, 1, 0, 0),
        show_edge=False,
        pad_edge=False,
    )
    for heading in _headings():
        table.add_column(heading, justify="right", no_wrap=True)
    for row in _rows(results, published, board):
        table.add_row(*row)
    console.print(table)
    write_atomic(BUILD / "speed.json", json.dumps([asdict(result) for result in results], indent=1) + "\n")
    say(f"per layer: {BUILD / 'speed.json'}", console)
    if page is not None:
        write_atomic(page, _page(results, published, board))
        say(f"page: {page}", console)


def _headings() -> Iterator[str]:
    yield from (
        "bench",
        "optimize",
        "cycles",
        "ms",
        "published",
        "factor",
        "c/MAC",
        "flash",
        "RAM",
        "arena",
    )


def _rows(results: Sequence[Measurement], published: dict[str, Published], board: Board) -> Iterator[tuple[str, ...]]:
    for result in results:
        milliseconds = result.cycles * 1000 / board.clock.sysclk_hz
        best = published.get(result.bench)
        yield (
            result.bench,
            result.objective,
            f"{result.cycles:,}",
            f"{milliseconds:.3f}",
            f"{best.latency_ms}" if best else "",
            f"{best.latency_ms / milliseconds:.2f}" if best else "",
            f"{result.cycles / result.macs:.2f}",
            f"{result.flash_bytes:,}",
            f"{result.ram_bytes:,}",
            f"{result.arena_bytes:,}",
        )


def _page(results: Sequence[Measurement], published: dict[str, Published], board: Board) -> str:
    from generator.render import template_environment

    return (
        template_environment()
        .get_template("speed.md.j2")
        .render(
            board=board,
            headings=list(_headings()),
            rows=list(_rows(results, published, board)),
            published=published,
            results=results,
        )
    )


def main() -> None:
    from common.board import load_board

    bench, model, board, objective = sys.argv[1:]
    try:
        print(json.dumps(asdict(measure(bench, Path(model), load_board(board), objective))))
    except UserError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
