"""What a power monitor saw: energy per millisecond, and the device's falling edges among it."""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from common.errors import UserError
from harness.answers import DeviceError

PERIOD_S = 1e-3  # as mlcommons/tiny's runner records
COUNTERS = 100  # an LPM01A numbers edges with two digits


@dataclass(frozen=True)
class Edge:
    """``sample``: how many samples came before it. ``number``: the monitor's own count of edges, if it has one."""

    sample: int
    number: int | None = None


@dataclass(frozen=True)
class Span:
    """The samples between two edges, in joules per millisecond."""

    joules: tuple[float, ...]

    @property
    def seconds(self) -> float:
        return len(self.joules) * PERIOD_S

    @property
    def total_joules(self) -> float:
        return sum(self.joules)


class Recording:
    """Filled by a monitor's thread, read by the run's."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._joules: list[float] = []
        self._edges: list[Edge] = []
        self._failure: UserError | None = None

    def add(self, joules: Iterable[float]) -> None:
        """Append samples of a millisecond each."""
        with self._changed:
            self._joules.extend(joules)

    def mark(self, number: int | None = None) -> None:
        """A falling edge, after all samples so far."""
        with self._changed:
            self._edges.append(Edge(len(self._joules), number))
            self._changed.notify_all()

    def fail(self, error: UserError) -> None:
        """The monitor cannot go on; whoever waits is told."""
        with self._changed:
            self._failure = self._failure or error
            self._changed.notify_all()

    @property
    def edges(self) -> int:
        """How many edges there were so far."""
        with self._changed:
            return len(self._edges)

    def span(self, since: int, timeout: float) -> Span:
        """The samples between the two edges that follow the first ``since`` ones.

        ``timeout``: host seconds to wait for the second one to arrive from the monitor.

        Raises:
            DeviceError: there are not exactly two edges, or the monitor's count of them has a gap.
            UserError: the monitor failed.
        """
        with self._changed:
            self._changed.wait_for(lambda: len(self._edges) >= since + 2 or self._failure, timeout)
            if self._failure is not None:
                raise self._failure
            edges = self._edges[since:]
            if len(edges) != 2:
                raise DeviceError(
                    f"the monitor saw {len(edges)} edges of the timestamp pin during a window, not 2; "
                    "check the wire from the board's D7 to the monitor, and that the firmware is for energy mode"
                )
            begin, end = edges
            if begin.number is not None and end.number is not None and (begin.number + 1 - end.number) % COUNTERS:
                raise DeviceError(
                    f"the monitor numbered the window's edges {begin.number} and {end.number}; it lost some, run again"
                )
            return Span(tuple(self._joules[begin.sample : end.sample]))


class Monitor(Protocol):
    """A power monitor that also supplies the device. ``volts``: what it supplies. All methods raise UserError."""

    @property
    def name(self) -> str: ...

    @property
    def volts(self) -> float: ...

    @property
    def recording(self) -> Recording: ...

    def power(self, on: bool) -> None: ...

    def start(self) -> None:
        """Begin to record."""
        ...

    def stop(self) -> None: ...

    def close(self) -> None: ...


class Binner:
    """Turns faster samples of power and pin level into milliseconds of energy and edges.

    ``rate``: samples a second, a whole multiple of 1000.
    """

    def __init__(self, recording: Recording, rate: int) -> None:
        self._recording = recording
        self._per_bin = round(rate * PERIOD_S)
        self._rate = rate
        self._watts: NDArray[np.float64] = np.empty(0)
        self._level = True

    def add(self, watts: Sequence[float] | NDArray[np.float64], levels: Sequence[int] | NDArray[np.uint8]) -> None:
        """Samples of equal time; ``levels``: the timestamp pin's, 0 or 1.

        A sample that is no number (a gap of the monitor) fails the recording.
        """
        watts, high = np.asarray(watts, np.float64), np.asarray(levels) != 0
        if not np.isfinite(watts).all():
            self._recording.fail(UserError("the power monitor lost samples; use another USB port and run again"))
            return
        before = np.concatenate(([self._level], high[:-1])) if len(high) else high
        start = 0
        for edge in np.flatnonzero(before & ~high):
            self._bin(watts[start:edge])
            start = int(edge)
            self._recording.mark()
        self._bin(watts[start:])
        if len(high):
            self._level = bool(high[-1])

    def _bin(self, watts: NDArray[np.float64]) -> None:
        self._watts = np.concatenate((self._watts, watts))
        whole = len(self._watts) // self._per_bin * self._per_bin
        bins = self._watts[:whole].reshape(-1, self._per_bin)
        self._recording.add((bins.sum(axis=1) / self._rate).tolist())
        self._watts = self._watts[whole:]


MakeMonitor = Callable[[float], Monitor]
