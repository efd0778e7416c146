"""`invoke results`: past runs as a table, and two of them side by side."""

from collections.abc import Callable, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from common.console import say
from common.errors import UserError
from harness.results import ACCURACY, ENERGY, MODES, PERFORMANCE
from harness.runs import RunRecord, find_run, list_runs

SHOWN = 30
HASH_DIGITS = 12

Figure = tuple[str, Callable[[RunRecord], float | None], str]
FIGURES: tuple[Figure, ...] = (
    ("latency, ms", lambda run: run.latency_ms, ",.3f"),
    ("throughput, inf/s", lambda run: run.number(PERFORMANCE, "throughput"), ",.3f"),
    ("cycles", lambda run: run.number(PERFORMANCE, "cycles"), ",.0f"),
    ("top-1, %", lambda run: run.number(ACCURACY, "top1"), ".1f"),
    ("AUC", lambda run: run.number(ACCURACY, "auc"), ".3f"),
    ("files scored", lambda run: run.number(ACCURACY, "samples"), ",.0f"),
    ("energy, uJ", lambda run: run.energy_uj, ",.1f"),
    ("flash, bytes", lambda run: run.number("flash_bytes"), ",.0f"),
    ("RAM, bytes", lambda run: run.number("ram_bytes"), ",.0f"),
    ("tensor arena, bytes", lambda run: run.number("arena_bytes"), ",.0f"),
)
TEXTS: tuple[tuple[str, Callable[[RunRecord], str]], ...] = (
    ("run at", lambda run: run.when),
    ("board", lambda run: run.board),
    ("benchmark", lambda run: run.bench),
    ("model", lambda run: run.model),
    ("model SHA-256", lambda run: run.model_sha256[:HASH_DIGITS]),
    ("image SHA-256", lambda run: run.elf_sha256[:HASH_DIGITS]),
    ("runtime", lambda run: run.text("runtime")),
    ("timing", lambda run: run.timing(PERFORMANCE)),
    ("port", lambda run: run.text("port", "spec")),
    ("probe", lambda run: run.text("port", "probe_serial_number")),
    ("compiler", lambda run: run.text("tools", "compiler")),
    ("firmbench", lambda run: run.text("tools", "firmbench")),
    ("reservations", lambda run: str(len(run.section(PERFORMANCE).get("reservations") or ()))),
)


def show_runs(names: Sequence[str], console: Console) -> None:
    """List the archive, or show one run, or compare two.

    Raises:
        UserError: no such run, or more than two.
    """
    if len(names) > 2:
        raise UserError(f"{len(names)} runs given; one is shown, two are compared; `invoke report` compares more")
    if names:
        console.print(comparison_table([find_run(name) for name in names]))
        return
    records, skipped = list_runs()
    if records:
        console.print(runs_table(records[:SHOWN]))
        if len(records) > SHOWN:
            say(f"and {len(records) - SHOWN} older ones", console)
    else:
        say("no runs yet; `invoke bench` makes one", console)
    for item in skipped:
        say(f"note: skipped {item.folder}: {item.reason}", console)


def runs_table(records: Sequence[RunRecord]) -> Table:
    """The newest first. A tilde marks what was modelled, not measured."""
    table = Table(box=None, padding=(0, 2, 0, 0), caption="~ modelled on the virtual board; none was submitted")
    table.caption_justify = "left"
    for heading in ("run", "model", "modes"):
        table.add_column(heading, overflow="fold")
    for heading in ("ms", "quality", "uJ"):
        table.add_column(heading, justify="right", no_wrap=True)
    for record in records:
        modes = ", ".join(mode for mode in MODES if record.archived(mode)) or "-"
        table.add_row(
            escape(record.name),
            escape(record.model),
            modes,
            marked(record, PERFORMANCE, record.latency_ms, ",.3f"),
            escape(record.quality),
            marked(record, ENERGY, record.energy_uj, ",.1f"),
        )
    return table


def marked(record: RunRecord, mode: str, value: float | None, form: str) -> str:
    """A figure, with a tilde unless it was measured."""
    if value is None:
        return ""
    return f"{'' if record.timing(mode) == 'measured' else '~'}{value:{form}}"


def comparison_table(records: Sequence[RunRecord]) -> Table:
    """One or two runs, a line for what either knows; of two, what is the same is said once."""
    table = Table(show_header=True, box=None, padding=(0, 2, 0, 0))
    table.add_column("")
    for record in records:
        table.add_column(escape(record.name), overflow="fold", justify="right")
    if len(records) == 2:
        table.add_column("change", justify="right", no_wrap=True)
    for name, text in TEXTS:
        texts = [text(record) for record in records]
        if any(texts):
            same = len(texts) == 2 and texts[0] == texts[1]
            table.add_row(name, *map(escape, texts), *(["same" if same else "differs"] if len(records) == 2 else []))
    for name, figure, form in FIGURES:
        values = [figure(record) for record in records]
        if any(value is not None for value in values):
            cells = [f"{value:{form}}" if value is not None else "" for value in values]
            table.add_row(name, *cells, *([_change(*values)] if len(records) == 2 else []))
    return table


def _change(before: float | None, after: float | None) -> str:
    if before is None or after is None:
        return ""
    if before == after:
        return "same"
    return f"{100 * (after - before) / before:+.2f} %" if before else f"{after - before:+g}"
