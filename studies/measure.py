"""Builds that are measured, on the virtual board: each in a process and build folder of its own, several at once.

For a real board they are built so, too (`built`), and measured by `studies.on_board`.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from common.artifact import Firmware, build_folder
from common.benchmark import Benchmark
from common.board import load_board
from common.errors import UserError
from common.paths import BUILD, ROOT
from generator.tuning import Tuning, tuning_from_json


@dataclass(frozen=True)
class Recipe:
    """What to build. ``bench``: empty for whatever the model fits. ``ram_budget``: bytes. ``tuning`` None: what the
    repository has for the model."""

    bench: str
    model: str  # path
    board: str
    objective: str
    ram_budget: int | None = None
    tuning: Tuning | None = None

    @property
    def label(self) -> str:
        return f"{self.bench or Path(self.model).name} for {self.objective}"


@dataclass(frozen=True)
class Layer:
    operator: int
    name: str
    macs: int
    cycles: int
    kernel: str = ""


@dataclass(frozen=True)
class Measurement:
    """One image. ``cycles``: of one inference after a warm-up; 0 as long as it was not measured."""

    bench: str
    objective: str
    model: str
    cycles: int
    flash_bytes: int
    ram_bytes: int
    arena_bytes: int
    layers: tuple[Layer, ...] = field(default=())

    @property
    def macs(self) -> int:
        return sum(layer.macs for layer in self.layers)


def measure(recipe: Recipe, counted_as: str = "") -> Measurement:
    """Build below `BUILD` and run; an image with a name (``counted_as``, see `build`) waits for a real board.

    Raises:
        UserError: the model cannot be built or run.
    """
    from harness.profile import layer_cycles

    firmware = _build(recipe, counted_as)
    if counted_as:
        rows, total = [(step, 0) for step in firmware.steps], 0
    else:
        rows, total = layer_cycles(firmware, load_board(recipe.board))
    layers = tuple(Layer(step.operator, step.name, step.macs, cycles, step.kernel) for step, cycles in rows)
    sizes = firmware.flash_bytes, firmware.ram_bytes, firmware.arena_bytes
    return Measurement(recipe.bench, recipe.objective, firmware.model.name, total, *sizes, layers)


def benchmark_of(recipe: Recipe) -> Benchmark:
    """What the image answers as over the wire."""
    from generator.choice import choose

    return choose(recipe.bench or None, Path(recipe.model), recipe.bench).benchmark


def _build(recipe: Recipe, counted_as: str) -> Firmware:
    from generator.build import build

    return build(
        load_board(recipe.board),
        benchmark_of(recipe),
        Path(recipe.model),
        "aot",
        lambda _: None,
        optimize=recipe.objective,
        ram_budget=recipe.ram_budget,
        tuning=recipe.tuning,
        counted_as=counted_as,
    )


def measure_recipes(
    recipes: Sequence[Recipe],
    console: Console,
    done: Callable[[Recipe, Measurement], None] = lambda recipe, measurement: None,
    cluster: str | None = None,
    refused: Callable[[Recipe, UserError], None] | None = None,
) -> list[Measurement]:
    """All of them, on all cores or on the Dask cluster whose scheduler is at ``cluster``; ``done`` as each ends.

    ``refused``: told of what could not be built or run, instead of raising; the rest is measured.

    Raises:
        UserError: something could not be built or run, or there is no such cluster.
    """
    with _executor(cluster) as pool:
        futures = {pool.submit(_in_process, recipe, Path(recipe.model).read_bytes()): recipe for recipe in recipes}
        results: dict[Recipe, Measurement] = {}
        finished: Iterator[Future[Measurement]] = as_completed(futures) if cluster is None else iter(futures)
        try:
            for future in track(finished, "measuring", len(futures), console=console, transient=True):
                try:
                    results[futures[future]] = future.result()
                except UserError as error:
                    if refused is None:
                        raise
                    refused(futures[future], error)
                    continue
                done(futures[future], results[futures[future]])
        except BaseException:
            for future in futures:
                future.cancel()
            raise
    return [results[recipe] for recipe in recipes if recipe in results]


@contextmanager
def _executor(cluster: str | None) -> Iterator[Executor]:
    if cluster is None:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            yield pool
        return
    try:
        from distributed import Client
    except ImportError:
        raise UserError("--dask needs Dask: pip install 'firmbench[distributed]', here and on the workers") from None
    try:
        client = Client(cluster, timeout=10)
    except (OSError, ValueError) as error:
        raise UserError(f"no Dask scheduler answers at {cluster}: {error}") from None
    with client:
        yield client.get_executor()


def _in_process(recipe: Recipe, content: bytes) -> Measurement:
    with built(recipe, content) as (measurement, _):
        return measurement


@contextmanager
def built(recipe: Recipe, content: bytes, counted_as: str = "") -> Iterator[tuple[Measurement, Path]]:
    """`measure` in a folder and process of its own, so that several run at once and no build of the user is touched.

    ``content``: the model. Gives the image's folder, too, which is there until the end.

    Raises:
        UserError: as `measure`.
    """
    order = json.dumps(asdict(recipe), sort_keys=True)
    folder = BUILD / "studies" / hashlib.sha256(order.encode() + content).hexdigest()[:16]
    model = folder / Path(recipe.model).name
    folder.mkdir(parents=True, exist_ok=True)
    model.write_bytes(content)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "studies.measure"],
            input=json.dumps({"recipe": asdict(recipe) | {"model": str(model)}, "counted_as": counted_as}),
            cwd=ROOT,
            env={**os.environ, "FIRMBENCH_BUILD": str(folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            reason = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "it failed without a word"
            raise UserError(f"{recipe.label}: {reason}")
        answer = json.loads(done.stdout)
        yield measurement_from_json(answer["measurement"]), Path(answer["folder"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def measurement_from_json(data: dict[str, Any]) -> Measurement:
    return Measurement(**{**data, "layers": tuple(Layer(**layer) for layer in data["layers"])})


def main() -> None:
    """A recipe from standard input, its measurement and the image's folder to standard output."""
    order = json.load(sys.stdin)
    data = order["recipe"]
    tuning = None if data["tuning"] is None else tuning_from_json(data["tuning"])
    recipe = Recipe(**{**data, "tuning": tuning})
    try:
        measurement = measure(recipe, order["counted_as"])
        folder = build_folder(recipe.board, benchmark_of(recipe).name)
        print(json.dumps({"measurement": asdict(measurement), "folder": str(folder)}))
    except UserError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
