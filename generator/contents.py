"""What a runtime makes of a model: the sources of its image, and what is to be said of it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from common.artifact import ModelInfo, StepInfo
from common.benchmark import Benchmark
from common.board import Board
from generator.compile import Compiled, compile_model
from generator.fit import check_fit, check_ports, data_bytes
from generator.gather import with_gather
from generator.ops.conv_2d import FEW_COLUMNS_BYTES, MANY_COLUMNS_BYTES
from generator.ops.winograd import MOST_BYTES
from generator.placement import Placement, place
from generator.plan_report import plan_summary
from generator.render import render_project
from generator.runs import with_runs
from generator.split import with_split
from generator.straight import with_straight
from generator.straight_connected import with_connected
from generator.tuning import Tuning

Report = Callable[[str], None]


@dataclass(frozen=True)
class Request:
    """What is to be built, see `generator.build.build`. ``content``: the model's bytes."""

    board: Board
    benchmark: Benchmark
    model: Path
    content: bytes
    info: ModelInfo
    dead_channels: bool
    optimize: str
    ram_budget: int | None
    flash_budget: int | None
    tuning: Tuning
    platform: str
    counted_as: str


@dataclass(frozen=True)
class Contents:
    """``files``: relative path -> text of the project, for its folder and whether it is for energy mode.

    The rest is as in `Firmware`.
    """

    files: Callable[[Path, bool], dict[str, str]]
    arena_bytes: int
    arena_lower_bound_bytes: int
    plan: str
    steps: tuple[StepInfo, ...] = ()
    remembers: bool = False
    changes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def columns_bytes(objective: str) -> int:
    """What convolutions may expand at a time: more where RAM does not count."""
    return MANY_COLUMNS_BYTES if objective == "latency" else FEW_COLUMNS_BYTES


def _placed(request: Request) -> tuple[Compiled, Placement]:
    """The model compiled, and where its parts go: with larger activations and more at a time to be faster, unless these
    do not fit or take the room that lets kernels run from RAM."""
    board, benchmark = request.board, request.benchmark
    runs_from_ram = any(ram.code_address is not None for ram in board.rams)
    for planes in (True, False):
        compiled = compile_model(
            request.content,
            str(request.model),
            dead_channels=request.dead_channels,
            compact=request.optimize == "memory",
            planes=planes,
            columns_bytes=columns_bytes(request.optimize) if planes and not request.ram_budget else FEW_COLUMNS_BYTES,
            wide_bytes=min(MOST_BYTES, board.flash.size // 2),
            tuning=request.tuning,
            streaming=benchmark.streaming,
            front_end=benchmark.front_end,
        )
        needed = data_bytes(compiled.memory.arena_bytes, benchmark)
        placement = place(compiled.program, board, request.optimize, needed, request.ram_budget, request.flash_budget)
        as_fast = placement.code is not None or request.optimize == "memory" or not runs_from_ram
        if as_fast and needed <= board.ram_bytes:
            break
    check_ports(compiled.program, benchmark, request.model)
    check_fit(compiled.program.constant_bytes, compiled.memory.arena_bytes, board, benchmark)
    return compiled, placement


def compiled_contents(request: Request) -> Contents:
    """The model compiled ahead of time. Raises UserError where that cannot be done."""
    board, benchmark = request.board, request.benchmark
    compiled, placement = _placed(request)
    program, memory = compiled.program, compiled.memory
    program = with_connected(with_straight(with_gather(program), placement.straight), placement.straight_connected)
    program = with_split(with_runs(program, placement.runs), placement.split)

    def files(folder: Path, energy: bool) -> dict[str, str]:
        return render_project(
            folder,
            program,
            memory,
            placement,
            request.info,
            board,
            benchmark,
            energy=energy,
            platform=request.platform,
            counted_as=request.counted_as,
        )

    return Contents(
        files,
        arena_bytes=memory.arena_bytes,
        arena_lower_bound_bytes=memory.lower_bound_bytes,
        plan=plan_summary(program, memory),
        steps=tuple(StepInfo(step.operator, step.operator_name, step.kernel, step.macs) for step in program.steps),
        remembers=bool(program.states),
        changes=compiled.changes,
    )
