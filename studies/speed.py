"""Modelled speed and size of the reference models for every objective, beside the best published figures."""

import json
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from common.board import Board
from common.console import say
from common.errors import UserError
from common.files import write_atomic
from common.paths import BUILD
from generator.placement import OBJECTIVES
from studies.measure import Measurement, Recipe, measure_recipes
from studies.others import HEADINGS, measure_others, others_rows, others_table
from studies.report.published import published_file


@dataclass(frozen=True)
class Published:
    """The best of one benchmark on a chip; ``reference``: name of the model in the registry."""

    reference: str
    latency_ms: float
    by: str
    flash_bytes: int
    ram_bytes: int


def published_results(board: Board) -> dict[str, Published]:
    """By benchmark; empty for a chip that nobody has published results of."""
    path = published_file(board, "toml")
    if not path.is_file():
        return {}
    return {bench: Published(**fields) for bench, fields in tomllib.loads(path.read_text()).items()}


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
        jobs += [Recipe(bench, str(model), board.name, objective) for objective in OBJECTIVES]
    return measure_recipes(jobs, console)


def run_speed(
    board: Board, benches: Sequence[str], page: Path | None, console: Console, *, others: bool = False
) -> None:
    """Measure, show the table, save ``build/speed.json`` and, with ``page``, a Markdown page.

    ``others``: also the networks of `studies.others`.
    """
    results = measure_all(board, benches, console)
    more = measure_others(board, console) if others else []
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
    if more:
        console.print(others_table(more, board))
    write_atomic(BUILD / "speed.json", json.dumps([asdict(result) for result in results], indent=1) + "\n")
    say(f"per layer: {BUILD / 'speed.json'}", console)
    if page is not None:
        write_atomic(page, _page(results, more, published, board))
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


def _page(
    results: Sequence[Measurement], others: Sequence[Measurement], published: dict[str, Published], board: Board
) -> str:
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
            other_headings=HEADINGS,
            others=others_rows(others, board),
        )
    )
