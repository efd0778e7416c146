"""What the user sees: progress while a run goes on, and a table of its results."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from common.console import say
from harness.performance import Step
from harness.results import Run


@contextmanager
def progress_bar(console: Console, title: str) -> Iterator[Callable[[Step], None]]:
    """A spinner, the window under way and the elapsed time; gives the callback that moves it."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(escape(f"{title}: connecting"), total=None)

        def show(step: Step) -> None:
            what = (
                f"window {step.window} of {step.windows}, {step.iterations} inferences, about {step.seconds:.1f} s"
                if step.window
                else "finding the iteration count"
            )
            progress.update(
                task, description=escape(f"{title}: {what}"), completed=max(step.window - 1, 0), total=step.windows
            )

        yield show


def results_table(run: Run) -> Table:
    """The results as a two-column table; says measured or modelled, and that nothing was verified."""
    setup, performance = run.setup, run.performance
    firmware = setup.firmware
    table = Table(
        title=f"{firmware.bench} on {setup.board.title}: performance, {performance.timing}", show_header=False
    )
    table.add_column("what")
    table.add_column("value", justify="right")
    lasted = ", ".join(f"{window.elapsed_us / 1e6:.2f}" for window in performance.windows)
    rows = [
        ("model", f"{firmware.model.name} ({firmware.runtime})"),
        ("board", f"{setup.board.title}, {setup.port.spec}"),
        ("timing", performance.timing),
        ("latency", f"{performance.latency_ms:.3f} ms"),
        ("cycles (derived)", f"{run.cycles:,}"),
        ("throughput", f"{performance.throughput:.3f} inf/s"),
        ("flash", f"{firmware.flash_bytes:,} B"),
        ("RAM", f"{firmware.ram_bytes:,} B"),
        ("arena", f"{firmware.arena_bytes:,} B"),
        ("windows", f"{len(performance.windows)} ({lasted} s)"),
        ("inputs", run.inputs.description),
        *([("answers", answers)] if (answers := top_classes(run)) else []),
        *(("note", note) for note in firmware.notes),
    ]
    if setup.virtual is not None:
        if setup.virtual.interval_percent is not None:
            rows.insert(4, ("interval of the model", f"±{setup.virtual.interval_percent:.1f} %"))
        rows.append(("speed on this host", f"{setup.virtual.instructions_per_host_second / 1e6:.1f} M instructions/s"))
    if performance.quick:
        rows.append(("quick", "not valid for submission"))
    rows.append(("status", "unverified, not submitted"))
    for name, value in rows:
        table.add_row(escape(name), escape(value))
    return table


def top_classes(run: Run) -> str:
    """The class each window's input got, where the benchmark names its classes."""
    labels = run.setup.firmware.benchmark.labels
    answers = [window.results for window in run.performance.windows]
    if not labels or any(len(values) != len(labels) for values in answers):
        return ""
    return ", ".join(labels[values.index(max(values))] for values in answers)


def show_results(console: Console, run: Run) -> None:
    console.print(results_table(run))
    for warning in run.performance.clock_warnings:
        say(f"warning: {warning}; the device's clock is not to be trusted", console)
