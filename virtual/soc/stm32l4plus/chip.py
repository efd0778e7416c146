"""STM32L4+: the peripherals put together on their buses."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from common.board import Board
from common.errors import UserError
from virtual.soc.chip import Pin, Surroundings
from virtual.soc.peripheral import Peripheral
from virtual.soc.register_table import PAGE_SHIFT, Block
from virtual.soc.serial import SerialDevice
from virtual.soc.stm32l4plus.adc import Adc
from virtual.soc.stm32l4plus.clocks import Clocks
from virtual.soc.stm32l4plus.crc import Crc
from virtual.soc.stm32l4plus.dbgmcu import Dbgmcu
from virtual.soc.stm32l4plus.dma import CHANNELS, Dma, DmaMux, Memory
from virtual.soc.stm32l4plus.flash import FlashInterface
from virtual.soc.stm32l4plus.gpio import MODES, Gpio
from virtual.soc.stm32l4plus.lptim import LowPowerTimer
from virtual.soc.stm32l4plus.memory_map import (
    ADC_IRQ,
    ADC_REQUEST,
    DMA_IRQS,
    EXTI_IRQS,
    EXTI_RTC_WAKEUP,
    FLASH_IRQ,
    GPIO_INPUTS,
    LPTIM_IRQS,
    LPTIM_SELECTORS,
    PORTS,
    RANGES,
    RCC_IRQ,
    REGISTERS,
    RNG_IRQ,
    SERIAL_PORTS,
    SOUND,
    TIMERS,
    WWDG_IRQ,
    SerialPort,
    TimerPort,
)
from virtual.soc.stm32l4plus.power import Pwr
from virtual.soc.stm32l4plus.rcc import IWDGRSTF, OBLRSTF, WWDGRSTF, Rcc
from virtual.soc.stm32l4plus.rng import Rng
from virtual.soc.stm32l4plus.rtc import Rtc
from virtual.soc.stm32l4plus.sai import Frame, Sai
from virtual.soc.stm32l4plus.syscfg import Exti, Syscfg
from virtual.soc.stm32l4plus.timer import Timer
from virtual.soc.stm32l4plus.usart import Usart
from virtual.soc.stm32l4plus.watchdogs import IndependentWatchdog, WindowWatchdog

PINS = 16  # of a port
P = TypeVar("P", bound=Peripheral)


def _on_board(port: SerialPort, board: Board) -> SerialPort:
    """The board's own serial port on the pins that the board uses."""
    pins = board.serial_pins
    if pins is None or port.name != board.serial.upper():
        return port
    tx, rx = ((pin[0], int(pin[1:]), pins.function) for pin in (pins.tx, pins.rx))
    return replace(port, tx=tx, rx=rx)


class Stm32L4Plus:
    """The chip's peripherals; see ``virtual.soc.chip.Chip``."""

    def __init__(self, board: Board, surroundings: Surroundings) -> None:
        if board.serial.upper() not in {port.name for port in SERIAL_PORTS}:
            known = ", ".join(port.name.lower() for port in SERIAL_PORTS)
            raise UserError(f"board {board.name}: serial '{board.serial}' is none of {known}")
        self._engine = surroundings.engine
        self._timebase = surroundings.timebase
        self._diagnostics = surroundings.diagnostics
        self._core = surroundings.core
        self._locate = surroundings.locate
        self._request_reset = surroundings.request_reset
        self._flash = board.flash
        self._sram2 = next((memory for memory in board.memories if memory.name == "sram2"), None)
        self._requesting: dict[int, set[object]] = {}
        self._peripherals: dict[str, Peripheral] = {}
        self.pwr = self._add(Pwr())
        self.rcc = self._add(Rcc(self._diagnostics, self._line(RCC_IRQ), lambda: self.pwr.backup_writable))
        self.flash = self._add(
            FlashInterface(
                surroundings.engine,
                self._timebase,
                self._diagnostics,
                origin=board.flash.origin,
                size=board.flash.size,
                read_bytes=board.clock.flash_read_bytes,
                interrupt=self._line(FLASH_IRQ),
                code_changed=surroundings.code_changed,
                reload=lambda: self._reset_by(OBLRSTF),
            )
        )
        self._add_pins()
        self._add_dma()
        for timer in TIMERS:
            self._add(self._timer(timer))
        for name, irq in LPTIM_IRQS.items():
            self._add(self._lptim(name, irq))
        ports = {port.name: self._add(self._usart(_on_board(port, board))) for port in SERIAL_PORTS}
        self.serial: SerialDevice = ports[board.serial.upper()]
        self._sai = self._add(self._sound(board))
        self._add_others()
        self.rcc.before_change = self._before_clock_change
        self.rcc.on_change = self._clock_changed
        self.rcc.on_reset_peripheral = self._reset_peripherals
        self.pwr.on_change = self._check_supply
        self.flash.on_change = self._check_supply

    # -- construction ---------------------------------------------------------------------------------------------

    def _add(self, peripheral: P) -> P:
        self._peripherals[peripheral.name] = peripheral
        return peripheral

    def _line(self, irq: int) -> Callable[[bool], None]:
        """A source of an interrupt; sources that share one are or-ed."""
        requesting = self._requesting.setdefault(irq, set())
        source = object()

        def drive(high: bool) -> None:
            if high:
                requesting.add(source)
            else:
                requesting.discard(source)
            self._core.set_line(irq, bool(requesting))

        return drive

    def _add_pins(self) -> None:
        self.syscfg = self._add(Syscfg(self._diagnostics, self._erase_sram2))
        lines = {irq: self._line(irq) for irq in EXTI_IRQS.values()}
        self.exti = self._add(Exti(EXTI_IRQS, lambda irq, high: lines[irq](high), self._core.send_event))
        self.gpio = {letter: self._add(Gpio(letter, GPIO_INPUTS.get(letter, 0))) for letter in PORTS}
        self._watched: dict[tuple[str, int], list[Callable[[bool], None]]] = {}
        for number, letter in enumerate(PORTS):
            self.gpio[letter].on_level = self._edge_of(number)

    def _edge_of(self, port: int) -> Callable[[int, bool], None]:
        def edge(pin: int, level: bool) -> None:
            if self.syscfg.exti_port(pin) == port:
                self.exti.edge(pin, rising=level)
            for changed in self._watched.get((PORTS[port], pin), ()):
                changed(level)

        return edge

    def _add_dma(self) -> None:
        self.dmamux = self._add(DmaMux(self._diagnostics))
        memory = Memory(self._master_read, self._master_write)
        self.dmamux.controllers = tuple(
            self._add(self._dma(name, irqs, number * CHANNELS, memory))
            for number, (name, irqs) in enumerate(DMA_IRQS.items())
        )

    def _dma(self, name: str, irqs: tuple[int, ...], first: int, memory: Memory) -> Dma:
        lines = [self._line(irq) for irq in irqs]
        return Dma(
            name,
            memory=memory,
            timebase=self._timebase,
            requested=lambda channel: self.dmamux.requested(first + channel),
            interrupt=lambda channel, high: lines[channel](high),
        )

    def _timer(self, port: TimerPort) -> Timer:
        update = self._line(port.irq)
        compare = self._line(port.irq if port.compare_irq is None else port.compare_irq)

        def interrupt(updated: bool, matched: bool) -> None:
            update(updated)
            compare(matched)

        return Timer(
            port.name,
            bits=port.bits,
            channels=port.channels,
            timebase=self._timebase,
            diagnostics=self._diagnostics,
            clock_hz=lambda: self.rcc.clocks.timer1 if port.apb == 1 else self.rcc.clocks.timer2,
            interrupt=interrupt,
        )

    def _lptim(self, name: str, irq: int) -> LowPowerTimer:
        selector = LPTIM_SELECTORS[name]
        return LowPowerTimer(
            name, self._timebase, self._diagnostics, lambda: self.rcc.lptim_hz(selector), self._line(irq)
        )

    def _usart(self, port: SerialPort) -> Usart:
        usart = Usart(
            port.name,
            low_power=port.low_power,
            timebase=self._timebase,
            diagnostics=self._diagnostics,
            kernel_hz=lambda: self._serial_clock(port),
            wired=lambda: (self._is_wired(port.tx), self._is_wired(port.rx)),
            interrupt=self._line(port.irq),
            request=lambda receive: self.dmamux.pump(port.rx_request + (0 if receive else 1)),
        )
        self.dmamux.sources[port.rx_request] = lambda: usart.wants_dma(receive=True)
        self.dmamux.sources[port.rx_request + 1] = lambda: usart.wants_dma(receive=False)
        return usart

    def _sound(self, board: Board) -> Sai:
        """The board's own pins are those of block A."""
        first = SOUND.pins[0]
        if board.i2s is not None:
            names = (board.i2s.sck, board.i2s.ws, board.i2s.sd)
            first = tuple((name[0], int(name[1:]), board.i2s.function) for name in names)
        pins = (first, *SOUND.pins[1:])
        sai = Sai(
            SOUND.name,
            self._timebase,
            self._diagnostics,
            wired=lambda block: all(self._is_wired(pin) for pin in pins[block]),
            request=lambda block: self.dmamux.pump(SOUND.request + block),
            interrupt=self._line(SOUND.irq),
        )
        for block in range(len(pins)):
            self.dmamux.sources[SOUND.request + block] = lambda block=block: sai.wants_dma(block)  # type: ignore[misc]
        return sai

    def play(self, frames: Sequence[Frame], rate_hz: float) -> None:
        self._sai.play(0, frames, rate_hz)

    def _add_others(self) -> None:
        timebase, diagnostics, rcc = self._timebase, self._diagnostics, self.rcc
        self._add(Crc())
        self._add(Dbgmcu("DBGMCU"))
        self._iwdg = self._add(IndependentWatchdog(timebase, lambda: self._reset_by(IWDGRSTF)))
        self._wwdg = self._add(
            WindowWatchdog(timebase, lambda: rcc.clocks.pclk1, self._line(WWDG_IRQ), lambda: self._reset_by(WWDGRSTF))
        )
        self._add(Rng(diagnostics, rcc.clk48_hz, self._line(RNG_IRQ)))
        rtc = self._add(Rtc(timebase, diagnostics, rcc.rtc_hz, lambda: self.pwr.backup_writable, self._rtc_woken))
        rcc.on_backup_reset = rtc.power_on
        adc = self._add(
            Adc(
                timebase,
                diagnostics,
                lambda: (rcc.adc_hz(), rcc.clocks.hclk),
                self._line(ADC_IRQ),
                self.dmamux.pump,
            )
        )
        self.dmamux.sources[ADC_REQUEST] = lambda: adc.wants_dma

    def _rtc_woken(self) -> None:
        self.exti.edge(EXTI_RTC_WAKEUP, rising=True)

    def _serial_clock(self, port: SerialPort) -> int:
        clocks = self.rcc.clocks
        return self.rcc.serial_hz(port.selector, clocks.pclk1 if port.apb == 1 else clocks.pclk2)

    def _is_wired(self, pin: tuple[str, int, int]) -> bool:
        letter, number, function = pin
        return self._is_supplied(letter, number) and self.gpio[letter].alternate_function(number) == function

    def _is_supplied(self, letter: str, pin: int) -> bool:
        return letter != "G" or pin < 2 or self.pwr.port_g_supplied

    # -- clocks and resets ----------------------------------------------------------------------------------------

    def power_on(self) -> None:
        for peripheral in self._peripherals.values():
            peripheral.power_on()

    @property
    def supply_mode(self) -> str:
        return self.pwr.mode

    def reset(self) -> None:
        for requesting in self._requesting.values():
            requesting.clear()
        self.rcc.reset()
        self._timebase.restart(self.rcc.clocks.hclk)
        for peripheral in self._peripherals.values():
            if peripheral is not self.rcc:
                peripheral.reset()

    @property
    def resets_itself(self) -> bool:
        return self._iwdg.running or self._wwdg.running

    def _reset_by(self, flag: int) -> None:
        self.rcc.cause = flag
        self._request_reset()

    def _erase_sram2(self) -> None:
        if self._sram2 is not None:
            self._engine.write_memory(self._sram2.origin, bytes(self._sram2.size))

    def _before_clock_change(self) -> None:
        for peripheral in self._peripherals.values():
            peripheral.before_clock_change()

    def _clock_changed(self, clocks: Clocks) -> None:
        self._timebase.set_frequency(clocks.hclk)
        for peripheral in self._peripherals.values():
            peripheral.clock_changed()
        self._check_supply()

    def _check_supply(self) -> None:
        self.pwr.check(self.rcc.clocks.hclk, self.flash.wait_states, self._diagnostics)

    def _reset_peripherals(self, enable_register: str, bits: int) -> None:
        for name, peripheral in self._peripherals.items():
            gate = REGISTERS.blocks[name].gate
            if gate is not None and gate[0] == enable_register and bits >> gate[1] & 1:
                peripheral.reset()

    # -- access ---------------------------------------------------------------------------------------------------

    def register_name(self, address: int) -> str:
        return REGISTERS.name_of(address)

    def _find(self, address: int, access: str) -> tuple[Peripheral, int] | None:
        """(peripheral, offset) behind an address, None when its clock is off or nothing is there."""
        block = REGISTERS.find(address)
        if block is None:
            self._diagnostics.add_once(
                f"reserved {address & -1 << PAGE_SHIFT:#x}",
                f"{address:#010x} is reserved in the memory map; {access} by {self._locate()}",
            )
            return None
        peripheral = self._peripherals.get(block.name)
        if block.gate is not None and not self.rcc.enabled(block.gate):
            self._diagnostics.add(f"{block.name}: accessed while its clock is off in RCC")
            return None
        offset = address - block.base
        if peripheral is None:
            peripheral = self._peripherals[block.name] = Peripheral(block.name)
        if type(peripheral) is Peripheral:
            self._report_unmodelled(block, offset, access)
        return peripheral, offset

    def _report_unmodelled(self, block: Block, offset: int, access: str) -> None:
        name = block.register_name(offset)
        self._diagnostics.add_once(
            name,
            f"{name} at {block.base + offset:#010x} {access} by {self._locate()}: "
            f"{block.name} is not modelled, it answers as plain memory",
        )

    def read(self, address: int, size: int) -> int:
        found = self._find(address, "read")
        if found is None:
            return 0
        peripheral, offset = found
        word = peripheral.read(offset & ~3)
        if peripheral.name == "GPIOG" and offset & ~3 == 0x10 and not self.pwr.port_g_supplied:
            word &= 3  # PG2 to PG15 have no supply
        return word >> 8 * (offset & 3) & ((1 << 8 * size) - 1)

    def write(self, address: int, size: int, value: int) -> None:
        found = self._find(address, "written")
        if found is None:
            return
        peripheral, offset = found
        if size == 4:
            peripheral.write(offset & ~3, value)
            return
        shift = 8 * (offset & 3)
        mask = ((1 << 8 * size) - 1) << shift
        peripheral.write_narrow(offset & ~3, value << shift & mask, mask)

    def is_steady(self, address: int) -> bool:
        block = REGISTERS.find(address)
        peripheral = None if block is None else self._peripherals.get(block.name)
        return block is not None and peripheral is not None and peripheral.is_steady((address - block.base) & ~3)

    def program(self, address: int, size: int, value: int) -> bool:
        for origin in (self._flash.origin, 0):  # the flash is also at 0
            if origin <= address < origin + self._flash.size:
                return self.flash.program(address - origin + self._flash.origin, size, value)
        return False

    # -- the DMA's view -------------------------------------------------------------------------------------------

    def _master_read(self, address: int, size: int) -> int:
        if any(origin <= address < origin + length for origin, length in RANGES):
            return self.read(address, size)
        return int.from_bytes(self._engine.read_memory(address, size), "little")

    def _master_write(self, address: int, size: int, value: int) -> None:
        if any(origin <= address < origin + length for origin, length in RANGES):
            self.write(address, size, value)
            return
        if not self._engine.is_writable(address):
            raise ValueError(f"{address:#010x} cannot be written")
        self._engine.write_memory(address, value.to_bytes(size, "little"))

    # -- pins -----------------------------------------------------------------------------------------------------

    @staticmethod
    def _split(pin: str) -> tuple[str, int]:
        letter, number = pin[:1].upper(), pin[1:]
        if letter not in PORTS or not number.isascii() or not number.isdecimal() or int(number) >= PINS:
            raise UserError(f"there is no pin '{pin}'; pins are {PORTS[0]}0 to {PORTS[-1]}{PINS - 1}")
        return letter, int(number)

    def connect(self, pin: str, level: int | None) -> None:
        letter, number = self._split(pin)
        self.gpio[letter].connect(number, level)

    def watch_pin(self, pin: str, changed: Callable[[bool], None]) -> None:
        self._watched.setdefault(self._split(pin), []).append(changed)

    def pin(self, pin: str) -> Pin:
        letter, number = self._split(pin)
        gpio = self.gpio[letter]
        return Pin(f"{letter}{number}", MODES[gpio.mode(number)], gpio.level(number))

    def pins(self) -> tuple[Pin, ...]:
        return tuple(self.pin(f"{letter}{number}") for letter in PORTS for number in range(PINS))
