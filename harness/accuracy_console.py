"""What the user sees of an accuracy run."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from common.benchmark import AUC
from harness.dataset import class_name
from harness.results import Setup

if TYPE_CHECKING:
    from harness.accuracy import AccuracyResult


@contextmanager
def counting(console: Console, title: str, total: int, done: int) -> Iterator[Callable[[int], None]]:
    """Progress in inferences; gives the callback that adds to them."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(escape(title), total=total, completed=done)
        yield lambda count: progress.advance(task, count)


def accuracy_table(result: "AccuracyResult", setup: Setup) -> Table:
    """The scores as a two-column table, with the quality target and what keeps them from counting."""
    firmware, scores, benchmark = setup.firmware, result.scores, result.benchmark
    table = Table(title=f"{firmware.bench} on {setup.board.title}: accuracy", show_header=False)
    table.add_column("what")
    table.add_column("value", justify="right")
    rows = [
        ("model", f"{firmware.model.name} ({firmware.runtime})"),
        ("board", f"{setup.board.title}, {setup.port.spec}"),
        ("data", result.dataset.description),
    ]
    if scores.top1 is not None:
        rows.append(("top-1", f"{scores.top1:.1f} %"))
    rows.append(("AUC", f"{scores.auc:.3f}" if scores.auc is not None else "none: not every class occurs"))
    if benchmark.quality_target is not None:
        name = "AUC" if benchmark.quality_metric == AUC else "top-1"
        verdict = {None: "not judged", True: "met", False: "MISSED"}[result.passed]
        rows.append(("closed division", f"{name} at least {benchmark.quality_target:g}: {verdict}"))
    rows += [
        (f"  class {class_name(benchmark, item.label)}", f"{item.correct} of {item.samples}, {item.percent:.1f} %")
        for item in scores.per_class
    ]
    rate = (result.inferences - result.resumed) / result.host_seconds
    rows.append(("inferences", f"{result.inferences}, {result.resumed} of them from an earlier run"))
    rows.append(("speed on this host", f"{rate:.1f} inferences/s with {result.workers} workers"))
    rows += [("not valid", reservation) for reservation in result.reservations]
    rows.append(("status", "unverified, not submitted"))
    for name, value in rows:
        table.add_row(escape(name), escape(value))
    return table
