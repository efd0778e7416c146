"""The memory protection unit (Arm DDI0403, B3.5): its registers, and what they forbid.

Accesses are checked as those of privileged code.
"""

import itertools
from dataclasses import dataclass, replace

REGIONS = 8
TYPE = REGIONS << 8
ENABLE, HFNMIENA, PRIVDEFENA = 1, 2, 4
VALID = 1 << 4
EXECUTE_NEVER = 1 << 28
# AP field: what privileged code may do, (read, write).
PERMISSIONS = (
    (False, False), (True, True), (True, True), (True, True),
    (False, False), (True, False), (True, False), (True, False),
)  # fmt: skip
ADDRESS_SPACE = 1 << 32
PRIVATE_BUS = (0xE000_0000, 0xE010_0000)  # always follows the default map


Part = tuple[int, int, int, bool]  # (first, end, permissions, execute never)


@dataclass(frozen=True)
class Span:
    """Addresses ``first`` to ``last`` that may not be read, not be written, or not be executed."""

    first: int
    last: int
    no_read: bool
    no_write: bool
    no_execute: bool


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
        for first, end, _, _ in parts:
            cuts |= {first, end}
        places = sorted(cuts)
        spans: list[Span] = []
        for first, end in itertools.pairwise(places):
            span = Span(first, end - 1, *self._denied(first, parts))
            if not (span.no_read or span.no_write or span.no_execute):
                continue
            last = spans[-1] if spans else None
            if last and replace(span, first=last.first) == replace(last, last=span.last) and last.last + 1 == first:
                spans[-1] = replace(last, last=span.last)
            else:
                spans.append(span)
        return tuple(spans)

    def _parts(self, number: int) -> list[Part]:
        """A region, less its disabled subregions."""
        attributes = self._attributes[number]
        if not attributes & 1:
            return []
        size = 1 << ((attributes >> 1 & 31) + 1)
        base, access, never = self._base[number] & -size, attributes >> 24 & 7, bool(attributes & EXECUTE_NEVER)
        if size < 256 or not attributes >> 8 & 0xFF:
            return [(base, base + size, access, never)]
        eighth = size // 8
        return [
            (base + part * eighth, base + (part + 1) * eighth, access, never)
            for part in range(8)
            if not attributes >> (8 + part) & 1
        ]

    def _denied(self, address: int, parts: list[Part]) -> tuple[bool, bool, bool]:
        """(reading, writing, executing); the region of the highest number decides."""
        if PRIVATE_BUS[0] <= address < PRIVATE_BUS[1]:
            return False, False, False
        for first, end, access, never in reversed(parts):
            if first <= address < end:
                may_read, may_write = PERMISSIONS[access]
                return not may_read, not may_write, never or not may_read
        background = bool(self.control & PRIVDEFENA)
        return not background, not background, not background
