"""The memory plan: live buffers never overlap, and the arena is as small as it can be where that is known."""

from itertools import combinations
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from common.benchmark import load_benchmark
from generator.importer import read_graph
from generator.lower import lower
from generator.plan import ALIGNMENT, plan
from generator.program import Buffer, Port, Program, Step


def chain(sizes: list[int], links: list[int]) -> Program:
    """A program whose step i reads buffer ``links[i]`` (an earlier one) and writes buffer i + 1."""
    buffers = tuple(Buffer(f"t{index}", size) for index, size in enumerate(sizes))
    steps = tuple(
        Step(index, "X", "x", "x.h", "X", {}, (f"t{source}",), (f"t{index + 1}",)) for index, source in enumerate(links)
    )
    return Program(
        buffers, steps, (Port("t0", "int8", (sizes[0],), None),), (Port(f"t{len(links)}", "int8", (sizes[-1],), None),)
    )


@st.composite
def programs(draw: st.DrawFn) -> Program:
    sizes = draw(st.lists(st.integers(1, 5000), min_size=2, max_size=12))
    return chain(sizes, [draw(st.integers(0, index)) for index in range(len(sizes) - 1)])


@given(programs())
def test_live_buffers_never_overlap(program: Program) -> None:
    memory = plan(program)
    for life in memory.lifetimes:
        assert memory.offsets[life.name] % ALIGNMENT == 0
        assert memory.offsets[life.name] + life.bytes <= memory.arena_bytes
    for one, other in combinations(memory.lifetimes, 2):
        if one.overlaps(other):
            first, second = sorted((one, other), key=lambda life: memory.offsets[life.name])
            assert memory.offsets[first.name] + first.bytes <= memory.offsets[second.name]
    assert memory.arena_bytes >= memory.lower_bound_bytes


def test_a_chain_meets_the_lower_bound() -> None:
    memory = plan(chain([640, 128, 128, 8, 128, 640], [0, 1, 2, 3, 4]))
    assert memory.arena_bytes == memory.lower_bound_bytes == 640 + 128


def test_the_shipped_model_needs_its_input_and_a_hidden_layer(tmp_path: Path) -> None:
    memory = plan(lower(read_graph(load_benchmark("ad").model)))
    assert memory.arena_bytes == memory.lower_bound_bytes == 768
