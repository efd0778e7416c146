"""Running the image of the micro-benchmarks, on a board or on the virtual one."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from common.board import Board
from common.errors import UserError
from harness.link import Line, Link, SerialLike
from harness.ports import PortChoice, open_port
from studies.calibration.cases import Case
from studies.calibration.image import BAUD, CalibrationImage

if TYPE_CHECKING:
    from virtual.timing.costs import Costs

LINE_TIMEOUT_S = 5.0
VIRTUAL_PORT = "virtual"
SHA_DIGITS = 16


@dataclass(frozen=True)
class Measurement:
    """Cycles of a repetition by the name of the case; ``read_bytes``: what one flash read delivers there."""

    read_bytes: int
    cycles: Mapping[str, float]


def measure_virtual(
    image: CalibrationImage, board: Board, read_bytes: int, costs: "Costs | None" = None
) -> Measurement:
    """On a virtual board whose flash reads ``read_bytes`` at once, with other constants if asked for."""
    from virtual import VirtualBoard, VirtualSerial
    from virtual.timing.costs import CORTEX_M4

    clock = replace(board.clock, flash_read_bytes=read_bytes)
    machine = VirtualBoard(image.elf, replace(board, clock=clock), costs=costs or CORTEX_M4)
    port = VirtualSerial(machine, baudrate=BAUD, timeout=LINE_TIMEOUT_S)
    return _measure(port, VIRTUAL_PORT, lambda: machine.seconds, image)


def measure_board(image: CalibrationImage, choice: PortChoice) -> Measurement:
    """On the board at a port, which must run the image already.

    Raises:
        UserError: the port cannot be opened, or what answers is not this image.
    """

    def no_virtual() -> SerialLike:
        raise UserError("calibration compares the virtual board with a real one; give --port a device")

    return _measure(open_port(choice, BAUD, no_virtual), choice.spec, time.monotonic, image)


def _measure(port: SerialLike, name: str, clock: Callable[[], float], image: CalibrationImage) -> Measurement:
    with Link(port, name, clock) as link:
        link.drain(0.25, 3.0)
        return parse(link.ask("", LINE_TIMEOUT_S), image, name)


def parse(lines: tuple[Line, ...], image: CalibrationImage, name: str) -> Measurement:
    """The lines of one run.

    Raises:
        UserError: they are not those of this image.
    """
    words = [line.text.split() for line in lines]
    if not words or words[0][:2] != ["calibration", image.cases_sha256[:SHA_DIGITS]]:
        answer = lines[0].text[:60] if lines else "nothing"
        raise UserError(
            f"{name} does not run this calibration image (it answered '{answer}');"
            " program it with `invoke calibrate --flash-first --port ...`"
        )
    try:
        read_bytes = int(words[0][2])
        counts = {int(index): (int(few), int(many)) for index, few, many in words[1:]}
        raw = {case.name: _per_repetition(case, *counts[case.index]) for case in image.cases}
    except (ValueError, KeyError, IndexError) as error:
        raise UserError(f"{name}: the calibration's output is damaged ({error}); run again") from error
    cycles = {case.name: raw[case.name] - (raw[case.minus] if case.minus else 0.0) for case in image.cases}
    return Measurement(read_bytes, cycles)


def _per_repetition(case: Case, few: int, many: int) -> float:
    return (many - few) / (case.repeat[1] - case.repeat[0])
