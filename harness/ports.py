"""Which port: the one asked for, the one board that is plugged in, or the virtual board. And opening it."""

import errno
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import serial
from serial.tools.list_ports import comports
from serial.tools.list_ports_common import ListPortInfo

from common.board import Board
from common.errors import UserError
from common.running import RunningBoard, find_running, running_boards
from harness.device import Device
from harness.link import PORT_ERRORS, Link, SerialLike

VIRTUAL = "virtual"
SERIAL = "serial:"
RUNNING = "board:"
LOCAL_HOSTS = ("127.0.0.1", "localhost")
PROBE_TIMEOUT_S = 2.0
WRITE_TIMEOUT_S = 10.0
PTY_FOLDER = "/dev/pts"
OPEN_ERRORS: tuple[type[Exception], ...] = (ValueError, *PORT_ERRORS)


@dataclass(frozen=True)
class PortChoice:
    """A port to open. ``notice`` is what the user must be told about the choice, if anything.

    ``is_pty``: a program on this computer answers, not a board. ``serial_number``: of the USB device, where known.
    """

    spec: str
    is_virtual: bool
    description: str
    notice: str | None = None
    is_pty: bool = False
    serial_number: str | None = None


def find_port(board: Board, port: str | None, baud: int | None = None) -> PortChoice:
    """Choose a port.

    ``port`` is a device path or COM name, a pyserial URL (`socket://host:port`, `rfc2217://host:port`), `virtual`,
    `board:NAME`, a board that `invoke board` runs (also known by its port on this computer), or None: the one
    plugged-in board by the USB ids of its debug probe, else the virtual board. With ``baud``, several candidates are
    narrowed down to the one that answers `name`.

    `serial:NUMBER` is the port of the device with this USB serial number, or the only one whose number begins so.

    Raises:
        UserError: several boards are plugged in, none of this serial number is, or no board of that name runs.
    """
    if port is None:
        return _automatic(board, baud)
    if port == VIRTUAL:
        return PortChoice(VIRTUAL, True, f"virtual {board.title}")
    if port.startswith(SERIAL):
        return _by_serial_number(board, port.removeprefix(SERIAL))
    running = _running(port)
    if running is not None:
        notice = f"{port} is the virtual board '{running.name}', so its timing counts as modelled"
        spec = running.tty if port.startswith(RUNNING) else port
        return PortChoice(spec, False, f"virtual board '{running.name}'", notice, is_pty=True)
    if "://" in port:
        return PortChoice(port, False, f"{port.split('://', maxsplit=1)[0]} connection")
    if Path(port).exists() and str(Path(port).resolve().parent) == PTY_FOLDER:
        notice = f"{port} is a pseudo-terminal: a program answers, not a board, so its timing counts as modelled"
        return PortChoice(port, False, "pseudo-terminal", notice, is_pty=True)
    info = next((info for info in comports() if info.device == port), None)
    description, number = (info.description, info.serial_number) if info else (None, None)
    return PortChoice(port, False, description or "serial port", serial_number=number)


def _by_serial_number(board: Board, number: str) -> PortChoice:
    if not number.isalnum():
        raise UserError(f"'{number}' is no serial number; `invoke boards` lists those that are plugged in")
    ports = serial_ports()
    numbers = {str(info.serial_number).upper() for info in ports if info.serial_number}
    wanted = number.upper()
    matching = {wanted} & numbers or {found for found in numbers if found.startswith(wanted)}
    found = [info for info in ports if str(info.serial_number).upper() in matching]
    if not found:
        listed = ", ".join(sorted(numbers)) or "none"
        raise UserError(f"no serial port of a device with serial number {number}; plugged in are: {listed}")
    if len(found) > 1:
        listed = ", ".join(f"{info.device} ({info.serial_number})" for info in found)
        raise UserError(f"serial number {number} means {len(found)} ports: {listed}; choose one with --port")
    info = found[0]
    notice = None
    if not matches(board, info):
        notice = f"{info.device} is not known as the debug probe of a {board.title}"
    return PortChoice(info.device, False, info.description or "serial port", notice, serial_number=info.serial_number)


def serial_ports() -> list[ListPortInfo]:
    """All serial ports of this computer, by name."""
    return sorted(comports(), key=lambda info: str(info.device))


def matches(board: Board, info: ListPortInfo) -> bool:
    """Whether a port has the USB ids of a board's debug probe."""
    return info.vid == board.probe.usb_vid and info.pid in board.probe.usb_pids


def _running(port: str) -> RunningBoard | None:
    """The board of `invoke board` that a port leads to."""
    if port.startswith(RUNNING):
        return find_running(port.removeprefix(RUNNING) or None)
    url = urlsplit(port)
    if url.scheme != "socket" or url.hostname not in LOCAL_HOSTS:
        return None
    return next((board for board in running_boards() if str(board.serial_port) == url.netloc.rpartition(":")[2]), None)


def open_port(choice: PortChoice, baud: int, make_virtual: Callable[[], SerialLike]) -> SerialLike:
    """Open a port for this program alone.

    Raises:
        UserError: it does not exist, is not permitted, is in use, or cannot be opened.
    """
    if choice.is_virtual:
        return make_virtual()
    try:
        port: SerialLike
        if "://" in choice.spec:
            # pyserial's rfc2217 client refuses a write timeout.
            write_timeout = None if choice.spec.startswith("rfc2217:") else WRITE_TIMEOUT_S
            port = serial.serial_for_url(choice.spec, baudrate=baud, timeout=1.0, write_timeout=write_timeout)
        else:
            port = serial.Serial(choice.spec, baudrate=baud, timeout=1.0, write_timeout=WRITE_TIMEOUT_S, exclusive=True)
    except OPEN_ERRORS as error:
        raise UserError(_open_problem(choice.spec, baud, error)) from error
    return port


def _automatic(board: Board, baud: int | None) -> PortChoice:
    found = [
        PortChoice(info.device, False, info.description or "serial port", serial_number=info.serial_number)
        for info in serial_ports()
        if matches(board, info)
    ]
    if not found:
        return PortChoice(
            VIRTUAL, True, f"virtual {board.title}", f"no {board.title} plugged in: using the virtual one"
        )
    answering = [choice for choice in found if _answers(choice, baud)] if len(found) > 1 and baud else found
    if len(answering) == 1:
        return answering[0]
    listed = ", ".join(f"{choice.spec} ({choice.serial_number or choice.description})" for choice in found)
    raise UserError(f"{len(found)} boards are plugged in: {listed}; choose one with --port or --serial")


def no_virtual() -> SerialLike:
    """For `open_port` where only real ports are opened."""
    raise UserError("this needs a real port, not the virtual board; choose one with --port")


def _answers(choice: PortChoice, baud: int) -> bool:
    try:
        with Link(open_port(choice, baud, no_virtual), choice.spec) as link:
            Device(link).synchronise(tries=1, timeout=PROBE_TIMEOUT_S)
    except UserError:
        return False
    return True


def _open_problem(spec: str, baud: int, error: Exception) -> str:
    """One line for a user from what pyserial raises; Windows errors carry no errno, only the exception's name."""
    code, text = getattr(error, "errno", None), str(error)
    if "://" in spec:
        return f"cannot connect to {spec}: {text.split(': ', maxsplit=1)[-1]}; check host, port number and the server"
    if code == errno.ENOENT or "FileNotFoundError" in text:
        names = ", ".join(str(info.device) for info in comports()) or "none"
        problem = f"does not exist; serial ports here: {names}"
    elif "PermissionError" in text or code in (errno.EBUSY, errno.EAGAIN):
        problem = "is in use by another program; close that (a serial monitor?) and run again"
    elif code in (errno.EACCES, errno.EPERM):
        problem = "is not permitted to you; join its group (`sudo usermod -aG dialout $USER`) and log in again"
    elif code in (errno.ENOTTY, errno.EISDIR) or "Inappropriate ioctl" in text:
        problem = "is not a serial port; choose one with --port"
    elif isinstance(error, ValueError):
        problem = f"cannot be set to {baud} baud ({text}); use a port that can"
    else:
        problem = f"cannot be opened ({text}); check the cable and the name"
    return f"port {spec} {problem}"
