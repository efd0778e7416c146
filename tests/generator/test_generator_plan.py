"""The memory plan: live buffers lie apart but for proven overlays, and the arena is as small as it can be."""

from collections.abc import Iterable
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.benchmark import load_benchmark
from generator.importer import read_graph
from generator.lower import lower
from generator.plan import ALIGNMENT, Plan, _Placer, allowed_leads, check_plan, in_place_pairs, lifetimes, plan
from generator.program import Buffer, Port, Program, State, Step
from tests.reference import reference_data


def program_of(sizes: list[int], steps: list[Step], states: tuple[State, ...] = ()) -> Program:
    """Buffers t0, t1, ... of the given sizes; t0 is the input and the last step's output the output."""
    buffers = [Buffer(f"t{index}", size) for index, size in enumerate(sizes)]
    buffers += [Buffer(step.scratch, 40) for step in steps if step.scratch]
    source, target = (Port(name, "int8", (1,), None) for name in ("t0", steps[-1].outputs[0]))
    return Program(tuple(buffers), tuple(steps), (source,), (target,), states=states)


def step(
    index: int,
    inputs: list[int],
    output: int,
    lead: dict[int, int] | None = None,
    scratch: bool = False,
    in_place: Iterable[int] = (),
) -> Step:
    names, memory = tuple(f"t{source}" for source in inputs), f"s{index}" if scratch else None
    return Step(index, "X", "x", "x.h", "X", {}, names, (f"t{output}",), memory, lead or {}, frozenset(in_place))


def chain(sizes: list[int], links: list[int]) -> Program:
    """A program whose step i reads buffer ``links[i]`` (an earlier one) and writes buffer i + 1."""
    return program_of(sizes, [step(index, [source], index + 1) for index, source in enumerate(links)])


@st.composite
def programs(draw: st.DrawFn) -> Program:
    sizes = draw(st.lists(st.integers(1, 300), min_size=2, max_size=10))
    steps = []
    for output in range(1, len(sizes)):
        inputs = draw(st.lists(st.integers(0, output - 1), min_size=1, max_size=2))
        lead = {position: draw(st.integers(0, sizes[output])) for position in range(len(inputs)) if draw(st.booleans())}
        in_place = [position for position in lead if draw(st.booleans())]
        steps.append(step(output - 1, inputs, output, lead, draw(st.booleans()), in_place))
    states = (State("t0", 0),) if draw(st.integers(0, 4)) == 0 else ()
    return program_of(sizes, steps, states)


def run(program: Program, memory: Plan) -> None:
    """Every step reads and writes as late and as early as its leads allow; nobody may read another one's bytes.

    A byte of the arena holds (writer's step, offset in its buffer), or (-1, ...) for the model's input.
    """
    arena = np.full((memory.arena_bytes, 2), -2)
    size = {buffer.name: buffer.bytes for buffer in program.buffers}

    def tag(name: str, writer: int) -> None:
        for offset in range(size[name]):
            arena[memory.offsets[name] + offset] = writer, offset

    tag("t0", -1)
    writer = {"t0": -1}
    for position, current in enumerate(program.steps):
        (output,) = current.outputs
        if current.scratch:
            tag(current.scratch, 1000 + position)
        inputs = [(k, name) for k, name in enumerate(current.inputs) if name is not None]
        same = {k for k, name in inputs if memory.offsets[name] == memory.offsets[output]}
        leads = [0 if k in current.in_place & same else current.lead.get(k) for k, _ in inputs]
        written = 0
        for read in range(max(size[name] for _, name in inputs)):
            for k, name in inputs:
                if read < size[name]:
                    held = tuple(arena[memory.offsets[name] + read])
                    assert held == (writer[name], read), f"step {position}, input {k}"
            # Having read through `read`, an overlaying kernel may have written through read + lead.
            if all(lead is not None for lead in leads):
                until = min(size[output], read + 1 + min(lead for lead in leads if lead is not None))
                for offset in range(written, until):
                    arena[memory.offsets[output] + offset] = position, offset
                written = max(written, until)
        tag(output, position)
        writer[output] = position


@given(programs())
def test_no_step_reads_what_another_has_overwritten(program: Program) -> None:
    memory = plan(program)
    check_plan(program, memory)
    assert all(offset % ALIGNMENT == 0 for offset in memory.offsets.values())
    assert memory.overlay_bound_bytes <= memory.arena_bytes
    run(program, memory)


@given(programs())
def test_the_same_program_gets_the_same_plan(program: Program) -> None:
    assert plan(program) == plan(program)


@given(programs())
def test_no_order_of_few_buffers_is_better(program: Program) -> None:
    memory = plan(program)
    lives = lifetimes(program)
    if len(lives) <= 6:
        leads = allowed_leads(program, lives)
        placer = _Placer(lives, leads, in_place_pairs(program, leads))
        assert memory.arena_bytes == min(placer.place(order)[1] for order in permutations(range(len(lives))))


@given(programs())
def test_the_checker_notices_a_shift(program: Program) -> None:
    """A plan with one buffer moved onto another that lives at the same time is refused."""
    memory = plan(program)
    leads = allowed_leads(program, memory.lifetimes)
    for life in memory.lifetimes:
        for other in memory.lifetimes:
            if (
                life is not other
                and life.overlaps(other)
                and not {(life.name, other.name), (other.name, life.name)} & {*leads}
            ):
                moved = Plan({**memory.offsets, life.name: memory.offsets[other.name]}, memory.lifetimes, 10**6, 0)
                with pytest.raises(AssertionError):
                    check_plan(program, moved)
                return


def test_a_chain_meets_the_lower_bound() -> None:
    memory = plan(chain([640, 128, 128, 8, 128, 640], [0, 1, 2, 3, 4]))
    assert memory.arena_bytes == memory.lower_bound_bytes == 640 + 128
    assert memory.optimal


def test_an_elementwise_step_works_in_place() -> None:
    memory = plan(program_of([100, 100], [step(0, [0], 1, {0: 0})]))
    assert memory.arena_bytes == 100
    assert memory.lower_bound_bytes == 200
    assert memory.overlays == (("t1", "t0"),)
    assert memory.optimal


def test_a_step_that_grows_leads_its_input() -> None:
    """Twice as many bytes out as in, with a lead of 100: the output ends where the input does."""
    memory = plan(program_of([100, 200], [step(0, [0], 1, {0: 100})]))
    assert (memory.arena_bytes, memory.offsets["t0"]) == (200, 100)


def test_a_step_may_work_in_place_only() -> None:
    memory = plan(program_of([100, 100], [step(0, [0], 1, {0: 90}, in_place=[0])]))
    assert (memory.arena_bytes, memory.overlays) == (100, (("t1", "t0"),))
    between = Plan({"t0": 8, "t1": 0}, memory.lifetimes, 108, 0)
    with pytest.raises(AssertionError, match="share bytes"):
        check_plan(program_of([100, 100], [step(0, [0], 1, {0: 90}, in_place=[0])]), between)
    twice = program_of([100, 100], [step(0, [0, 0], 1, {0: 90, 1: 90}, in_place=[1])])
    assert plan(twice).arena_bytes == 192


def test_no_overlay_on_what_is_read_later_or_twice() -> None:
    later = program_of([100, 100, 100], [step(0, [0], 1, {0: 0}), step(1, [0, 1], 2)])
    assert not plan(later).overlays
    twice = program_of([100, 100], [step(0, [0, 0], 1, {0: 0})])
    assert not plan(twice).overlays
    both = program_of([100, 100], [step(0, [0, 0], 1, {0: 0, 1: 0})])
    assert plan(both).overlays == (("t1", "t0"),)


def test_states_and_the_input_beside_them_stay() -> None:
    steps = [step(0, [0, 3], 1, {0: 0, 1: 0}), step(1, [1], 2, {0: 0})]
    memory = plan(program_of([100, 100, 100, 40], steps, (State("t3", 0),)))
    assert memory.arena_bytes == 100 + 100 + 40


def test_the_shipped_model_needs_its_input_only() -> None:
    memory = plan(lower(read_graph(load_benchmark("ad").model)))
    assert memory.arena_bytes == 640


# Bytes: the smallest published for the same model on this chip, and 40 KiB.
@pytest.mark.reference
@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("ad01_int8", 768),
        ("pretrainedResnet_quant", 56_672),
        ("kws_ref_model", 20_864),
        ("vww_96_int8", 58_624),
    ],
)
def test_reference_models_need_less_than_anyone_published(name: str, published: int) -> None:
    program = lower(read_graph(reference_data() / "models" / f"{name}.tflite"))
    memory = plan(program)
    check_plan(program, memory)
    assert memory.arena_bytes <= min(published, 40 * 1024)
