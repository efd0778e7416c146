"""The CPU engine; see `virtual.engine.engine`."""

from virtual.engine.callbacks import Bus
from virtual.engine.engine import Engine
from virtual.engine.memories import Region
from virtual.engine.outcome import Exit, Outcome
from virtual.engine.registers import CORE_REGISTERS

__all__ = ["CORE_REGISTERS", "Bus", "Engine", "Exit", "Outcome", "Region"]
