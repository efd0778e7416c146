"""The shipped kws and ic models: registered, described, of the reference's size, as good as their descriptions say."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from common.benchmark import load_benchmark
from common.files import sha256
from generator.importer import read_graph
from models import registry
from models.architectures import architecture
from models.evaluate import evaluate, write_files
from tests.models.test_architectures import macs, parameters
from tests.reference import reference_data

both = pytest.mark.parametrize("bench", ["kws", "ic"])
LARGEST_BYTES = 350_000


def description(bench: str) -> Any:
    return json.loads(load_benchmark(bench).model.with_suffix(".json").read_text())


@both
def test_file_description_registry_and_card_agree(bench: str) -> None:
    model = load_benchmark(bench).model
    digest = sha256(model)
    registered, stated = registry.find(digest), description(bench)
    assert registered is not None and registered.name == stated["name"] == model.name
    assert stated["sha256"] == digest and not stated["smoke"]
    assert registered.bytes == stated["bytes"] == model.stat().st_size < LARGEST_BYTES
    card = (model.parent / "CARD.md").read_text()
    assert f"{stated['metrics']['int8']['top1']:.1f} %" in card
    assert f"{100 * stated['training']['validation']:.1f} %" in card


@both
def test_it_costs_what_the_reference_costs(bench: str) -> None:
    graph, wanted = read_graph(load_benchmark(bench).model), architecture(bench)
    assert (parameters(graph), macs(graph)) == (wanted.parameters, wanted.macs)


@pytest.mark.reference
@both
def test_quality_is_what_the_description_says(bench: str, tmp_path: Path) -> None:
    pytest.importorskip("tflite_micro")
    benchmark = load_benchmark(bench)
    folder = {"kws": "kws/kws01", "ic": "ic/calibration500"}[bench]
    (tmp_path / benchmark.model_id).symlink_to(reference_data() / folder)
    result = evaluate(benchmark, benchmark.model, tmp_path, console=Console(file=io.StringIO()))
    assert result.scores.top1 == pytest.approx(description(bench)["metrics"]["int8"]["top1"])
    assert result.scores.auc == pytest.approx(description(bench)["metrics"]["int8"]["auc"], abs=1e-3)
    write_files(result, tmp_path / "files.csv")
    lines = (tmp_path / "files.csv").read_text().splitlines()
    assert len(lines) == 1 + len(result.data.samples)
    right = sum(line.split(",")[1] == line.split(",")[2] for line in lines[1:])
    assert 100 * right / (len(lines) - 1) == pytest.approx(result.scores.top1)
