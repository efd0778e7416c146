"""Firmware without symbols: the same program as ELF, .bin and Intel HEX behaves the same; broken files are refused."""

import shutil
import subprocess
from pathlib import Path

import pytest

from common.board import Board
from common.errors import UserError
from tests.virtual.conftest import Build, run_until_idle
from virtual import VirtualBoard
from virtual.elf import load_image
from virtual.raw_image import read_hex

OBJCOPY = "arm-none-eabi-objcopy"
END = ":00000001FF"


def convert(elf: Path, kind: str, path: Path) -> Path:
    if shutil.which(OBJCOPY) is None:
        pytest.skip(f"{OBJCOPY} is not installed")
    subprocess.run([OBJCOPY, "-O", kind, str(elf), str(path)], check=True)
    return path


def refuse(path: Path, board: Board) -> str:
    with pytest.raises(UserError) as caught:
        VirtualBoard(path, board)
    assert path.name in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(("kind", "name"), [("binary", "echo.bin"), ("ihex", "echo.hex"), ("ihex", "ECHO.HEX")])
def test_runs_like_the_elf(build: Build, nucleo: Board, tmp_path: Path, kind: str, name: str) -> None:
    elf = build("echo")
    boards = [VirtualBoard(path, nucleo) for path in (elf, convert(elf, kind, tmp_path / name))]
    outputs = []
    for board in boards:
        output = run_until_idle(board)
        board.send(b"HAL")
        outputs.append((output + run_until_idle(board), board.cycles))
    assert outputs[0] == outputs[1]
    assert outputs[0][0] == b"ready\nIBM"


def test_raw_image_has_no_symbols(build: Build, nucleo: Board, tmp_path: Path) -> None:
    image = load_image(convert(build("echo"), "binary", tmp_path / "a.bin"), nucleo)
    assert image.describe(0x0800_0200) == "0x08000200"
    with pytest.raises(UserError, match="no symbol 'main'"):
        VirtualBoard(tmp_path / "a.bin", nucleo).symbol("main")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "empty"),
        (b"\x00" * 64, "initial stack pointer would be 0x00000000"),
        (bytes.fromhex("00000220 00020008") + b"\x00" * 64, "reset vector 0x08000200"),
        (bytes.fromhex("00000220 01000090") + b"\x00" * 64, "reset vector 0x90000001"),
        (bytes.fromhex("00000824 c1020008") + b"\x00" * 64, "0x24080000, which is no RAM"),
        (bytes.fromhex("00000220 c1020008") + b"\x00" * 0x20_0000, "8 bytes too long"),
    ],
)
def test_bad_binary(nucleo: Board, tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "bad.bin"
    path.write_bytes(content)
    assert expected in refuse(path, nucleo)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], "no end record"),
        (["hello"], "line 1 is no Intel HEX record"),
        ([":0100000001FE", ":01000000"], "line 2 is no Intel HEX record"),
        ([":0100000001FF"], "line 1: the checksum is wrong"),
        ([":00000006FA"], "line 1: unknown record type 6"),
        ([":0100000401FA"], "an address record of 1 bytes"),
        ([END, ":0100000001FE"], "more after the end record"),
        ([":0200000490006A", ":0400000000000220DA", END], "0x90000000 is outside the memories"),
        ([":020000040800F2", ":0410000000000220CA", END], "has nothing at 0x08000000"),
        ([END], "has nothing at 0x08000000"),
    ],
)
def test_bad_hex(nucleo: Board, tmp_path: Path, lines: list[str], expected: str) -> None:
    path = tmp_path / "bad.hex"
    path.write_text("\n".join(lines))
    assert expected in refuse(path, nucleo)


def test_hex_pieces_are_joined(tmp_path: Path) -> None:
    path = tmp_path / "pieces.hex"
    path.write_text("\n".join([":020000040800F2", ":020000000102FB", ":020002000304F5", ":010010000AE5", END]))
    assert [(s.address, s.data) for s in read_hex(path)] == [(0x0800_0000, b"\1\2\3\4"), (0x0800_0010, b"\n")]


def test_elf_for_another_core(build: Build, nucleo: Board) -> None:
    """A Cortex-M33 program: same machine type, other instruction set."""
    elf = build("echo", "-mcpu=cortex-m33", "-mfpu=fpv5-sp-d16")
    with pytest.raises(UserError, match="built for"):
        load_image(elf, nucleo)
