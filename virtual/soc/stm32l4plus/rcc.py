"""Reset and clock control (RM0432, chapter 6). Oscillators are ready as soon as they are on."""

from collections.abc import Callable
from typing import ClassVar

from virtual.soc.diagnostics import Diagnostics
from virtual.soc.peripheral import Peripheral
from virtual.soc.stm32l4plus.clocks import (
    HSI_HZ,
    LSE_HZ,
    MSI_HZ,
    PLL_INPUT_RANGE,
    PLL_VCO_RANGE,
    Clocks,
    distribute,
    pll_hz,
)

CR, CFGR, PLLCFGR, CIFR, CICR = 0x00, 0x08, 0x0C, 0x1C, 0x20
RSTR = range(0x28, 0x44, 4)
ENR = range(0x48, 0x64, 4)
CCIPR, BDCR, CSR, CRRCR = 0x88, 0x90, 0x94, 0x98

MSION, MSIRDY, MSIRGSEL = 1 << 0, 1 << 1, 1 << 3
HSION, HSIRDY = 1 << 8, 1 << 10
HSEON = 1 << 16
PLLON, PLLRDY = 1 << 24, 1 << 25
READY_AFTER = {MSION: MSIRDY, HSION: HSIRDY, PLLON: PLLRDY, 1 << 26: 1 << 27, 1 << 28: 1 << 29}
PLLREN = 1 << 24
MSI, HSI, HSE, PLL = range(4)  # CFGR.SW


class Rcc(Peripheral):
    RESET: ClassVar = {
        CR: 0x63,
        PLLCFGR: 0x1000,
        0x10: 0x1000,
        0x14: 0x1000,
        0x48: 0x100,  # AHB1ENR: the flash interface is clocked
        0x58: 0x400,  # APB1ENR1
        CSR: 0x0C00_0600,
    }

    def __init__(self, diagnostics: Diagnostics) -> None:
        super().__init__("RCC", 0x4002_1000)
        self._diagnostics = diagnostics
        self.on_change: Callable[[Clocks], None] = lambda _: None
        self.before_change: Callable[[], None] = lambda: None
        self.on_reset_peripheral: Callable[[int, int], None] = lambda offset, bits: None
        self.reset()

    def reset(self) -> None:
        super().reset()
        self.clocks = self._compute()

    def enabled(self, offset: int, bit: int) -> bool:
        """Whether the clock behind one bit of an enable register runs."""
        return bool(self.peek(offset) >> bit & 1)

    def write(self, offset: int, value: int) -> None:
        if offset == CICR:
            self.registers[CIFR] = self.peek(CIFR) & ~value
            return
        if offset in RSTR:
            released = self.peek(offset) & ~value
            super().write(offset, value)
            if released:
                self.on_reset_peripheral(offset, released)
            return
        if offset == CR:
            value = self._with_ready_bits(value)
        elif offset == CFGR:
            value = value & ~0xC | self._accepted_switch(value & 3) << 2
        elif offset in {BDCR, CSR, CRRCR}:  # LSE, LSI, HSI48: ready bit next to the enable bit
            value = value & ~2 | (value & 1) << 1
        if offset in {CR, CFGR, PLLCFGR, CSR}:
            self.before_change()
            super().write(offset, value)
            self._update()
        else:
            super().write(offset, value)

    def _with_ready_bits(self, value: int) -> int:
        if value & HSEON:
            self._diagnostics.add("RCC: HSE was turned on, but the board has no crystal for it; it never gets ready")
        if self.peek(CFGR) >> 2 & 3 == PLL:
            value |= PLLON  # cannot be stopped while it is the system clock
        for on, ready in READY_AFTER.items():
            value = value | ready if value & on else value & ~ready
        return value & ~(1 << 17)

    def _accepted_switch(self, source: int) -> int:
        """The system clock does not switch to a source that is not ready."""
        ready = {MSI: MSIRDY, HSI: HSIRDY, PLL: PLLRDY}.get(source, 0)
        if self.peek(CR) & ready:
            return source
        self._diagnostics.add(f"RCC: system clock switch to source {source}, which is not ready")
        return self.peek(CFGR) >> 2 & 3

    # -- frequencies ----------------------------------------------------------------------------------------------

    def msi_hz(self) -> int:
        control = self.peek(CR)
        selected = control >> 4 & 15 if control & MSIRGSEL else self.peek(CSR) >> 8 & 15
        return MSI_HZ[min(selected, len(MSI_HZ) - 1)]

    def pll_output(self) -> int:
        config = self.peek(PLLCFGR)
        source = {1: self.msi_hz(), 2: HSI_HZ}.get(config & 3, 0)
        input_hz, vco, output = pll_hz(config, source)
        if self.peek(CFGR) >> 2 & 3 == PLL:
            if not PLL_INPUT_RANGE[0] <= input_hz <= PLL_INPUT_RANGE[1]:
                self._diagnostics.add(f"RCC: PLL input of {input_hz} Hz is out of range")
            if not PLL_VCO_RANGE[0] <= vco <= PLL_VCO_RANGE[1]:
                self._diagnostics.add(f"RCC: PLL VCO at {vco} Hz is out of range")
            if not config & PLLREN:
                self._diagnostics.add("RCC: the PLL is the system clock but its output R is not enabled")
        return output

    def _compute(self) -> Clocks:
        source = self.peek(CFGR) >> 2 & 3
        sysclk = {MSI: self.msi_hz, HSI: lambda: HSI_HZ, PLL: self.pll_output}.get(source, self.msi_hz)()
        if not sysclk:
            self._diagnostics.add("RCC: the system clock is a PLL without source; the model goes on at the MSI's rate")
            sysclk = self.msi_hz()
        return distribute(sysclk, self.peek(CFGR))

    def _update(self) -> None:
        self.clocks = self._compute()
        self.on_change(self.clocks)

    def kernel_hz(self, selector_bit: int, pclk: int) -> int:
        """Clock of a USART by its two bits in CCIPR."""
        source = self.peek(CCIPR) >> selector_bit & 3
        return (pclk, self.clocks.sysclk, HSI_HZ if self.peek(CR) & HSION else 0, LSE_HZ)[source]
