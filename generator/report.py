"""What a build tells the user: how much of the board it takes."""

from rich.table import Table

from common.artifact import Firmware
from common.board import Board
from generator.render import ram_region


def size_table(firmware: Firmware, board: Board) -> Table:
    """Flash, RAM, tensor arena and stack in bytes, and the share of what the board has."""
    table = Table(title=f"{firmware.bench} for {board.title}: {firmware.model.name}, {firmware.runtime}")
    table.add_column("memory")
    table.add_column("bytes", justify="right")
    table.add_column("of board", justify="right")
    ram = ram_region(board).size
    for name, size, total in (
        ("flash", firmware.flash_bytes, board.flash.size),
        ("RAM", firmware.ram_bytes, ram),
        ("  tensor arena", firmware.arena_bytes, ram),
        ("  stack", firmware.stack_bytes, ram),
    ):
        table.add_row(name, f"{size:,}", f"{100 * size / total:.1f} %")
    return table
