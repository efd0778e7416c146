"""Where the peripherals are, which clock they need, which interrupts they raise (RM0432, 2.2, 6.4 and 16.3).

Data only; a class that models a peripheral is chosen in ``chip``.
"""

from dataclasses import dataclass

AHB1, AHB2, AHB3, APB1_1, APB1_2, APB2 = 0x48, 0x4C, 0x50, 0x58, 0x5C, 0x60  # offsets of RCC's enable registers

IRQS = 95


@dataclass(frozen=True)
class Gate:
    """One bit of an RCC enable register."""

    register: int
    bit: int


@dataclass(frozen=True)
class SerialPort:
    """``selector`` is the first of its two bits in RCC_CCIPR; pins are (port, pin, alternate function)."""

    name: str
    base: int
    gate: Gate
    irq: int
    selector: int
    tx: tuple[str, int, int]
    rx: tuple[str, int, int]
    low_power: bool = False
    apb: int = 1


@dataclass(frozen=True)
class TimerPort:
    name: str
    base: int
    gate: Gate
    irq: int
    bits: int = 16
    apb: int = 1


# Pins: those that the NUCLEO-144 boards use (UM2179), else the first choice of DS12023's alternate function table.
SERIAL_PORTS = (
    SerialPort("lpuart1", 0x4000_8000, Gate(APB1_2, 0), 70, 10, ("G", 7, 8), ("G", 8, 8), low_power=True),
    SerialPort("usart1", 0x4001_3800, Gate(APB2, 14), 37, 0, ("A", 9, 7), ("A", 10, 7), apb=2),
    SerialPort("usart2", 0x4000_4400, Gate(APB1_1, 17), 38, 2, ("D", 5, 7), ("D", 6, 7)),
    SerialPort("usart3", 0x4000_4800, Gate(APB1_1, 18), 39, 4, ("D", 8, 7), ("D", 9, 7)),
    SerialPort("uart4", 0x4000_4C00, Gate(APB1_1, 19), 52, 6, ("A", 0, 8), ("A", 1, 8)),
    SerialPort("uart5", 0x4000_5000, Gate(APB1_1, 20), 53, 8, ("C", 12, 8), ("D", 2, 8)),
)

TIMERS = (
    TimerPort("TIM2", 0x4000_0000, Gate(APB1_1, 0), 28, bits=32),
    TimerPort("TIM3", 0x4000_0400, Gate(APB1_1, 1), 29),
    TimerPort("TIM4", 0x4000_0800, Gate(APB1_1, 2), 30),
    TimerPort("TIM5", 0x4000_0C00, Gate(APB1_1, 3), 50, bits=32),
    TimerPort("TIM6", 0x4000_1000, Gate(APB1_1, 4), 54),
    TimerPort("TIM7", 0x4000_1400, Gate(APB1_1, 5), 55),
    TimerPort("TIM15", 0x4001_4000, Gate(APB2, 16), 24, apb=2),
    TimerPort("TIM16", 0x4001_4400, Gate(APB2, 17), 25, apb=2),
    TimerPort("TIM17", 0x4001_4800, Gate(APB2, 18), 26, apb=2),
)

GPIO_PORTS = {letter: (0x4800_0000 + 0x400 * n, Gate(AHB2, n)) for n, letter in enumerate("ABCDEFGHI")}
GPIO_INPUTS = {"G": 1 << 12}  # an external SMPS on the -P board variants holds PG12 high

PWR_GATE = Gate(APB1_1, 28)
FLASH_GATE = Gate(AHB1, 8)
CRC_GATE = Gate(AHB1, 12)

# (origin, size) of everything on the buses AHB and APB.
RANGES = ((0x4000_0000, 0x3_0000), (0x4800_0000, 0x3000), (0x5000_0000, 0x7_0000))

# System memory: (address, content). The unique device identifier is this virtual chip's own (RM0432, 58).
SYSTEM_MEMORY = (
    (0x1FFF_7590, b"\x01\x00\x02\x00\x03VIRTUL"),
    (0x1FFF_75E0, (2048).to_bytes(2, "little")),  # flash size in KiB
)

# Answer as plain registers.
UNMODELLED = {
    0x4000_2800: "RTC",
    0x4000_2C00: "WWDG",
    0x4000_3000: "IWDG",
    0x4001_0000: "SYSCFG",
    0x4001_0400: "EXTI",
    0x4001_2C00: "TIM1",
    0x4001_3000: "SPI1",
    0x4001_3400: "TIM8",
    0x4002_0000: "DMA1",
    0x4002_0400: "DMA2",
    0x4002_0800: "DMAMUX1",
    0x4002_4000: "TSC",
    0x4002_B000: "DMA2D",
    0x5004_0000: "ADC",
    0x5006_0800: "RNG",
}
QUIET = frozenset({"SYSCFG", "EXTI"})  # plain storage is all that most firmware needs of these
