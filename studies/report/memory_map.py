"""What lies where in the chip's memories, from a firmware image's sections and symbols."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from common.board import Board, Memory

ARENA = "tensor_arena"
# templates/memory.ld.j2
NAMES = {
    ".vectors": "interrupt vectors",
    ".fast_code": "kernels",
    ".text": "code and constants",
    ".constants": "constants",
    ".stack": "stack",
    ".data": "variables with values",
    ".bss": "buffers and variables",
}
KINDS = {
    "interrupt vectors": "code",
    "kernels": "code",
    "code and constants": "code",
    "constants": "constants",
    "stack": "stack",
    "tensor arena": "arena",
}


@dataclass(frozen=True)
class Part:
    """``kind`` chooses the colour. ``loaded``: this is where it is kept until boot copies it to RAM."""

    name: str
    bytes: int
    loaded: bool = False

    @property
    def kind(self) -> str:
        return KINDS.get(self.name, "other")


@dataclass(frozen=True)
class MemoryUse:
    """One memory and what lies in it, in the order of addresses."""

    memory: Memory
    parts: tuple[Part, ...]

    @property
    def used(self) -> int:
        return sum(part.bytes for part in self.parts)


def memory_map(elf: Path, board: Board) -> list[MemoryUse]:
    """The memories that hold something. Empty when the image cannot be read."""
    try:
        with elf.open("rb") as file:
            placed = list(_placed(ELFFile(file)))
    except (ELFError, OSError, ValueError, KeyError, AttributeError, UnicodeError):
        return []
    uses = []
    for memory in board.memories:
        starts = [start for start in (memory.origin, memory.alias) if start is not None]
        inside = [
            (address, part)
            for address, part in placed
            if part.bytes and any(start <= address < start + memory.size for start in starts)
        ]
        if inside:
            uses.append(MemoryUse(memory, tuple(part for _, part in sorted(inside, key=lambda item: item[0]))))
    return uses


def _placed(image: ELFFile) -> Iterator[tuple[int, Part]]:
    """Address and part of every section, at its run and, where that differs, its load address."""
    arena = _symbol(image, ARENA)
    for section in image.iter_sections():
        if not section["sh_flags"] & SH_FLAGS.SHF_ALLOC or not section["sh_size"]:
            continue
        address, size = section["sh_addr"], section["sh_size"]
        name = NAMES.get(section.name, section.name)
        if arena and address <= arena[0] < address + size:
            yield arena[0], Part("tensor arena", arena[1])
            size -= arena[1]
        yield address, Part(name, size)
        if section["sh_type"] == "SHT_NOBITS":
            continue
        for segment in image.iter_segments("PT_LOAD"):
            if segment["p_vaddr"] <= address < segment["p_vaddr"] + segment["p_memsz"]:
                if segment["p_paddr"] != segment["p_vaddr"]:
                    yield address - segment["p_vaddr"] + segment["p_paddr"], Part(name, size, loaded=True)
                break


def _symbol(image: ELFFile, name: str) -> tuple[int, int] | None:
    """Address and size."""
    for section in image.iter_sections():
        if isinstance(section, SymbolTableSection):
            for symbol in section.get_symbol_by_name(name) or ():
                return symbol["st_value"], symbol["st_size"]
    return None
