"""Chip families: one package each, found by the name a board gives as its ``soc``."""

import importlib
from typing import Protocol, cast

from common.board import Board
from common.errors import UserError
from virtual.soc.chip import Chip, Surroundings


class Family(Protocol):
    """What the package of a chip family offers.

    ``RANGES`` are the (origin, size) its peripherals occupy, ``SYSTEM_MEMORY`` the (address, content) of its ROM,
    ``IRQS`` the number of its interrupts.
    """

    RANGES: tuple[tuple[int, int], ...]
    SYSTEM_MEMORY: tuple[tuple[int, bytes], ...]
    IRQS: int

    def create(self, board: Board, surroundings: Surroundings) -> Chip: ...


def chip_family(board: Board) -> Family:
    """The chip family of a board.

    Raises:
        UserError: this family has no model.
    """
    name = f"virtual.soc.{board.soc}"
    try:
        return cast(Family, importlib.import_module(name))
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        elsewhere = "; `invoke verify` runs it on QEMU" if board.qemu else "; flash it to the board itself"
        raise UserError(
            f"there is no virtual {board.title}: chip family '{board.soc}' has no model{elsewhere}"
        ) from error
