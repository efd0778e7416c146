"""Virtual time: the modelled core cycle, its length, and what is to happen when."""

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol


class Cycles(Protocol):
    """The counter that everything derives from."""

    @property
    def now(self) -> int: ...

    def stop_no_later_than(self, cycle: int) -> None: ...

    def advance(self, cycles: int) -> None: ...


@dataclass(order=True)
class Event:
    """Something due at a cycle. ``core`` events keep their cycle when the clock changes, others their time."""

    cycle: int
    order: int
    action: Callable[[], None] = field(compare=False)
    core: bool = field(compare=False)
    cancelled: bool = field(default=False, compare=False)

    def cancel(self) -> None:
        self.cancelled = True


class Timebase:
    """Cycles, seconds and events. ``hz`` is the core clock (HCLK)."""

    def __init__(self, cycles: Cycles, hz: int) -> None:
        self._cycles = cycles
        self._order = itertools.count()
        self._events: list[Event] = []
        self._since_cycle = 0
        self._since_seconds = 0.0
        self.hz = hz

    def restart(self, hz: int) -> None:
        """Forget every event; time goes on from where it is, with a clock of ``hz``."""
        self._since_seconds, self._since_cycle = self.seconds, self.now
        self.hz = hz
        self._events.clear()

    def power_on(self) -> None:
        """Begin again at 0 seconds; the cycle counter is 0."""
        self._since_seconds, self._since_cycle = 0.0, 0

    @property
    def now(self) -> int:
        return self._cycles.now

    @property
    def seconds(self) -> float:
        return self._since_seconds + (self.now - self._since_cycle) / self.hz

    def cycles_of(self, seconds: float) -> int:
        """How many cycles of the present clock an interval takes, at least one."""
        return max(1, round(seconds * self.hz))

    def set_frequency(self, hz: int) -> None:
        now = self.now
        self._since_seconds, self._since_cycle = self.seconds, now
        for event in self._events:
            if not event.core:
                event.cycle = now + max(0, event.cycle - now) * hz // self.hz
        heapq.heapify(self._events)
        self.hz = hz
        self._notify()

    def at(self, cycle: int, action: Callable[[], None], *, core: bool = False) -> Event:
        event = Event(cycle, next(self._order), action, core)
        heapq.heappush(self._events, event)
        self._cycles.stop_no_later_than(cycle)
        return event

    def attend(self) -> None:
        """Have the core look at its exceptions as soon as the present block ends."""
        self._cycles.stop_no_later_than(0)

    def stall_until(self, cycle: int) -> None:
        """Hold the core up to a cycle: what it waits for is not there before."""
        self._cycles.advance(max(0, cycle - self.now))

    def next_cycle(self) -> int | None:
        """When the next event is due; None when nothing is planned."""
        while self._events and self._events[0].cancelled:
            heapq.heappop(self._events)
        return self._events[0].cycle if self._events else None

    def run_due(self) -> None:
        """Carry out all events that are due, in order."""
        events = self._events
        while events and (events[0].cancelled or events[0].cycle <= self._cycles.now):
            event = heapq.heappop(events)
            if not event.cancelled:
                event.action()

    def _notify(self) -> None:
        cycle = self.next_cycle()
        if cycle is not None:
            self._cycles.stop_no_later_than(cycle)


class Ticker:
    """A callback at regular intervals. The clock may change in between; a reset of the chip ends it, see `restart`."""

    def __init__(self, timebase: Timebase, seconds: float, action: Callable[[], None]) -> None:
        self._timebase = timebase
        self._seconds = seconds
        self._action = action
        self.restart()

    def restart(self) -> None:
        """Count from now on."""
        self._due = self._timebase.seconds
        self._next()

    def stop(self) -> None:
        self._event.cancel()

    def _next(self) -> None:
        self._due += self._seconds
        cycles = self._timebase.cycles_of(self._due - self._timebase.seconds)
        self._event = self._timebase.at(self._timebase.now + cycles, self._tick)

    def _tick(self) -> None:
        self._next()
        self._action()
