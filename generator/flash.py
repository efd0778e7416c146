"""Programming a real board through PlatformIO's upload target."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from common.board import Board
from common.drives import DRIVE_MARKS, drive_of, find_drive, is_probe_drive
from common.errors import UserError
from generator import platformio

MASS_STORAGE = "mass-storage"
TOOLS = {"st-flash": "stlink-tools", "openocd": "openocd", "pyocd": "pyocd"}  # command -> Debian or PyPI package
METHODS = (MASS_STORAGE, *TOOLS)
UPLOAD_MARK = "Programming with "
SHOWN_LINES = 6
FAILURE_FILE = "FAIL.TXT"
FAILURE_WAIT_S = 3.0


@dataclass(frozen=True)
class Method:
    """``drive``: the mounted drive for mass storage, else None."""

    name: str
    drive: Path | None = None


class Project(Protocol):
    """What is programmed: the ``firmware.bin`` of a PlatformIO project."""

    @property
    def folder(self) -> Path: ...


def flash(firmware: Project, board: Board, via: str | None, drive: Path | None, serial: str | None = None) -> str:
    """Program ``firmware.bin`` and return one sentence on what was done.

    ``serial``: USB serial number of the debug probe to use, where several are plugged in.

    Raises:
        UserError: no method works here, the tool failed (its own words are shown), or the board refused the image.
    """
    method = choose(board, via, drive, serial)
    environment = {
        "FIRMBENCH_UPLOAD_PROTOCOL": method.name,
        "FIRMBENCH_UPLOAD_DRIVE": str(method.drive or ""),
        "FIRMBENCH_UPLOAD_SERIAL": serial or "",
    }
    try:
        platformio.run(firmware.folder, "-t", "nobuild", "-t", "upload", environment=environment)
    except platformio.RunError as error:
        raise UserError(
            f"{method.name} could not program {board.title}; is it plugged in by USB, and its debug probe not in use by"
            f" another program? {method.name} said:\n{_words_of_tool(error.output)}"
        ) from error
    if method.drive is None:
        return f"programmed {board.title} with {method.name}"
    _check_drive(method.drive)
    return f"copied firmware.bin to {method.drive}, which did not report a failure"


def _words_of_tool(output: str) -> str:
    """What the tool printed, out of what PlatformIO did; firmware/platform/builder/main.py prints UPLOAD_MARK."""
    _, _, said = output.partition(UPLOAD_MARK)
    lines = [line for line in said.splitlines()[1:] if line.strip()]
    end = next((index for index, line in enumerate(lines) if line.startswith("*** [upload]")), len(lines))
    return "\n".join(f"  {line}" for line in lines[max(0, end - SHOWN_LINES) : end])


def choose(board: Board, via: str | None, drive: Path | None, serial: str | None = None) -> Method:
    """The asked-for method, else the board's drive if it is mounted, else the first tool on PATH."""
    if serial is not None and not serial.isalnum():
        raise UserError(f"'{serial}' is no serial number; `invoke boards` lists those that are plugged in")
    if via is not None and via not in METHODS:
        raise UserError(f"unknown flash method '{via}'; methods are: {', '.join(METHODS)}")
    if drive is not None:
        if via not in (None, MASS_STORAGE):
            raise UserError(f"a drive is for {MASS_STORAGE}, not for {via}")
        return Method(MASS_STORAGE, _checked_drive(drive))
    mounted = find_drive(board) if serial is None else drive_of(serial)
    if via == MASS_STORAGE:
        if mounted is None:
            labels = ", ".join(board.probe.drive_labels)
            raise UserError(f"no drive of {board.title} is mounted (labels: {labels}); plug it in or give --drive DIR")
        return Method(MASS_STORAGE, mounted)
    if via is not None:
        if shutil.which(via) is None:
            raise UserError(f"{via} is not on PATH; install {TOOLS[via]} or choose another --via")
        return Method(via)
    if mounted is not None:
        return Method(MASS_STORAGE, mounted)
    for tool in TOOLS:
        if shutil.which(tool) is not None:
            return Method(tool)
    raise UserError(
        f"no way to program {board.title}: its drive is not mounted and none of {', '.join(TOOLS)} is on PATH;"
        " mount the drive, or run: sudo apt-get install stlink-tools"
    )


def _checked_drive(path: Path) -> Path:
    if not path.is_dir():
        raise UserError(f"the drive {path} does not exist or is not a folder")
    if not is_probe_drive(path):
        raise UserError(f"{path} is not a debug probe's drive: it holds none of {', '.join(DRIVE_MARKS)}")
    return path.resolve()


def _check_drive(drive: Path) -> None:
    """The probe reports a refused image by a file that appears when the drive is mounted again."""
    deadline = time.monotonic() + FAILURE_WAIT_S
    while time.monotonic() < deadline:
        failure = drive / FAILURE_FILE
        if failure.is_file():
            raise UserError(f"the board refused the image: {failure.read_text(errors='replace').strip()}")
        time.sleep(0.2)
