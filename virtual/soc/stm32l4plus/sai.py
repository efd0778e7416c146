"""Serial audio interface (RM0432, SAI): each block as a slave that receives 16-bit samples of two channels by I2S.

The sender outside gives the clock: `Sai.play`. Other modes are reported and receive nothing.
"""

from collections import deque
from collections.abc import Callable, Sequence

from virtual.soc.diagnostics import Diagnostics
from virtual.soc.peripheral import Peripheral
from virtual.timebase import Timebase

BLOCKS = (0x04, 0x24)
CR1, CR2, FRCR, SLOTR, IM, SR, CLRFR, DR = range(0, 32, 4)
MODE, SAIEN, DMAEN = 3, 1 << 16, 1 << 17
FFLUSH = 1 << 3
OVRUDR, FREQ = 1 << 0, 1 << 3
FIFO_WORDS = 8
# What a block must be set to, by register: (mask, value). Receiving slave, free protocol, 16 bits, most significant
# first, sampled on the rising edge, asynchronous, stereo; frames of 2 x 16 clocks whose start is one clock early.
I2S_16 = {CR1: (0x1FEF, 0x0283), FRCR: (0x7_7FFF, 0x5_0F1F), SLOTR: (0xFFFF_0FDF, 0x3_0100)}

Frame = tuple[int, int]  # left and right, int16


class Block:
    """One of the two halves of a SAI."""

    def __init__(self) -> None:
        self.fifo: deque[int] = deque()
        self.playing = 0  # number of the sound that comes in; an older one's events end


class Sai(Peripheral):
    """``request`` asks the DMA to fetch from a block, 0 or 1; ``wired`` tells whether a block's pins reach it."""

    def __init__(
        self,
        name: str,
        timebase: Timebase,
        diagnostics: Diagnostics,
        *,
        wired: Callable[[int], bool],
        request: Callable[[int], None],
        interrupt: Callable[[bool], None],
    ) -> None:
        super().__init__(name)
        self._timebase = timebase
        self._diagnostics = diagnostics
        self._wired = wired
        self._request = request
        self._interrupt = interrupt
        self._blocks = (Block(), Block())
        self.reset()

    def reset(self) -> None:
        super().reset()
        for base, block in zip(BLOCKS, self._blocks, strict=True):
            block.fifo.clear()
            self.registers |= {base + CR1: 0x40, base + FRCR: 7}

    def wants_dma(self, block: int) -> bool:
        return bool(self.peek(BLOCKS[block] + CR1) & DMAEN and self._blocks[block].fifo)

    def play(self, block: int, frames: Sequence[Frame], rate_hz: float) -> None:
        """Send frames to a block, the first one period from now; ends what was sent before."""
        target = self._blocks[block]
        target.playing += 1
        number, start = target.playing, self._timebase.seconds

        def plan(index: int) -> None:
            cycles = self._timebase.cycles_of(start + (index + 1) / rate_hz - self._timebase.seconds)
            self._timebase.at(self._timebase.now + cycles, lambda: arrive(index))

        def arrive(index: int) -> None:
            if target.playing != number:
                return
            self._receive(block, frames[index])
            if index + 1 < len(frames):
                plan(index + 1)

        if len(frames):
            plan(0)

    def _receive(self, block: int, frame: Frame) -> None:
        base, fifo = BLOCKS[block], self._blocks[block].fifo
        if not self.peek(base + CR1) & SAIEN or not self._wired(block):
            return
        for sample in frame:
            if len(fifo) == FIFO_WORDS:
                self.registers[base + SR] = self.peek(base + SR) | OVRUDR
                continue
            fifo.append(sample & 0xFFFF)
            self._request(block)
        self._update()

    def _status(self, block: int) -> int:
        fifo = self._blocks[block].fifo
        level = min(5, -(-4 * len(fifo) // FIFO_WORDS)) if len(fifo) < FIFO_WORDS else 5
        return self.peek(BLOCKS[block] + SR) & OVRUDR | (FREQ if fifo else 0) | level << 16

    def _update(self) -> None:
        pending = (self._status(number) & self.peek(base + IM) for number, base in enumerate(BLOCKS))
        self._interrupt(any(pending))

    def _place(self, offset: int) -> tuple[int, int]:
        """(block, register); block -1 for those of both."""
        for number, base in enumerate(BLOCKS):
            if base <= offset <= base + DR:
                return number, offset - base
        return -1, offset

    def read(self, offset: int) -> int:
        block, register = self._place(offset)
        if block >= 0 and register == SR:
            return self._status(block)
        if block >= 0 and register == DR:
            fifo = self._blocks[block].fifo
            value = fifo.popleft() if fifo else 0
            self._update()
            return value
        return super().read(offset)

    def write(self, offset: int, value: int) -> None:
        block, register = self._place(offset)
        if block < 0:
            super().write(offset, value)
        elif register == CLRFR:
            self.registers[BLOCKS[block] + SR] = self.peek(BLOCKS[block] + SR) & ~value
        elif register == CR2:
            if value & FFLUSH:
                self._blocks[block].fifo.clear()
            super().write(offset, value & ~FFLUSH)
        elif register not in (SR, DR):
            started = register == CR1 and value & SAIEN and not self.peek(offset) & SAIEN
            super().write(offset, value)
            if started:
                self._check(block)
        self._update()

    def _check(self, block: int) -> None:
        base = BLOCKS[block]
        names = {CR1: "CR1", FRCR: "FRCR", SLOTR: "SLOTR"}
        wrong = [name for register, name in names.items() if self._differs(base, register)]
        if wrong:
            self._diagnostics.add(
                f"{self.name}: block {'AB'[block]} is not set to receive 16-bit I2S as a slave, which is all that is"
                f" modelled; see {', '.join(wrong)}"
            )

    def _differs(self, base: int, register: int) -> bool:
        mask, value = I2S_16[register]
        return self.peek(base + register) & mask != value
