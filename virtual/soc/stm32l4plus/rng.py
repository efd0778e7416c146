"""Random number generator (RM0432, chapter 32). The numbers follow from a fixed seed, so that runs repeat exactly."""

import random
from collections.abc import Callable

from virtual.soc.diagnostics import Diagnostics
from virtual.soc.peripheral import Peripheral

CR, SR, DR = 0x00, 0x04, 0x08
RNGEN, IE, CED = 1 << 2, 1 << 3, 1 << 5
DRDY, CECS, CEIS = 1, 1 << 1, 1 << 5
SEED = 0x4C345235


class Rng(Peripheral):
    """A word is always ready while the generator is on and its 48 MHz clock runs."""

    def __init__(
        self, diagnostics: Diagnostics, clock_hz: Callable[[], int], interrupt: Callable[[bool], None]
    ) -> None:
        super().__init__("RNG")
        self._diagnostics = diagnostics
        self._clock_hz = clock_hz
        self._interrupt = interrupt
        self.power_on()

    def power_on(self) -> None:
        self._generator = random.Random(SEED)

    def _ready(self) -> bool:
        if not self.peek(CR) & RNGEN:
            return False
        if not self._clock_hz():
            self._diagnostics.add("RNG: it is on, but the 48 MHz clock selected in RCC_CCIPR is off")
            return False
        return True

    def read(self, offset: int) -> int:
        if offset == SR:
            error = self.peek(CR) & RNGEN and not self._clock_hz() and not self.peek(CR) & CED
            return (DRDY if self._ready() else 0) | (CECS | CEIS if error else 0)
        if offset == DR:
            return self._generator.getrandbits(32) if self._ready() else 0
        return self.peek(offset)

    def write(self, offset: int, value: int) -> None:
        if offset == CR:
            super().write(offset, value)
            self._interrupt(bool(value & IE) and self._ready())
