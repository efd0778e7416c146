"""The virtual board's serial port as a pseudo-terminal, for any serial program."""

import threading
from pathlib import Path

from rich.console import Console

from common.artifact import Firmware
from common.board import Board
from common.console import say


def serve(firmware: Firmware, board: Board, link: Path | None, realtime: bool, console: Console) -> None:
    """Run the image until Ctrl-C. The terminal may be opened and closed any number of times."""
    from virtual import VirtualBoard, serve_pty

    machine = VirtualBoard(firmware.elf, board)
    with serve_pty(machine, realtime=realtime, link=link) as server:
        say(f"virtual {board.title} with {firmware.bench} on {link or server.path}, {firmware.baud} baud", console)
        say("Ctrl-C ends it", console)
        threading.Event().wait()
