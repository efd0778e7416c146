"""Names of a chip's registers, read from a table: blocks, their addresses, clock gates and layouts."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

PAGE_SHIFT = 10  # no two blocks share a KiB
SERIES = re.compile(r"(\w*)\{(\d+)\.\.(\d+)\}(\w*)")


@dataclass(frozen=True)
class Block:
    """One peripheral. ``registers`` maps offsets to names; ``gate`` is (enable register, bit) of its clock."""

    name: str
    base: int
    size: int
    registers: MappingProxyType[int, str]
    gate: tuple[str, int] | None

    def register_name(self, offset: int) -> str:
        """ "I2C1 CR1"; for an offset that the table does not know "I2C1 + 0x3c"."""
        word = offset & ~3
        return f"{self.name} {self.registers[word]}" if word in self.registers else f"{self.name} + {offset:#x}"


def parse_layout(text: str) -> dict[int, str]:
    """Offsets and names of a layout; the table's own comment explains the notation."""
    names: dict[int, str] = {}
    offset = 0
    for token in text.split():
        if token.startswith("@"):
            offset = int(token[1:], 16)
            continue
        series = SERIES.fullmatch(token)
        members = [token]
        if series:
            head, first, last, tail = series.groups()
            members = [f"{head}{number}{tail}" for number in range(int(first), int(last) + 1)]
        for name in members:
            names[offset] = name
            offset += 4
    return names


class RegisterTable:
    """All blocks of a chip, by name and by address."""

    def __init__(self, path: Path) -> None:
        data = tomllib.loads(path.read_text())
        layouts = {name: MappingProxyType(parse_layout(text)) for name, text in data["layouts"].items()}
        self.blocks: dict[str, Block] = {}
        self._pages: dict[int, Block] = {}
        for name, (base, layout, enable, *size) in data["blocks"].items():
            register, _, bit = enable.partition(".")
            gate = (register, int(bit)) if enable else None
            block = Block(name, base, size[0] if size else 1 << PAGE_SHIFT, layouts[layout], gate)
            self.blocks[name] = block
            for address in range(base, base + block.size, 1 << PAGE_SHIFT):
                self._pages[address >> PAGE_SHIFT] = block

    def find(self, address: int) -> Block | None:
        return self._pages.get(address >> PAGE_SHIFT)

    def name_of(self, address: int) -> str:
        """Name of the register at an address; the bare address where the chip has none."""
        block = self.find(address)
        return f"{address:#010x}" if block is None else block.register_name(address - block.base)
