"""`invoke new-board`: a folder for a board like a known one, with what must be looked up marked in it."""

import re
from pathlib import Path

from common.board import VARIANT, load_board
from common.errors import UserError
from common.files import write_atomic
from common.paths import BOARDS

NAME = re.compile(r"[a-z][a-z0-9_]{1,39}")
MARK = "TODO"
HEADER = f"# {MARK}: which board this is, and the documents that its values come from.\n"
# Beginnings of the lines whose values differ from board to board, even of one chip family.
LOOKED_UP = (
    *("title", "url", "mcu", "serial", "tx", "rx", "function", "boost", "uart_fifo"),
    *("sysclk_hz", "flash_wait_states", "origin", "alias", "size", "pin", "pressed", "lit"),
    *("processing", "detected", "sck", "ws", "sd"),
    *("drive_labels", "openocd_target", "pyocd_target"),
)
FIELD = re.compile(rf"({'|'.join(LOOKED_UP)})\s*=")


def new_board(name: str, like: str, boards: Path = BOARDS) -> Path:
    """Write ``boards/<name>/board.toml`` after the board ``like``; every line to be checked carries a mark.

    Returns the file.

    Raises:
        UserError: the name is none for a folder or taken, or there is no board ``like``.
    """
    if not NAME.fullmatch(name):
        raise UserError(f"{name}: a board's name begins with a letter, then letters, digits and '_', all small")
    load_board(like)
    like = like.partition(VARIANT)[0]
    path = boards / name / "board.toml"
    if path.parent.exists():
        raise UserError(f"board '{name}' exists: {path.parent}; choose another name")
    lines = (BOARDS / like / "board.toml").read_text(encoding="utf-8").splitlines()
    while lines and lines[0].startswith("#"):
        lines.pop(0)
    write_atomic(path, HEADER + "".join(f"{_marked(line, like)}\n" for line in lines))
    return path


def marks(path: Path) -> list[str]:
    """The lines still marked, with their numbers."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [f"{number}: {line.partition('#')[0].strip()}" for number, line in enumerate(lines, 1) if MARK in line]


def _marked(line: str, like: str) -> str:
    value = line.partition("#")[0].rstrip()
    return f"{value} # {MARK}: {like} has this" if FIELD.match(line) else line
