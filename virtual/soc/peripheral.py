"""Base of all peripherals: 32-bit registers at word offsets."""

from collections.abc import Mapping
from typing import ClassVar

WORD = 0xFFFFFFFF


class Peripheral:
    """A register file; subclasses give registers a life by overriding ``read`` and ``write``.

    Offsets are multiples of 4; the bus merges narrower accesses.
    """

    RESET: ClassVar[Mapping[int, int]] = {}

    def __init__(self, name: str) -> None:
        self.name = name
        self.registers: dict[int, int] = {}

    def reset(self) -> None:
        self.registers = dict(self.RESET)

    def power_on(self) -> None:
        """Bring what outlives a reset (backup domain, flags of the reset's cause) to its first state."""

    def peek(self, offset: int) -> int:
        """The stored value, without side effects."""
        return self.registers.get(offset, 0)

    def read(self, offset: int) -> int:
        return self.peek(offset)

    def write(self, offset: int, value: int) -> None:
        self.registers[offset] = value & WORD

    def write_narrow(self, offset: int, value: int, mask: int) -> None:
        """A byte or halfword write; ``value`` and ``mask`` are in place within the word."""
        self.write(offset, self.peek(offset) & ~mask | value & mask)

    def before_clock_change(self) -> None:
        """Catch up with the time counted by the clock as it is."""

    def clock_changed(self) -> None:
        """Plan again with the new clock."""

    def is_steady(self, offset: int) -> bool:
        """Whether a register changes only by an event or a write; see ``Chip.is_steady``."""
        return False
