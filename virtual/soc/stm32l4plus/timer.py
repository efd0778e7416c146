"""Advanced, general-purpose and basic timers (RM0432, chapters 37 to 40): up-counting, update and compare events."""

from collections.abc import Callable

from virtual.soc.diagnostics import Diagnostics
from virtual.soc.peripheral import Peripheral
from virtual.timebase import Event, Timebase

CR1, SMCR, DIER, SR, EGR, CCMR1, CCMR2 = 0x00, 0x08, 0x0C, 0x10, 0x14, 0x18, 0x1C
CNT, PSC, ARR, RCR = 0x24, 0x28, 0x2C, 0x30
CCR = (0x34, 0x38, 0x3C, 0x40)
CEN, UDIS, URS, OPM, ARPE, UIFREMAP = 1, 2, 4, 8, 1 << 7, 1 << 11
UIF, UG = 1, 1
DOWN_OR_CENTRE = 0x70  # CR1: direction and centre-aligned counting
SLAVE_MODE = 1 << 16 | 7  # SMCR
CAPTURE = 0x303  # CCMR1, CCMR2: a channel is an input
DMA_REQUESTS = 0x7F00  # DIER
COMPARES = 0x1E  # CC1IF to CC4IF
UPDATES = 0x41  # UIF and TIF

# (register, bits, what they ask for)
NOT_MODELLED = (
    (CR1, DOWN_OR_CENTRE, "counting other than up is"),
    (SMCR, SLAVE_MODE, "slave modes and external clocks are"),
    (CCMR1, CAPTURE, "input capture is"),
    (CCMR2, CAPTURE, "input capture is"),
    (DIER, DMA_REQUESTS, "DMA requests are"),
)


class Timer(Peripheral):
    """Counts ``clock_hz`` / (PSC + 1). The counter is a function of virtual time; no event per tick."""

    def __init__(
        self,
        name: str,
        *,
        bits: int,
        channels: int,
        timebase: Timebase,
        diagnostics: Diagnostics,
        clock_hz: Callable[[], int],
        interrupt: Callable[[bool, bool], None],
    ) -> None:
        """``interrupt`` is called with the request lines of update and compare events."""
        super().__init__(name)
        self._maximum = (1 << bits) - 1
        self._compares = CCR[:channels]
        self._timebase = timebase
        self._diagnostics = diagnostics
        self._clock_hz = clock_hz
        self._interrupt = interrupt
        self._event: Event | None = None
        self.reset()

    def reset(self) -> None:
        self.registers = {ARR: self._maximum}
        self._reload = self._maximum  # in effect; with ARPE, ARR is taken over at the next update event
        self._repetitions = 0  # overflows that still pass without update event
        self._prescaler = 1  # in effect; PSC is taken over at the next update event
        self._hz = (self._timebase.hz, self._timebase.hz)  # (counter clock, core clock) in effect
        self._count = 0
        self._since = self._timebase.now
        self._plan()

    # -- counting -------------------------------------------------------------------------------------------------

    @property
    def _running(self) -> bool:
        return bool(self.peek(CR1) & CEN and self._reload)  # ARR 0 blocks the counter

    def _ticks(self) -> int:
        """Ticks since ``_since``."""
        clock, core = self._hz
        return (self._timebase.now - self._since) * clock // (core * self._prescaler)

    def _cycle_of(self, ticks: int) -> int:
        """The first cycle at which that many ticks have passed since ``_since``."""
        clock, core = self._hz
        return self._since + -(-ticks * core * self._prescaler // clock)

    def _sync(self) -> None:
        """Bring the counter and its flags up to now, without losing fractions of a tick."""
        while self._running:
            ticks = self._ticks()
            to_wrap = (self._reload - self._count) % (self._maximum + 1) + 1
            step = min(ticks, to_wrap)
            self._flag_compares(step)
            if ticks < to_wrap:
                self._count += ticks
                self._since = self._since_after(ticks)
                return
            self._since = self._since_after(to_wrap)
            self._count = 0
            self._flag_zero_compares()
            if self._repetitions:
                self._repetitions -= 1
            else:
                self._update_event()

    def _since_after(self, ticks: int) -> int:
        return self._since if not ticks else self._cycle_of(ticks)

    def _flag_compares(self, step: int) -> None:
        for channel, register in enumerate(self._compares):
            if 0 < self.peek(register) - self._count <= step:
                self.registers[SR] = self.peek(SR) | 2 << channel

    def _flag_zero_compares(self) -> None:
        for channel, register in enumerate(self._compares):
            if not self.peek(register):
                self.registers[SR] = self.peek(SR) | 2 << channel

    def _update_event(self, *, software: bool = False) -> None:
        if self.peek(CR1) & UDIS:
            return
        self._prescaler = (self.peek(PSC) & 0xFFFF) + 1
        self._reload = self.peek(ARR)
        self._repetitions = self.peek(RCR)
        if not (software and self.peek(CR1) & URS):
            self.registers[SR] = self.peek(SR) | UIF
        if self.peek(CR1) & OPM and not software:
            self.registers[CR1] = self.peek(CR1) & ~CEN

    def _plan(self) -> None:
        """Wake at the next update or compare that raises an interrupt."""
        if self._event:
            self._event.cancel()
            self._event = None
        enables = self.peek(DIER)
        requests = self.peek(SR) & enables
        self._interrupt(bool(requests & UPDATES), bool(requests & COMPARES))
        if not self._running or not enables & 0x1F:
            return
        targets = [(self._reload - self._count) % (self._maximum + 1) + 1]
        targets += [
            self.peek(register) - self._count
            for channel, register in enumerate(self._compares)
            if enables & 2 << channel and self.peek(register) > self._count
        ]
        self._event = self._timebase.at(self._cycle_of(min(targets)), self._due)

    def _due(self) -> None:
        self._sync()
        self._plan()

    def before_clock_change(self) -> None:
        self._sync()

    def clock_changed(self) -> None:
        if self._running:
            self._since = self._timebase.now
        self._hz = (self._clock_hz(), self._timebase.hz)
        self._plan()

    # -- registers ------------------------------------------------------------------------------------------------

    def read(self, offset: int) -> int:
        self._sync()
        if offset == CNT:
            copied = self.peek(CR1) & UIFREMAP and self.peek(SR) & UIF
            return self._count | (1 << 31 if copied else 0)
        return 0 if offset == EGR else self.peek(offset)

    def write(self, offset: int, value: int) -> None:
        self._sync()
        if offset == CNT:
            self._count, self._since = value & self._maximum, self._timebase.now
        elif offset == SR:
            self.registers[SR] = self.peek(SR) & value
        elif offset == EGR:
            if value & UG:
                self._count, self._since = 0, self._timebase.now
                self._update_event(software=True)
            self.registers[SR] = self.peek(SR) | value & COMPARES
        else:
            self._configure(offset, value)
        self._plan()

    def _configure(self, offset: int, value: int) -> None:
        started = offset == CR1 and value & CEN and not self._running
        for register, bits, what in NOT_MODELLED:
            if offset == register and value & bits:
                self._diagnostics.add(f"{self.name}: {what} not modelled")
        super().write(offset, value & self._maximum if offset in {ARR, *CCR} else value)
        if offset == ARR and not self.peek(CR1) & ARPE:
            self._reload = self.peek(ARR)
        if started:
            self._since = self._timebase.now
            self._hz = (self._clock_hz(), self._timebase.hz)
