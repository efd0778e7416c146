"""The memory protection unit (Arm DDI0403, B3.5): its registers, and what they forbid.

Data accesses are checked as those of privileged code; whether code may be executed is not.
"""

import itertools
from dataclasses import dataclass

REGIONS = 8
TYPE = REGIONS << 8
ENABLE, HFNMIENA, PRIVDEFENA = 1, 2, 4
VALID = 1 << 4
# AP field: what privileged code may do, (read, write).
PERMISSIONS = (
    (False, False), (True, True), (True, True), (True, True),
    (False, False), (True, False), (True, False), (True, False),
)  # fmt: skip
ADDRESS_SPACE = 1 << 32
PRIVATE_BUS = (0xE000_0000, 0xE010_0000)  # always follows the default map


@dataclass(frozen=True)
class Span:
    """Addresses ``first`` to ``last`` that may not be read, or not be written."""

    first: int
    last: int
    no_read: bool
    no_write: bool


class Mpu:
    """Registers at their offsets from MPU_TYPE."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.control = self._number = 0
        self._base = [0] * REGIONS
        self._attributes = [0] * REGIONS

    def read(self, offset: int) -> int:
        if offset == 0:
            return TYPE
        if offset == 4:
            return self.control
        if offset == 8:
            return self._number
        if offset >= 0x2C:
            return 0
        return self._attributes[self._number] if offset & 4 else self._base[self._number] | self._number

    def write(self, offset: int, value: int) -> None:
        if offset == 4:
            self.control = value & (ENABLE | HFNMIENA | PRIVDEFENA)
        elif offset == 8:
            self._number = value % REGIONS
        elif offset == 0x0C or (0x14 <= offset < 0x2C and not offset & 4):
            if value & VALID:
                self._number = value & 15 if value & 15 < REGIONS else self._number
            self._base[self._number] = value & 0xFFFF_FFE0
        elif 0x10 <= offset < 0x2C:
            self._attributes[self._number] = value

    def forbidden(self) -> tuple[Span, ...]:
        """What data accesses of privileged code may not do, as disjoint spans in order."""
        if not self.control & ENABLE:
            return ()
        cuts = {0, ADDRESS_SPACE, *PRIVATE_BUS}
        parts = [part for number in range(REGIONS) for part in self._parts(number)]
        for first, end, _ in parts:
            cuts |= {first, end}
        places = sorted(cuts)
        spans: list[Span] = []
        for first, end in itertools.pairwise(places):
            span = Span(first, end - 1, *self._denied(first, parts))
            if not span.no_read and not span.no_write:
                continue
            last = spans[-1] if spans else None
            if last and last.last + 1 == first and (last.no_read, last.no_write) == (span.no_read, span.no_write):
                spans[-1] = Span(last.first, span.last, span.no_read, span.no_write)
            else:
                spans.append(span)
        return tuple(spans)

    def _parts(self, number: int) -> list[tuple[int, int, int]]:
        """(first, end, permissions) of a region, less its disabled subregions."""
        attributes = self._attributes[number]
        if not attributes & 1:
            return []
        size = 1 << ((attributes >> 1 & 31) + 1)
        base, access = self._base[number] & -size, attributes >> 24 & 7
        if size < 256 or not attributes >> 8 & 0xFF:
            return [(base, base + size, access)]
        eighth = size // 8
        return [
            (base + part * eighth, base + (part + 1) * eighth, access)
            for part in range(8)
            if not attributes >> (8 + part) & 1
        ]

    def _denied(self, address: int, parts: list[tuple[int, int, int]]) -> tuple[bool, bool]:
        """(reading, writing); the region of the highest number decides."""
        if PRIVATE_BUS[0] <= address < PRIVATE_BUS[1]:
            return False, False
        for first, end, access in reversed(parts):
            if first <= address < end:
                may_read, may_write = PERMISSIONS[access]
                return not may_read, not may_write
        background = bool(self.control & PRIVDEFENA)
        return not background, not background
