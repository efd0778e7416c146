"""Real-time clock (RM0432, chapter 45): calendar, wake-up timer, backup registers."""

import datetime
from collections.abc import Callable
from typing import ClassVar

from virtual.soc.diagnostics import Diagnostics
from virtual.soc.peripheral import Peripheral
from virtual.timebase import Event, Timebase

TR, DR, CR, ISR, PRER, WUTR, WPR, SSR = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x14, 0x24, 0x28
BACKUP = range(0x50, 0xD0, 4)
UNPROTECTED = frozenset({WPR, *BACKUP})
BYPSHAD, FMT, ALRAE, ALRBE, WUTE, WUTIE = 1 << 5, 1 << 6, 1 << 8, 1 << 9, 1 << 10, 1 << 14
ALRAWF, ALRBWF, WUTWF, INITS, RSF, INITF, INIT, WUTF = (1 << n for n in (0, 1, 2, 4, 5, 6, 7, 10))
CLEARABLE = 0x3F20  # RSF and the alarm, wake-up, time-stamp and tamper flags
KEYS = (0xCA, 0x53)
FIRST_YEAR = 2000


def bcd(value: int) -> int:
    return value // 10 << 4 | value % 10


def unbcd(value: int) -> int:
    return (value >> 4) * 10 + (value & 15)


class Rtc(Peripheral):
    """``clock_hz`` is 0 while RCC_BDCR has the calendar off; ``wake_up`` is the EXTI line of the wake-up timer."""

    RESET: ClassVar = {TR: 0, DR: 0x2101, ISR: 0x07, PRER: 0x007F_00FF, WUTR: 0xFFFF}

    def __init__(
        self,
        timebase: Timebase,
        diagnostics: Diagnostics,
        clock_hz: Callable[[], int],
        writable: Callable[[], bool],
        wake_up: Callable[[], None],
    ) -> None:
        super().__init__("RTC")
        self._timebase = timebase
        self._diagnostics = diagnostics
        self._clock_hz = clock_hz
        self._writable = writable
        self._wake_up = wake_up
        self._event: Event | None = None
        self.power_on()

    def power_on(self) -> None:
        """Reset of the backup domain."""
        self.registers = dict(self.RESET)
        self._keys: list[int] = []
        self._origin = datetime.datetime(FIRST_YEAR, 1, 1)
        self._started: float | None = None  # virtual seconds at ``_origin``; None while the clock is off
        self._plan()

    def reset(self) -> None:
        """A system reset only restores the write protection."""
        self._keys = []
        self._plan()

    # -- time -----------------------------------------------------------------------------------------------------

    def _ticks_per_second(self) -> float:
        prescaler = self.peek(PRER)
        return self._clock_hz() / ((prescaler >> 16 & 0x7F) + 1)

    def _elapsed(self) -> float:
        """Seconds of the calendar since ``_origin``."""
        if self._started is None:
            return 0.0
        one = ((self.peek(PRER) & 0x7FFF) + 1) / self._ticks_per_second() if self._clock_hz() else 1.0
        return (self._timebase.seconds - self._started) / one

    def _now(self) -> datetime.datetime:
        return self._origin + datetime.timedelta(seconds=int(self._elapsed()))

    def before_clock_change(self) -> None:
        self._origin, self._started = self._origin + datetime.timedelta(seconds=self._elapsed()), None

    def clock_changed(self) -> None:
        if self._clock_hz() and not self.peek(ISR) & INIT:
            self._started = self._timebase.seconds

    def _time_register(self) -> int:
        now = self._now()
        hour, afternoon = now.hour, 0
        if self.peek(CR) & FMT:
            hour, afternoon = (now.hour - 1) % 12 + 1, int(now.hour >= 12)
        return afternoon << 22 | bcd(hour) << 16 | bcd(now.minute) << 8 | bcd(now.second)

    def _date_register(self) -> int:
        now = self._now()
        return bcd(now.year - FIRST_YEAR) << 16 | now.isoweekday() << 13 | bcd(now.month) << 8 | bcd(now.day)

    # -- registers ------------------------------------------------------------------------------------------------

    def read(self, offset: int) -> int:
        running = self._started is not None
        if offset == TR and running:
            return self._time_register()
        if offset == DR and running:
            return self._date_register()
        if offset == SSR:
            whole = (self.peek(PRER) & 0x7FFF) + 1
            return whole - 1 - int(self._elapsed() % 1 * whole) if running else 0
        if offset == ISR:
            return self.peek(ISR) | (RSF if running else 0)
        return 0 if offset == WPR else self.peek(offset)

    def write(self, offset: int, value: int) -> None:
        if not self._writable():
            self._diagnostics.add("RTC: written while PWR_CR1.DBP protects the backup domain; ignored")
            return
        if offset == WPR:
            self._keys = [*self._keys, value & 0xFF][-2:]
        elif offset in BACKUP:
            super().write(offset, value)
        elif tuple(self._keys) != KEYS:
            self._diagnostics.add("RTC: written without the keys to its write protection register; ignored")
        elif offset == ISR:
            self._write_status(value)
        elif offset == CR:
            self._write_control(value)
        elif offset in {TR, DR, PRER}:
            if self.peek(ISR) & INITF:
                super().write(offset, value)
        else:
            super().write(offset, value)

    def _write_status(self, value: int) -> None:
        status = self.peek(ISR)
        if value & INIT and not status & INIT:
            self.registers[TR], self.registers[DR] = self._time_register(), self._date_register()
            self._started = None
            status |= INIT | INITF
        starts = not value & INIT and bool(status & INIT)
        if starts:
            status &= ~(INIT | INITF)
        self.registers[ISR] = status & (value | ~CLEARABLE)  # flags are cleared by zeros
        if starts:
            self._load()

    def _load(self) -> None:
        """Start the calendar from what was written."""
        time, date = self.peek(TR), self.peek(DR)
        hour = unbcd(time >> 16 & 0x3F)
        if self.peek(CR) & FMT:
            hour = hour % 12 + 12 * (time >> 22 & 1)
        try:
            self._origin = datetime.datetime(
                FIRST_YEAR + unbcd(date >> 16 & 0xFF),
                unbcd(date >> 8 & 0x1F),
                unbcd(date & 0x3F),
                hour,
                unbcd(time >> 8 & 0x7F),
                unbcd(time & 0x7F),
            )
        except ValueError:
            self._diagnostics.add(f"RTC: TR {time:#08x} and DR {date:#08x} are no time and date")
        if self._origin.year != FIRST_YEAR:
            self.registers[ISR] |= INITS
        self.clock_changed()

    def _write_control(self, value: int) -> None:
        if value & (ALRAE | ALRBE):
            self._diagnostics.add("RTC: alarms are not modelled")
        super().write(CR, value)
        status = self.peek(ISR) & ~(ALRAWF | ALRBWF | WUTWF)
        status |= 0 if value & WUTE else WUTWF
        self.registers[ISR] = status | (0 if value & ALRAE else ALRAWF) | (0 if value & ALRBE else ALRBWF)
        self._plan()

    # -- wake-up timer --------------------------------------------------------------------------------------------

    def _plan(self) -> None:
        if self._event:
            self._event.cancel()
            self._event = None
        control = self.peek(CR)
        if not control & WUTE or not self._clock_hz():
            return
        selected = control & 7
        if selected < 4:
            tick = (16 >> selected) / self._clock_hz()
        else:
            tick = ((self.peek(PRER) & 0x7FFF) + 1) / self._ticks_per_second()
        count = self.peek(WUTR) + 1 + (0x10000 if selected >= 6 else 0)
        due = self._timebase.now + self._timebase.cycles_of(count * tick)
        self._event = self._timebase.at(due, self._woken)

    def _woken(self) -> None:
        self.registers[ISR] = self.peek(ISR) | WUTF
        if self.peek(CR) & WUTIE:
            self._wake_up()
        self._plan()
