"""The harness's one door to the virtual board."""

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from common.board import Board

if TYPE_CHECKING:
    from virtual import VirtualBoard, VirtualSerial


class Image(Protocol):
    """What the virtual board needs to know of a firmware."""

    @property
    def elf(self) -> Path: ...

    @property
    def baud(self) -> int: ...


def virtual_port(firmware: Image, board: Board, *, timing: bool = True) -> "tuple[VirtualBoard, VirtualSerial]":
    """A virtual board that holds the image, and its serial port at the firmware's baud rate.

    Imported late: only runs on a virtual board pay for loading the engine.

    Raises:
        UserError: the image does not load.
    """
    from virtual import VirtualBoard, VirtualSerial

    machine = VirtualBoard(firmware.elf, board, timing=timing)
    return machine, VirtualSerial(machine, baudrate=firmware.baud, timeout=1.0)
