"""General-purpose I/O (RM0432, chapter 8)."""

from virtual.soc.peripheral import Peripheral

MODER, PUPDR, IDR, ODR, BSRR, AFRL, BRR = 0x00, 0x0C, 0x10, 0x14, 0x18, 0x20, 0x28
MODES = ("input", "output", "alternate", "analog")
OUTPUT, ALTERNATE = 1, 2
MODER_RESET = {"A": 0xABFF_FFFF, "B": 0xFFFF_FEBF}
PUPDR_RESET = {"A": 0x6400_0000, "B": 0x0000_0100}


class Gpio(Peripheral):
    """Pins read back what drives them: the output latch, else what is connected, else a pull, else ``inputs``."""

    def __init__(self, port: str, base: int, inputs: int = 0) -> None:
        super().__init__(f"GPIO{port}", base)
        self._port = port
        self._inputs = inputs
        self._connected: dict[int, int] = {}
        self.reset()

    def reset(self) -> None:
        self.registers = {
            MODER: MODER_RESET.get(self._port, 0xFFFF_FFFF),
            PUPDR: PUPDR_RESET.get(self._port, 0),
        }

    def mode(self, pin: int) -> int:
        return self.peek(MODER) >> 2 * pin & 3

    def alternate_function(self, pin: int) -> int | None:
        """The function a pin is switched to, None when it is not in alternate mode."""
        if self.mode(pin) != ALTERNATE:
            return None
        return self.peek(AFRL + 4 * (pin // 8)) >> 4 * (pin % 8) & 15

    def read(self, offset: int) -> int:
        if offset == IDR:
            return sum(self.level(pin) << pin for pin in range(16))
        if offset in {BSRR, BRR}:
            return 0
        return self.peek(offset)

    def connect(self, pin: int, level: int | None) -> None:
        """Drive a pin from outside; None lets go of it. A reset of the chip changes nothing about that."""
        if level is None:
            self._connected.pop(pin, None)
        else:
            self._connected[pin] = level

    def level(self, pin: int) -> int:
        if self.mode(pin) == OUTPUT:
            return self.peek(ODR) >> pin & 1
        if pin in self._connected:
            return self._connected[pin]
        pull = self.peek(PUPDR) >> 2 * pin & 3
        return 1 if pull == 1 else self._inputs >> pin & 1

    def write(self, offset: int, value: int) -> None:
        if offset == BSRR:
            super().write(ODR, self.peek(ODR) & ~(value >> 16) | value & 0xFFFF)
        elif offset == BRR:
            super().write(ODR, self.peek(ODR) & ~value)
        elif offset != IDR:
            super().write(offset, value)

    def is_steady(self, offset: int) -> bool:
        return offset == IDR
