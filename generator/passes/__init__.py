"""Graph -> Graph: what can be computed, merged or left out ahead of time without changing a bit of the outputs."""

from collections.abc import Callable
from dataclasses import dataclass

from generator.graph import Graph
from generator.passes.constants import fold_constants
from generator.passes.dead_channels import eliminate_dead_channels
from generator.passes.fusion import fuse_activations, fuse_pads, remove_identities, remove_unused

Pass = Callable[[Graph], tuple[Graph, list[str]]]
PASSES: tuple[Pass, ...] = (fold_constants, remove_identities, fuse_pads, fuse_activations, remove_unused)


@dataclass(frozen=True)
class Optimised:
    """``notes``: one line for each change."""

    graph: Graph
    notes: tuple[str, ...]


def optimise(graph: Graph, *, dead_channels: bool = True) -> Optimised:
    """Run every pass, again and again until none finds anything; ``dead_channels`` False leaves those in."""
    passes = (*PASSES, eliminate_dead_channels) if dead_channels else PASSES
    notes: list[str] = []
    while True:
        before = len(notes)
        for run in passes:
            graph, found = run(graph)
            notes += found
        if len(notes) == before:
            return Optimised(graph, tuple(notes))
