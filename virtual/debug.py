"""The debugger's view of a board: registers by name, and memory as the debug port reaches it (Arm DDI0403, C1)."""

from virtual.bus import PRIVATE, PRIVATE_RANGE
from virtual.cortex_m import PrivateBus
from virtual.engine import Engine
from virtual.soc.chip import Chip
from virtual.soc.diagnostics import Diagnostics

THUMB = 1
DOUBLES = {f"d{n}": (f"S{2 * n}", f"S{2 * n + 1}") for n in range(16)}
REGISTERS = {
    **{name: name.upper() for name in (*(f"r{n}" for n in range(13)), "sp", "lr", "pc", "xpsr")},
    **{name: name.upper() for name in ("msp", "psp", "primask", "basepri", "faultmask", "control", "fpscr")},
}


class DebugPort:
    """Reads and writes without letting time pass.

    Peripherals see accesses as they would the core's; the diagnostics, which judge the firmware, do not.
    """

    def __init__(
        self,
        engine: Engine,
        private: PrivateBus,
        chip: Chip,
        diagnostics: Diagnostics,
        peripherals: tuple[tuple[int, int], ...],
    ) -> None:
        """``peripherals`` are the (origin, size) that ``chip`` serves."""
        self._engine = engine
        self._private = private
        self._chip = chip
        self._diagnostics = diagnostics
        self.ranges = (*peripherals, PRIVATE_RANGE)  # what is no memory

    # -- registers ------------------------------------------------------------------------------------------------

    def read_register(self, name: str) -> int:
        """The value of one of ``REGISTERS``, or of d0 to d15, which have 64 bits."""
        if name in DOUBLES:
            low, high = DOUBLES[name]
            return self._engine.read(low) | self._engine.read(high) << 32
        value = self._engine.read(REGISTERS[name])
        return value & ~THUMB if name == "pc" else value

    def write_register(self, name: str, value: int) -> None:
        if name in DOUBLES:
            low, high = DOUBLES[name]
            self._engine.write(low, value & 0xFFFFFFFF)
            self._engine.write(high, value >> 32)
        else:
            self._engine.write(REGISTERS[name], value | THUMB if name == "pc" else value)

    # -- memory ---------------------------------------------------------------------------------------------------

    def read(self, address: int, size: int) -> bytes:
        """Raises ValueError when the range is neither memory nor peripherals."""
        if not self._is_peripheral(address, size):
            return self._engine.read_memory(address, size)
        with self._diagnostics.paused():
            pieces = [(self._bus(where).read(where, width), width) for where, width in _accesses(address, size)]
        return b"".join(value.to_bytes(width, "little") for value, width in pieces)

    def write(self, address: int, data: bytes) -> None:
        """Programs flash, too. Raises ValueError when the range is neither memory nor peripherals."""
        if not self._is_peripheral(address, len(data)):
            self._engine.write_memory(address, data)
            self._engine.forget_code()
            return
        with self._diagnostics.paused():
            for where, width in _accesses(address, len(data)):
                value = int.from_bytes(data[where - address : where - address + width], "little")
                self._bus(where).write(where, width, value)

    def _is_peripheral(self, address: int, size: int) -> bool:
        return any(origin <= address and address + size <= origin + length for origin, length in self.ranges)

    def _bus(self, address: int) -> PrivateBus | Chip:
        return self._private if address >= PRIVATE else self._chip


def _accesses(address: int, size: int) -> list[tuple[int, int]]:
    """Aligned accesses of 1, 2 or 4 bytes that cover a range, in order."""
    found = []
    end = address + size
    while address < end:
        width = next(width for width in (4, 2, 1) if address % width == 0 and address + width <= end)
        found.append((address, width))
        address += width
    return found
