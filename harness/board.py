"""Virtual boards as processes: starting one, and asking those that run."""

import json
import os
import socket
from pathlib import Path
from typing import Any

from rich.console import Console

from common.artifact import Firmware
from common.board import Board
from common.console import say
from common.errors import UserError
from common.running import HOST, RunningBoard, find_running, reserve

ANSWER_TIMEOUT_S = 30.0
LARGEST_ANSWER = 1 << 20


def run_board(
    board: Board,
    image: Path | Firmware,
    *,
    name: str | None,
    link: Path | None,
    realtime: bool,
    halted: bool,
    gdb_port: int,
    console: Console,
) -> None:
    """Run an image on a virtual board until Ctrl-C, SIGTERM or `invoke board --stop`.

    The arguments are those of `virtual.BoardServer`; the name is ``board``'s when None.

    Raises:
        UserError: the image does not load, the name is taken, or a port or link cannot be made.
    """
    from virtual import BoardServer, VirtualBoard

    path, baud = (image.elf, image.baud) if isinstance(image, Firmware) else (image, None)
    machine = VirtualBoard(path, board)
    with reserve(name, board.name) as reservation:
        links = (reservation.terminal, *([link] if link is not None else []))
        with BoardServer(
            machine,
            realtime=realtime,
            halted=halted,
            gdb_port=gdb_port,
            links=links,
            report=lambda text: say(text, console),
        ) as server:
            state = RunningBoard(
                name=reservation.name,
                board=board.name,
                image=str(path),
                baud=baud,
                pid=os.getpid(),
                tty=str(reservation.terminal),
                serial_port=server.serial_port,
                gdb_port=server.gdb_port,
                control_port=server.control_port,
                realtime=realtime,
            )
            _introduce(state, board, link, halted, console)
            reservation.publish(state)
            server.serve()


def _introduce(state: RunningBoard, board: Board, link: Path | None, halted: bool, console: Console) -> None:
    baud = f", {state.baud} baud" if state.baud is not None else ""
    say(f"virtual {board.title} '{state.name}' runs {state.image}", console)
    say(f"serial:  {link or state.tty}{baud}", console)
    say(f"         socket://{HOST}:{state.serial_port}", console)
    say(f"GDB:     target remote :{state.gdb_port}{' (it waits for you)' if halted else ''}", console)
    say(f"control: {HOST}:{state.control_port}, or `invoke board --status`, --press, --reset, --stop", console)
    say("Ctrl-C ends it", console)


def ask_board(name: str | None, command: str) -> dict[str, Any]:
    """Have a running board carry out a command of its control port; returns the answer.

    Raises:
        UserError: no such board, it does not answer, or it refuses.
    """
    board = find_running(name)
    try:
        with socket.create_connection((HOST, board.control_port), timeout=ANSWER_TIMEOUT_S) as connection:
            connection.sendall(command.encode() + b"\n")
            with connection.makefile("rb") as lines:
                line = lines.readline(LARGEST_ANSWER)
        answer: dict[str, Any] = json.loads(line)
    except (OSError, ValueError) as error:
        raise UserError(f"board {board.name} (process {board.pid}) does not answer: {error}") from error
    if not answer.pop("ok"):
        raise UserError(f"board {board.name}: {answer['error']}")
    return answer
