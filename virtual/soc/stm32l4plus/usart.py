"""USART, UART and LPUART (RM0432, chapters 52 and 53): asynchronous mode, with and without FIFOs."""

from collections import deque
from collections.abc import Callable

from virtual.soc.diagnostics import Diagnostics
from virtual.soc.peripheral import Peripheral
from virtual.soc.serial import FRAME_BITS, Line, Received, decode_line
from virtual.timebase import Event, Timebase

CR1, CR2, CR3, BRR, RTOR, RQR, ISR, ICR, RDR, TDR, PRESC = (4 * n for n in (0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11))
UE, RE, TE = 1 << 0, 1 << 2, 1 << 3
IDLEIE, RXNEIE, TCIE, TXEIE = 1 << 4, 1 << 5, 1 << 6, 1 << 7
PCE, M0, OVER8, M1, FIFOEN, TXFEIE, RXFFIE = 1 << 10, 1 << 12, 1 << 15, 1 << 28, 1 << 29, 1 << 30, 1 << 31
EIE, DMAR, DMAT, OVRDIS, TXFTIE, RXFTIE = 1 << 0, 1 << 6, 1 << 7, 1 << 12, 1 << 23, 1 << 28
CMIE, RTOIE, RTOEN, ABREN = 1 << 14, 1 << 26, 1 << 23, 1 << 20
RTOF, CMF = 1 << 11, 1 << 17
FE, NE, ORE, IDLE, RXNE, TC, TXE, BUSY = 1 << 1, 1 << 2, 1 << 3, 1 << 4, 1 << 5, 1 << 6, 1 << 7, 1 << 16
TEACK, REACK, TXFE, RXFF, RXFT, TXFT = 1 << 21, 1 << 22, 1 << 23, 1 << 24, 1 << 26, 1 << 27
STICKY = FE | NE | ORE | IDLE | TC | RTOF | CMF
RXFRQ, TXFRQ = 1 << 3, 1 << 4
FIFO_DEPTH = 8
THRESHOLDS = (1, 2, 4, 6, 7, 8, 8, 8)  # entries that raise RXFT, free entries that raise TXFT
PRESCALERS = (1, 2, 4, 6, 8, 10, 12, 16, 32, 64, 128, 256, 256, 256, 256, 256)
STOP_BITS = (1.0, 0.5, 2.0, 1.5)
LPUART_MIN_BRR, USART_MIN_BRR = 0x300, 16
# (enable bit, flags): interrupts enabled in CR1, beside that of reception, and in CR3
CAUSES = ((TXEIE, TXE), (TCIE, TC), (IDLEIE, IDLE), (CMIE, CMF), (RTOIE, RTOF), (RXFFIE, RXFF), (TXFEIE, TXFE))
CAUSES3 = ((EIE, FE | NE | ORE), (RXFTIE, RXFT), (TXFTIE, TXFT))


class Usart(Peripheral):
    """One serial port. ``kernel_hz`` tells its clock; ``wired`` whether (TX, RX) reach the outside.

    The host's line is 8N1.
    """

    def __init__(
        self,
        name: str,
        *,
        low_power: bool,
        timebase: Timebase,
        diagnostics: Diagnostics,
        kernel_hz: Callable[[], int],
        wired: Callable[[], tuple[bool, bool]],
        interrupt: Callable[[bool], None],
        request: Callable[[bool], None],
    ) -> None:
        """``request`` asks the DMA for a transfer: to receive if True, else to transmit."""
        super().__init__(name)
        self._low_power = low_power
        self._timebase = timebase
        self._diagnostics = diagnostics
        self._kernel_hz = kernel_hz
        self._wired = wired
        self._interrupt = interrupt
        self._request = request
        self._line = Line()
        self.on_transmit: Callable[[int, float], None] = lambda value, baud: None
        self.reset()

    def reset(self) -> None:
        super().reset()
        self._flags = TC
        self._received: deque[int] = deque()
        self._sending: deque[int] = deque()
        self._shifting: int | None = None
        self._arrivals: deque[tuple[Received, float]] = deque()
        self._heard_start = False
        self._line.clear()

    # -- the line -------------------------------------------------------------------------------------------------

    @property
    def baud(self) -> float | None:
        divisor = self.peek(BRR)
        kernel = self._kernel_hz() / PRESCALERS[self.peek(PRESC) & 15]
        if not self.peek(CR1) & UE or not divisor or not kernel:
            return None
        if self._low_power:
            return 256 * kernel / divisor
        if self.peek(CR1) & OVER8:
            return 2 * kernel / (divisor & ~15 | (divisor & 7) << 1)
        return kernel / divisor

    @property
    def queued(self) -> int:
        return len(self._line) + len(self._arrivals)

    @property
    def sends_on(self) -> bool:
        return bool(self._sending)

    def discard(self) -> None:
        self._line.clear()
        while len(self._arrivals) > 1:  # the first is on the line already
            self._arrivals.pop()

    def receive(self, data: bytes, baud: float | None) -> None:
        self._line.put(data, baud)
        if not self._arrivals:
            self._next_frames(self._timebase.now)

    def _next_frames(self, cycle: int) -> None:
        """Let the next bytes on the line arrive, the first one starting at ``cycle``."""
        if not len(self._line):
            return
        data, sender = self._line.take()
        own = self.baud
        rate = sender or own
        if rate is None:  # nobody listens, and the line has no rate of its own: the bytes are gone
            self._lose()
            self._next_frames(cycle)
            return
        previous = 0.0
        for frame, end in decode_line(data, rate, own or rate):
            self._arrivals.append((frame, (end - previous) / rate))
            previous = end
        if self._arrivals:
            self._plan_arrival(cycle)
        else:
            self._next_frames(cycle)

    def _plan_arrival(self, cycle: int) -> None:
        self._heard_start = self._listens()
        due = cycle + self._timebase.cycles_of(self._arrivals[0][1])
        event = self._timebase.at(due, lambda: self._arrive(event))

    def _arrive(self, event: Event) -> None:
        if not self._arrivals:
            return  # reset in between
        frame, _ = self._arrivals.popleft()
        if self._heard_start and self._listens():
            self._accept(frame)
        else:
            self._lose()
        if self._arrivals:
            self._plan_arrival(event.cycle)
        else:
            self._next_frames(event.cycle)
        if not self._arrivals and self.baud:
            due = event.cycle + self._timebase.cycles_of(FRAME_BITS / self.baud)
            self._timebase.at(due, self._line_idle)
            if self.peek(CR2) & RTOEN:
                due = event.cycle + self._timebase.cycles_of((self.peek(RTOR) & 0xFFFFFF) / self.baud)
                self._timebase.at(due, self._timed_out)

    def _listens(self) -> bool:
        return self.baud is not None and bool(self.peek(CR1) & RE) and self._wired()[1]

    def _lose(self) -> None:
        self._diagnostics.add(f"{self.name}: bytes arrived while the receiver was off or its pin not connected")

    def _accept(self, frame: Received) -> None:
        if frame.framing_error:
            self._flags |= FE
        if self.peek(CR2) >> 24 == frame.value:
            self._flags |= CMF
        if len(self._received) < self._depth:
            self._received.append(frame.value)
        elif self.peek(CR3) & OVRDIS:
            self._received[-1] = frame.value
        else:
            self._flags |= ORE
            self._diagnostics.add(f"{self.name}: overrun, a received byte was lost")
        self._update()

    def _line_idle(self) -> None:
        if not self._arrivals:
            self._flags |= IDLE
            self._update()

    def _timed_out(self) -> None:
        if not self._arrivals:
            self._flags |= RTOF
            self._update()

    # -- transmission ---------------------------------------------------------------------------------------------

    @property
    def _depth(self) -> int:
        return FIFO_DEPTH if self.peek(CR1) & FIFOEN else 1

    def _transmit(self, value: int) -> None:
        if self.baud is None or not self.peek(CR1) & TE:
            self._diagnostics.add(f"{self.name}: byte written while the transmitter is off")
            return
        if len(self._sending) >= self._depth:
            self._diagnostics.add(f"{self.name}: byte written while the transmit register is full")
            self._sending.pop()
        self._sending.append(value)
        self._flags &= ~TC
        if self._shifting is None:
            self._shift(self._timebase.now)

    def _shift(self, cycle: int) -> None:
        """Start a frame at ``cycle``."""
        baud = self.baud
        if baud is None:
            self._sending.clear()
            self._shifting = None
            return
        self._shifting = self._sending.popleft()
        due = cycle + self._timebase.cycles_of(self._frame_bits() / baud)
        event = self._timebase.at(due, lambda: self._sent(event, baud))

    def _frame_bits(self) -> float:
        control = self.peek(CR1)
        data = 9 if control & M0 else 7 if control & M1 else 8
        stop = STOP_BITS[self.peek(CR2) >> 12 & 3]
        if data != 8 or stop != 1 or control & PCE:
            self._diagnostics.add(f"{self.name}: the frame format is not 8N1, which the host expects")
        return 1 + data + stop

    def _sent(self, event: Event, baud: float) -> None:
        if self._shifting is None:
            return
        value = self._shifting
        self._shifting = None
        if self._wired()[0]:
            self.on_transmit(value & 0xFF, baud)
        else:
            self._diagnostics.add(f"{self.name}: sends, but its TX pin is not switched to it or has no supply (IOSV)")
        if self._sending:
            self._shift(event.cycle)
        if self._shifting is None:
            self._flags |= TC
        self._update()

    # -- registers ------------------------------------------------------------------------------------------------

    def _status(self) -> int:
        control = self.registers.get(CR1, 0)
        value, received, sending = self._flags, len(self._received), len(self._sending)
        if received:
            value |= RXNE
        if self._arrivals:
            value |= BUSY
        if control & UE:
            value |= (TEACK if control & TE else 0) | (REACK if control & RE else 0)
        if not control & FIFOEN:
            return value if sending else value | TXE
        value |= TXE if sending < FIFO_DEPTH else 0
        value |= TXFE if not sending else 0
        value |= RXFF if received == FIFO_DEPTH else 0
        value |= RXFT if received >= THRESHOLDS[self.peek(CR3) >> 25 & 7] else 0
        return value | (TXFT if FIFO_DEPTH - sending >= THRESHOLDS[self.peek(CR3) >> 29 & 7] else 0)

    def _update(self) -> None:
        """Serve the DMA, then drive the interrupt line from the status."""
        control, control3 = self.registers.get(CR1, 0), self.registers.get(CR3, 0)
        if control3 & DMAR and self.wants_dma(receive=True):
            self._request(True)
        if control3 & DMAT and self.wants_dma(receive=False):
            self._request(False)
        self._interrupt(bool(control & UE) and self._has_cause(control, control3, self._status()))

    def _has_cause(self, control: int, control3: int, status: int) -> bool:
        """Whether a flag is set whose interrupt is enabled."""
        if status & (RXNE | ORE) and control & RXNEIE:
            return True
        return any(control & enable and status & flag for enable, flag in CAUSES) or any(
            control3 & enable and status & flag for enable, flag in CAUSES3
        )

    def wants_dma(self, *, receive: bool) -> bool:
        """Whether a DMA request is being made."""
        if receive:
            return bool(self.peek(CR3) & DMAR and self._received)
        room = len(self._sending) < self._depth
        return bool(self.peek(CR3) & DMAT and room and self.peek(CR1) & TE and self.baud)

    def read(self, offset: int) -> int:
        if offset == ISR:
            return self._status()
        if offset == RDR:
            value = self._received.popleft() if self._received else self.peek(RDR)
            self.registers[RDR] = value
            self._update()
            return value
        return 0 if offset in {RQR, ICR} else self.peek(offset)

    def write(self, offset: int, value: int) -> None:
        if offset == TDR:
            self._transmit(value & 0x1FF)
        elif offset == ICR:
            self._flags &= ~(value & STICKY)
        elif offset == RQR:
            if value & RXFRQ:
                self._received.clear()
            if value & TXFRQ:
                self._sending.clear()
        elif offset not in {ISR, RDR}:
            super().write(offset, value)
            if offset == CR1 and not value & UE:
                self._received.clear()
                self._sending.clear()
                self._flags = TC
            if offset == CR2 and value & ABREN:
                self._diagnostics.add(f"{self.name}: automatic baud rate detection is not modelled")
            self._check_divisor()
        self._update()

    def write_narrow(self, offset: int, value: int, mask: int) -> None:
        self.write(offset, value if offset == TDR else self.peek(offset) & ~mask | value & mask)

    def _check_divisor(self) -> None:
        minimum = LPUART_MIN_BRR if self._low_power else USART_MIN_BRR
        if self.baud is not None and self.peek(BRR) < minimum:
            self._diagnostics.add(f"{self.name}: BRR {self.peek(BRR):#x} is below the minimum of {minimum:#x}")

    def is_steady(self, offset: int) -> bool:
        return offset == ISR
