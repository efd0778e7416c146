"""SysTick (Arm DDI0403, B3.3) and the DWT's cycle counter (C1.8)."""

from collections.abc import Callable

from virtual.timebase import Event, Timebase

ENABLE, TICKINT, CLKSOURCE, COUNTFLAG = 1, 2, 4, 1 << 16
RELOAD_MASK = 0x00FF_FFFF
EXTERNAL_DIVISOR = 8  # STM32: the alternative clock is HCLK / 8
CSR, RVR, CVR, CALIB = 0, 4, 8, 12


class SysTick:
    """Counts down core cycles, or eighths of them."""

    def __init__(self, timebase: Timebase, interrupt: Callable[[], None]) -> None:
        self._timebase = timebase
        self._interrupt = interrupt
        self._event: Event | None = None
        self.reset()

    def reset(self) -> None:
        self._control = self._reload = self._zero_at = self._stopped_value = 0
        self._wrapped = False
        self._plan(None)

    @property
    def _divisor(self) -> int:
        return 1 if self._control & CLKSOURCE else EXTERNAL_DIVISOR

    def _value(self) -> int:
        """Counter value; ``_zero_at`` is a cycle in which it is, was or will be 0."""
        if not self._control & ENABLE or not self._reload:
            return self._stopped_value
        return -(-(self._zero_at - self._timebase.now) // self._divisor) % (self._reload + 1)

    def read(self, offset: int) -> int:
        if offset == CSR:
            value = self._control | (COUNTFLAG if self._wrapped else 0)
            self._wrapped = False
            return value
        return {RVR: self._reload, CVR: self._value()}.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        if offset == CSR:
            self._stopped_value = self._value()
            self._control = value & (ENABLE | TICKINT | CLKSOURCE)
            self._start(self._stopped_value)
        elif offset == RVR:
            current = self._value()
            self._reload = value & RELOAD_MASK
            self._start(min(current, self._reload))
        elif offset == CVR:
            self._wrapped = False
            self._start(0)

    def _start(self, value: int) -> None:
        """Count on from ``value``; from 0 the next tick reloads."""
        self._stopped_value = value
        if not self._control & ENABLE or not self._reload:
            self._plan(None)
            return
        ticks = value or self._reload + 1
        self._zero_at = self._timebase.now + ticks * self._divisor
        self._plan(self._zero_at)

    def _plan(self, cycle: int | None) -> None:
        if self._event:
            self._event.cancel()
        self._event = None if cycle is None else self._timebase.at(cycle, self._reached_zero, core=True)

    def _reached_zero(self) -> None:
        self._wrapped = True
        self._zero_at += (self._reload + 1) * self._divisor
        self._plan(self._zero_at)
        if self._control & TICKINT:
            self._interrupt()


class CycleCounter:
    """DWT CYCCNT: runs when both DEMCR.TRCENA and DWT_CTRL.CYCCNTENA are set."""

    def __init__(self, timebase: Timebase) -> None:
        self._timebase = timebase
        self.reset()

    def reset(self) -> None:
        self._trace = self._enabled = False
        self._value = self._since = 0

    @property
    def _running(self) -> bool:
        return self._trace and self._enabled

    def read(self) -> int:
        return (self._value + (self._timebase.now - self._since if self._running else 0)) & 0xFFFFFFFF

    def write(self, value: int) -> None:
        self._value, self._since = value, self._timebase.now

    def set_trace(self, on: bool) -> None:
        self.write(self.read())
        self._trace = on

    def set_enabled(self, on: bool) -> None:
        self.write(self.read())
        self._enabled = on
