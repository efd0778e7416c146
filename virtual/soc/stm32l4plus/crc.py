"""CRC calculation unit (RM0432, chapter 18)."""

from typing import ClassVar

from virtual.soc.peripheral import WORD, Peripheral

DR, CR, INIT, POL = 0x00, 0x08, 0x10, 0x14
RESET_BIT = 1
WIDTHS = (32, 16, 8, 7)


def reversed_bits(value: int, width: int) -> int:
    return int(f"{value:0{width}b}"[::-1], 2)


class Crc(Peripheral):
    RESET: ClassVar = {DR: WORD, INIT: WORD, POL: 0x04C1_1DB7}

    def __init__(self) -> None:
        super().__init__("CRC")
        self.reset()

    def _feed(self, value: int, bits: int) -> None:
        control = self.peek(CR)
        width = WIDTHS[control >> 3 & 3]
        unit = {0: 0, 1: 8, 2: 16, 3: 32}[control >> 5 & 3]
        if unit:
            unit = min(unit, bits)
            parts = [value >> shift & ((1 << unit) - 1) for shift in range(0, bits, unit)]
            value = sum(reversed_bits(part, unit) << index * unit for index, part in enumerate(parts))
        crc, top = self.peek(DR), 1 << (width - 1)
        for position in reversed(range(bits)):
            feedback = bool(crc & top) != bool(value >> position & 1)
            crc = (crc << 1 ^ (self.peek(POL) if feedback else 0)) & ((1 << width) - 1)
        self.registers[DR] = crc

    def read(self, offset: int) -> int:
        value = self.peek(offset)
        width = WIDTHS[self.peek(CR) >> 3 & 3]
        return reversed_bits(value, width) if offset == DR and self.peek(CR) & 0x80 else value

    def write(self, offset: int, value: int) -> None:
        if offset == DR:
            self._feed(value, 32)
        elif offset == CR:
            self.registers[CR] = value & ~RESET_BIT
            if value & RESET_BIT:
                self.registers[DR] = self.peek(INIT)
        else:
            super().write(offset, value)

    def write_narrow(self, offset: int, value: int, mask: int) -> None:
        if offset != DR:
            super().write_narrow(offset, value, mask)
            return
        bits = mask.bit_count()
        shift = (mask & -mask).bit_length() - 1
        self._feed((value & mask) >> shift, bits)
