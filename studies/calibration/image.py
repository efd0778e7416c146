"""The firmware image of the micro-benchmarks: a PlatformIO project beside those of the benchmarks."""

from dataclasses import dataclass
from pathlib import Path

from common.artifact import ModelInfo
from common.board import Board
from common.errors import UserError
from common.files import sha256, write_atomic, write_if_changed
from common.paths import BUILD
from generator import platformio
from generator.placement import Placement
from generator.render import image_context, render_files
from studies.calibration.cases import CASES, Case, load_cases
from virtual.elf import load_image

BAUD = 115_200
CORE_SOURCES = ("core/format.c", "core/float_decimal.c", "core/print.c", "core/th_port.c")
SRAM2_DATA = 0xF000  # offset in SRAM2; code lies before it
SRAM2_HANDLER = 0xFF00


@dataclass(frozen=True)
class CalibrationImage:
    """``cases_sha256``: of the file of cases it was made from, as the image itself prints it."""

    folder: Path
    cases: tuple[Case, ...]
    cases_sha256: str

    @property
    def elf(self) -> Path:
        return self.folder / "firmware.elf"


def build_image(board: Board) -> CalibrationImage:
    """Build it with the board's start-up code.

    Raises:
        UserError: no compiler, or the board lacks the memories that the cases compare.
    """
    platformio.require_compiler()
    folder = BUILD / board.name / "calibration"
    cases = load_cases()
    for path, text in _render(folder, board, cases).items():
        write_if_changed(folder / path, text)
    platformio.run(folder, "--disable-auto-clean")
    output = folder / ".pio" / "build" / board.name
    for name in ("firmware.elf", "firmware.bin", "firmware.map"):
        write_atomic(folder / name, (output / name).read_bytes())
    _check_bodies(load_image(folder / "firmware.elf", board).symbols, cases)
    return CalibrationImage(folder, cases, sha256(CASES))


def _check_bodies(symbols: dict[str, int], cases: tuple[Case, ...]) -> None:
    """A body that is no multiple of 4 bytes would move the alignment from one repetition to the next."""
    for case in cases:
        label = f"case_{case.index}_0_body"
        size = symbols[f"{label}_end"] - symbols[label]
        if size % (4 * case.repeat[0]):
            raise UserError(f"{CASES}: '{case.name}': a body of {size / case.repeat[0]:g} bytes is no multiple of 4")


def _render(folder: Path, board: Board, cases: tuple[Case, ...]) -> dict[str, str]:
    memories = {memory.name: memory for memory in board.rams}
    sram1, sram2, sram3 = (memories.get(name) for name in ("sram1", "sram2", "sram3"))
    if sram1 is None or sram2 is None or sram3 is None or sram2.alias is None:
        raise UserError(
            f"{board.title} has not the memories sram1, sram2 with an alias and sram3 that calibration uses"
        )
    placement = Placement(None, sram3, sram3, frozenset())
    common = image_context(folder, placement, ModelInfo(CASES.name, sha256(CASES), CASES.stat().st_size), board)
    context = {
        **common,
        "cases": cases,
        "baud": BAUD,
        "code": {
            "flash": "0",
            "sram1": f"{sram1.origin:#x}u",
            "sram2": f"{sram2.alias:#x}u",
            "sram2_system": f"{sram2.origin:#x}u",
        },
        "data": {
            "flash": "flash_data",
            "sram1": f"(void *){sram1.origin + sram1.size // 2:#x}u",
            "sram2": f"(void *){sram2.origin + SRAM2_DATA:#x}u",
            "sram3": "sram3_data",
        },
        "handler": f"{sram2.alias + SRAM2_HANDLER:#x}",
        "core_sources": CORE_SOURCES,
    }
    templates = {
        "gen/board_config.h": "board_config.h.j2",
        "gen/benchmark_config.h": "calibration/benchmark_config.h.j2",
        "gen/cases.S": "calibration/cases.S.j2",
        "gen/main.c": "calibration/main.c.j2",
        "gen/memory.ld": "memory.ld.j2",
        "platformio.ini": "platformio.ini.j2",
    }
    return render_files(templates, context, board)
