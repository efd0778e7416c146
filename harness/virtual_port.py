"""The harness's one door to the virtual board."""

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from common.board import Board
from harness.device import Device

if TYPE_CHECKING:
    from virtual import VirtualBoard, VirtualSerial


class Image(Protocol):
    """What the virtual board needs to know of a firmware."""

    @property
    def elf(self) -> Path: ...

    @property
    def baud(self) -> int: ...


def put_input(machine: "VirtualBoard", device: Device, data: bytes) -> None:
    """Fill the input buffer inside a virtual board, all but the last byte by its memory.

    The announcement and the last byte, which the firmware confirms, go over the wire. A byte there takes two characters
    and two interrupts of modelled code, so this is many times faster than `Device.load`.

    Raises:
        UserError: as `Device.load`, or the image has another input buffer.
    """
    device.announce(len(data))
    known = len(data) - 1
    machine.write_memory(machine.symbol("buffer_storage"), data[:known])
    machine.write_memory(machine.symbol("buffer_received"), known.to_bytes(4, "little"))
    device.send_rest(data, known)


class Loader:
    """Fills a device's input buffer: over the wire, which is slow in a virtual board, so only its first goes so."""

    def __init__(self, machine: "VirtualBoard | None", *, all_by_wire: bool = False) -> None:
        self._machine = machine
        self._all_by_wire = all_by_wire
        self._loaded = False

    def __call__(self, device: Device, data: bytes) -> None:
        """Raises: UserError: as `Device.load` and `put_input`."""
        if self._machine is None or self._all_by_wire or not self._loaded:
            device.load(data)
        else:
            put_input(self._machine, device, data)
        self._loaded = True


def virtual_port(firmware: Image, board: Board, *, timing: bool = True) -> "tuple[VirtualBoard, VirtualSerial]":
    """A virtual board that holds the image, and its serial port at the firmware's baud rate.

    Imported late: only runs on a virtual board pay for loading the engine.

    Raises:
        UserError: the image does not load.
    """
    from virtual import VirtualBoard, VirtualSerial

    machine = VirtualBoard(firmware.elf, board, timing=timing)
    return machine, VirtualSerial(machine, baudrate=firmware.baud, timeout=1.0)
