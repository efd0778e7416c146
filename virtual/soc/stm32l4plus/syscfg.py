"""System configuration (RM0432, chapter 9) and the extended interrupt controller EXTI (chapter 17)."""

from collections.abc import Callable, Mapping
from typing import ClassVar

from virtual.soc.diagnostics import Diagnostics
from virtual.soc.peripheral import Peripheral

MEMRMP, CFGR1, EXTICR, SCSR, SWPR, SKR = 0x00, 0x04, 0x08, 0x18, 0x20, 0x24
SRAM2ER = 1
KEYS = (0xCA, 0x53)

IMR, EMR, RTSR, FTSR, SWIER, PR = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x14
BANK = 0x20  # between the registers of lines 0 to 31 and those of 32 to 63


class Syscfg(Peripheral):
    RESET: ClassVar = {CFGR1: 0x7C00_0001, 0x30: 0x2}

    def __init__(self, diagnostics: Diagnostics, erase_sram2: Callable[[], None]) -> None:
        super().__init__("SYSCFG")
        self._diagnostics = diagnostics
        self._erase_sram2 = erase_sram2
        self.reset()

    def reset(self) -> None:
        super().reset()
        self._keys: list[int] = []

    def exti_port(self, pin: int) -> int:
        """Number of the port whose pin drives the EXTI line of that number."""
        return self.peek(EXTICR + 4 * (pin // 4)) >> 4 * (pin % 4) & 15

    def write(self, offset: int, value: int) -> None:
        if offset == MEMRMP and value & 0x107:
            self._diagnostics.add("SYSCFG: memory other than flash at address 0 (MEMRMP) is not modelled")
        if offset == SKR:
            self._keys = [*self._keys, value & 0xFF][-2:]
        elif offset == SCSR:
            unlocked = tuple(self._keys) == KEYS
            if value & SRAM2ER and unlocked:
                self._keys = []
                self._erase_sram2()
            super().write(SCSR, value & ~(SRAM2ER | 2))
        elif offset == SWPR:
            super().write(offset, self.peek(offset) | value)
        else:
            super().write(offset, value)


class Exti(Peripheral):
    """``irqs`` maps lines to interrupts, ``interrupt`` drives one of them, ``event`` wakes a WFE."""

    RESET: ClassVar = {IMR: 0xFF82_0000, IMR + BANK: 0x87}

    def __init__(
        self, irqs: Mapping[int, int], interrupt: Callable[[int, bool], None], event: Callable[[], None]
    ) -> None:
        super().__init__("EXTI")
        self._irqs = irqs
        self._interrupt = interrupt
        self._event = event
        self.reset()

    def _bit(self, register: int, line: int) -> bool:
        return bool(self.peek(register + BANK * (line // 32)) >> line % 32 & 1)

    def edge(self, line: int, rising: bool) -> None:
        """The input of a line changed."""
        if self._bit(RTSR if rising else FTSR, line):
            self._trigger(line)

    def _trigger(self, line: int) -> None:
        register = PR + BANK * (line // 32)
        self.registers[register] = self.peek(register) | 1 << line % 32
        if self._bit(EMR, line):
            self._event()
        self._update()

    def _update(self) -> None:
        for irq in set(self._irqs.values()):
            lines = [line for line, its in self._irqs.items() if its == irq]
            self._interrupt(irq, any(self._bit(PR, line) and self._bit(IMR, line) for line in lines))

    def write(self, offset: int, value: int) -> None:
        register, bank = offset % BANK, offset // BANK
        if register == PR:
            self.registers[offset] = self.peek(offset) & ~value
            swier = offset - PR + SWIER
            self.registers[swier] = self.peek(swier) & ~value
        elif register == SWIER:
            raised = value & ~self.peek(offset)
            super().write(offset, self.peek(offset) | value)
            for line in range(32):
                if raised >> line & 1 and self._bit(IMR, line + 32 * bank):
                    self._trigger(line + 32 * bank)
        else:
            super().write(offset, value)
        self._update()
