"""Low-power timers (RM0432, chapter 42): counting an internal clock. Written values are taken over at once."""

from collections.abc import Callable

from virtual.soc.diagnostics import Diagnostics
from virtual.soc.peripheral import Peripheral
from virtual.timebase import Event, Timebase

ISR, ICR, IER, CFGR, CR, CMP, ARR, CNT = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x14, 0x18, 0x1C
CMPM, ARRM, CMPOK, ARROK = 1 << 0, 1 << 1, 1 << 3, 1 << 4
ENABLE, SNGSTRT, CNTSTRT, COUNTRST = 1 << 0, 1 << 1, 1 << 2, 1 << 3
NOT_MODELLED = 1 | 3 << 17 | 1 << 23 | 1 << 24  # CKSEL, TRIGEN, COUNTMODE, ENC


class LowPowerTimer(Peripheral):
    """The counter is a function of virtual time. ``clock_hz`` is its kernel clock, 0 while that is off."""

    def __init__(
        self,
        name: str,
        timebase: Timebase,
        diagnostics: Diagnostics,
        clock_hz: Callable[[], int],
        interrupt: Callable[[bool], None],
    ) -> None:
        super().__init__(name)
        self._timebase = timebase
        self._diagnostics = diagnostics
        self._clock_hz = clock_hz
        self._interrupt = interrupt
        self._event: Event | None = None
        self.reset()

    def reset(self) -> None:
        self.registers = {ARR: 1}
        self._mode = 0  # SNGSTRT or CNTSTRT while it counts
        self._count, self._since = 0, self._timebase.now
        self._plan()

    def _cycles_per_tick(self) -> tuple[int, int]:
        """As a fraction."""
        return self._timebase.hz << (self.peek(CFGR) >> 9 & 7), self._clock_hz()

    def _sync(self) -> None:
        cycles, per = self._cycles_per_tick()
        while self._mode and per:
            ticks = (self._timebase.now - self._since) * per // cycles
            to_wrap = self.peek(ARR) - self._count + 1 if self._count <= self.peek(ARR) else 0x10000 - self._count
            step = min(ticks, to_wrap)
            if 0 < self.peek(CMP) - self._count <= step:
                self._flag(CMPM)
            if 0 < self.peek(ARR) - self._count <= step:
                self._flag(ARRM)
            if ticks < to_wrap:
                self._count += ticks
                self._since += -(-ticks * cycles // per)
                return
            self._since += -(-to_wrap * cycles // per)
            self._count = 0
            if self._mode == SNGSTRT:
                self._mode = 0

    def _flag(self, bits: int) -> None:
        self.registers[ISR] = self.peek(ISR) | bits

    def _plan(self) -> None:
        if self._event:
            self._event.cancel()
            self._event = None
        self._interrupt(bool(self.peek(ISR) & self.peek(IER)))
        cycles, per = self._cycles_per_tick()
        if not self._mode or not per:
            return
        targets = [
            target - self._count
            for target, enable in ((self.peek(CMP), CMPM), (self.peek(ARR), ARRM), (self.peek(ARR) + 1, ARRM | CMPM))
            if self.peek(IER) & enable and target > self._count
        ]
        if targets:
            self._event = self._timebase.at(self._since + -(-min(targets) * cycles // per), self._due)

    def _due(self) -> None:
        self._sync()
        self._plan()

    def before_clock_change(self) -> None:
        self._sync()

    def clock_changed(self) -> None:
        self._since = self._timebase.now
        self._plan()

    def read(self, offset: int) -> int:
        self._sync()
        return self._count if offset == CNT else 0 if offset == ICR else self.peek(offset)

    def write(self, offset: int, value: int) -> None:
        self._sync()
        if offset == ICR:
            self.registers[ISR] = self.peek(ISR) & ~value
        elif offset == CR:
            self._control(value)
        elif offset in {CMP, ARR}:
            super().write(offset, value & 0xFFFF)
            self._flag(CMPOK if offset == CMP else ARROK)
        elif offset not in {ISR, CNT}:
            if offset == CFGR and value & NOT_MODELLED:
                self._diagnostics.add(f"{self.name}: external clocks, triggers and the encoder mode are not modelled")
            super().write(offset, value)
        self._plan()

    def _control(self, value: int) -> None:
        if not value & ENABLE:
            self._mode = self._count = 0
        elif value & (SNGSTRT | CNTSTRT):
            if not self._mode:
                self._count, self._since = 0, self._timebase.now
            self._mode = CNTSTRT if value & CNTSTRT else SNGSTRT
        if value & COUNTRST:
            self._count, self._since = 0, self._timebase.now
        if self._mode and not self._clock_hz():
            self._diagnostics.add(f"{self.name}: started, but its clock selected in RCC_CCIPR is off")
        self.registers[CR] = value & (ENABLE | 1 << 4)
