"""Who called whom: unwinding the stack of stopped firmware."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from elftools.dwarf.callframe import FDE
from elftools.elf.elffile import ELFFile

from virtual.image import Image

SP, LR, PC = 13, 14, 15
MOST_FRAMES = 32
SCANNED_BYTES = 2048
BL, BL_MASK = 0xF000_D000, 0xF800_D000  # 32-bit encoding, first halfword high: BL, BLX immediate
BLX, BLX_MASK = 0x4780, 0xFF87

Read = Callable[[int, int], bytes]


@dataclass(frozen=True)
class Unwinder:
    """Walks frames by the call frame information of an image; without any, by likely return addresses.

    ``read`` reads memory and raises ValueError where there is none.
    """

    image: Image
    read: Read

    def trace(self, registers: Mapping[int, int]) -> tuple[list[int], bool]:
        """(addresses, innermost first, certain).

        ``registers`` holds r0 to r15. Not certain means that the stack was searched for words that look like return
        addresses: calls long over may be among them.
        """
        frames = self._by_frame_information(dict(registers))
        if len(frames) > 1:
            return frames, True
        return [registers[PC] & ~1, *self._by_scanning(registers)], False

    # -- .debug_frame ---------------------------------------------------------------------------------------------

    def _by_frame_information(self, registers: dict[int, int]) -> list[int]:
        if self.image.debug is None:
            return []
        frames = [registers[PC] & ~1]
        with self.image.debug.open("rb") as file:
            elf = ELFFile(file)
            if not elf.has_dwarf_info():
                return frames
            dwarf = elf.get_dwarf_info()
            if not dwarf.has_CFI():
                return frames
            entries = [entry for entry in dwarf.CFI_entries() if isinstance(entry, FDE)]
            while len(frames) < MOST_FRAMES:
                where = frames[-1] if len(frames) == 1 else frames[-1] - 2  # inside the call
                entry = next((e for e in entries if self._covers(e, where)), None)
                if entry is None or not self._step(entry, where, registers):
                    break
                frames.append(registers[PC] & ~1)
        return frames

    @staticmethod
    def _covers(entry: FDE, address: int) -> bool:
        first = entry["initial_location"] & ~1
        return bool(first <= address < first + entry["address_range"])

    def _step(self, entry: FDE, where: int, registers: dict[int, int]) -> bool:
        """Turn the registers into those of the caller; False at the outermost frame."""
        row = None
        for line in entry.get_decoded().table:
            if line["pc"] & ~1 <= where:
                row = line
        if row is None or row["cfa"].reg is None:
            return False
        cfa = (registers[row["cfa"].reg] + row["cfa"].offset) & 0xFFFFFFFF
        caller = dict(registers)
        try:
            for number, rule in row.items():
                if isinstance(number, int) and number < PC and rule.type == "OFFSET":
                    caller[number] = int.from_bytes(self.read(cfa + rule.arg, 4), "little")
        except ValueError:
            return False
        target = caller[LR]
        caller[SP] = cfa
        if not target & 1 or target >= 0xF000_0000 or (target & ~1, cfa) == (registers[PC] & ~1, registers[SP]):
            return False
        caller[PC] = target
        registers.update(caller)
        return self._is_code(target)

    # -- without --------------------------------------------------------------------------------------------------

    def _by_scanning(self, registers: Mapping[int, int]) -> list[int]:
        found: list[int] = []
        candidates = [registers[LR], *self._stack_words(registers[SP])]
        for word in candidates:
            if word & 1 and self._follows_call(word & ~1) and (not found or found[-1] != word & ~1):
                found.append(word & ~1)
        return found[:MOST_FRAMES]

    def _stack_words(self, stack: int) -> list[int]:
        words = []
        for address in range(stack & ~3, (stack & ~3) + SCANNED_BYTES, 4):
            try:
                words.append(int.from_bytes(self.read(address, 4), "little"))
            except ValueError:
                break
        return words

    def _is_code(self, address: int) -> bool:
        return any(
            segment.address <= address & ~1 < segment.address + len(segment.data) for segment in self.image.segments
        )

    def _follows_call(self, address: int) -> bool:
        if not self._is_code(address):
            return False
        try:
            first, second = (int.from_bytes(self.read(address - 4 + 2 * n, 2), "little") for n in range(2))
        except ValueError:
            return False
        return (first << 16 | second) & BL_MASK == BL or second & BLX_MASK == BLX
