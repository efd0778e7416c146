"""A byte link to a device: commands out, bounded lines in, everything recorded."""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from common.errors import UserError
from harness.transcript import Transcript, printable

try:
    from termios import error as _termios_error

    # pyserial lets termios.error, which is no OSError, through when a device was unplugged.
    PORT_ERRORS: tuple[type[Exception], ...] = (OSError, _termios_error)
except ImportError:
    PORT_ERRORS = (OSError,)

READY = "m-ready"
TERMINATOR = b"%"

MAX_LINE_BYTES = 4096
MAX_LINES = 5000  # per answer; the longest real one is `db print` of 27648 bytes, 3456 lines
MAX_DRAIN_BYTES = 65536
READ_BYTES = 4096
EXCERPT_BYTES = 60
SETTLE_S = 0.25  # what belongs to an answer follows its line within this time


class SerialLike(Protocol):
    """What the harness uses of a serial port: the subset that pyserial and the virtual board share.

    ``read`` waits up to ``timeout`` seconds of the port's own clock for the first byte and returns ``b""`` when
    none came. Failures of the port are ``OSError``.
    """

    @property
    def timeout(self) -> float | None: ...

    @timeout.setter
    def timeout(self, value: float, /) -> None: ...

    @property
    def in_waiting(self) -> int: ...

    def read(self, size: int = 1, /) -> bytes: ...

    def write(self, data: bytes, /) -> int | None: ...

    def close(self) -> None: ...


class LinkError(UserError):
    """The link to the device failed."""


class SilentError(LinkError):
    """The device did not answer in time."""


class FloodError(LinkError):
    """The device sends without end."""


@dataclass(frozen=True)
class Line:
    """A received line without line end, carriage returns and NULs. ``seconds`` since open when its end was read."""

    text: str
    seconds: float


class Link:
    """Owns an open port until ``close``. Line lengths, line counts and waiting times are all bounded.

    ``clock`` is the clock the port's timeouts run on: host time for real ports, modelled time for the virtual board.
    ``situation`` says what the firmware is doing, where that can be known: for messages about silence.
    """

    def __init__(
        self,
        port: SerialLike,
        name: str,
        clock: Callable[[], float] = time.monotonic,
        situation: Callable[[], str] | None = None,
    ) -> None:
        self.name = name
        self.transcript = Transcript()
        self._port = port
        self._clock = clock
        self._situation = situation
        self._opened = clock()
        self._buffer = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the port; a port that is already gone is no error."""
        with contextlib.suppress(*PORT_ERRORS):
            self._port.close()

    @property
    def seconds(self) -> float:
        """Since open, on the port's clock."""
        return self._clock() - self._opened

    @property
    def situation(self) -> str:
        """What the firmware is doing, as the end of a sentence; empty where that is not known."""
        return f": {self._situation()}" if self._situation is not None else ""

    def send(self, data: bytes) -> None:
        """Raises LinkError when the port is gone or does not take the bytes."""
        self.transcript.add(self.seconds, True, data)
        try:
            self._port.write(data)
        except PORT_ERRORS as error:
            raise self._vanished(error) from error

    def ask(self, command: str, timeout: float) -> tuple[Line, ...]:
        """Send a command and collect its answer: all non-blank lines up to, without, the first that is `m-ready`.

        A line that holds more than `m-ready` is kept. It ends the answer if nothing follows at once: it may be noise
        before `m-ready`, or a name with `m-ready` in it. ``timeout`` bounds the wait for each line, in seconds.

        Raises:
            SilentError: a line did not come in time.
            FloodError: the answer has no end.
            LinkError: the port vanished.
        """
        mark = len(self.transcript.chunks)
        self.send(command.encode("ascii") + TERMINATOR)
        what = f"to `{abbreviated(command)}`"
        lines: list[Line] = []
        for _ in range(MAX_LINES):
            line = self._read_line(timeout, what, mark)
            if line.text.strip() not in ("", READY):
                lines.append(line)
            if line.text.strip() == READY or (READY in line.text and not self._more(SETTLE_S)):
                return tuple(lines)
        raise self._flooded(f"{MAX_LINES} lines {what} without `{READY}`", mark)

    def _more(self, quiet: float) -> bool:
        """Whether anything has come, or does within ``quiet`` seconds."""
        self._buffer += b"" if self._buffer else self._receive(quiet)
        return bool(self._buffer)

    def drain(self, quiet: float, patience: float) -> bytes:
        """Read until nothing came for ``quiet`` seconds.

        Raises:
            FloodError: no silence within ``patience`` seconds or 64 KiB.
            LinkError: the port vanished.
        """
        mark = len(self.transcript.chunks)
        drained = bytes(self._buffer)
        self._buffer.clear()
        deadline = self._clock() + patience
        while chunk := self._receive(quiet):
            drained += chunk
            if len(drained) > MAX_DRAIN_BYTES or self._clock() > deadline:
                raise self._flooded("without a pause", mark)
        return drained

    def read_until(self, end: bytes, timeout: float) -> bytes:
        """Raw bytes up to and with ``end``; without it, all that came until nothing more did for ``timeout`` seconds.

        Raises:
            FloodError: more than 64 KiB without it.
            LinkError: the port vanished.
        """
        mark = len(self.transcript.chunks)
        while (found := self._buffer.find(end)) < 0:
            if len(self._buffer) > MAX_DRAIN_BYTES:
                raise self._flooded(f"{MAX_DRAIN_BYTES} bytes without `{end.decode()}`", mark)
            chunk = self._receive(timeout)
            if not chunk:
                found = len(self._buffer)
                break
            self._buffer += chunk
        taken = bytes(self._buffer[: found + len(end)])
        del self._buffer[: len(taken)]
        return taken

    def discard_waiting(self) -> bytes:
        """Take what arrived unasked, without waiting; it stays in the transcript."""
        try:
            waiting = self._port.in_waiting
        except PORT_ERRORS as error:
            raise self._vanished(error) from error
        stale = bytes(self._buffer) + (self._receive(self._port.timeout or 0.0) if waiting else b"")
        self._buffer.clear()
        return stale

    def _read_line(self, timeout: float, what: str, mark: int) -> Line:
        deadline = self._clock() + timeout
        searched = 0
        while (end := self._buffer.find(b"\n", searched, MAX_LINE_BYTES)) < 0:
            searched = len(self._buffer)
            if searched >= MAX_LINE_BYTES:
                raise self._flooded(f"a line of more than {MAX_LINE_BYTES} bytes {what}", mark)
            chunk = self._receive(timeout) if self._clock() <= deadline else b""
            if not chunk:
                so_far = self._excerpt(mark) or "nothing"
                silence = f"{self.name} sent {so_far} {what} and then no line for {timeout:.1f} s"
                raise SilentError(silence + self.situation)
            self._buffer += chunk
        raw = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        text = raw.replace(b"\r", b"").replace(b"\0", b"").decode("ascii", "backslashreplace")
        return Line(text, self.seconds)

    def _receive(self, timeout: float) -> bytes:
        try:
            # Assigning reconfigures a pyserial port (over the network, for rfc2217), so only on change.
            if self._port.timeout != timeout:
                self._port.timeout = timeout
            chunk = self._port.read(min(max(1, self._port.in_waiting), READ_BYTES))
        except PORT_ERRORS as error:
            raise self._vanished(error) from error
        if chunk:
            self.transcript.add(self.seconds, False, chunk)
        return chunk

    def _excerpt(self, mark: int) -> str:
        received = self.transcript.received(mark)
        return f"'{printable(received, EXCERPT_BYTES)}'" if received else ""

    def _flooded(self, how: str, mark: int) -> FloodError:
        return FloodError(
            f"{self.name} sends {how}: {self._excerpt(mark)}; check the baud rate, or another firmware is on the board"
        )

    def _vanished(self, error: Exception) -> LinkError:
        return LinkError(f"{self.name} vanished ({error}); check the cable and run again")


def abbreviated(command: str) -> str:
    """A command as error messages show it."""
    return command if len(command) <= 32 else f"{command[:29]}..."
