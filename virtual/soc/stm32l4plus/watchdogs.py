"""Independent and window watchdog (RM0432, chapters 43 and 44)."""

from collections.abc import Callable
from typing import ClassVar

from virtual.soc.peripheral import Peripheral
from virtual.soc.stm32l4plus.clocks import LSI_HZ
from virtual.timebase import Event, Timebase

KR, PR, RLR, SR, WINR = 0x00, 0x04, 0x08, 0x0C, 0x10
RELOAD, UNLOCK, START = 0xAAAA, 0x5555, 0xCCCC
COUNTER_MASK = 0xFFF

CR, CFR, WWDG_SR = 0x00, 0x04, 0x08
WDGA, EWI, EWIF = 1 << 7, 1 << 9, 1
WWDG_DIVISOR = 4096


class IndependentWatchdog(Peripheral):
    """``expired`` resets the chip. Once started only a reset stops it."""

    RESET: ClassVar = {RLR: COUNTER_MASK, WINR: COUNTER_MASK}

    def __init__(self, timebase: Timebase, expired: Callable[[], None]) -> None:
        super().__init__("IWDG")
        self._timebase = timebase
        self._expired = expired
        self._event: Event | None = None
        self.reset()

    def reset(self) -> None:
        super().reset()
        self._unlocked = self.running = False
        self._reloaded = 0.0

    @property
    def _tick(self) -> float:
        return (4 << min(self.peek(PR) & 7, 6)) / LSI_HZ

    def write(self, offset: int, value: int) -> None:
        if offset == KR:
            self._unlocked = value & 0xFFFF == UNLOCK
            if value & 0xFFFF == START:
                self.running = True
                self._restart()
            elif value & 0xFFFF == RELOAD and self.running:
                self._refresh()
        elif self._unlocked and offset in {PR, RLR, WINR}:
            super().write(offset, value & (7 if offset == PR else COUNTER_MASK))
            if offset != RLR and self.running:
                self._restart()  # writing the window reloads; so does, for simplicity, changing the tick

    def read(self, offset: int) -> int:
        return 0 if offset == KR else self.peek(offset)

    def _refresh(self) -> None:
        counter = self.peek(RLR) - int((self._timebase.seconds - self._reloaded) / self._tick)
        if counter > self.peek(WINR):
            self._expired()
        else:
            self._restart()

    def _restart(self) -> None:
        if self._event:
            self._event.cancel()
        self._reloaded = self._timebase.seconds
        cycles = self._timebase.cycles_of((self.peek(RLR) + 1) * self._tick)
        self._event = self._timebase.at(self._timebase.now + cycles, self._expired)


class WindowWatchdog(Peripheral):
    """Counts PCLK1 / 4096 / 2^WDGTB down; resets below 0x40 or when refreshed above the window."""

    RESET: ClassVar = {CR: 0x7F, CFR: 0x7F}

    def __init__(
        self,
        timebase: Timebase,
        pclk_hz: Callable[[], int],
        interrupt: Callable[[bool], None],
        expired: Callable[[], None],
    ) -> None:
        super().__init__("WWDG")
        self._timebase = timebase
        self._pclk_hz = pclk_hz
        self._interrupt = interrupt
        self._expired = expired
        self._events: list[Event] = []
        self.reset()

    def reset(self) -> None:
        super().reset()
        self._since = 0.0

    @property
    def running(self) -> bool:
        return bool(self.peek(CR) & WDGA)

    @property
    def _tick(self) -> float:
        return (WWDG_DIVISOR << (self.peek(CFR) >> 7 & 3)) / self._pclk_hz()

    def _counter(self) -> int:
        if not self.peek(CR) & WDGA:
            return self.peek(CR) & 0x7F
        return max(0, (self.peek(CR) & 0x7F) - int((self._timebase.seconds - self._since) / self._tick))

    def read(self, offset: int) -> int:
        return self.peek(CR) & WDGA | self._counter() if offset == CR else self.peek(offset)

    def write(self, offset: int, value: int) -> None:
        if offset == CR:
            if self.peek(CR) & WDGA and self._counter() > self.peek(CFR) & 0x7F:
                self._expired()
                return
            super().write(CR, value & 0xFF | self.peek(CR) & WDGA)
            self._since = self._timebase.seconds
            self._plan()
        elif offset == WWDG_SR:
            self.registers[WWDG_SR] = self.peek(WWDG_SR) & value
        else:
            super().write(offset, value | self.peek(offset) & EWI)
            self._plan()
        self._update()

    def _plan(self) -> None:
        for event in self._events:
            event.cancel()
        if not self.peek(CR) & WDGA:
            return
        counter, now = self._counter(), self._timebase.now
        if counter < 0x40:
            self._expired()
            return
        self._events = [
            self._timebase.at(now + self._timebase.cycles_of((counter - 0x40) * self._tick), self._warn),
            self._timebase.at(now + self._timebase.cycles_of((counter - 0x3F) * self._tick), self._expired),
        ]

    def _warn(self) -> None:
        self.registers[WWDG_SR] = EWIF
        self._update()

    def _update(self) -> None:
        self._interrupt(bool(self.peek(WWDG_SR) & EWIF and self.peek(CFR) & EWI))
