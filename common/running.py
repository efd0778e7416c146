"""Virtual boards that run on this computer: one folder each below ``build/boards``, gone when the board is.

A lock on a file in the folder says that the process lives. The kernel releases it however the process ends, so what a
killed board left behind is recognised, and no process number is ever mistaken for another's.
"""

import contextlib
import dataclasses
import fcntl
import json
import os
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from common.errors import UserError
from common.files import write_atomic
from common.paths import BUILD

FOLDER = BUILD / "boards"
STATE, LOCK, TERMINAL = "state.json", "lock", "tty"
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
PATIENCE_S = 0.5  # somebody may just be looking whether the lock is held
HOST = "127.0.0.1"


@dataclass(frozen=True)
class RunningBoard:
    """What others need to know of a running board. Ports are TCP ports of this computer.

    ``baud`` is what the built firmware sets its serial port to, None for a foreign image.
    """

    name: str
    board: str
    image: str
    baud: int | None
    pid: int
    tty: str
    serial_port: int
    gdb_port: int
    control_port: int
    realtime: bool


class Reservation:
    """A name that this process alone holds, and its folder. Use as a context manager."""

    def __init__(self, name: str) -> None:
        """Raises UserError when the name is not one, or taken by a running board."""
        if not NAME.fullmatch(name):
            raise UserError(f"'{name}' is no name for a board; use letters, digits, '_', '-' and '.'")
        self.name = name
        self.folder = FOLDER / name
        deadline = time.monotonic() + PATIENCE_S
        while (lock := _lock(self.folder)) is None:
            if time.monotonic() > deadline:
                raise UserError(
                    f"a board named '{name}' runs already; choose another --name, or stop it with"
                    f" `invoke board --stop --name {name}`"
                )
            time.sleep(0.02)
        self._lock = lock
        _clear(self.folder)

    @property
    def terminal(self) -> Path:
        """Where the symbolic link to the pseudo-terminal belongs."""
        return self.folder / TERMINAL

    def publish(self, state: RunningBoard) -> None:
        write_atomic(self.folder / STATE, json.dumps(dataclasses.asdict(state), indent=2) + "\n")

    def close(self) -> None:
        """Remove the folder and free the name."""
        if self._lock >= 0:
            shutil.rmtree(self.folder, ignore_errors=True)
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def reserve(name: str | None, default: str) -> Reservation:
    """Reserve a name; None means ``default``, or the first free one of default-2, default-3 and so on.

    Raises:
        UserError: the name is not one, or taken by a running board.
    """
    if name is not None:
        return Reservation(name)
    taken = {board.name for board in running_boards()}
    number = 1
    while True:
        candidate = default if number == 1 else f"{default}-{number}"
        number += 1
        if candidate not in taken:
            with contextlib.suppress(UserError):  # somebody was quicker
                return Reservation(candidate)


def running_boards() -> list[RunningBoard]:
    """All boards that run, by name; the folders of those that were killed are removed."""
    found = []
    for folder in sorted(path.parent for path in FOLDER.glob(f"*/{LOCK}")):
        lock = _lock(folder)
        if lock is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)
            continue
        with contextlib.suppress(OSError, ValueError, TypeError):  # it is just starting or ending
            found.append(RunningBoard(**json.loads((folder / STATE).read_text())))
    return found


def find_running(name: str | None) -> RunningBoard:
    """A running board by its name, or the only one that runs.

    Raises:
        UserError: there is no such board, or there are several to choose from.
    """
    boards = running_boards()
    names = ", ".join(board.name for board in boards)
    if not boards:
        raise UserError("no virtual board runs; start one with `invoke board`")
    if name is None:
        if len(boards) > 1:
            raise UserError(f"several boards run: {names}; choose one with --name")
        return boards[0]
    for board in boards:
        if board.name == name:
            return board
    raise UserError(f"no board named '{name}' runs; these do: {names}")


def _lock(folder: Path) -> int | None:
    """Take the lock of a folder; returns its descriptor, None when a process holds it."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except FileNotFoundError:  # removed in between
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), (folder / LOCK).stat()):
                return descriptor
        os.close(descriptor)  # the one before us removed the file while we waited


def _clear(folder: Path) -> None:
    """Remove what a killed board left in its folder."""
    for path in folder.iterdir():
        if path.name != LOCK:
            path.unlink()
