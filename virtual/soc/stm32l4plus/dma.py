"""DMA controllers and their request multiplexer (RM0432, chapters 11 and 12).

A transfer takes place in the cycle of its request; the bus cycles that it takes from the core are not modelled.
"""

from collections.abc import Callable
from dataclasses import dataclass

from virtual.soc.diagnostics import Diagnostics
from virtual.soc.peripheral import Peripheral
from virtual.timebase import Event, Timebase

CHANNELS = 7
ISR, IFCR = 0x00, 0x04
FIRST, STRIDE = 0x08, 0x14
CCR, CNDTR, CPAR, CMAR = 0x00, 0x04, 0x08, 0x0C
EN, TCIE, HTIE, TEIE, FROM_MEMORY, CIRC, PINC, MINC = (1 << n for n in range(8))
MEM2MEM = 1 << 14
GIF, TCIF, HTIF, TEIF = 1, 2, 4, 8
TRANSFER_CYCLES = 4  # of memory to memory, at least: a read and a write of two cycles each (AHB)

REQUEST_MASK = 0x7F
MUX_CHANNELS = 2 * CHANNELS
SYNC_ENABLE = 1 << 16


@dataclass
class Memory:
    """What a controller reaches as bus master; both raise ValueError where nothing answers. Sizes are 1, 2 or 4."""

    read: Callable[[int, int], int]
    write: Callable[[int, int, int], None]


class DmaMux(Peripheral):
    """Routes requests to channels. ``sources`` maps request numbers to whether they are being made."""

    def __init__(self, diagnostics: Diagnostics) -> None:
        super().__init__("DMAMUX1")
        self._diagnostics = diagnostics
        self.sources: dict[int, Callable[[], bool]] = {}
        self.controllers: tuple[Dma, ...] = ()
        self.reset()

    def requested(self, channel: int) -> bool:
        """Whether the request routed to one of the 14 channels is being made."""
        source = self.sources.get(self.peek(4 * channel) & REQUEST_MASK)
        return source is not None and source()

    def pump(self, request: int) -> None:
        """A request has appeared: let the channel that it is routed to serve it."""
        for channel in range(MUX_CHANNELS):
            if self.peek(4 * channel) & REQUEST_MASK == request:
                self.controllers[channel // CHANNELS].serve(channel % CHANNELS)

    def write(self, offset: int, value: int) -> None:
        super().write(offset, value)
        if offset < 4 * MUX_CHANNELS:
            request = value & REQUEST_MASK
            if request and request not in self.sources:
                self._diagnostics.add(f"DMAMUX1: request {request} comes from a peripheral whose DMA is not modelled")
            if value & SYNC_ENABLE:
                self._diagnostics.add("DMAMUX1: synchronisation is not modelled")
            self.controllers[offset // 4 // CHANNELS].serve(offset // 4 % CHANNELS)
        elif 0x100 <= offset < 0x140 and value & SYNC_ENABLE:
            self._diagnostics.add("DMAMUX1: request generators are not modelled")


class Dma(Peripheral):
    """``requested`` tells whether a channel has a request, ``interrupt`` drives the line of a channel."""

    def __init__(
        self,
        name: str,
        *,
        memory: Memory,
        timebase: Timebase,
        requested: Callable[[int], bool],
        interrupt: Callable[[int, bool], None],
    ) -> None:
        super().__init__(name)
        self._memory = memory
        self._timebase = timebase
        self._requested = requested
        self._interrupt = interrupt
        self._copies: dict[int, Event] = {}
        self.reset()

    def reset(self) -> None:
        super().reset()
        for event in self._copies.values():
            event.cancel()
        self._copies.clear()
        self._total = [0] * CHANNELS
        self._serving = [False] * CHANNELS

    def _get(self, channel: int, register: int) -> int:
        return self.peek(FIRST + STRIDE * channel + register)

    def _set(self, channel: int, register: int, value: int) -> None:
        self.registers[FIRST + STRIDE * channel + register] = value

    # -- transfers ------------------------------------------------------------------------------------------------

    def serve(self, channel: int) -> None:
        """Carry out transfers as long as the channel is on and its request is made."""
        if self._serving[channel] or self._get(channel, CCR) & MEM2MEM:
            return
        self._serving[channel] = True
        try:
            while self._get(channel, CCR) & EN and self._get(channel, CNDTR) and self._requested(channel):
                self._transfer(channel)
        finally:
            self._serving[channel] = False

    def _transfer(self, channel: int) -> None:
        control = self._get(channel, CCR)
        left = self._get(channel, CNDTR)
        done = self._total[channel] - left
        peripheral_bytes = 1 << min(control >> 8 & 3, 2)
        memory_bytes = 1 << min(control >> 10 & 3, 2)
        peripheral = self._get(channel, CPAR) + (done * peripheral_bytes if control & PINC else 0)
        memory = self._get(channel, CMAR) + (done * memory_bytes if control & MINC else 0)
        source, target = (peripheral, peripheral_bytes), (memory, memory_bytes)
        if control & FROM_MEMORY:
            source, target = target, source
        try:
            value = self._memory.read(*source)
            self._memory.write(target[0], target[1], value & ((1 << 8 * target[1]) - 1))
        except ValueError:
            self._set(channel, CCR, control & ~EN)
            self._flag(channel, TEIF)
            return
        left -= 1
        self._set(channel, CNDTR, left)
        if left == self._total[channel] // 2:
            self._flag(channel, HTIF)
        if left == 0:
            if control & CIRC:
                self._set(channel, CNDTR, self._total[channel])
            self._flag(channel, TCIF)

    def _copy(self, channel: int) -> None:
        """Memory to memory: everything is there after as many cycles as the transfers take at least."""

        def finish() -> None:
            while self._get(channel, CCR) & EN and self._get(channel, CNDTR):
                self._transfer(channel)

        cycles = TRANSFER_CYCLES * self._get(channel, CNDTR)
        self._copies[channel] = self._timebase.at(self._timebase.now + cycles, finish, core=True)

    # -- registers ------------------------------------------------------------------------------------------------

    def _flag(self, channel: int, flag: int) -> None:
        self.registers[ISR] = self.peek(ISR) | (flag | GIF) << 4 * channel
        self._update(channel)

    def _update(self, channel: int) -> None:
        """The bits of the flags and of their enables in CCR are at the same places."""
        flags = self.peek(ISR) >> 4 * channel
        self._interrupt(channel, bool(flags & self._get(channel, CCR) & (TCIE | HTIE | TEIE)))

    def write(self, offset: int, value: int) -> None:
        if offset == IFCR:
            for channel in range(CHANNELS):
                bits = value >> 4 * channel & 15
                cleared = 15 if bits & GIF else bits
                status = self.peek(ISR) & ~(cleared << 4 * channel)
                if not status >> 4 * channel & 14:
                    status &= ~(GIF << 4 * channel)
                self.registers[ISR] = status
                self._update(channel)
            return
        if offset == ISR:
            return
        channel, register = divmod(offset - FIRST, STRIDE)
        if not 0 <= channel < CHANNELS:
            return
        enabled = bool(self._get(channel, CCR) & EN)
        if register == CCR:
            self._set(channel, CCR, value & 0x7FFF)
            self._update(channel)
            if value & EN and not enabled:
                self._start(channel)
            elif not value & EN and channel in self._copies:
                self._copies.pop(channel).cancel()
        elif not enabled:  # the others cannot be written while the channel is on
            self._set(channel, register, value & 0xFFFF if register == CNDTR else value)
            if register == CNDTR:
                self._total[channel] = value & 0xFFFF

    def _start(self, channel: int) -> None:
        self._total[channel] = self._get(channel, CNDTR)
        if self._get(channel, CCR) & MEM2MEM:
            self._copy(channel)
        else:
            self.serve(channel)
