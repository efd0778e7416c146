"""Measuring many builds: several at once on this computer, or on the workers of a Dask cluster."""

import io
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from common.board import load_board
from common.errors import UserError
from studies import measure
from studies.measure import Measurement, Recipe, measure_recipes

BOARD = load_board("nucleo_l4r5zi")
PATIENCE_S = 10.0


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=120)


@pytest.fixture
def recipes(tmp_path: Path) -> list[Recipe]:
    path = tmp_path / "m.tflite"
    path.write_bytes(b"four")
    return [Recipe("kws", str(path), BOARD.name, "latency", budget) for budget in (1, 2, 3, 4)]


def result(recipe: Recipe, content: bytes) -> Measurement:
    return Measurement(recipe.bench, recipe.objective, "m.tflite", recipe.ram_budget or 0, len(content), 0, 0)


def by_worker(recipe: Recipe, content: bytes) -> Measurement:
    from distributed import get_worker

    return replace(result(recipe, content), model=get_worker().address)  # raises outside of one


def test_several_are_measured_at_once(recipes: list[Recipe], monkeypatch: pytest.MonkeyPatch, console: Console) -> None:
    together = threading.Barrier(2, timeout=PATIENCE_S)  # nobody passes alone

    def fake(recipe: Recipe, content: bytes) -> Measurement:
        together.wait()
        return result(recipe, content)

    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr(measure, "_in_process", fake)
    assert [found.cycles for found in measure_recipes(recipes, console)] == [1, 2, 3, 4]


def test_the_rest_is_measured_where_some_are_refused(
    recipes: list[Recipe], monkeypatch: pytest.MonkeyPatch, console: Console
) -> None:
    def fake(recipe: Recipe, content: bytes) -> Measurement:
        if recipe.ram_budget == 2:
            raise UserError("too small")
        return result(recipe, content)

    monkeypatch.setattr(measure, "_in_process", fake)
    refused: list[Recipe] = []
    found = measure_recipes(recipes, console, refused=lambda recipe, _: refused.append(recipe))
    assert [measurement.cycles for measurement in found] == [1, 3, 4]
    assert refused == [recipes[1]]
    with pytest.raises(UserError, match="too small"):
        measure_recipes(recipes, console)


def test_dask_workers_measure(recipes: list[Recipe], monkeypatch: pytest.MonkeyPatch, console: Console) -> None:
    distributed = pytest.importorskip("distributed", reason="dask distributed is not installed")
    monkeypatch.setattr(measure, "_in_process", by_worker)
    noted: list[int] = []
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None, protocol="tcp"
    ) as cluster:
        (worker,) = cluster.workers.values()
        found = measure_recipes(recipes, console, lambda _, one: noted.append(one.cycles), cluster.scheduler_address)
    assert [(one.cycles, one.flash_bytes) for one in found] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert noted == [1, 2, 3, 4]
    assert {one.model for one in found} == {worker.address}


def test_a_cluster_that_is_not_there(recipes: list[Recipe], console: Console) -> None:
    pytest.importorskip("distributed", reason="dask distributed is not installed")
    with pytest.raises(UserError, match="no Dask scheduler answers at nowhere"):
        measure_recipes(recipes, console, cluster="nowhere")
