"""What `invoke models` prints."""

from pathlib import Path

from rich import box
from rich.table import Table

from models.registry import fetch, rows


def models_table() -> Table:
    """Every registered model: name, benchmark, size, start of its SHA-256, licence, and whether its file is here."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
    for heading in ("model", "bench", "bytes", "sha256", "licence", "state"):
        table.add_column(heading, justify="right" if heading == "bytes" else "left", no_wrap=True)
    for row in rows():
        table.add_row(
            row.name.removesuffix(".tflite"), row.bench, f"{row.bytes:,}", row.sha256[:10], row.licence, row.state
        )
    return table


def fetch_model(name: str, mirror: Path | None = None) -> str:
    """Fetch one model and say where it is.

    Raises:
        UserError: as `models.registry.fetch`.
    """
    path = fetch(name, mirror=mirror)
    return f"{path} is intact; use it with `invoke build --model {path}`"
