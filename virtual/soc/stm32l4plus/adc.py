"""Analog to digital converter (RM0432, chapter 21): calibration and regular conversions of the internal channels.

Pins read 0 V: nothing drives them with a voltage here.
"""

from collections.abc import Callable
from typing import ClassVar

from virtual.soc.diagnostics import Diagnostics
from virtual.soc.peripheral import Peripheral
from virtual.soc.stm32l4plus.memory_map import ADC_REQUEST, SENSOR_VOLTS_30, VDDA_VOLTS, VREFINT_VOLTS
from virtual.timebase import Event, Timebase

ISR, IER, CR, CFGR, SMPR1, SQR1, DR, CALFACT, CCR = 0x00, 0x04, 0x08, 0x0C, 0x14, 0x30, 0x40, 0xB4, 0x308
ADRDY, EOSMP, EOC, EOS, OVR = (1 << n for n in range(5))
ADEN, ADDIS, ADSTART, JADSTART, ADSTP, ADVREGEN, DEEPPWD, ADCAL = (1 << n for n in (0, 1, 2, 3, 4, 28, 29, 31))
DMAEN, CONT, OVRMOD, ALIGN = 1 << 0, 1 << 13, 1 << 12, 1 << 5
EXTEN = 3 << 10
SAMPLE_CYCLES = (2.5, 6.5, 12.5, 24.5, 47.5, 92.5, 247.5, 640.5)
CONVERSION_CYCLES = (12.5, 10.5, 8.5, 6.5)  # for 12, 10, 8, 6 bits
PRESCALERS = (1, 2, 4, 6, 8, 10, 12, 16, 32, 64, 128, 256)
VREFINT, SENSOR, BATTERY = 0, 17, 18
VREFEN, SENSOREN, VBATEN = 1 << 22, 1 << 23, 1 << 24  # CCR


class Adc(Peripheral):
    """``clocks`` gives (own clock, HCLK); ``request`` asks the DMA to fetch a result."""

    RESET: ClassVar = {CR: DEEPPWD, CFGR: 0x8000_0000}

    def __init__(
        self,
        timebase: Timebase,
        diagnostics: Diagnostics,
        clocks: Callable[[], tuple[int, int]],
        interrupt: Callable[[bool], None],
        request: Callable[[int], None],
    ) -> None:
        super().__init__("ADC")
        self._timebase = timebase
        self._diagnostics = diagnostics
        self._clocks = clocks
        self._interrupt = interrupt
        self._request = request
        self._event: Event | None = None
        self.reset()

    def reset(self) -> None:
        super().reset()
        self._place = 0
        if self._event:
            self._event.cancel()

    @property
    def wants_dma(self) -> bool:
        return bool(self.peek(CFGR) & DMAEN and self.peek(ISR) & EOC)

    def _hz(self) -> float:
        own, hclk = self._clocks()
        mode = self.peek(CCR) >> 16 & 3
        if mode:
            return hclk / (1 << (mode - 1))
        return own / PRESCALERS[min(self.peek(CCR) >> 18 & 15, 11)]

    def _channel(self) -> int:
        position = self._place + 1  # the first five bits of SQR1 are the length
        return self.peek(SQR1 + 4 * (position // 5)) >> 6 * (position % 5) & 0x1F

    def _volts(self, channel: int) -> float:
        enables = self.peek(CCR)
        if channel == VREFINT and enables & VREFEN:
            return VREFINT_VOLTS
        if channel == SENSOR and enables & SENSOREN:
            return SENSOR_VOLTS_30
        if channel == BATTERY and enables & VBATEN:
            return VDDA_VOLTS / 3
        return 0.0

    def _plan(self) -> None:
        hz = self._hz()
        if not hz:
            self._diagnostics.add("ADC: a conversion was started without a clock; it never ends")
            return
        channel, resolution = self._channel(), self.peek(CFGR) >> 3 & 3
        sample = SAMPLE_CYCLES[self.peek(SMPR1 + 4 * (channel // 10)) >> 3 * (channel % 10) & 7]
        seconds = (sample + CONVERSION_CYCLES[resolution]) / hz
        self._event = self._timebase.at(self._timebase.now + self._timebase.cycles_of(seconds), self._converted)

    def _converted(self) -> None:
        bits = 12 - 2 * (self.peek(CFGR) >> 3 & 3)
        value = round(self._volts(self._channel()) / VDDA_VOLTS * ((1 << bits) - 1))
        status = self.peek(ISR)
        if status & EOC:
            status |= OVR
        if not status & OVR or self.peek(CFGR) & OVRMOD:
            self.registers[DR] = value << (16 - bits) if self.peek(CFGR) & ALIGN else value
        status |= EOC | EOSMP
        self._place += 1
        if self._place > self.peek(SQR1) & 15:
            self._place = 0
            status |= EOS
            if not self.peek(CFGR) & CONT:
                self.registers[CR] &= ~ADSTART
        self.registers[ISR] = status
        if self.peek(CR) & ADSTART:
            self._plan()
        self._update()
        self._request(ADC_REQUEST)

    def _update(self) -> None:
        self._interrupt(bool(self.peek(ISR) & self.peek(IER)))

    def read(self, offset: int) -> int:
        if offset == DR:
            self.registers[ISR] = self.peek(ISR) & ~EOC
            self._update()
        return self.peek(offset)

    def write(self, offset: int, value: int) -> None:
        if offset == ISR:
            self.registers[ISR] = self.peek(ISR) & ~value
        elif offset == CR:
            self._control(value)
        elif offset != DR:
            if offset == CFGR and value & EXTEN:
                self._diagnostics.add("ADC: conversions triggered by hardware are not modelled")
            super().write(offset, value)
        self._update()

    def _control(self, value: int) -> None:
        """Bits ADEN to ADCAL are set by writing ones and cleared by the hardware, which is immediate here."""
        control = self.peek(CR) & (ADEN | ADSTART) | value & (ADVREGEN | DEEPPWD | 1 << 30)
        if value & ADCAL:
            self.registers[CALFACT] = 0x40
        if value & ADEN and not control & ADEN:
            control |= ADEN
            self.registers[ISR] = self.peek(ISR) | ADRDY
        if value & ADDIS:
            control &= ~(ADEN | ADSTART)
        if value & ADSTP:
            control &= ~ADSTART
            if self._event:
                self._event.cancel()
        if value & JADSTART:
            self._diagnostics.add("ADC: injected conversions are not modelled")
        if value & ADSTART and control & ADEN and not control & ADSTART:
            self.registers[CR] = control | ADSTART
            self._place = 0
            self._plan()
            return
        self.registers[CR] = control
