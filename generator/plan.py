"""Memory plan: an offset in the tensor arena for every buffer.

Buffers that are live at the same step lie apart, with one exception: a step's first output may overlay an input that
nothing reads later, if it starts so many bytes before it that the kernel never overwrites what it has still to read
(``Step.lead``), or, for some kernels, exactly where it starts (``Step.in_place``).
"""

import random
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import accumulate

from common.errors import UserError
from generator.program import Program, Step

ALIGNMENT = 4  # bytes: kernels load words
WORK = 3_000_000  # pairs of buffers looked at in the search for a better order
MOST_ORDERS = 3000
MOST_LIVE = 512  # buffers at one step


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
    """``arena_bytes``: what the offsets need. ``lower_bound_bytes``: the largest sum of simultaneously live buffers,
    which a plan without overlays cannot beat. ``overlay_bound_bytes``: what no plan can beat.
    """

    offsets: dict[str, int]
    lifetimes: tuple[Lifetime, ...]
    arena_bytes: int
    lower_bound_bytes: int
    overlay_bound_bytes: int = 0
    leads: Mapping[tuple[str, str], int] = field(default_factory=dict)  # (output, input) -> bytes, aligned

    @property
    def optimal(self) -> bool:
        """Whether it is proven that no plan needs less."""
        return self.arena_bytes == self.overlay_bound_bytes

    @property
    def overlays(self) -> tuple[tuple[str, str], ...]:
        """The (output, input) pairs that share bytes."""
        size = {life.name: life.bytes for life in self.lifetimes}
        return tuple(
            (output, source)
            for output, source in self.leads
            if self.offsets[output] < self.offsets[source] + size[source]
            and self.offsets[source] < self.offsets[output] + size[output]
        )


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


def allowed_leads(program: Program, lives: Sequence[Lifetime]) -> dict[tuple[str, str], int]:
    """(output, input) -> bytes by which the output must start before the input it overlays."""
    of = {life.name: life for life in lives}
    leads: dict[tuple[str, str], int] = {}
    for position, step in enumerate(program.steps):
        if not step.outputs or of[step.outputs[0]].first != position:
            continue
        for name, lead in _step_leads(step).items():
            if name in of and of[name].last == position and name not in step.outputs:
                leads[step.outputs[0], name] = _align(lead)
    return leads


def in_place_pairs(program: Program, leads: Mapping[tuple[str, str], int]) -> frozenset[tuple[str, str]]:
    """Those (output, input) of ``leads`` that may also start at the same byte."""
    return frozenset(
        (output, name)
        for step in program.steps
        for output in step.outputs[:1]
        for name in step.inputs
        if name is not None
        and (output, name) in leads
        and all(position in step.in_place for position, other in enumerate(step.inputs) if other == name)
    )


def _step_leads(step: Step) -> dict[str, int]:
    """Input buffer -> lead; a buffer passed at several positions needs the largest, and one at each."""
    leads: dict[str, int] = {}
    for name in {name for name in step.inputs if name is not None}:
        positions = [position for position, other in enumerate(step.inputs) if other == name]
        if all(position in step.lead for position in positions):
            leads[name] = max(step.lead[position] for position in positions)
    return leads


def plan(program: Program) -> Plan:
    """Place every buffer: greedily in several orders, then in orders near the best, until a bound is met or the budget
    is spent. The same program always gets the same plan.

    Raises:
        UserError: too many tensors at once.
    """
    lives = lifetimes(program)
    _refuse_crowds(program, lives)
    leads = allowed_leads(program, lives)
    in_place = in_place_pairs(program, leads)
    bound = overlay_bound(lives, leads | dict.fromkeys(in_place, 0))
    placer = _Placer(lives, leads, in_place)
    orders = [
        sorted(range(len(lives)), key=key)
        for key in (
            lambda i: (-lives[i].bytes, lives[i].first),
            lambda i: (-lives[i].bytes * (lives[i].last - lives[i].first + 1), lives[i].first),
            lambda i: (lives[i].first - lives[i].last, -lives[i].bytes),
            lambda i: (lives[i].first, -lives[i].bytes),
            lambda i: (-lives[i].first, -lives[i].bytes),
        )
    ]
    best_order = min(orders, key=lambda order: placer.place(order)[1])
    offsets, size = placer.place(best_order)
    if size > bound and len(lives) > 1:
        offsets, size = _improve(placer, best_order, bound)
    names = {life.name: offset for life, offset in zip(lives, offsets, strict=True)}
    return Plan(names, lives, size, _lower_bound(lives), bound, leads)


def _refuse_crowds(program: Program, lives: Sequence[Lifetime]) -> None:
    change = [0] * (len(program.steps) + 2)
    for life in lives:
        change[life.first] += 1
        change[life.last + 1] -= 1
    count, position = max((count, -position) for position, count in enumerate(accumulate(change)))
    if count > MOST_LIVE:
        step = program.steps[min(-position, len(program.steps) - 1)]
        raise UserError(
            f"{count:,} tensors are needed at once at operator {step.operator} {step.operator_name},"
            f" supported are at most {MOST_LIVE}"
        )


def _improve(placer: "_Placer", order: list[int], bound: int) -> tuple[list[int], int]:
    """Move one buffer at a time to another place in the order, keeping what is not worse."""
    chance = random.Random(0)
    count = len(order)
    offsets, size = placer.place(order)
    for _ in range(min(MOST_ORDERS, WORK // count**2 + 1)):
        changed = order.copy()
        tops = [i for i in range(count) if offsets[i] + placer.sizes[i] == size]
        moved = chance.choice(tops) if chance.random() < 0.5 else chance.randrange(count)
        changed.remove(moved)
        changed.insert(chance.randrange(count), moved)
        candidate, reached = placer.place(changed)
        if reached <= size:
            order, offsets, size = changed, candidate, reached
        if size == bound:
            break
    return offsets, size


def _meetings(lives: Sequence[Lifetime]) -> Iterator[tuple[int, int]]:
    """Every two that are live at the same step."""
    live: list[int] = []
    for i in sorted(range(len(lives)), key=lambda i: lives[i].first):
        live = [j for j in live if lives[j].last >= lives[i].first]
        yield from ((i, j) for j in live)
        live.append(i)


class _Placer:
    """Places buffers one after the other, each at the lowest offset that the ones before leave free."""

    def __init__(
        self,
        lives: Sequence[Lifetime],
        leads: Mapping[tuple[str, str], int],
        in_place: Set[tuple[str, str]] = frozenset(),
    ) -> None:
        self.sizes = [life.bytes for life in lives]
        # For each buffer those it meets: (other, room it needs below the other, room the other needs below it); with
        # one that it may coincide with, each of the two rooms by itself.
        self._meets: list[list[tuple[int, int, int]]] = [[] for _ in lives]
        for i, j in _meetings(lives):
            below = min(leads.get((lives[i].name, lives[j].name), lives[i].bytes), lives[i].bytes)
            above = min(leads.get((lives[j].name, lives[i].name), lives[j].bytes), lives[j].bytes)
            coincide = {(lives[i].name, lives[j].name), (lives[j].name, lives[i].name)} & in_place
            for low, high in ((below, 0), (0, above)) if coincide else ((below, above),):
                self._meets[i].append((j, low, high))
                self._meets[j].append((i, high, low))

    def place(self, order: Sequence[int]) -> tuple[list[int], int]:
        """Offsets by buffer, and the arena's size."""
        offsets = [-1] * len(self.sizes)
        size = 0
        for i in order:
            forbidden = sorted(
                (offsets[j] - below, offsets[j] + above) for j, below, above in self._meets[i] if offsets[j] >= 0
            )
            offset = 0
            for low, high in forbidden:
                if offset <= low:
                    break
                offset = max(offset, high)
            offsets[i] = offset
            size = max(size, offset + self.sizes[i])
        return offsets, size


def check_plan(program: Program, memory: Plan) -> None:
    """Raises AssertionError where a plan lets two buffers share bytes that must not."""
    lives = lifetimes(program)
    leads = allowed_leads(program, lives)
    in_place = in_place_pairs(program, leads)
    for life in lives:
        start = memory.offsets[life.name]
        assert start % ALIGNMENT == 0, f"{life.name} is not aligned"
        assert 0 <= start <= memory.arena_bytes - life.bytes, f"{life.name} lies outside of the arena"
    for life, other in ((lives[i], lives[j]) for i, j in _meetings(lives)):
        start, there = memory.offsets[life.name], memory.offsets[other.name]
        apart = start + life.bytes <= there or there + other.bytes <= start
        below, above = leads.get((life.name, other.name)), leads.get((other.name, life.name))
        overlaid = (below is not None and start + below <= there) or (above is not None and there + above <= start)
        overlaid |= start == there and bool({(life.name, other.name), (other.name, life.name)} & in_place)
        assert apart or overlaid, f"{life.name} and {other.name} share bytes"


def _lower_bound(lives: Sequence[Lifetime]) -> int:
    return max((sum(o.bytes for o in lives if o.first <= life.first <= o.last) for life in lives), default=0)


def overlay_bound(lives: Sequence[Lifetime], leads: Mapping[tuple[str, str], int]) -> int:
    """The most that the buffers of any step need at least.

    Those live at one step lie apart, but for its output and the inputs that it may overlay. So they need at least the
    sum without the output, the sum without those inputs, and, where there is one such input only, the smallest extent
    of the two together plus the others.
    """
    bound = 0
    for step in {life.first for life in lives}:
        live = [life for life in lives if life.first <= step <= life.last]
        total = sum(life.bytes for life in live)
        names = {life.name: life.bytes for life in live}
        pairs = [pair for pair in leads if pair[0] in names and pair[1] in names]
        if not pairs:
            bound = max(bound, total)
            continue
        output, inputs = names[pairs[0][0]], [names[source] for _, source in pairs]
        bound = max(bound, total - output, total - sum(inputs))
        if len(pairs) == 1:
            together = min(output + inputs[0], max(output, leads[pairs[0]] + inputs[0]))
            bound = max(bound, total - output - inputs[0] + together)
    return bound


def _align(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
