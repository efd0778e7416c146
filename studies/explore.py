"""`invoke explore`: what latency costs in RAM and flash, as a Pareto front."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from common.board import Board
from common.console import say
from common.files import write_atomic
from common.paths import BUILD
from generator.placement import OBJECTIVES
from studies.measure import Measurement, Recipe, measure_recipes

BUDGETS = 6  # of RAM, between that of the smallest image and that of the fastest
ROUND = 1024  # bytes


@dataclass(frozen=True)
class Point:
    """An image. ``ram_budget``: bytes, None without a limit. ``on_front``: none is better in all three respects."""

    ram_budget: int | None
    measurement: Measurement
    on_front: bool

    @property
    def label(self) -> str:
        budget = "" if self.ram_budget is None else f", RAM <= {self.ram_budget:,}"
        return self.measurement.objective + budget


def cost(measurement: Measurement) -> tuple[int, int, int]:
    return measurement.cycles, measurement.ram_bytes, measurement.flash_bytes


def front(measurements: Sequence[Measurement]) -> list[bool]:
    """Which are not dominated: no other one is as good in every respect and better in one."""

    def dominated(one: tuple[int, int, int]) -> bool:
        return any(
            other != one and all(theirs <= ours for theirs, ours in zip(other, one, strict=True)) for other in costs
        )

    costs = [cost(measurement) for measurement in measurements]
    return [not dominated(one) for one in costs]


def budgets(smallest: int, largest: int) -> list[int]:
    """Of RAM, bytes, evenly between two images."""
    step = (largest - smallest) / (BUDGETS + 1)
    values = {round((smallest + step * (1 + number)) / ROUND) * ROUND for number in range(BUDGETS)}
    return sorted(value for value in values if smallest < value < largest)


def points_of(found: Mapping[Recipe, Measurement]) -> list[Point]:
    """The fastest first; of images that cost the same only the first."""
    different = {cost(measurement): (recipe, measurement) for recipe, measurement in reversed(list(found.items()))}
    recipes, measured = zip(*different.values(), strict=True)
    points = [
        Point(recipe.ram_budget, measurement, on_front)
        for recipe, measurement, on_front in zip(recipes, measured, front(measured), strict=True)
    ]
    return sorted(points, key=lambda point: point.measurement.cycles)


def run_explore(
    board: Board, bench: str, model: Path, picture: Path | None, cluster: str | None, console: Console
) -> list[Point]:
    """Measure, show the table, and save ``build/explore/<bench or model>.json`` and the picture.

    A budget that the model cannot keep is left out, as are images that cost the same as another.

    Raises:
        UserError: something could not be built or run.
    """
    found: dict[Recipe, Measurement] = {}
    recipes = [Recipe(bench, str(model), board.name, objective) for objective in OBJECTIVES]
    measure_recipes(recipes, console, found.__setitem__, cluster)
    sizes = [measurement.ram_bytes for measurement in found.values()]
    limited = [Recipe(bench, str(model), board.name, "latency", budget) for budget in budgets(min(sizes), max(sizes))]
    measure_recipes(limited, console, found.__setitem__, cluster, lambda _, error: say(f"note: {error}", console))
    points = points_of({recipe: found[recipe] for recipe in (*recipes, *limited) if recipe in found})
    console.print(_table(points, board))
    name = bench or model.stem
    write_atomic(BUILD / "explore" / f"{name}.json", json.dumps([asdict(point) for point in points], indent=1) + "\n")
    path = picture or BUILD / "explore" / f"{name}.svg"
    write_atomic(path, explore_svg(points, board, f"{name}: {model.name} on {board.title}"))
    say(f"picture: {path}", console)
    return points


def _table(points: Sequence[Point], board: Board) -> Table:
    first = points[0].measurement
    table = Table(title=f"{first.bench or first.model} on {board.title}, modelled; * on the Pareto front")
    table.add_column("")
    table.add_column("image")
    for heading in ("cycles", "ms", "RAM", "flash"):
        table.add_column(heading, justify="right")
    for point in points:
        cycles, ram, flash = cost(point.measurement)
        milliseconds = cycles * 1000 / board.clock.sysclk_hz
        table.add_row(
            "*" if point.on_front else "", point.label, f"{cycles:,}", f"{milliseconds:.3f}", f"{ram:,}", f"{flash:,}"
        )
    return table


def explore_svg(points: Sequence[Point], board: Board, title: str) -> str:
    """Latency over RAM; the size of a dot is the flash."""
    from generator.render import template_environment

    def scaled(value: float, values: list[float], low: float, high: float) -> float:
        least, most = min(values), max(values)
        return low + (high - low) * ((value - least) / (most - least) if most > least else 0.5)

    rams = [point.measurement.ram_bytes / 1024 for point in points]
    times = [point.measurement.cycles * 1000 / board.clock.sysclk_hz for point in points]
    flashes = [point.measurement.flash_bytes / 1024 for point in points]
    dots = [
        {
            "x": round(scaled(ram, rams, 90, 660), 1),
            "y": round(scaled(time, times, 350, 70), 1),
            "r": round(scaled(flash, flashes, 5, 12), 1),
            "front": point.on_front,
            "label": point.label,
            "text": f"{point.label}: {time:.3f} ms, {ram:.1f} KiB RAM, {flash:.1f} KiB flash",
        }
        for point, ram, time, flash in zip(points, rams, times, flashes, strict=True)
    ]
    line = sorted((dot for dot in dots if dot["front"]), key=lambda dot: float(str(dot["x"])))
    template = template_environment().get_template("explore.svg.j2")
    return template.render(title=title, dots=dots, line=line, rams=rams, times=times)
