"""The STM32L4+ family (RM0432)."""

from common.board import Board
from virtual.soc.chip import Chip, Surroundings
from virtual.soc.stm32l4plus.chip import Stm32L4Plus
from virtual.soc.stm32l4plus.memory_map import IRQS, RANGES, SYSTEM_MEMORY

__all__ = ["IRQS", "RANGES", "SYSTEM_MEMORY", "create"]


def create(board: Board, surroundings: Surroundings) -> Chip:
    """Build the chip; see ``virtual.soc.Family``."""
    return Stm32L4Plus(board, surroundings)
