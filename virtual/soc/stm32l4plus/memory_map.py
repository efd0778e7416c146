"""Interrupts, pins, DMA requests and memory ranges of the family's peripherals (RM0432, 2.2, 12.3, 16.3).

Data only; a class that models a peripheral is chosen in ``chip``. Register blocks are in ``registers.toml``.
"""

import struct
from dataclasses import dataclass
from pathlib import Path

from virtual.soc.register_table import RegisterTable

REGISTERS = RegisterTable(Path(__file__).with_name("registers.toml"))
IRQS = 95


@dataclass(frozen=True)
class SerialPort:
    """``selector`` is the first of its two bits in RCC_CCIPR; pins are (port, pin, alternate function)."""

    name: str
    irq: int
    selector: int
    tx: tuple[str, int, int]
    rx: tuple[str, int, int]
    rx_request: int  # of the DMA multiplexer; that of TX is the next one
    low_power: bool = False
    apb: int = 1


@dataclass(frozen=True)
class TimerPort:
    """``compare_irq`` is where compare events go on timers that have lines of their own for them."""

    name: str
    irq: int
    bits: int = 16
    apb: int = 1
    channels: int = 4
    compare_irq: int | None = None


# Pins: those that the NUCLEO-144 boards use (UM2179), else the first choice of DS12023's alternate function table.
SERIAL_PORTS = (
    SerialPort("LPUART1", 70, 10, ("G", 7, 8), ("G", 8, 8), 34, low_power=True),
    SerialPort("USART1", 37, 0, ("A", 9, 7), ("A", 10, 7), 24, apb=2),
    SerialPort("USART2", 38, 2, ("D", 5, 7), ("D", 6, 7), 26),
    SerialPort("USART3", 39, 4, ("D", 8, 7), ("D", 9, 7), 28),
    SerialPort("UART4", 52, 6, ("A", 0, 8), ("A", 1, 8), 30),
    SerialPort("UART5", 53, 8, ("C", 12, 8), ("D", 2, 8), 32),
)

TIMERS = (
    TimerPort("TIM1", 25, apb=2, compare_irq=27),
    TimerPort("TIM2", 28, bits=32),
    TimerPort("TIM3", 29),
    TimerPort("TIM4", 30),
    TimerPort("TIM5", 50, bits=32),
    TimerPort("TIM6", 54, channels=0),
    TimerPort("TIM7", 55, channels=0),
    TimerPort("TIM8", 44, apb=2, compare_irq=46),
    TimerPort("TIM15", 24, apb=2, channels=2),
    TimerPort("TIM16", 25, apb=2, channels=1),
    TimerPort("TIM17", 26, apb=2, channels=1),
)


@dataclass(frozen=True)
class SoundPort:
    """A SAI. ``pins``: bit clock, word select and data of each block; ``request``: the first block's of the DMA."""

    name: str
    irq: int
    request: int
    pins: tuple[tuple[tuple[str, int, int], ...], ...]


SOUND = SoundPort(
    "SAI1", 74, 36, ((("E", 5, 13), ("E", 4, 13), ("E", 6, 13)), (("F", 8, 13), ("F", 9, 13), ("E", 3, 13)))
)

LPTIM_IRQS = {"LPTIM1": 65, "LPTIM2": 66}
LPTIM_SELECTORS = {"LPTIM1": 18, "LPTIM2": 20}  # in RCC_CCIPR
DMA_IRQS = {"DMA1": (11, 12, 13, 14, 15, 16, 17), "DMA2": (56, 57, 58, 59, 60, 68, 69)}
WWDG_IRQ, FLASH_IRQ, RCC_IRQ, ADC_IRQ, RNG_IRQ = 0, 4, 5, 18, 80
ADC_REQUEST = 5

# EXTI line: interrupt. The lines of USART, I2C and LPTIM wake-up from Stop mode are direct ones and not modelled.
EXTI_IRQS = (
    {line: 6 + line for line in range(5)}
    | dict.fromkeys(range(5, 10), 23)
    | dict.fromkeys(range(10, 16), 40)
    | {16: 1, 18: 41, 19: 2, 20: 3, 21: 64, 22: 64, 35: 1, 36: 1, 37: 1, 38: 1}
)
EXTI_RTC_WAKEUP = 20

PORTS = "ABCDEFGHI"
GPIO_INPUTS = {"G": 1 << 12}  # an external SMPS on the -P board variants holds PG12 high

# (origin, size) of everything on the buses AHB and APB.
RANGES = ((0x4000_0000, 0x3_0000), (0x4800_0000, 0x3000), (0x5000_0000, 0x7_0000), (0xA000_0000, 0x2000))

VREFINT_VOLTS, VDDA_VOLTS, CALIBRATION_VOLTS = 1.212, 3.3, 3.0  # DS12023: typical; the board's; of calibration
SENSOR_VOLTS_30, SENSOR_VOLTS_PER_KELVIN = 0.76, 0.0025  # DS12023, temperature sensor characteristics, typical


def _calibration(volts: float) -> bytes:
    return struct.pack("<H", round(volts / CALIBRATION_VOLTS * 4095))


# System memory: (address, content). The unique device identifier is this virtual chip's own (RM0432, 58).
SYSTEM_MEMORY = (
    (0x1FFF_7000, b"\xff" * 0x400),  # one-time programmable, blank
    (0x1FFF_7500, struct.pack("<I", 4)),  # package: LQFP144
    (0x1FFF_7590, b"\x01\x00\x02\x00\x03VIRTUL"),
    (0x1FFF_75A8, _calibration(SENSOR_VOLTS_30)),  # temperature sensor at 30 degrees C
    (0x1FFF_75AA, _calibration(VREFINT_VOLTS)),
    (0x1FFF_75CA, _calibration(SENSOR_VOLTS_30 + 100 * SENSOR_VOLTS_PER_KELVIN)),  # at 130 degrees C
    (0x1FFF_75E0, struct.pack("<H", 2048)),  # flash size in KiB
)
