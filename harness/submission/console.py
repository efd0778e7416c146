"""What `invoke check` and `invoke submission` say."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from common.console import say
from harness.submission.check import Checked, Row
from harness.submission.findings import count_line, finding_lines
from harness.submission.provenance import REHEARSAL
from harness.submission.write import Written

RUNNER_NOTE = (
    "these files come from firmbench's harness; a round that accepts MLCommons' runner alone needs the runs repeated"
    " with it on the same image"
)


def show_checked(checked: Checked, console: Console) -> None:
    """Findings line by line, what the results say, the verdict."""
    for line in finding_lines(checked.findings.items):
        say(line, console)
    if checked.rows:
        console.print(rows_table(checked.rows, checked.round.name))
    if checked.rehearsal:
        say(f"{REHEARSAL}", console)
    verdict = "errors found" if checked.findings.errors else "no errors"
    say(f"{verdict} by the rules of {checked.round.name}: {count_line(checked.findings.items)}", console)


def show_written(written: Written, console: Console) -> None:
    """Where the tree is, what a reviewer is told, what is still to be done."""
    for text in written.waived:
        say(f"would be refused: {text}", console)
    for text in written.declared:
        say(f"declared: {text}", console)
    show_checked(written.checked, console)
    say(f"note: {RUNNER_NOTE}", console)
    say(f"{'rehearsal' if written.waived else 'submission'}: {written.folder}", console)


def rows_table(rows: Sequence[Row], version: str) -> Table:
    table = Table(title=f"results stated, rules of {version}", box=None, padding=(0, 2, 0, 0))
    for heading in ("division", "organisation", "system", "bench"):
        table.add_column(heading, overflow="fold")
    for heading in ("ms", "quality", "energy", "errors"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        unit = "mW" if row.metric == "F1" else "uJ"
        table.add_row(
            row.division,
            escape(row.organisation),
            escape(row.system),
            escape(row.benchmark),
            f"{1e3 / row.throughput:.3f}" if row.throughput else "",
            quality_text(row),
            f"{row.energy:g} {unit}" if row.energy is not None else "",
            str(row.errors or ""),
        )
    return table


def quality_text(row: Row) -> str:
    """A row's quality with its unit."""
    if row.quality is None:
        return ""
    return f"{row.quality:g} %" if row.metric == "%" else f"{row.metric} {row.quality:.3g}"
