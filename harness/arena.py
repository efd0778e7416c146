"""The least tensor arena that an interpreter sets itself up in, found by trying on the virtual board."""

from dataclasses import dataclass
from pathlib import Path

from common.board import Board, load_board
from common.errors import UserError

STAND_IN = "nucleo_l4r5zi"  # for boards that have no virtual one: an arena's size depends on the core, not on the chip
ALIGNMENT = 16  # bytes, as TensorFlow Lite Micro aligns its arena
LIMIT, USED = "tensor_arena_limit", "interpreter_arena_used"  # variables of the image
START = "model_reset"  # function of the image that reads LIMIT first
MOST_CYCLES = 60_000_000_000  # of setting up, far more than any model takes


@dataclass(frozen=True)
class LeastArena:
    """``bytes`` are enough, `ALIGNMENT` less are not; ``used``: what the interpreter says it takes of them."""

    bytes: int
    used: int
    trials: int


def arena_board(board: Board) -> Board:
    """The board to search for: this one, or the one that stands in for it where it has no virtual board."""
    from virtual.soc import chip_family

    try:
        chip_family(board)
    except UserError:
        return load_board(STAND_IN)
    return board


def least_arena(elf: Path, board: Board, most: int) -> LeastArena:
    """Bisect between nothing and the ``most`` bytes that the arena in the image has.

    Raises:
        UserError: the interpreter does not set itself up in ``most`` bytes, with what it says; or as `VirtualBoard`.
    """
    from virtual import VirtualBoard

    machine = VirtualBoard(elf, board, timing=False)
    limit, used = machine.symbol(LIMIT), machine.symbol(USED)
    size = most
    machine.watch(START, lambda: machine.write_memory(limit, size.to_bytes(4, "little")))

    def starts_in(tried: int) -> int:
        nonlocal size
        size = tried
        machine.reset()
        end = machine.cycles + MOST_CYCLES
        while machine.cycles < end and machine.run(end - machine.cycles).name == "OUTPUT":
            pass
        return int.from_bytes(machine.read_memory(used, 4), "little")

    taken = starts_in(most)
    if not taken:
        said = machine.receive().decode(errors="replace").splitlines()
        errors = [line for line in said if line.startswith("e-")]
        reason = errors[-1] if errors else machine.situation()
        raise UserError(f"the interpreter does not start in an arena of {most:,} bytes: {reason}")
    enough, few, trials = most // ALIGNMENT, 0, 1
    while enough - few > 1:
        middle = (enough + few) // 2
        trials += 1
        if starts_in(middle * ALIGNMENT):
            enough = middle
        else:
            few = middle
    return LeastArena(enough * ALIGNMENT, taken, trials)
