"""Cycles by function of unmodified firmware, by sampling its program counter in virtual time.

The one place that knows how it is found out: slices change no cycle count, so sampling disturbs nothing. The distances
between samples vary in a fixed sequence, so that no loop runs in step with them and two runs give the same.
"""

from collections.abc import Callable
from dataclasses import dataclass

from virtual.board import StopReason, VirtualBoard

PERIOD = 400  # cycles between two samples, on average
SPREAD = 256
UNKNOWN = "(no function)"


@dataclass(frozen=True)
class FunctionCycles:
    """``cycles`` by name, largest first; ``lowest_stack``: the lowest stack pointer seen."""

    cycles: dict[str, int]
    samples: int
    lowest_stack: int


def function_cycles(board: VirtualBoard, done: Callable[[], bool], counts: Callable[[], bool]) -> FunctionCycles:
    """Run the board until ``done``, or until it waits for good; count what runs while ``counts``.

    The cycles of a slice belong to the function at its end: exact on average.
    """
    found: dict[str, int] = {}
    samples, lowest, jitter = 0, 0xFFFF_FFFF, 1
    while not done():
        jitter = (jitter * 1_103_515_245 + 12_345) & 0x7FFF_FFFF
        before, counted = board.cycles, counts()
        reason = board.run(PERIOD - SPREAD // 2 + (jitter >> 16) % SPREAD)
        if counted and counts():
            function = board.function_at(board.register("PC"))
            name = UNKNOWN if function is None else function.name
            found[name] = found.get(name, 0) + board.cycles - before
            samples += 1
            lowest = min(lowest, board.register("SP"))
        if reason in (StopReason.IDLE, StopReason.LOCKUP):
            break
    ordered = dict(sorted(found.items(), key=lambda item: -item[1]))
    return FunctionCycles(ordered, samples, lowest)
