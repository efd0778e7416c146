"""Builds that are measured on the virtual board: each in a process and build folder of its own, several at once."""

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
    """One image. ``cycles``: of one inference after a warm-up, modelled."""

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


def measure(recipe: Recipe) -> Measurement:
    """Build below `BUILD` and run.

    Raises:
        UserError: the model cannot be built or run.
    """
    from generator.build import build
    from generator.choice import choose
    from harness.profile import layer_cycles

    board, model = load_board(recipe.board), Path(recipe.model)
    choice = choose(recipe.bench or None, model, recipe.bench)
    firmware = build(
        board,
        choice.benchmark,
        model,
        "aot",
        lambda _: None,
        optimize=recipe.objective,
        ram_budget=recipe.ram_budget,
        tuning=recipe.tuning,
    )
    rows, total = layer_cycles(firmware, board)
    layers = tuple(Layer(step.operator, step.name, step.macs, cycles, step.kernel) for step, cycles in rows)
    sizes = firmware.flash_bytes, firmware.ram_bytes, firmware.arena_bytes
    return Measurement(recipe.bench, recipe.objective, model.name, total, *sizes, layers)


def measure_recipes(
    recipes: Sequence[Recipe],
    console: Console,
    done: Callable[[Recipe, Measurement], None] = lambda recipe, measurement: None,
    cluster: str | None = None,
) -> list[Measurement]:
    """All of them, on all cores or on the Dask cluster whose scheduler is at ``cluster``; ``done`` as each ends.

    Raises:
        UserError: something could not be built or run, or there is no such cluster.
    """
    with _executor(cluster) as pool:
        futures = {pool.submit(_in_process, recipe, Path(recipe.model).read_bytes()): recipe for recipe in recipes}
        results: dict[Recipe, Measurement] = {}
        finished: Iterator[Future[Measurement]] = as_completed(futures) if cluster is None else iter(futures)
        try:
            for future in track(finished, "measuring", len(futures), console=console, transient=True):
                results[futures[future]] = future.result()
                done(futures[future], results[futures[future]])
        except BaseException:
            for future in futures:
                future.cancel()
            raise
    return [results[recipe] for recipe in recipes]


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
    """`measure` in a folder and process of its own, so that several run at once and no build of the user is touched."""
    order = json.dumps(asdict(recipe), sort_keys=True)
    folder = BUILD / "studies" / hashlib.sha256(order.encode() + content).hexdigest()[:16]
    model = folder / Path(recipe.model).name
    folder.mkdir(parents=True, exist_ok=True)
    model.write_bytes(content)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "studies.measure"],
            input=json.dumps(asdict(recipe) | {"model": str(model)}),
            cwd=ROOT,
            env={**os.environ, "FIRMBENCH_BUILD": str(folder)},
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if done.returncode != 0:
        reason = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "it failed without a word"
        raise UserError(f"{recipe.label}: {reason}")
    return measurement_from_json(json.loads(done.stdout))


def measurement_from_json(data: dict[str, Any]) -> Measurement:
    return Measurement(**{**data, "layers": tuple(Layer(**layer) for layer in data["layers"])})


def main() -> None:
    """A recipe from standard input, its measurement to standard output."""
    data = json.load(sys.stdin)
    tuning = None if data["tuning"] is None else tuning_from_json(data["tuning"])
    try:
        print(json.dumps(asdict(measure(Recipe(**{**data, "tuning": tuning})))))
    except UserError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
