"""Boards between host and device that isolate the device electrically and hand commands through.

`interface`: MLCommons' enhanced interface board (STM32H573I-DK). `arduino`: EEMBC's IO manager. Their dialogue:
mlcommons/tiny, benchmark/interface; eembc/energyrunner, README. Not tried on hardware.
"""

import time
from collections.abc import Callable

from common.errors import UserError
from harness.link import TERMINATOR, Link, SerialLike

BAUD = 115200
KINDS = ("interface", "arduino")
PREFIX = b"dut "
DEVICE_LINE = b"[dut]: "
RESET_S = 3.0  # the interface board restarts after `setbaud`
ANSWER_S = 5.0
LOAD_CHUNK_BYTES = 26  # with `dut ` before it, a `db` command then still fits into 64 characters


class PassThrough:
    """A serial port as the device's own: commands go out as `dut <command>%`, only the device's lines come back."""

    def __init__(self, port: SerialLike) -> None:
        self._port = port
        self._sending = b""
        self._line = b""
        self._received = b""

    @property
    def timeout(self) -> float | None:
        return self._port.timeout

    @timeout.setter
    def timeout(self, value: float, /) -> None:
        self._port.timeout = value

    @property
    def in_waiting(self) -> int:
        if not self._received and self._port.in_waiting:
            self._collect(self._port.read(self._port.in_waiting))
        return len(self._received)

    def read(self, size: int = 1, /) -> bytes:
        while not self._received:
            chunk = self._port.read(max(1, self._port.in_waiting))
            if not chunk:
                return b""
            self._collect(chunk)
        taken, self._received = self._received[:size], self._received[size:]
        return taken

    def write(self, data: bytes, /) -> int:
        *commands, self._sending = (self._sending + data).split(TERMINATOR)
        for command in commands:
            self._port.write(PREFIX + command + TERMINATOR)
        return len(data)

    def close(self) -> None:
        self._port.close()

    def _collect(self, chunk: bytes) -> None:
        """Keep the device's lines, without the mark before them; the board's own acknowledgement is dropped."""
        *lines, self._line = (self._line + chunk).split(b"\n")
        for line in lines:
            if line.startswith(DEVICE_LINE):
                self._received += line.removeprefix(DEVICE_LINE) + b"\n"


def prepare(port: SerialLike, kind: str, spec: str, baud: int, clock: Callable[[], float] = time.monotonic) -> None:
    """Make the board between host and device ready for a device at ``baud``.

    Raises:
        UserError: it does not answer.
    """
    link = _link(port, kind, spec, clock)
    link.drain(0.25, 3.0)
    if kind == "interface":
        answer = [line.text for line in link.ask(f"setbaud {baud}", ANSWER_S)]
        if not any(str(baud) in line for line in answer):
            raise UserError(f"{link.name} does not confirm {baud} baud: it answered '{' | '.join(answer)[:80]}'")
        link.drain(RESET_S, 2 * RESET_S)
        link.ask("name", ANSWER_S)
    else:
        link.ask("tm 0", ANSWER_S)  # falling edges
        link.ask("enable-timer", ANSWER_S)


def release(port: SerialLike, kind: str, spec: str, clock: Callable[[], float] = time.monotonic) -> None:
    """Leave the board between as it was found: its timer no longer reports edges.

    Raises:
        UserError: it does not answer.
    """
    if kind == "arduino":
        _link(port, kind, spec, clock).ask("disable-timer", ANSWER_S)


def _link(port: SerialLike, kind: str, spec: str, clock: Callable[[], float]) -> Link:
    return Link(port, f"{kind} board on {spec}", clock)
