"""Where code and constants live: read from flash in place, or copied at boot to RAM, which has no wait states."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from common.board import Board, Memory
from common.errors import UserError
from generator.program import Program
from generator.runs import Run, choose_runs
from generator.split import divisible
from generator.straight import StraightCode, choose_straight, with_straight
from generator.straight_connected import ConnectedCode, connected_gains, with_connected

OBJECTIVES = ("latency", "balanced", "memory")
BALANCED = 1.0  # cycles an inference must save for each byte of RAM that a constant or straight code takes
LATENCY = 0.2  # the same for runs and straight code of fully connected layers at the objective latency
CODE_BYTES = 32 * 1024  # of kernels, at most about
FLASH_CODE_BYTES = 96 * 1024  # of flash, at most about, that is not constants
ALIGNMENT = 8  # of constants
RESERVE = 1024  # bytes of RAM for what the C library and the command interpreter keep

InRam = tuple[tuple[frozenset[str], ...], dict[str, int]]  # constants by rooms; bytes of those that fit in part only


@dataclass(frozen=True)
class Placement:
    """``code``: the RAM on the code bus that the kernels run from; None: they run from flash.

    ``straight``, ``runs``: what there is longer code for in that RAM, see `generator.straight` and `generator.runs`;
    ``straight_connected``: the names of the layers that call such, and what, see `generator.straight_connected`.
    ``data``: RAM of the stack, the arena and everything else, and of the constants named in ``beside_data``;
    ``constants``: RAM of the other constants named in ``in_ram``, which names all that are copied. Of those that are
    copied only in part ``split`` says how many bytes, see `generator.split`.
    """

    code: Memory | None
    data: Memory
    constants: Memory
    in_ram: frozenset[str]
    beside_data: frozenset[str] = frozenset()
    straight: frozenset[StraightCode] = frozenset()
    straight_connected: Mapping[str, ConnectedCode] = field(default_factory=dict)
    runs: frozenset[Run] = frozenset()
    split: Mapping[str, int] = field(default_factory=dict)

    @property
    def regions(self) -> tuple[Memory, ...]:
        return tuple(dict.fromkeys(region for region in (self.data, self.constants, self.code) if region is not None))


def check_objective(objective: str) -> str:
    """``objective``. Raises UserError where it is none."""
    if objective not in OBJECTIVES:
        raise UserError(f"unknown objective '{objective}'; objectives are: {', '.join(OBJECTIVES)}")
    return objective


def place(
    program: Program,
    board: Board,
    objective: str,
    data_bytes: int,
    ram_budget: int | None = None,
    flash_budget: int | None = None,
) -> Placement:
    """Decide it.

    ``data_bytes``: of RAM that arena, stack and buffers need in any case. ``ram_budget``: bytes that the image may take
    in all, the board's RAM by default; only the largest savings per byte are then taken. ``flash_budget``: the same of
    flash, which limits the weights of straight code of fully connected layers.

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
    straight, connected, runs = frozenset[StraightCode](), dict[str, ConnectedCode](), frozenset[Run]()
    least = LATENCY if objective == "latency" else BALANCED
    room = 0 if code is None else min(code.size - CODE_BYTES, budget)
    if code is not None:
        flash_room = board.flash.size - program.constant_bytes - FLASH_CODE_BYTES
        straight = choose_straight(program, room, flash_room, BALANCED)
        taken = sum(piece.bytes for piece in straight)
        runs = choose_runs(program, room - taken, least)
        taken += sum(run.bytes for run in runs)
        room, budget = room - taken, budget - taken
    program = with_straight(program, straight)

    def in_ram_with(connected: Mapping[str, ConnectedCode]) -> InRam:
        left = budget - sum(piece.bytes for piece in set(connected.values()))
        return _chosen(with_connected(program, connected), board, objective, rooms, left)

    if code is not None:
        flash = board.flash.size if flash_budget is None else min(flash_budget, board.flash.size)
        connected = _connected(program, in_ram_with, room, flash - program.constant_bytes - FLASH_CODE_BYTES, least)
    chosen, split = in_ram_with(connected)
    address = None if code is None else code.code_address
    alias = None if code is None or address is None else Memory("ram_code", "ram", address, code.size)
    in_ram, beside_data = frozenset[str]().union(*chosen), frozenset[str]().union(*chosen[1:])
    return Placement(alias, data, constants, in_ram, beside_data, straight, connected, runs, split)


def _connected(
    program: Program,
    in_ram_with: Callable[[Mapping[str, ConnectedCode]], InRam],
    room: int,
    flash_room: int,
    least: float,
) -> dict[str, ConnectedCode]:
    """The fully connected layers that call straight code, and what: those that save ``least`` cycles for each byte by
    which weights grow and, for the first layer of a piece of code, of that, in the order of `connected_gains`. So far
    as there are ``room`` bytes of RAM for code and ``flash_room`` bytes of flash for both, the larger weights are in
    RAM, and so is all that is there without."""
    chosen: dict[str, ConnectedCode] = {}
    names, split = in_ram_with(chosen)
    for gain in connected_gains(program):
        code_bytes = 0 if gain.code in chosen.values() else gain.code.bytes
        size = code_bytes + gain.growth
        if gain.cycles >= least * size and code_bytes <= room and size <= flash_room:
            names_then, split_then = in_ram_with({**chosen, gain.layer: gain.code})
            if frozenset([gain.blocks]).union(*names) <= frozenset().union(*names_then) and split_then == split:
                chosen[gain.layer] = gain.code
                room -= code_bytes
                flash_room -= size
    return chosen


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


def _chosen(program: Program, board: Board, objective: str, rooms: Sequence[int], budget: int) -> InRam:
    """For each of the rooms, in bytes, the constants that go there: those that save most cycles per byte, as far as
    there is room; of all together no more than ``budget`` bytes. And how many bytes of those that fit in part only."""
    left = list(rooms)
    chosen: list[set[str]] = [set() for _ in rooms]
    split: dict[str, int] = {}
    if objective == "memory":
        return tuple(map(frozenset, chosen)), split
    per_byte = board.clock.flash_wait_states / board.clock.flash_read_bytes
    least = BALANCED if objective == "balanced" else 0.0
    candidates = [(per_byte * step.constant_reads, constant) for step in program.steps for constant in step.constants]
    candidates = sorted(
        (item for item in candidates if item[0] >= least),
        key=lambda item: (-item[0], -item[1].bytes, item[1].name),
    )

    def put(name: str, size: int, room: int) -> int:
        chosen[room].add(name)
        left[room] -= size
        return budget - size

    for _, constant in candidates:
        aligned = -(-constant.bytes // ALIGNMENT) * ALIGNMENT
        fitting = [room for room, size in enumerate(left) if aligned <= size]
        if aligned <= budget and fitting:
            budget = put(constant.name, aligned, min(fitting, key=lambda room: left[room]))
    blocks = divisible(program)
    for name in (constant.name for _, constant in candidates):
        room = max(range(len(left)), key=lambda room: left[room])
        size = min(left[room], budget) // blocks[name] * blocks[name] if name in blocks else 0
        if size > 0 and not any(name in names for names in chosen):
            split[name] = size
            budget = put(name, size, room)
    return tuple(map(frozenset, chosen)), split
