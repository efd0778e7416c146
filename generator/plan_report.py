"""The memory plan for people: a line, a table, a picture of tensors over time."""

from collections.abc import Iterator
from dataclasses import dataclass

from rich.table import Table

from generator.plan import Lifetime, Plan
from generator.program import Program, Step
from generator.render import template_environment

STEP_WIDTH, LEFT, TOP, HEIGHT = 34, 80, 56, 420  # pixels
LABEL_HEIGHT = 13  # of a tensor's name
TICKS = 5


@dataclass(frozen=True)
class PlannedTensor:
    """``overlays``: the input whose memory it takes while that is still being read. ``kind``: what it is kept for."""

    life: Lifetime
    offset: int
    kind: str
    overlays: str | None


def planned_tensors(program: Program, memory: Plan) -> list[PlannedTensor]:
    """By the step they appear at, then by offset."""
    kinds = {port.buffer: "input" for port in program.inputs}
    kinds |= {step.scratch: "scratch" for step in program.steps if step.scratch}
    kinds |= {port.buffer: "output" for port in program.outputs}
    kinds |= {state.buffer: "state" for state in program.states}
    overlays = dict(memory.overlays)
    tensors = [
        PlannedTensor(life, memory.offsets[life.name], kinds.get(life.name, "activation"), overlays.get(life.name))
        for life in memory.lifetimes
    ]
    return sorted(tensors, key=lambda tensor: (tensor.life.first, tensor.offset))


def plan_summary(program: Program, memory: Plan) -> str:
    """One sentence: size, bounds, overlays."""
    proof = "which no plan can beat" if memory.optimal else f"{memory.overlay_bound_bytes:,} at least in any plan"
    return (
        f"{len(memory.lifetimes)} tensors in {memory.arena_bytes:,} bytes, {proof};"
        f" largest sum of simultaneously live tensors {memory.lower_bound_bytes:,};"
        f" tensors that overlay an input: {len(memory.overlays)}"
    )


def plan_table(program: Program, memory: Plan) -> Table:
    table = Table(title="tensor arena")
    for name in ("tensor", "kind", "over", "written by", "until"):
        table.add_column(name, no_wrap=True)
    for name in ("bytes", "offset"):
        table.add_column(name, justify="right", no_wrap=True)
    for tensor in planned_tensors(program, memory):
        life = tensor.life
        table.add_row(
            life.name,
            tensor.kind,
            tensor.overlays or "",
            "host" if tensor.kind == "input" else _step_name(program, life.first),
            _step_name(program, life.last).partition(" ")[0],
            f"{life.bytes:,}",
            f"{tensor.offset:,}",
        )
    return table


def _step_name(program: Program, position: int) -> str:
    if position >= len(program.steps):
        return "end"
    return _operator(program.steps[position])


def _operator(step: Step) -> str:
    return f"{step.operator} {step.operator_name}" + (f" ({step.part + 1})" if step.part else "")


def plan_svg(program: Program, memory: Plan, title: str) -> str:
    """A picture, SVG: the steps from left to right, the arena's bytes from bottom to top, a box for each tensor."""
    arena = max(memory.arena_bytes, 1)
    scale = HEIGHT / arena
    steps = len(program.steps) + 1
    boxes = [
        {
            "name": tensor.life.name,
            "kind": tensor.kind,
            "x": LEFT + tensor.life.first * STEP_WIDTH,
            "y": round(TOP + HEIGHT - (tensor.offset + tensor.life.bytes) * scale, 2),
            "width": (min(tensor.life.last, steps - 1) - tensor.life.first + 1) * STEP_WIDTH,
            "height": round(tensor.life.bytes * scale, 2),
            "hint": f"{tensor.life.name}: {tensor.life.bytes:,} bytes at {tensor.offset:,}"
            + (f", overlays {tensor.overlays}" if tensor.overlays else ""),
            "labelled": tensor.life.bytes * scale >= LABEL_HEIGHT,
        }
        for tensor in sorted(planned_tensors(program, memory), key=lambda tensor: -tensor.life.bytes)
    ]
    return (
        template_environment()
        .get_template("plan.svg.j2")
        .render(
            title=title,
            summary=plan_summary(program, memory),
            boxes=boxes,
            kinds=sorted({box["kind"] for box in boxes}),
            ticks=[(round(TOP + HEIGHT - value * scale, 2), f"{value:,}") for value in _ticks(arena)],
            steps=[(LEFT + position * STEP_WIDTH, _step_name(program, position)) for position in range(steps)],
            left=LEFT,
            top=TOP,
            bottom=TOP + HEIGHT,
            step_width=STEP_WIDTH,
            width=LEFT + steps * STEP_WIDTH + 40,
        )
    )


def _ticks(arena: int) -> Iterator[int]:
    """0, about `TICKS` round numbers, the arena's size."""
    step = 4
    while arena / step > TICKS:
        step *= 2
    yield from range(0, arena - step // 2, step)
    yield arena
