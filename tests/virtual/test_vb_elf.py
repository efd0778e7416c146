"""Images that are not what they should be are refused with a reason."""

import struct
from pathlib import Path

import pytest

from common.board import Board
from common.errors import UserError
from tests.virtual.conftest import Build
from virtual import VirtualBoard
from virtual.elf import load_image

E_MACHINE, PROGRAM_HEADERS = 18, 52
P_PADDR, P_FILESZ, P_MEMSZ, P_VADDR = 12, 16, 20, 8


@pytest.fixture
def image(build: Build) -> bytearray:
    return bytearray(build("echo").read_bytes())


def refuse(tmp_path: Path, content: bytes, board: Board) -> str:
    path = tmp_path / "firmware.elf"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        VirtualBoard(path, board)
    message = str(caught.value)
    assert "\n" not in message
    assert "firmware.elf" in message
    return message


def test_good_image(build: Build, nucleo: Board) -> None:
    image = load_image(build("echo"), nucleo)
    assert image.segments[0].address == nucleo.flash.origin
    assert image.symbols["main"] % 2 == 0
    assert image.symbols["head"] >= 0x2000_0000


def test_missing(tmp_path: Path, nucleo: Board) -> None:
    with pytest.raises(UserError, match="invoke build"):
        VirtualBoard(tmp_path / "none.elf", nucleo)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x7fELF", bytes(1000)])
def test_not_an_elf(tmp_path: Path, nucleo: Board, content: bytes) -> None:
    refuse(tmp_path, content, nucleo)


def test_other_machine(tmp_path: Path, nucleo: Board, image: bytearray) -> None:
    struct.pack_into("<H", image, E_MACHINE, 62)
    assert "x64" in refuse(tmp_path, bytes(image), nucleo)


@pytest.mark.parametrize("kept", [60, 200, 5000])
def test_truncated(tmp_path: Path, nucleo: Board, image: bytearray, kept: int) -> None:
    refuse(tmp_path, bytes(image[:kept]), nucleo)


def test_truncated_says_how_much(tmp_path: Path, nucleo: Board, image: bytearray) -> None:
    (offset,) = struct.unpack_from("<I", image, PROGRAM_HEADERS + 4)
    struct.pack_into("<I", image, PROGRAM_HEADERS + P_FILESZ, len(image) - offset + 17)
    assert "lacks 17 of" in refuse(tmp_path, bytes(image), nucleo)


@pytest.mark.parametrize(
    ("address", "size", "expected"),
    [
        (0x0900_0000, 16, "16 bytes at 0x09000000 is outside the memories of nucleo_l4r5zi"),
        (0x0820_0000 - 8, 20, "12 bytes too long"),
        (0x200A_0000 - 4, 8, "4 bytes too long"),
        (0x1001_0000 - 4, 8, "4 bytes too long"),
    ],
)
def test_outside_the_memories(
    tmp_path: Path, nucleo: Board, image: bytearray, address: int, size: int, expected: str
) -> None:
    for field, value in ((P_PADDR, address), (P_VADDR, address), (P_FILESZ, size), (P_MEMSZ, size)):
        struct.pack_into("<I", image, PROGRAM_HEADERS + field, value)
    assert expected in refuse(tmp_path, bytes(image), nucleo)


def test_segment_may_span_adjoining_memories(tmp_path: Path, nucleo: Board, image: bytearray) -> None:
    """SRAM1, 2 and 3 follow each other."""
    for field, value in ((P_VADDR, 0x2000_0000), (P_MEMSZ, 0xA_0000)):
        struct.pack_into("<I", image, PROGRAM_HEADERS + field, value)
    path = tmp_path / "wide.elf"
    path.write_bytes(image)
    load_image(path, nucleo)


def test_unknown_symbol(build: Build, nucleo: Board) -> None:
    board = VirtualBoard(build("echo"), nucleo)
    assert board.symbol("main") == load_image(build("echo"), nucleo).symbols["main"]
    with pytest.raises(UserError, match="nonsense"):
        board.symbol("nonsense")


def test_reading_memory(build: Build, nucleo: Board) -> None:
    board = VirtualBoard(build("echo"), nucleo)
    board.write_memory(0x2000_1000, b"abc")
    assert board.read_memory(0x2000_1000, 3) == b"abc"
    board.write_memory(0x1000_0010, b"xyz")
    assert board.read_memory(0x2003_0010, 3) == b"xyz"
    with pytest.raises(ValueError, match="0x90000000"):
        board.read_memory(0x9000_0000, 4)
