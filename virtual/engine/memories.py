"""The memories: one array, addresses and aliases that lead into it, and marks where translated code came from."""

import mmap
from dataclasses import dataclass

import numpy as np

from virtual.timing.state import SPAN, SPAN_WORDS, Field, Kind, Words


@dataclass(frozen=True)
class Region:
    """Memory at one or two addresses; ``system_bus`` memory is slow to fetch code from at its ``origin``."""

    origin: int
    size: int
    writable: bool
    alias: int | None = None
    system_bus: bool = False


class Memories:
    """``spans``: (origin, size, offset in the array, kind) of all addresses, the main RAM first, aliases last.

    ``code_map`` has a byte for each word: nonzero where translated code lies.
    """

    def __init__(self, regions: tuple[Region, ...]) -> None:
        """Neighbours in the address space are neighbours in one array; the largest RAM comes first."""
        self.regions = regions
        self.flash = next(region for region in regions if not region.writable)
        size = sum(region.size for region in regions)
        self._memory = mmap.mmap(-1, size)
        self._bytes = np.frombuffer(self._memory, np.uint8)
        self.code_map = np.zeros(size // 4 + 16, np.uint8)
        self._code_words = self.code_map.data
        spans: list[tuple[int, int, int, int]] = []
        aliases: list[tuple[int, int, int, int]] = []
        offset = 0
        for region in sorted(regions, key=lambda region: region.origin):
            kind = Kind.RAM if region.writable else Kind.FLASH if region is self.flash else Kind.ROM
            last = spans[-1] if spans else (0, 0, 0, -1)
            if last[3] == kind and kind is Kind.RAM and last[0] + last[1] == region.origin:
                spans[-1] = (last[0], last[1] + region.size, last[2], kind)
            else:
                spans.append((region.origin, region.size, offset, kind))
            if region.alias is not None:
                aliases.append((region.alias, region.size, offset, kind))
            offset += region.size
        spans.sort(key=lambda span: (span[3] != Kind.RAM, -span[1]))
        self.spans = (*spans, *aliases)

    def show(self, words: Words) -> None:
        """Tell native code where everything is."""
        words[Field.MEMORY] = self._bytes.ctypes.data
        words[Field.CODE_MAP] = self.code_map.ctypes.data
        words[Field.SPANS] = len(self.spans)
        for index, span in enumerate(self.spans):
            words[SPAN + index * SPAN_WORDS : SPAN + (index + 1) * SPAN_WORDS] = span

    def find(self, address: int, size: int) -> int | None:
        """Place in the array; None when the range is not memory."""
        for origin, length, offset, _ in self.spans:
            if origin <= address and address + size <= origin + length:
                return offset + address - origin
        return None

    def _place(self, address: int, size: int) -> int:
        offset = self.find(address, size)
        if offset is None:
            raise ValueError(f"{size} bytes at {address:#010x} are not memory")
        return offset

    def read(self, address: int, size: int) -> bytes:
        """Raises ValueError when the range is not memory."""
        offset = self._place(address, size)
        return self._memory[offset : offset + size]

    def write(self, address: int, data: bytes) -> tuple[int, int] | None:
        """Flash, too. Returns the (place, size) when translated code came from there.

        Raises:
            ValueError: the range is not memory.
        """
        offset = self._place(address, len(data))
        self._memory[offset : offset + len(data)] = data
        marks = self._code_words[offset // 4 : (offset + len(data) + 3) // 4]
        return (offset, len(data)) if 1 in marks.tobytes() else None

    def is_writable(self, address: int) -> bool:
        """Whether stores to the address reach memory."""
        return any(
            region.writable and origin is not None and origin <= address < origin + region.size
            for region in self.regions
            for origin in (region.origin, region.alias)
        )

    def mark_code(self, first: int, end: int) -> None:
        """Translated code came from these places."""
        self.code_map[first // 4 : (end + 3) // 4] = 1

    def code_at(self, address: int, size: int) -> bytes:
        """As much as there is of that many bytes."""
        for origin, length, offset, _ in self.spans:
            if origin <= address < origin + length:
                start = offset + address - origin
                return self._memory[start : min(start + size, offset + length)]
        return b""
