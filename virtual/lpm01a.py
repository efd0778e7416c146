"""ST's power shield LPM01A as a model: it supplies a virtual board, and answers on a pseudo-terminal.

It speaks the part of the shield's dialogue that mlcommons/tiny's runner uses, and records what the virtual board draws
in the board's own virtual time: one sample of energy a millisecond, and the falling edges of its timestamp pin.
"""

import contextlib
import os
import re
import select
import threading
import tty
from collections.abc import Callable
from types import TracebackType
from typing import Self

from virtual.board import VirtualBoard
from virtual.energy import ChargeMeter, CurrentModel

PERIOD_S = 1e-3
PROMPT = "PowerShield > "
COMPLETED = "Acquisition completed"
CHUNK = 4096
COUNTERS = 100
CLOCK_SAMPLES = 1000  # between two clock lines
SETTINGS = re.compile(
    r"htc|hrc|lcd [12] \".*\"|acqtime inf|trigdelay 0|trigsrc sw|output energy|format ascii_dec|freq 1k"
)

CurrentOf = Callable[[VirtualBoard], Callable[[], float]]


class VirtualLpm01a:
    """Joins a board to a power monitor. Use as a context manager; ``path`` is the terminal to open.

    The board is run by its own user; meanwhile each millisecond of its time gives a sample. Power and recording are
    switched by commands, which must not come while the board runs. ``current_of`` makes, at power-on, a function that
    gives the average current in amperes since its last call.
    """

    def __init__(self, board: VirtualBoard, current_of: CurrentOf) -> None:
        self._board = board
        self._current_of = current_of
        self._amperes: Callable[[], float] | None = None
        self._volts = 3.3
        self._stop_sampling: Callable[[], None] | None = None
        self._events = self._samples = 0
        self._watches_edges = False
        self._outgoing = bytearray()
        self._lock = threading.Lock()
        pin = board.board.timestamp_pin
        board.connect(pin, 1)  # the shield pulls it up
        board.watch_pin(pin, self._pin_changed)
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        self._wake_read, self._wake_write = os.pipe()
        self._closing = False
        self._thread = threading.Thread(target=self._serve, name="virtual-lpm01a", daemon=True)
        self._thread.start()

    # -- the wire -------------------------------------------------------------------------------------------------

    def _say(self, text: str) -> None:
        with self._lock:
            self._outgoing += text.encode("ascii") + b"\r\n"
        os.write(self._wake_write, b"\0")

    def _serve(self) -> None:
        pending = b""
        while not self._closing:
            with self._lock:
                writers = [self._master] if self._outgoing else []
            readable, writable, _ = select.select([self._master, self._wake_read], writers, [])
            if self._wake_read in readable:
                os.read(self._wake_read, CHUNK)
            if writable:
                with self._lock, contextlib.suppress(BlockingIOError):
                    del self._outgoing[: os.write(self._master, self._outgoing[:CHUNK])]
            if self._master in readable:
                with contextlib.suppress(BlockingIOError):
                    pending += os.read(self._master, CHUNK)
                *commands, pending = pending.split(b"\r\n")
                for command in commands:
                    self._obey(command.decode("ascii", "replace"))

    # -- commands -------------------------------------------------------------------------------------------------

    def _obey(self, command: str) -> None:
        volts = re.fullmatch(r"volt (\d+)m", command)
        if command in {"pwr on", "pwr on nostatus"}:
            self._power_on()
        elif command == "pwr off":
            self._amperes = None
        elif command == "eventsrc d7 fal":
            self._watches_edges = True
        elif command == "start":
            self._start()
        elif command == "stop":
            self._stop()
        elif volts and 1800 <= int(volts[1]) <= 3300:
            self._volts = int(volts[1]) / 1000
        elif not SETTINGS.fullmatch(command):
            self._say(f"{PROMPT}error {command}")
            return
        self._say(f"{PROMPT}ack {command}")
        if command == "stop":
            self._say(f"{PROMPT}{COMPLETED}")

    def _power_on(self) -> None:
        if self._amperes is None:
            self._board.reset()
            self._amperes = self._current_of(self._board)

    def _start(self) -> None:
        if self._stop_sampling is None:
            self._events = self._samples = 0
            if self._amperes is not None:
                self._amperes()  # what was drawn before is not part of the first sample
            self._stop_sampling = self._board.every(PERIOD_S, self._sample)

    def _stop(self) -> None:
        if self._stop_sampling is not None:
            self._stop_sampling()
            self._stop_sampling = None

    # -- measuring, in the thread that runs the board ---------------------------------------------------------------

    def _sample(self) -> None:
        self._samples += 1
        if self._samples % CLOCK_SAMPLES == 0:
            milliseconds = self._samples
            self._say(f"TimeStamp: {milliseconds // 1000:03d}s {milliseconds % 1000:03d}ms, buff 00%")
        amperes = self._amperes() if self._amperes is not None else 0.0
        self._say(ascii_dec(amperes * self._volts * PERIOD_S))

    def _pin_changed(self, high: bool) -> None:
        if not high and self._stop_sampling is not None and self._watches_edges:
            self._events += 1
            self._say(f"event {self._events % COUNTERS:02d} ris")

    # -- end ------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Stop recording, end the thread, close the terminal."""
        if self._closing:
            return
        self._stop()
        self._closing = True
        os.write(self._wake_write, b"\0")
        self._thread.join()
        for descriptor in (self._master, self._slave, self._wake_read, self._wake_write):
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def ascii_dec(value: float) -> str:
    """A sample as the shield prints it: four digits and a power of ten, 6409-07 for 6409e-7."""
    exponent = 0
    if value > 0:
        exponent = int(f"{value:.3e}".partition("e")[2]) - 3
    return f"{round(value / 10.0**exponent):04d}{exponent:+03d}"


def charge_current(board: VirtualBoard, model: CurrentModel) -> Callable[[], float]:
    """The average current since the last call, by the board's current model."""
    meter = ChargeMeter(board, model)
    return lambda: meter.sample().amps
