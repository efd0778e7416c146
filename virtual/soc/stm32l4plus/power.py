"""Power control (RM0432, chapter 5) and the flash interface's access control (chapter 3)."""

from collections.abc import Callable
from typing import ClassVar

from virtual.engine import Engine
from virtual.soc.diagnostics import Diagnostics
from virtual.soc.peripheral import Peripheral

PWR_CR1, PWR_CR2, PWR_CR5 = 0x00, 0x04, 0x80
VOS_RANGE_1 = 1
LPR = 1 << 14
R1MODE_NORMAL = 1 << 8
IOSV = 1 << 9
RANGE_1_BOOST_HZ, RANGE_1_NORMAL_HZ, RANGE_2_HZ = 120_000_000, 80_000_000, 26_000_000

# Highest HCLK in MHz for 0, 1, 2... wait states (RM0432, "Number of wait states according to CPU clock frequency").
RANGE_1_WAIT_STATES = (20, 40, 60, 80, 100, 120)
RANGE_2_WAIT_STATES = (8, 16, 26)

ACR, KEYR, SR, CR, OPTR = 0x00, 0x08, 0x10, 0x14, 0x20
LATENCY, PRFTEN, ICEN, DCEN, ICRST, DCRST = 0xF, 1 << 8, 1 << 9, 1 << 10, 1 << 11, 1 << 12
DBANK = 1 << 22
CR_LOCKED = 0xC000_0000
OPTR_FACTORY = 0xFFEF_F8AA


class Pwr(Peripheral):
    RESET: ClassVar = {PWR_CR1: 0x200, 0x08: 0x8000, PWR_CR5: 0x100}

    def __init__(self) -> None:
        super().__init__("PWR", 0x4000_7000)
        self.on_change: Callable[[], None] = lambda: None
        self.reset()

    def write(self, offset: int, value: int) -> None:
        super().write(offset, value)
        self.on_change()

    @property
    def range_1(self) -> bool:
        return self.peek(PWR_CR1) >> 9 & 3 == VOS_RANGE_1

    @property
    def boost(self) -> bool:
        return self.range_1 and not self.peek(PWR_CR5) & R1MODE_NORMAL

    @property
    def mode(self) -> str:
        if self.peek(PWR_CR1) & LPR:
            return "low-power run"
        return "range 1 boost" if self.boost else "range 1 normal" if self.range_1 else "range 2"

    @property
    def port_g_supplied(self) -> bool:
        """Whether PG2..PG15 work: VDDIO2 is declared valid."""
        return bool(self.peek(PWR_CR2) & IOSV)

    def check(self, hclk: int, wait_states: int, diagnostics: Diagnostics) -> None:
        """Complain about clocks that the supply or the flash does not stand."""
        mhz = hclk / 1e6
        limit = RANGE_1_BOOST_HZ if self.boost else RANGE_1_NORMAL_HZ if self.range_1 else RANGE_2_HZ
        mode = self.mode
        if hclk > limit:
            diagnostics.add(f"PWR: {mhz:g} MHz is above the {limit / 1e6:g} MHz of voltage {mode} mode")
        table = RANGE_1_WAIT_STATES if self.range_1 else RANGE_2_WAIT_STATES
        needed = next((n for n, top in enumerate(table) if mhz <= top), len(table) - 1)
        if wait_states < needed:
            diagnostics.add(f"FLASH: {wait_states} wait states at {mhz:g} MHz; voltage {mode} mode needs {needed}")


class FlashInterface(Peripheral):
    """Wait states and caches. Programming and option bytes are not modelled: the keys never unlock."""

    def __init__(self, engine: Engine, read_bytes: int) -> None:
        super().__init__("FLASH", 0x4002_2000)
        self._engine = engine
        self._read_bytes = read_bytes
        self.on_change: Callable[[], None] = lambda: None
        self.reset()

    def reset(self) -> None:
        dual_bank = DBANK if self._read_bytes == 8 else 0
        self.registers = {ACR: ICEN | DCEN, CR: CR_LOCKED, OPTR: OPTR_FACTORY & ~DBANK | dual_bank}
        self._apply()

    @property
    def wait_states(self) -> int:
        return self.peek(ACR) & LATENCY

    def write(self, offset: int, value: int) -> None:
        if offset == ACR:
            super().write(offset, value)
            if value & (ICRST | DCRST):
                self._engine.clear_caches()
            self._apply()
            self.on_change()
        elif offset == SR:
            self.registers[SR] = self.peek(SR) & ~value

    def _apply(self) -> None:
        acr = self.peek(ACR)
        self._engine.set_flash(
            wait_states=self.wait_states,
            icache=bool(acr & ICEN),
            dcache=bool(acr & DCEN),
            prefetch=bool(acr & PRFTEN),
            read_bytes=self._read_bytes,
        )
