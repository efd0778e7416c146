"""What `invoke models` prints."""

from pathlib import Path

from rich import box
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from models.registry import by_name, fetch, rows


def models_table() -> Table:
    """Every registered file: name, kind, benchmark, size, start of its SHA-256, and whether it is here."""
    table = Table(box=box.SIMPLE_HEAD, padding=0, show_edge=False, pad_edge=False)
    for heading in ("name", "bench", "kind", "bytes", "sha256", "state"):
        table.add_column(heading, justify="right" if heading == "bytes" else "left", no_wrap=True)
    for row in rows():
        model = row.model
        size = f"{model.bytes:,}" if model.bytes else "unknown"
        name = model.name.removesuffix(".tflite")
        table.add_row(name, model.bench, model.kind, size, model.sha256[:8] or "unknown", row.state)
    return table


def describe(name: str) -> list[str]:
    """All that the registry says of one file.

    Raises:
        UserError: no such file.
    """
    model = by_name(name)
    facts = {
        "title": model.title,
        "sha256": model.sha256 or "not published",
        "bytes": f"{model.bytes:,}" if model.bytes else "unknown",
        "licence": model.licence,
        "quality": model.quality,
        "provenance": model.provenance,
        "from": model.address or model.origin,
    }
    return [model.name, *(f"  {label}: {value}" for label, value in facts.items() if value)]


def fetch_model(name: str, folder: Path | None, mirror: str | None, console: Console) -> str:
    """Fetch one file, with a bar, and say where it is.

    Raises:
        UserError: as `models.registry.fetch`.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(name, total=None)
        path = fetch(
            name,
            folder=folder,
            mirror=mirror,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    model = by_name(name)
    use = {
        "archive": f"train with `invoke train --bench {model.bench} --data {path}`",
        "keras": f"quantise it with `invoke quantize --bench {model.bench} --model {path}`",
    }.get(model.kind, f"use it with `invoke build --bench {model.bench} --model {path}`")
    return f"{path} is intact; {use}"
