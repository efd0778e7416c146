"""Raw binaries and Intel HEX files on the virtual board."""

import subprocess
from pathlib import Path

import pytest

from common.board import Board
from common.errors import UserError
from tests.virtual.conftest import Build, run_until_idle
from virtual import VirtualBoard
from virtual.elf import load_image


@pytest.mark.parametrize(("suffix", "form"), [(".bin", "binary"), (".hex", "ihex")])
def test_the_same_firmware_in_other_forms(build: Build, nucleo: Board, tmp_path: Path, suffix: str, form: str) -> None:
    elf = build("echo")
    raw = tmp_path / f"echo{suffix}"
    subprocess.run(["arm-none-eabi-objcopy", "-O", form, str(elf), str(raw)], check=True)
    boards = VirtualBoard(elf, nucleo), VirtualBoard(raw, nucleo)
    outputs = [run_until_idle(board) for board in boards]
    assert outputs == [b"ready\n", b"ready\n"]
    assert boards[0].cycles == boards[1].cycles


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (":0400000001020304F2\n", "no end record"),
        (":00000001FF\n", "has no data"),
        (":0400000001020304F3\n:00000001FF\n", "line 1: no valid Intel HEX record"),
        ("hello\n", "line 1: no valid Intel HEX record"),
        (":04000007010203" + "04EB\n", "line 1: unknown record type 7"),
        (":020000043000CA\n:0400000001020304F2\n:00000001FF\n", "outside the memories"),
    ],
)
def test_bad_hex(nucleo: Board, tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.hex"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        load_image(path, nucleo)


def test_bad_binaries(nucleo: Board, tmp_path: Path) -> None:
    path = tmp_path / "bad.bin"
    path.write_bytes(b"")
    with pytest.raises(UserError, match="is empty"):
        load_image(path, nucleo)
    path.write_bytes(bytes(nucleo.flash.size + 1))
    with pytest.raises(UserError, match="1 bytes too long"):
        load_image(path, nucleo)
