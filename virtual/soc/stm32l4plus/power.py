"""Power control (RM0432, chapter 5). Regulators settle at once."""

from collections.abc import Callable
from typing import ClassVar

from virtual.soc.diagnostics import Diagnostics
from virtual.soc.peripheral import Peripheral

CR1, CR2, CR3, SR1, SR2, SCR, CR5 = 0x00, 0x04, 0x08, 0x10, 0x14, 0x18, 0x80
VOS_RANGE_1 = 1
LPR = 1 << 14
R1MODE_NORMAL = 1 << 8
DBP, LPR = 1 << 8, 1 << 14
IOSV = 1 << 9
REGLPS, REGLPF = 1 << 8, 1 << 9
RANGE_1_BOOST_HZ, RANGE_1_NORMAL_HZ, RANGE_2_HZ = 120_000_000, 80_000_000, 26_000_000

# Highest HCLK in MHz for 0, 1, 2... wait states (RM0432, "Number of wait states according to CPU clock frequency").
RANGE_1_WAIT_STATES = (20, 40, 60, 80, 100, 120)
RANGE_2_WAIT_STATES = (8, 16, 26)


class Pwr(Peripheral):
    RESET: ClassVar = {CR1: 0x200, CR3: 0x8000, CR5: 0x100}

    def __init__(self) -> None:
        super().__init__("PWR")
        self.on_change: Callable[[], None] = lambda: None
        self.reset()

    def read(self, offset: int) -> int:
        if offset == SR2:  # VOSF stays 0: the voltage is there; PVD and PVM see a good supply
            return REGLPS | (REGLPF if self.peek(CR1) & LPR else 0)
        return 0 if offset == SCR else self.peek(offset)

    def write(self, offset: int, value: int) -> None:
        if offset == SCR:
            self.registers[SR1] = self.peek(SR1) & ~value
        elif offset not in {SR1, SR2}:
            super().write(offset, value)
            self.on_change()

    @property
    def backup_writable(self) -> bool:
        return bool(self.peek(CR1) & DBP)

    @property
    def range_1(self) -> bool:
        return self.peek(CR1) >> 9 & 3 == VOS_RANGE_1

    @property
    def boost(self) -> bool:
        return self.range_1 and not self.peek(CR5) & R1MODE_NORMAL

    @property
    def mode(self) -> str:
        if self.peek(CR1) & LPR:
            return "low-power run"
        return "range 1 boost" if self.boost else "range 1 normal" if self.range_1 else "range 2"

    @property
    def port_g_supplied(self) -> bool:
        """Whether PG2..PG15 work: VDDIO2 is declared valid."""
        return bool(self.peek(CR2) & IOSV)

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
