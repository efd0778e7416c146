"""Reset and clock control (RM0432, chapter 6). Oscillators and PLLs are ready as soon as they are on."""

from collections.abc import Callable
from typing import ClassVar

from virtual.soc.diagnostics import Diagnostics
from virtual.soc.peripheral import Peripheral
from virtual.soc.stm32l4plus.clocks import (
    HSI48_HZ,
    HSI_HZ,
    LSE_HZ,
    LSI_HZ,
    MSI_HZ,
    PLL_INPUT_RANGE,
    PLL_VCO_RANGE,
    Clocks,
    Pll,
    distribute,
    pll,
)
from virtual.soc.stm32l4plus.memory_map import REGISTERS

OFFSETS = {name: offset for offset, name in REGISTERS.blocks["RCC"].registers.items()}
CR, ICSCR, CFGR, PLLCFGR, PLLSAI1CFGR = (OFFSETS[n] for n in ("CR", "ICSCR", "CFGR", "PLLCFGR", "PLLSAI1CFGR"))
PLLSAI2CFGR, CIER, CIFR, CICR = (OFFSETS[name] for name in ("PLLSAI2CFGR", "CIER", "CIFR", "CICR"))
APB1ENR1, CCIPR, BDCR, CSR, CRRCR = (OFFSETS[name] for name in ("APB1ENR1", "CCIPR", "BDCR", "CSR", "CRRCR"))
RESET_TO_ENABLE = {offset: name.replace("RSTR", "ENR") for offset, name in
                   REGISTERS.blocks["RCC"].registers.items() if "RSTR" in name}  # fmt: skip

MSION, MSIRDY, MSIRGSEL, HSION, HSIRDY = 1 << 0, 1 << 1, 1 << 3, 1 << 8, 1 << 10
HSEON, HSERDY, PLLON, PLLRDY = 1 << 16, 1 << 17, 1 << 24, 1 << 25
PLLSAI1ON, PLLSAI1RDY, PLLSAI2ON, PLLSAI2RDY = 1 << 26, 1 << 27, 1 << 28, 1 << 29
READY_AFTER = {
    MSION: MSIRDY,
    HSION: HSIRDY,
    PLLON: PLLRDY,
    PLLSAI1ON: PLLSAI1RDY,
    PLLSAI2ON: PLLSAI2RDY,
}
PLLREN, WWDGEN = 1 << 24, 1 << 11
MSI, HSI, HSE, PLL = range(4)  # CFGR.SW
# (register, ready bit): bit of CIER and CIFR
READY_FLAGS = {
    (CSR, 2): 0,
    (BDCR, 2): 1,
    (CR, MSIRDY): 2,
    (CR, HSIRDY): 3,
    (CR, PLLRDY): 5,
    (CR, PLLSAI1RDY): 6,
    (CR, PLLSAI2RDY): 7,
    (CRRCR, 2): 10,
}
# Flags of CSR that tell what reset the chip.
RMVF, PINRSTF, BORRSTF, SFTRSTF, IWDGRSTF, WWDGRSTF = 1 << 23, 1 << 26, 1 << 27, 1 << 28, 1 << 29, 1 << 30
OBLRSTF = 1 << 25
RESET_FLAGS = 0xFF00_0000
BDRST = 1 << 16


class Rcc(Peripheral):
    RESET: ClassVar = {
        CR: 0x63,
        ICSCR: 0x4000_0000,
        PLLCFGR: 0x1000,
        PLLSAI1CFGR: 0x1000,
        PLLSAI2CFGR: 0x1000,
        OFFSETS["AHB1ENR"]: 0x100,  # the flash interface is clocked
        APB1ENR1: 0x400,
        CSR: 0x600,
    }

    def __init__(
        self,
        diagnostics: Diagnostics,
        interrupt: Callable[[bool], None],
        backup_writable: Callable[[], bool],
    ) -> None:
        super().__init__("RCC")
        self._diagnostics = diagnostics
        self._interrupt = interrupt
        self._backup_writable = backup_writable
        self.on_change: Callable[[Clocks], None] = lambda _: None
        self.before_change: Callable[[], None] = lambda: None
        self.on_reset_peripheral: Callable[[str, int], None] = lambda enable_register, bits: None
        self.on_backup_reset: Callable[[], None] = lambda: None
        self.power_on()
        self.reset()

    def power_on(self) -> None:
        self.cause = BORRSTF  # of the reset that comes next
        self._flags = self._backup = 0

    def reset(self) -> None:
        """Any reset also pulls the reset pin."""
        self._flags |= self.cause | PINRSTF
        self.cause = SFTRSTF
        super().reset()
        self.registers[BDCR] = self._backup
        self.registers[CSR] |= self._flags
        self.clocks = self._compute()

    def enabled(self, gate: tuple[str, int]) -> bool:
        """Whether the clock behind one bit of an enable register runs."""
        register, bit = gate
        return bool(self.peek(OFFSETS[register]) >> bit & 1)

    def write(self, offset: int, value: int) -> None:
        if offset in {CICR, CIFR}:
            self.registers[CIFR] = self.peek(CIFR) & ~(value if offset == CICR else 0)
        elif offset in RESET_TO_ENABLE:
            released = self.peek(offset) & ~value
            super().write(offset, value)
            if released:
                self.on_reset_peripheral(RESET_TO_ENABLE[offset], released)
        elif offset == BDCR:
            self._write_backup(value)
        else:
            self._write_plain(offset, value)
        self._interrupt(bool(self.peek(CIFR) & self.peek(CIER)))

    def _write_plain(self, offset: int, value: int) -> None:
        before = self.peek(offset)
        if offset == CR:
            value = self._with_ready_bits(value)
        elif offset == CFGR:
            value = value & ~0xC | self._accepted_switch(value & 3) << 2
        elif offset == CSR:
            value = self._status(value)
        elif offset == CRRCR:
            value = value & ~2 | (value & 1) << 1
        elif offset == APB1ENR1:
            value |= before & WWDGEN  # once on it stays on
        if offset in {CR, CFGR, PLLCFGR, PLLSAI1CFGR, PLLSAI2CFGR, CSR, CCIPR}:
            self.before_change()
            super().write(offset, value)
            self._update()
        else:
            super().write(offset, value)
        self._flag_ready(offset, before)

    def _flag_ready(self, offset: int, before: int) -> None:
        for (register, ready), bit in READY_FLAGS.items():
            if register == offset and self.peek(offset) & ready & ~before and self.peek(CIER) >> bit & 1:
                self.registers[CIFR] = self.peek(CIFR) | 1 << bit

    def _status(self, value: int) -> int:
        if value & RMVF:
            self._flags = 0
        return value & ~RESET_FLAGS & ~2 | (value & 1) << 1 | self._flags

    def _write_backup(self, value: int) -> None:
        if not self._backup_writable():
            self._diagnostics.add("RCC: BDCR was written while PWR_CR1.DBP protects the backup domain; ignored")
            return
        before = self.peek(BDCR)
        if value & BDRST:
            self._backup = BDRST
            self.on_backup_reset()
        else:
            selected = before & 0x300  # RTCSEL only changes by a reset of the domain
            self._backup = value & ~2 | (value & 1) << 1 | selected
        self.before_change()
        super().write(BDCR, self._backup)
        self._update()
        self._flag_ready(BDCR, before)

    def _with_ready_bits(self, value: int) -> int:
        if value & HSEON:
            self._diagnostics.add("RCC: HSE was turned on, but the board has no crystal for it; it never gets ready")
        source = self.peek(CFGR) >> 2 & 3
        value |= {MSI: MSION, HSI: HSION, PLL: PLLON}.get(source, 0)  # cannot be stopped while it is the system clock
        for on, ready in READY_AFTER.items():
            value = value | ready if value & on else value & ~ready
        return value & ~HSERDY

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

    def _pll(self, register: int) -> Pll:
        """A PLL by its configuration register; the source is common to all three."""
        source = {1: self.msi_hz(), 2: HSI_HZ}.get(self.peek(PLLCFGR) & 3, 0)
        return pll(self.peek(register), source)

    def _pll_sysclk(self) -> int:
        found = self._pll(PLLCFGR)
        if not PLL_INPUT_RANGE[0] <= found.input <= PLL_INPUT_RANGE[1]:
            self._diagnostics.add(f"RCC: PLL input of {found.input} Hz is out of range")
        if not PLL_VCO_RANGE[0] <= found.vco <= PLL_VCO_RANGE[1]:
            self._diagnostics.add(f"RCC: PLL VCO at {found.vco} Hz is out of range")
        if not self.peek(PLLCFGR) & PLLREN:
            self._diagnostics.add("RCC: the PLL is the system clock but its output R is not enabled")
        return pll(self.peek(PLLCFGR) | PLLREN, found.input * ((self.peek(PLLCFGR) >> 4 & 15) + 1)).r

    def _compute(self) -> Clocks:
        source = self.peek(CFGR) >> 2 & 3
        sysclk = {HSI: lambda: HSI_HZ, PLL: self._pll_sysclk}.get(source, self.msi_hz)()
        if not sysclk:
            self._diagnostics.add("RCC: the system clock is a PLL without source; the model goes on at the MSI's rate")
            sysclk = self.msi_hz()
        return distribute(sysclk, self.peek(CFGR))

    def _update(self) -> None:
        self.clocks = self._compute()
        self.on_change(self.clocks)

    def _hsi_hz(self) -> int:
        return HSI_HZ if self.peek(CR) & HSIRDY else 0

    def _lse_hz(self) -> int:
        return LSE_HZ if self.peek(BDCR) & 2 else 0

    def _lsi_hz(self) -> int:
        return LSI_HZ if self.peek(CSR) & 2 else 0

    def _selected(self, selector_bit: int) -> int:
        return self.peek(CCIPR) >> selector_bit & 3

    def serial_hz(self, selector_bit: int, pclk: int) -> int:
        """Clock of a USART by its two bits in CCIPR."""
        return (pclk, self.clocks.sysclk, self._hsi_hz(), self._lse_hz())[self._selected(selector_bit)]

    def lptim_hz(self, selector_bit: int) -> int:
        """Clock of a low-power timer by its two bits in CCIPR."""
        return (self.clocks.pclk1, self._lsi_hz(), self._hsi_hz(), self._lse_hz())[self._selected(selector_bit)]

    def rtc_hz(self) -> int:
        """Clock of the calendar before its prescalers; 0 while it is off."""
        control = self.peek(BDCR)
        return (0, self._lse_hz(), self._lsi_hz(), 0)[control >> 8 & 3] if control >> 15 & 1 else 0

    def clk48_hz(self) -> int:
        """The 48 MHz clock of RNG, USB and SDMMC."""
        sources = (
            HSI48_HZ if self.peek(CRRCR) & 2 else 0,
            self._pll(PLLSAI1CFGR).q if self.peek(CR) & PLLSAI1RDY else 0,
            self._pll(PLLCFGR).q if self.peek(CR) & PLLRDY else 0,
            self.msi_hz() if self.peek(CR) & MSIRDY else 0,
        )
        return sources[self._selected(26)]

    def adc_hz(self) -> int:
        """The ADC's own clock, before its prescaler."""
        selected = self._selected(28)
        if selected == 1:
            return self._pll(PLLSAI1CFGR).r if self.peek(CR) & PLLSAI1RDY else 0
        return self.clocks.sysclk if selected == 3 else 0
