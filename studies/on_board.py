"""Builds that are measured on a board: programmed one after the other, each asked for the cycles of its steps."""

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.progress import track

from common.board import Board
from common.console import say
from common.errors import UserError
from generator.flash import Project, flash
from harness.ports import VIRTUAL, PortChoice, find_port, no_virtual, open_port
from harness.session import Target, connect, identify
from studies.measure import Measurement, Recipe, benchmark_of, built

COMMAND = "infer 1 1"  # on whatever input: no kernel's time depends on values
TIMEOUT_S = 60.0
NAME_DIGITS = 16
COUNTED = re.compile(r"m-cycles-\[([0-9a-f]+)((?:,\d+)*)\]")


@dataclass(frozen=True)
class BuiltImage:
    """What is programmed."""

    folder: Path


Programmer = Callable[[Project], None]


@dataclass(frozen=True)
class BoardMeter:
    """A board at a port, and how it is programmed."""

    board: Board
    choice: PortChoice
    program: Programmer

    @property
    def timing(self) -> str:
        return "modelled" if self.choice.is_pty else "measured"

    @property
    def name(self) -> str:
        """The same for the same board, also when the system calls its port otherwise."""
        return "program" if self.choice.is_pty else self.choice.serial_number or "board"

    def check_port(self, baud: int) -> None:
        """Raises UserError where the port cannot be opened: said before minutes of building."""
        open_port(self.choice, baud, no_virtual).close()

    def measure(self, recipes: Sequence[Recipe], console: Console, done: Callable[[Recipe, Measurement], None]) -> None:
        """All of them, ``done`` as each ends. The board keeps the last image.

        Raises:
            UserError: something could not be built or programmed, or the board does not run what was programmed.
        """
        for recipe in track(recipes, "measuring", console=console, transient=True):
            name = hashlib.sha256(json.dumps(asdict(recipe), sort_keys=True).encode()).hexdigest()[:NAME_DIGITS]
            with built(recipe, Path(recipe.model).read_bytes(), name) as (measurement, folder):
                self.program(BuiltImage(folder))
                cycles = self._cycles(recipe, folder / "firmware.elf", name)
            done(recipe, with_cycles(measurement, cycles))

    def _cycles(self, recipe: Recipe, elf: Path, name: str) -> list[int]:
        benchmark = benchmark_of(recipe)
        with connect(Target(elf, self.board, benchmark), self.choice).link as link:
            identify(link, self.choice, benchmark)
            texts = [line.text for line in link.ask(COMMAND, TIMEOUT_S)]
        return counted_cycles(texts, name, self.choice.spec)


def board_meter(board: Board, port: str | None, cluster: str | None, console: Console) -> BoardMeter | None:
    """The board at a port, programmed by the debug probe the port belongs to, as far as that is known; None for none.

    Raises:
        UserError: there is no such board, or what is there cannot be programmed.
    """
    if port in (None, VIRTUAL):
        return None
    if cluster is not None:
        raise UserError("--dask is for virtual boards; a real one is at one computer: give --port or --dask")
    choice = find_port(board, port)
    if choice.is_pty:
        raise UserError(f"--port {port}: a program answers there, which cannot be programmed; leave --port out")
    if choice.notice:
        say(f"note: {choice.notice}", console)

    def program(project: Project) -> None:
        flash(project, board, None, None, choice.serial_number)

    return BoardMeter(board, choice, program)


def counted_cycles(texts: Sequence[str], name: str, port: str) -> list[int]:
    """Of each step, in the answer of an image that was built to count them under this name.

    Raises:
        UserError: another image answers, or the board's counter stands still.
    """
    listed = next((match for text in texts if (match := COUNTED.fullmatch(text))), None)
    if listed is None or listed[1] != name:
        runs = "an image that counts no cycles" if listed is None else f"image {listed[1]}"
        raise UserError(
            f"{port} runs {runs}, not {name} that was just programmed: is it the port of the board whose debug probe"
            " was written to? Press the board's reset button, or choose with --serial"
        )
    cycles = [int(text) for text in listed[2].split(",") if text]
    if not all(cycles):
        raise UserError(f"{port}: the core's cycle counter (DWT_CYCCNT) stands still; unplug the board and try again")
    return cycles


def with_cycles(measurement: Measurement, cycles: Sequence[int]) -> Measurement:
    """The measurement of an image whose steps took so long. Raises UserError when it has another number of them."""
    if len(cycles) != len(measurement.layers):
        raise UserError(
            f"{measurement.model}: the board counts {len(cycles)} steps, the image has {len(measurement.layers)};"
            " bytes were lost on the line, run again"
        )
    layers = tuple(replace(layer, cycles=count) for layer, count in zip(measurement.layers, cycles, strict=True))
    return replace(measurement, layers=layers, cycles=sum(cycles))
