"""What `invoke data` prints."""

from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from datasets.fetch import fetch, listed
from datasets.registry import HOME, LIST, by_name, load_registry


def datasets_table() -> Table:
    """Every registered data set: size, how many of its files are known by hash, whether it is here, its licence."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
    for heading in ("data set", "files", "bytes", "pinned", "state", "licence"):
        table.add_column(heading, justify="right" if heading in ("files", "bytes", "pinned") else "left")
    for known in load_registry():
        folder = HOME / known.name
        here = sum((folder / name).is_file() for name in listed(folder / LIST)) if (folder / LIST).is_file() else 0
        state = f"{here} files here" if here else "not fetched"
        if known.source is None and not here:
            state = "only --from DIR"
        table.add_row(known.name, f"{known.files}", f"{known.bytes:,}", f"{len(known.pins)}", state, known.licence)
    return table


def fetch_dataset(name: str, origin: str | None, trust: bool, console: Console) -> str:
    """Fetch one data set and say where it is, and what it may be used for.

    Raises:
        UserError: as `datasets.fetch.fetch`.
    """
    known = by_name(name)
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task(f"fetching {name}", total=None)
        folder = fetch(
            known, origin, trust=trust, progress=lambda done, total: progress.update(task, completed=done, total=total)
        )
    count = len(listed(folder / LIST))
    official = "" if count == known.files else f" (the official set has {known.files})"
    return (
        f"{count} files{official} in {folder}\nlicence: {known.licence}\n"
        f"use them with `invoke bench --mode accuracy --bench {known.bench} --data {folder.parent}`"
    )
