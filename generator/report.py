"""What a build tells the user: how much of the board it takes, and what the compiler did."""

from rich.table import Table

from common.artifact import Firmware
from common.board import Board


def size_table(firmware: Firmware, board: Board) -> Table:
    """Flash, RAM and what takes it in bytes, and the share of what the board has."""
    table = Table(title=f"{firmware.bench} for {board.title}: {firmware.model.name}, {firmware.runtime}")
    table.add_column("memory")
    table.add_column("bytes", justify="right")
    table.add_column("of board", justify="right")
    ram = board.ram_bytes
    for name, size, total in (
        ("flash", firmware.flash_bytes, board.flash.size),
        ("RAM", firmware.ram_bytes, ram),
        ("  tensor arena", firmware.arena_bytes, ram),
        ("  stack", firmware.stack_bytes, ram),
        ("  copied from flash", firmware.copied_bytes, ram),
    ):
        table.add_row(name, f"{size:,}", f"{100 * size / total:.1f} %")
    return table


def summary(firmware: Firmware) -> list[str]:
    """What the runtime made of the model, and where its tensors are."""
    macs = f"{firmware.macs:,} MACs; " if firmware.steps else ""
    return [*change_lines(firmware.changes), f"{macs}memory plan: {firmware.plan}"]


def change_lines(changes: tuple[str, ...]) -> list[str]:
    """What the graph passes did: how many changes of each kind, and their totals."""
    kinds: dict[str, int] = {}
    totals = []
    for change in changes:
        kind, _, _ = change.partition(" ")
        if kind.endswith("ed"):
            kinds[kind] = kinds.get(kind, 0) + 1
        else:
            totals.append(change)
    counts = ", ".join(f"{kind} {count}" for kind, count in kinds.items())
    return [f"graph passes: {counts} (each in build.json)", *totals] if kinds else totals
