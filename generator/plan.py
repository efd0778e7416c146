"""Memory plan: an offset in the tensor arena for every buffer, such that live buffers never overlap."""

from dataclasses import dataclass
from itertools import pairwise

from generator.program import Program

ALIGNMENT = 4  # bytes: kernels load words


@dataclass(frozen=True)
class Lifetime:
    """A buffer is live from step ``first`` to step ``last``, both included; ``bytes`` is aligned."""

    name: str
    bytes: int
    first: int
    last: int

    def overlaps(self, other: "Lifetime") -> bool:
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class Plan:
    """``arena_bytes``: what the offsets need. ``lower_bound_bytes``: the largest sum of simultaneously live buffers."""

    offsets: dict[str, int]
    lifetimes: tuple[Lifetime, ...]
    arena_bytes: int
    lower_bound_bytes: int


def lifetimes(program: Program) -> tuple[Lifetime, ...]:
    """When each buffer holds something that is still needed.

    The memory of the model's inputs is free after their last use. Its outputs are live after the last step, for
    `th_results`, and its states always.
    """
    end = len(program.steps)
    first = {port.buffer: 0 for port in program.inputs} | {state.buffer: 0 for state in program.states}
    last: dict[str, int] = {}
    for position, step in enumerate(program.steps):
        for name in step.arguments:
            if name is not None:
                first.setdefault(name, position)
                last[name] = position
    kept = [port.buffer for port in program.outputs] + [state.buffer for state in program.states]
    if program.states:  # another run on the same input must see it again: the states have moved on
        kept += [port.buffer for port in program.inputs]
    last |= dict.fromkeys(kept, end)
    return tuple(
        Lifetime(buffer.name, _align(buffer.bytes), first[buffer.name], last.get(buffer.name, 0))
        for buffer in program.buffers
        if buffer.name in first
    )


def plan(program: Program) -> Plan:
    """Place every buffer; the best of several greedy orders, each taking the lowest gap that fits."""
    lives = lifetimes(program)
    orders = (
        sorted(lives, key=lambda life: (-life.bytes, life.first)),
        sorted(lives, key=lambda life: (-life.bytes * (life.last - life.first + 1), life.first)),
        sorted(lives, key=lambda life: (life.first - life.last, -life.bytes)),
        sorted(lives, key=lambda life: (life.first, -life.bytes)),
    )
    placements = [_place(order) for order in orders]
    offsets, size = min(placements, key=lambda placement: placement[1])
    return Plan(offsets, lives, size, _lower_bound(lives))


def _place(order: list[Lifetime]) -> tuple[dict[str, int], int]:
    placed: list[tuple[int, Lifetime]] = []
    for life in order:
        neighbours = sorted((offset, other.bytes) for offset, other in placed if other.overlaps(life))
        edges = [(0, 0), *neighbours]
        offset = 0
        for (start, size), (following, _) in pairwise([*edges, (1 << 62, 0)]):
            offset = max(offset, start + size)
            if following - offset >= life.bytes:
                break
        placed.append((offset, life))
    return {life.name: offset for offset, life in placed}, max((o + life.bytes for o, life in placed), default=0)


def _lower_bound(lives: tuple[Lifetime, ...]) -> int:
    return max((sum(o.bytes for o in lives if o.first <= life.first <= o.last) for life in lives), default=0)


def _align(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
