"""General-purpose I/O (RM0432, chapter 8)."""

from collections.abc import Callable

from virtual.soc.peripheral import Peripheral

MODER, OTYPER, PUPDR, IDR, ODR, BSRR, LCKR, AFRL, AFRH, BRR = 0x00, 0x04, 0x0C, 0x10, 0x14, 0x18, 0x1C, 0x20, 0x24, 0x28
MODES = ("input", "output", "alternate", "analog")
OUTPUT, ALTERNATE, ANALOG = 1, 2, 3
MODER_RESET = {"A": 0xABFF_FFFF, "B": 0xFFFF_FEBF}
PUPDR_RESET = {"A": 0x6400_0000, "B": 0x0000_0100}
OSPEEDR, OSPEEDR_RESET = 0x08, {"A": 0x0C00_0000}
LCKK = 1 << 16
# Registers that the lock freezes, with the bits each pin has in them.
LOCKED_FIELDS = {MODER: 2, OTYPER: 1, OSPEEDR: 2, PUPDR: 2, AFRL: 4, AFRH: 4}


class Gpio(Peripheral):
    """Pins read back what drives them: the output latch, else the outside, else a pull, else low.

    ``inputs`` are levels that the board holds high; ``on_level`` is called with (pin, level) at each change.
    """

    def __init__(self, port: str, inputs: int = 0) -> None:
        super().__init__(f"GPIO{port}")
        self._port = port
        self._connected = {pin: 1 for pin in range(16) if inputs >> pin & 1}
        self.on_level: Callable[[int, bool], None] = lambda pin, level: None
        self._levels = 0
        self.reset()

    def reset(self) -> None:
        self.registers = {
            MODER: MODER_RESET.get(self._port, 0xFFFF_FFFF),
            PUPDR: PUPDR_RESET.get(self._port, 0),
            OSPEEDR: OSPEEDR_RESET.get(self._port, 0),
        }
        self._lock_steps: list[int] = []
        self._levels = self._all_levels()

    def mode(self, pin: int) -> int:
        return self.peek(MODER) >> 2 * pin & 3

    def alternate_function(self, pin: int) -> int | None:
        """The function a pin is switched to, None when it is not in alternate mode."""
        if self.mode(pin) != ALTERNATE:
            return None
        return self.peek(AFRL + 4 * (pin // 8)) >> 4 * (pin % 8) & 15

    def connect(self, pin: int, level: int | None) -> None:
        """Drive a pin from outside; None lets go of it. A reset of the chip changes nothing about that."""
        if level is None:
            self._connected.pop(pin, None)
        else:
            self._connected[pin] = level
        self._changed()

    def level(self, pin: int) -> int:
        """Level of the pin as a voltmeter would show it."""
        latch = self.peek(ODR) >> pin & 1
        if self.mode(pin) == OUTPUT and not (latch and self.peek(OTYPER) >> pin & 1):
            return latch
        if pin in self._connected:
            return self._connected[pin]
        return int(self.peek(PUPDR) >> 2 * pin & 3 == 1)

    def _all_levels(self) -> int:
        return sum(self.level(pin) << pin for pin in range(16))

    def _changed(self) -> None:
        before, self._levels = self._levels, self._all_levels()
        changed = before ^ self._levels
        for pin in range(16):
            if changed >> pin & 1:
                self.on_level(pin, bool(self._levels >> pin & 1))

    def read(self, offset: int) -> int:
        if offset == IDR:  # the input stage is off in analog mode
            return sum((self._levels >> pin & 1) << pin for pin in range(16) if self.mode(pin) != ANALOG)
        if offset == LCKR and self._lock_steps == [LCKK, 0, LCKK]:
            self.registers[LCKR] |= LCKK
            self._lock_steps = []
        return 0 if offset in {BSRR, BRR} else self.peek(offset)

    def write(self, offset: int, value: int) -> None:
        if offset == BSRR:
            super().write(ODR, self.peek(ODR) & ~(value >> 16) | value & 0xFFFF)
        elif offset == BRR:
            super().write(ODR, self.peek(ODR) & ~value)
        elif offset == LCKR:
            self._write_lock(value)
        elif offset in LOCKED_FIELDS:
            kept = self._frozen(offset)
            super().write(offset, self.peek(offset) & kept | value & ~kept)
        elif offset == ODR:
            super().write(ODR, value & 0xFFFF)
        elif offset != IDR:
            super().write(offset, value)
        self._changed()

    def _write_lock(self, value: int) -> None:
        """The lock holds after 1, 0, 1 to its key bit with the same pins each time, and a read."""
        if self.peek(LCKR) & LCKK:
            return
        if value & 0xFFFF != self.peek(LCKR) & 0xFFFF:
            self._lock_steps = []
        self._lock_steps = [*self._lock_steps, value & LCKK][-3:]
        super().write(LCKR, value & 0xFFFF)

    def _frozen(self, offset: int) -> int:
        """Bits of a register that belong to locked pins."""
        lock = self.peek(LCKR)
        if not lock & LCKK:
            return 0
        width = LOCKED_FIELDS[offset]
        first = 8 if offset == AFRH else 0
        pins = range(first, min(16, first + 32 // width))
        return sum(((1 << width) - 1) << width * (pin - first) for pin in pins if lock >> pin & 1)

    def is_steady(self, offset: int) -> bool:
        return offset == IDR
