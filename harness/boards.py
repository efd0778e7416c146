"""`invoke boards`: what is plugged in, and the virtual boards that run."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from serial.tools.list_ports_common import ListPortInfo

from common.board import Board, board_names, load_board
from common.console import say
from common.drives import drive_of, find_drive
from common.running import HOST, RunningBoard, running_boards
from harness.ports import matches, serial_ports

DETAILS = "DETAILS.TXT"  # on an ST-LINK's drive: lines like "Version: 0221", "Build:   Jan  7 2019"
DETAILS_BYTES = 4096


@dataclass(frozen=True)
class PluggedPort:
    """A USB serial port. ``board``: whose debug probe has these USB ids, and whose drive that label, if it is mounted.

    ``probe``: its firmware, from its drive.
    """

    device: str
    usb_id: str
    serial_number: str
    description: str
    board: str
    drive: str
    probe: str


def plugged_ports() -> list[PluggedPort]:
    """The serial ports with a USB id, those of known boards first."""
    boards = [load_board(name) for name in board_names()]
    found = [_describe(info, boards) for info in serial_ports() if info.vid is not None]
    return sorted(found, key=lambda port: (not port.board, port.device))


def probe_firmware(drive: Path) -> str:
    """The version a debug probe's drive states, or an empty text."""
    try:
        with (drive / DETAILS).open("rb") as file:
            lines = file.read(DETAILS_BYTES).decode("ascii", "replace").splitlines()
    except OSError:
        return ""
    for line in lines:
        key, colon, value = line.partition(":")
        if colon and key.strip().lower() in ("version", "interface version"):
            return "".join(char for char in value.strip() if char.isprintable())
    return ""


def show_boards(console: Console) -> None:
    """Print both lists."""
    ports, running = plugged_ports(), running_boards()
    if ports:
        console.print(ports_table(ports))
        if any(port.board for port in ports):
            say("choose one with --serial NUMBER, in `invoke flash` and `invoke bench`", console)
    else:
        say("no board is plugged in by USB", console)
    if running:
        console.print(running_table(running))
        say("choose one with --port board:NAME", console)
    else:
        say("no virtual board runs", console)


def ports_table(ports: Iterable[PluggedPort]) -> Table:
    table = Table(title="plugged in", box=None, padding=(0, 2, 0, 0))
    for heading in ("board", "port", "USB id", "serial number", "drive", "probe", "description"):
        table.add_column(heading, overflow="fold")
    for port in ports:
        cells = (port.board or "-", port.device, port.usb_id, port.serial_number, port.drive, port.probe)
        table.add_row(*map(escape, (*cells, port.description)))
    return table


def running_table(boards: Iterable[RunningBoard]) -> Table:
    """Ports are TCP ports of this computer."""
    table = Table(title="virtual boards that run", box=None, padding=(0, 2, 0, 0))
    for heading in ("name", "board", "port", "GDB", "control", "process", "image"):
        table.add_column(heading, overflow="fold")
    for board in boards:
        port = f"{board.tty}\nsocket://{HOST}:{board.serial_port}"
        numbers = (str(board.gdb_port), str(board.control_port), str(board.pid))
        table.add_row(*map(escape, (board.name, board.board, port, *numbers, board.image)))
    return table


def _describe(info: ListPortInfo, boards: list[Board]) -> PluggedPort:
    fitting = [board for board in boards if matches(board, info)]
    number = info.serial_number or ""
    drive = drive_of(number) if number else None
    if drive is None and fitting and len([one for one in serial_ports() if matches(fitting[0], one)]) == 1:
        drive = next(filter(None, map(find_drive, fitting)), None)
    labelled = [board for board in fitting if drive is not None and drive.name in board.probe.drive_labels]
    return PluggedPort(
        device=info.device,
        usb_id=f"{info.vid:04x}:{info.pid:04x}",
        serial_number=number,
        description=info.description or "",
        board=" or ".join(board.title for board in labelled or fitting),
        drive=str(drive or ""),
        probe=probe_firmware(drive) if drive else "",
    )
