"""Where an image goes: the virtual board, or a real one. Booting it on the virtual board is done here."""

from rich.console import Console

from common.artifact import Firmware
from common.board import Board
from common.console import say
from common.errors import UserError
from harness.device import Device
from harness.link import Link
from harness.ports import SERIAL, VIRTUAL, find_port
from harness.virtual_port import virtual_port


def wants_virtual(board: Board, port: str | None, console: Console) -> bool:
    """Whether to "flash" the virtual board: asked for by ``port``, or no board is plugged in (then it says so).

    Raises:
        UserError: ``port`` is neither None nor `virtual`: a serial port says nothing about the debug probe.
    """
    if port not in (None, VIRTUAL):
        raise UserError(f"--port {port}: a serial port cannot be flashed; use --port virtual, --serial, --via, --drive")
    choice = find_port(board, port)
    if choice.notice:
        say(f"note: {choice.notice}", console)
    return choice.is_virtual


def probe_number(board: Board, serial: str, console: Console) -> str:
    """The whole USB serial number of the plugged-in device that ``serial``, maybe only its beginning, means.

    Raises:
        UserError: none, or several.
    """
    choice = find_port(board, f"{SERIAL}{serial}")
    if choice.notice:
        say(f"note: {choice.notice}", console)
    return choice.serial_number or serial


def flash_virtual(firmware: Firmware, board: Board) -> str:
    """Load the image into a virtual board, boot it and ask who it is; returns one sentence on what answered.

    Raises:
        UserError: the image does not load, or does not answer.
    """
    machine, port = virtual_port(firmware, board)
    with Link(port, VIRTUAL, lambda: machine.seconds, machine.situation) as link:
        device = Device(link)
        vendor = device.synchronise()
        profile = device.profile()
    return f"virtual {board.title} runs {firmware.elf.name}: it answers as '{vendor}' with model '{profile.model}'"
