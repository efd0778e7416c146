"""Builds the small test firmwares with the Arm compiler and runs them on the virtual board."""

import dataclasses
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from common.board import Board, load_board
from virtual import StopReason, VirtualBoard

FIRMWARE = Path(__file__).parent / "firmware"
COMPILER = "arm-none-eabi-gcc"
FLAGS = [
    "-mcpu=cortex-m4",
    "-mthumb",
    "-mfpu=fpv4-sp-d16",
    "-mfloat-abi=hard",
    "-O2",
    "-g",
    "-std=gnu11",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-ffreestanding",
    "-nostdlib",
]

Build = Callable[..., Path]
Boot = Callable[..., VirtualBoard]


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Compile ``firmware/<name>.c`` or a given C text with the shared start-up; further arguments are flags."""
    if shutil.which(COMPILER) is None:
        pytest.skip(f"{COMPILER} is not installed")
    folder = tmp_path_factory.mktemp("firmware")
    built: dict[tuple[str, ...], Path] = {}

    def compile_firmware(name: str, *flags: str, text: str | None = None) -> Path:
        key = (name, text or "", *flags)
        if key not in built:
            source = FIRMWARE / f"{name}.c"
            if text is not None:
                source = folder / f"{name}{len(built)}.c"
                source.write_text(text)
            elf = folder / f"{name}{len(built)}.elf"
            command = [COMPILER, *FLAGS, *flags, f"-I{FIRMWARE}", "-T", str(FIRMWARE / "link.ld")]
            command += [str(FIRMWARE / "start.c"), str(source), "-o", str(elf), "-lgcc"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            built[key] = elf
        return built[key]

    return compile_firmware


@pytest.fixture(scope="session")
def nucleo() -> Board:
    return load_board("nucleo_l4r5zi")


@pytest.fixture
def boot(build: Build, nucleo: Board) -> Boot:
    """Build a firmware and power a board on with it; ``clock`` replaces fields of the board's clock."""

    def start(
        name: str, *flags: str, text: str | None = None, timing: bool = True, clock: dict[str, int] | None = None
    ) -> VirtualBoard:
        board = nucleo
        if clock:
            board = dataclasses.replace(board, clock=dataclasses.replace(board.clock, **clock))  # type: ignore[arg-type]
        return VirtualBoard(build(name, *flags, text=text), board, timing=timing)

    return start


def run_until_idle(board: VirtualBoard, cycles: int = 50_000_000) -> bytes:
    """Everything the firmware says before it waits for good."""
    output = b""
    while (reason := board.run(cycles)) is StopReason.OUTPUT:
        output += board.receive()
    assert reason is StopReason.IDLE, f"{reason}: {board.lockup}; so far {output!r}"
    return output + board.receive()


def numbers(output: bytes) -> list[int]:
    """The lines of ``print_hex``."""
    return [int(line, 16) for line in output.split()]
