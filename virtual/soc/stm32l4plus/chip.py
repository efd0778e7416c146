"""STM32L4+: the peripherals put together on their buses."""

from collections.abc import Callable

from common.board import Board
from common.errors import UserError
from virtual.soc.chip import Pin, Surroundings
from virtual.soc.peripheral import Peripheral
from virtual.soc.serial import SerialDevice
from virtual.soc.stm32l4plus.clocks import Clocks
from virtual.soc.stm32l4plus.crc import Crc
from virtual.soc.stm32l4plus.gpio import MODES, Gpio
from virtual.soc.stm32l4plus.memory_map import (
    CRC_GATE,
    FLASH_GATE,
    GPIO_INPUTS,
    GPIO_PORTS,
    PWR_GATE,
    QUIET,
    SERIAL_PORTS,
    TIMERS,
    UNMODELLED,
    Gate,
    SerialPort,
    TimerPort,
)
from virtual.soc.stm32l4plus.power import FlashInterface, Pwr
from virtual.soc.stm32l4plus.rcc import Rcc
from virtual.soc.stm32l4plus.timer import Timer
from virtual.soc.stm32l4plus.usart import Usart

PAGE_SHIFT = 10  # every peripheral has its own KiB
PINS = 16  # of a port
RSTR_TO_ENR = 0x48 - 0x28


class Stm32L4Plus:
    """The chip's peripherals; see ``virtual.soc.chip.Chip``."""

    def __init__(self, board: Board, surroundings: Surroundings) -> None:
        self._timebase = surroundings.timebase
        self._diagnostics = surroundings.diagnostics
        self._core = surroundings.core
        self._pages: dict[int, Peripheral] = {}
        self._gates: dict[int, Gate] = {}
        self.rcc = Rcc(self._diagnostics)
        self.pwr = Pwr()
        self.flash = FlashInterface(surroundings.engine, board.clock.flash_read_bytes)
        self.gpio = {letter: Gpio(letter, base, GPIO_INPUTS.get(letter, 0)) for letter, (base, _) in GPIO_PORTS.items()}
        self._add(self.rcc, None)
        self._add(self.pwr, PWR_GATE)
        self._add(self.flash, FLASH_GATE)
        self._add(Crc(), CRC_GATE)
        for letter, (_, gate) in GPIO_PORTS.items():
            self._add(self.gpio[letter], gate)
        for timer in TIMERS:
            self._add(self._timer(timer), timer.gate)
        self._ports = {port.name: self._usart(port) for port in SERIAL_PORTS}
        for base, name in UNMODELLED.items():
            self._pages[base >> PAGE_SHIFT] = Peripheral(name, base)
        if board.serial not in self._ports:
            raise UserError(f"board {board.name}: serial '{board.serial}' is none of {', '.join(self._ports)}")
        self.serial: SerialDevice = self._ports[board.serial]
        self.rcc.before_change = self._before_clock_change
        self.rcc.on_change = self._clock_changed
        self.rcc.on_reset_peripheral = self._reset_peripherals
        self.pwr.on_change = self._check_supply
        self.flash.on_change = self._check_supply

    # -- construction ---------------------------------------------------------------------------------------------

    def _add(self, peripheral: Peripheral, gate: Gate | None) -> None:
        page = peripheral.base >> PAGE_SHIFT
        self._pages[page] = peripheral
        if gate is not None:
            self._gates[page] = gate

    def _line(self, irq: int) -> Callable[[bool], None]:
        return lambda high: self._core.set_line(irq, high)

    def _timer(self, port: TimerPort) -> Timer:
        return Timer(
            port.name,
            port.base,
            bits=port.bits,
            timebase=self._timebase,
            diagnostics=self._diagnostics,
            clock_hz=lambda: self.rcc.clocks.timer1 if port.apb == 1 else self.rcc.clocks.timer2,
            interrupt=self._line(port.irq),
        )

    def _usart(self, port: SerialPort) -> Usart:
        usart = Usart(
            port.name.upper(),
            port.base,
            low_power=port.low_power,
            timebase=self._timebase,
            diagnostics=self._diagnostics,
            kernel_hz=lambda: self._serial_clock(port),
            wired=lambda: (self._is_wired(port.tx), self._is_wired(port.rx)),
            interrupt=self._line(port.irq),
        )
        self._add(usart, port.gate)
        return usart

    def _serial_clock(self, port: SerialPort) -> int:
        clocks = self.rcc.clocks
        return self.rcc.kernel_hz(port.selector, clocks.pclk1 if port.apb == 1 else clocks.pclk2)

    def _is_wired(self, pin: tuple[str, int, int]) -> bool:
        letter, number, function = pin
        supplied = letter != "G" or number < 2 or self.pwr.port_g_supplied
        return supplied and self.gpio[letter].alternate_function(number) == function

    # -- pins -----------------------------------------------------------------------------------------------------

    @staticmethod
    def _split(pin: str) -> tuple[str, int]:
        letter, number = pin[:1].upper(), pin[1:]
        if letter not in GPIO_PORTS or not number.isascii() or not number.isdecimal() or int(number) >= PINS:
            raise UserError(f"there is no pin '{pin}'; pins are {min(GPIO_PORTS)}0 to {max(GPIO_PORTS)}{PINS - 1}")
        return letter, int(number)

    def connect(self, pin: str, level: int | None) -> None:
        letter, number = self._split(pin)
        self.gpio[letter].connect(number, level)

    def pin(self, pin: str) -> Pin:
        letter, number = self._split(pin)
        gpio = self.gpio[letter]
        return Pin(f"{letter}{number}", MODES[gpio.mode(number)], gpio.level(number))

    def pins(self) -> tuple[Pin, ...]:
        return tuple(self.pin(f"{letter}{number}") for letter in GPIO_PORTS for number in range(PINS))

    # -- clocks ---------------------------------------------------------------------------------------------------

    @property
    def supply_mode(self) -> str:
        return self.pwr.mode

    def reset(self) -> None:
        self.rcc.reset()
        self._timebase.restart(self.rcc.clocks.hclk)
        for peripheral in dict.fromkeys(self._pages.values()):
            peripheral.reset()

    def _before_clock_change(self) -> None:
        for peripheral in self._pages.values():
            peripheral.before_clock_change()

    def _clock_changed(self, clocks: Clocks) -> None:
        self._timebase.set_frequency(clocks.hclk)
        for peripheral in self._pages.values():
            peripheral.clock_changed()
        self._check_supply()

    def _check_supply(self) -> None:
        self.pwr.check(self.rcc.clocks.hclk, self.flash.wait_states, self._diagnostics)

    def _reset_peripherals(self, offset: int, bits: int) -> None:
        for page, gate in self._gates.items():
            if gate.register == offset + RSTR_TO_ENR and bits >> gate.bit & 1:
                self._pages[page].reset()

    # -- access ---------------------------------------------------------------------------------------------------

    def _find(self, address: int) -> Peripheral | None:
        """The peripheral behind an address, None when its clock is off."""
        page = address >> PAGE_SHIFT
        peripheral = self._pages.get(page)
        if peripheral is None:
            peripheral = self._pages[page] = Peripheral(f"{page << PAGE_SHIFT:#010x}", page << PAGE_SHIFT)
        gate = self._gates.get(page)
        if gate is None:
            if type(peripheral) is Peripheral and peripheral.name not in QUIET:
                self._diagnostics.add(f"{peripheral.name} is not modelled; it answers as plain memory")
        elif not self.rcc.enabled(gate.register, gate.bit):
            self._diagnostics.add(f"{peripheral.name}: accessed while its clock is off in RCC")
            return None
        return peripheral

    def read(self, address: int, size: int) -> int:
        peripheral = self._find(address)
        if peripheral is None:
            return 0
        word = peripheral.read((address - peripheral.base) & ~3)
        return word >> 8 * (address & 3) & ((1 << 8 * size) - 1)

    def write(self, address: int, size: int, value: int) -> None:
        peripheral = self._find(address)
        if peripheral is None:
            return
        offset = address - peripheral.base
        if size == 4:
            peripheral.write(offset & ~3, value)
            return
        shift = 8 * (offset & 3)
        mask = ((1 << 8 * size) - 1) << shift
        peripheral.write_narrow(offset & ~3, value << shift, mask)

    def is_steady(self, address: int) -> bool:
        peripheral = self._pages.get(address >> PAGE_SHIFT)
        return peripheral is not None and peripheral.is_steady((address - peripheral.base) & ~3)
