"""What a firmware image is: bytes for the memories, and names for addresses."""

import bisect
import struct
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from common.board import Board, Memory
from common.errors import UserError

UNKNOWN = "(no function)"
BLANK = 0xFFFF_FFFF  # a word of erased flash


@dataclass(frozen=True)
class Segment:
    """Bytes at their load address."""

    address: int
    data: bytes


@dataclass(frozen=True)
class Function:
    """Code with a name, from ``address`` on, without Thumb bit."""

    address: int
    size: int
    name: str


@dataclass(frozen=True)
class Image:
    """A firmware image. Addresses of functions carry no Thumb bit; ``debug`` is the ELF to look for DWARF in."""

    segments: tuple[Segment, ...]
    symbols: dict[str, int]
    functions: tuple[Function, ...] = ()
    debug: Path | None = None

    @cached_property
    def _starts(self) -> list[int]:
        return [function.address for function in self.functions]

    def function_at(self, address: int) -> Function | None:
        """The function that an address lies in; one without size ends where the next begins."""
        index = bisect.bisect_right(self._starts, address & ~1) - 1
        if index < 0:
            return None
        found = self.functions[index]
        inside = not found.size or address < found.address + found.size
        return found if inside else None

    def describe(self, address: int) -> str:
        """ "0x08000312 (blink + 0x1a)", or the bare address."""
        function = self.function_at(address)
        if function is None:
            return f"{address:#010x}"
        offset = (address & ~1) - function.address
        return f"{address:#010x} ({function.name}{f' + {offset:#x}' if offset else ''})"


def functions_and_gaps(image: Image) -> tuple[Function, ...]:
    """The functions by ascending address, with one named `UNKNOWN` for each gap behind one of known size."""
    found: list[Function] = []
    for function in image.functions:
        last = found[-1] if found else None
        if last is not None and last.size and last.address + last.size < function.address:
            found.append(Function(last.address + last.size, 0, UNKNOWN))
        found.append(function)
    if found and found[-1].size:
        found.append(Function(found[-1].address + found[-1].size, 0, UNKNOWN))
    return tuple(found)


def check_fit(path: Path, board: Board, address: int, size: int) -> None:
    """The range must lie in memory, which may be several adjoining ones (SRAM1..3).

    Raises:
        UserError: it does not.
    """
    spans = sorted(
        [(m.origin, m.origin + m.size) for m in board.memories]
        + [(m.alias, m.alias + m.size) for m in board.memories if m.alias is not None]
    )
    position, end = address, address + size
    for first, last in spans:
        if first <= position < last:
            position = min(last, end)
    if position == address:
        raise UserError(
            f"{path}: segment of {size} bytes at {address:#010x} is outside the memories of {board.name}; "
            "check the linker script"
        )
    if position < end:
        raise UserError(
            f"{path}: segment of {size} bytes at {address:#010x} is {end - position} bytes too long for {board.name}"
        )


def check_vectors(path: Path, board: Board, segments: tuple[Segment, ...]) -> None:
    """What the core loads at reset, at the start of flash, must be a stack in RAM and code.

    Raises:
        UserError: it is not; the message shows the two words.
    """
    origin = board.flash.origin
    found = next((s for s in segments if s.address <= origin and origin + 8 <= s.address + len(s.data)), None)
    if found is None:
        raise UserError(
            f"{path} has nothing at {origin:#010x}, where the core looks for its vector table; "
            "was it linked to another address?"
        )
    stack, entry = struct.unpack_from("<II", found.data, origin - found.address)
    if not any(_holds(ram, stack - 4) for ram in board.rams):
        raise UserError(
            f"{path} has no vector table at {origin:#010x}: the initial stack pointer would be {stack:#010x}, "
            f"which is no RAM of {board.name}; is it an image for another chip?"
        )
    if not entry & 1 or not any(_holds(memory, entry & ~1) for memory in board.memories):
        raise UserError(
            f"{path} has no vector table at {origin:#010x}: the reset vector {entry:#010x} is no Thumb code in the "
            f"memories of {board.name}; is it a Cortex-M image?"
        )


def _holds(memory: Memory, address: int) -> bool:
    origins = (memory.origin, memory.alias)
    return any(origin is not None and origin <= address < origin + memory.size for origin in origins)
