"""Where code and constants live: read from flash in place, or copied at boot to RAM, which has no wait states."""

from collections.abc import Sequence
from dataclasses import dataclass

from common.board import Board, Memory
from common.errors import UserError
from generator.long_turns import CODE_BYTES as LONG_TURNS_BYTES
from generator.long_turns import LongTurns, choose_long_turns
from generator.program import Program
from generator.runs import Run, choose_runs
from generator.straight import StraightCode, choose_straight, with_straight

OBJECTIVES = ("latency", "balanced", "memory")
BALANCED = 1.0  # cycles an inference must save for each byte of RAM that a constant or straight code takes
LATENCY = 0.2  # the same for longer turns and runs at the objective latency
CODE_BYTES = 32 * 1024  # of kernels, at most about
FLASH_CODE_BYTES = 96 * 1024  # of flash, at most about, that is not constants
RESERVE = 1024  # bytes of RAM for what the C library and the command interpreter keep


@dataclass(frozen=True)
class Placement:
    """``code``: the RAM on the code bus that the kernels run from; None: they run from flash.

    ``straight``, ``long_turns``, ``runs``: what there is longer code for in that RAM, see `generator.straight`,
    `generator.long_turns` and `generator.runs`.
    ``data``: RAM of the stack, the arena and everything else, and of the constants named in ``beside_data``;
    ``constants``: RAM of the other constants named in ``in_ram``, which names all that are copied.
    """

    code: Memory | None
    data: Memory
    constants: Memory
    in_ram: frozenset[str]
    beside_data: frozenset[str] = frozenset()
    straight: frozenset[StraightCode] = frozenset()
    long_turns: frozenset[LongTurns] = frozenset()
    runs: frozenset[Run] = frozenset()

    @property
    def regions(self) -> tuple[Memory, ...]:
        return tuple(dict.fromkeys(region for region in (self.data, self.constants, self.code) if region is not None))


def check_objective(objective: str) -> str:
    """``objective``. Raises UserError where it is none."""
    if objective not in OBJECTIVES:
        raise UserError(f"unknown objective '{objective}'; objectives are: {', '.join(OBJECTIVES)}")
    return objective


def place(program: Program, board: Board, objective: str, data_bytes: int, ram_budget: int | None = None) -> Placement:
    """Decide it.

    ``data_bytes``: of RAM that arena, stack and buffers need in any case. ``ram_budget``: bytes that the image may take
    in all, the board's RAM by default; only the largest savings per byte are then taken.

    Raises:
        UserError: the objective is not known.
    """
    check_objective(objective)
    needed = data_bytes + RESERVE
    code = next((ram for ram in board.rams if ram.code_address is not None), None) if objective != "memory" else None
    data, constants = _regions(board, code, needed)
    if data.size < needed:  # only all RAM together may be enough
        code, (data, constants) = None, _regions(board, None, needed)
    code_bytes = CODE_BYTES if code is not None else 0
    if ram_budget is not None and ram_budget < needed + code_bytes:
        code, code_bytes = None, 0
    budget = board.ram_bytes if ram_budget is None else ram_budget - needed - code_bytes
    rooms = [data.size - needed] if constants == data else [constants.size, data.size - needed]
    straight, long_turns, runs = frozenset[StraightCode](), frozenset[LongTurns](), frozenset[Run]()
    if code is not None:
        room = min(code.size - CODE_BYTES, budget)
        flash_room = board.flash.size - program.constant_bytes - FLASH_CODE_BYTES
        least = LATENCY if objective == "latency" else BALANCED
        straight = choose_straight(program, room, flash_room, BALANCED)
        taken = sum(code.bytes for code in straight)
        long_turns = choose_long_turns(program, room - taken, least)
        taken += LONG_TURNS_BYTES * len(long_turns)
        runs = choose_runs(program, room - taken, least)
        budget -= taken + sum(run.bytes for run in runs)
    chosen = _chosen(with_straight(program, straight), board, objective, rooms, budget)
    address = None if code is None else code.code_address
    alias = None if code is None or address is None else Memory("ram_code", "ram", address, code.size)
    in_ram, beside_data = frozenset[str]().union(*chosen), frozenset[str]().union(*chosen[1:])
    return Placement(alias, data, constants, in_ram, beside_data, straight, long_turns, runs)


def _regions(board: Board, code: Memory | None, needed: int) -> tuple[Memory, Memory]:
    """RAM for data and RAM for constants, the same where there is only one piece: the smallest that holds the data."""
    pieces: list[Memory] = []
    for ram in sorted(board.rams, key=lambda ram: ram.origin):
        if ram == code:
            continue
        last = pieces[-1] if pieces else None
        if last is not None and last.origin + last.size == ram.origin:
            pieces[-1] = Memory(last.name, "ram", last.origin, last.size + ram.size)
        else:
            pieces.append(Memory("ram" if not pieces else f"ram{len(pieces)}", "ram", ram.origin, ram.size))
    fitting = [piece for piece in pieces if piece.size >= needed]
    data = min(fitting, key=lambda piece: piece.size) if fitting else max(pieces, key=lambda piece: piece.size)
    others = [piece for piece in pieces if piece != data]
    constants = max(others, key=lambda piece: piece.size) if others else data
    return data, constants


def _chosen(
    program: Program, board: Board, objective: str, rooms: Sequence[int], budget: int
) -> tuple[frozenset[str], ...]:
    """For each of the rooms, in bytes, the constants that go there: those that save most cycles per byte, as far as
    there is room; of all together no more than ``budget`` bytes."""
    left = list(rooms)
    chosen: list[set[str]] = [set() for _ in rooms]
    if objective != "memory":
        per_byte = board.clock.flash_wait_states / board.clock.flash_read_bytes
        least = BALANCED if objective == "balanced" else 0.0
        candidates = [
            (per_byte * step.constant_reads, constant) for step in program.steps for constant in step.constants
        ]
        for saved, constant in sorted(candidates, key=lambda item: (-item[0], -item[1].bytes, item[1].name)):
            aligned = -(-constant.bytes // 8) * 8
            fitting = [room for room, size in enumerate(left) if aligned <= size]
            if saved >= least and aligned <= budget and fitting:
                tightest = min(fitting, key=lambda room: left[room])
                chosen[tightest].add(constant.name)
                left[tightest] -= aligned
                budget -= aligned
    return tuple(map(frozenset, chosen))
