"""What runtime ``tflm`` makes of a model: a build with all the RAM there is shows how small the arena may be."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from common.artifact import build_folder
from common.benchmark import Benchmark
from common.board import Board
from common.errors import UserError
from generator import platformio
from generator.contents import Contents, Report, Request
from generator.fit import buffer_bytes, check_fit, check_ports
from generator.importer import parse_graph
from generator.placement import place
from generator.program import Program
from generator.render import STACK_BYTES, project_context, write_project
from generator.tflm.library import find_library
from generator.tflm.operators import check_operators, registrations
from generator.tflm.render import interpreted, render_interpreter

LIBRARY_RAM = 8 * 1024  # bytes that the library, the operators' registrations and the command interpreter keep, at most


class LeastArena(Protocol):
    """``bytes`` are enough; found in so many ``trials``."""

    @property
    def bytes(self) -> int: ...

    @property
    def trials(self) -> int: ...


class ArenaSearch(Protocol):
    """Who finds the least tensor arena of an image, on the virtual board: module `harness.arena`."""

    def arena_board(self, board: Board, /) -> Board: ...

    def least_arena(self, elf: Path, board: Board, most: int, /) -> LeastArena: ...


@dataclass(frozen=True)
class Interpreter:
    """``library``: as `find_library` takes it."""

    library: str | None
    search: ArenaSearch


def interpreted_contents(request: Request, interpreter: Interpreter, report: Report) -> Contents:
    """The model for the interpreter.

    Raises:
        UserError: an option that means nothing for it, the library cannot be had or lacks an operator, the model does
            not fit, or as `ArenaSearch`.
    """
    _check_options(request)
    board, benchmark, name = request.board, request.benchmark, str(request.model)
    graph = parse_graph(request.content, name)
    program = interpreted(graph)
    check_ports(program, benchmark, request.model)
    operators = registrations(request.content, name)
    if request.platform == platformio.OWN_PLATFORM:
        platformio.require_cplusplus()
    trial_board = interpreter.search.arena_board(board)
    same = trial_board.name == board.name
    trial_folder = build_folder(board.name, benchmark.name) / ("" if same else "arena")
    report("looking for TensorFlow Lite Micro")
    library = find_library(interpreter.library, trial_folder, trial_board.name, platform=request.platform)
    check_operators(operators, library.root, name)

    def files(folder: Path, energy: bool, on: Board, arena: int) -> dict[str, str]:
        placement = place(program, on, "memory", check_fit(len(request.content), arena, on, benchmark))
        project = project_context(
            folder, program, placement, request.info, on, benchmark, energy=energy, platform=request.platform
        )
        found = find_library(interpreter.library, folder, on.name, platform=request.platform)
        return render_interpreter(project, request.content, operators, arena, found, folder)

    report("compiling TensorFlow Lite Micro with PlatformIO")
    most = _most_arena(program, trial_board, benchmark)
    write_project(trial_folder, files(trial_folder, False, trial_board, most))
    platformio.run(trial_folder, "--disable-auto-clean", platform=request.platform)
    report(f"looking for the least tensor arena on the virtual {trial_board.title}")
    elf = trial_folder / ".pio" / "build" / trial_board.name / "firmware.elf"
    least = interpreter.search.least_arena(elf, trial_board, most)
    used = ", ".join(operator.removeprefix("Add") for operator in operators)
    return Contents(
        lambda folder, energy: files(folder, energy, board, least.bytes),
        arena_bytes=least.bytes,
        arena_lower_bound_bytes=least.bytes,
        plan=f"the least arena in which the interpreter starts, found in {least.trials} trials on the virtual"
        f" {trial_board.title}; operators registered: {used}",
        remembers=bool(program.states),
        notes=library.notes,
    )


def _check_options(request: Request) -> None:
    benchmark = request.benchmark
    refused = {
        f"benchmark '{benchmark.name}'": bool(benchmark.front_end),
        "--streaming": benchmark.streaming is not None,
        "--no-dce": not request.dead_channels,
        f"--optimize {request.optimize}": request.optimize != "memory",
    }
    if reasons := [option for option, given in refused.items() if given]:
        raise UserError(
            f"runtime tflm runs the model as it is, from flash, a whole window at a time: {', '.join(reasons)}"
            " needs runtime aot"
        )


def _most_arena(program: Program, board: Board, benchmark: Benchmark) -> int:
    """Bytes for an arena in the largest piece of RAM, beside what else is there."""
    largest = place(program, board, "memory", board.ram_bytes).data.size
    return max(1, (largest - STACK_BYTES - buffer_bytes(benchmark) - LIBRARY_RAM) // 16) * 16
