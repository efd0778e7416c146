"""The shipped model: intact, of the benchmark's architecture, and as good as its description says."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.benchmark import load_benchmark
from common.errors import UserError
from common.files import sha256
from models import registry
from models.ad import dataset, integer, scoring
from models.ad.machines import FAULTS, MACHINES
from models.ad.structure import MACS, PARAMETERS, read_layers

MODEL = load_benchmark("ad").model


@pytest.fixture(scope="module")
def description() -> Any:
    return json.loads(MODEL.with_suffix(".json").read_text())


@pytest.fixture(scope="module")
def held_out(description: Any) -> np.ndarray:
    return dataset.window_matrix(dataset.held_out_clips(dataset.FULL), description["seed"])


def test_file_description_and_registry_agree(description: Any) -> None:
    digest = sha256(MODEL)
    registered = registry.find(digest)
    assert registered is not None
    assert registered.name == description["name"] == MODEL.name
    assert description["sha256"] == digest
    assert registered.bytes == description["bytes"] == MODEL.stat().st_size
    assert not description["smoke"]


def test_description_names_the_present_data(description: Any) -> None:
    assert description["data"]["machines"] == [machine.id for machine in MACHINES]
    assert description["data"]["faults"] == [fault.name for fault in FAULTS]
    assert description["data"]["training_windows"] == len(dataset.training_clips(dataset.FULL)) * 196


def test_architecture_is_the_benchmarks(description: Any) -> None:
    layers = read_layers(MODEL.read_bytes())
    assert [len(layer.weight_scales) for layer in layers] == [1] * 10
    assert [layer.relu for layer in layers] == [True] * 9 + [False]
    assert description["architecture"]["parameters"] == PARAMETERS == 265864
    assert description["architecture"]["macs"] == MACS == 264192
    assert all(np.ptp(layer.weights.astype(int)) > 100 for layer in layers)
    assert all(layer.bias.any() for layer in layers)


def test_quality_is_what_the_description_says(description: Any, held_out: np.ndarray) -> None:
    clips = dataset.held_out_clips(dataset.FULL)
    outputs = integer.reconstruct(read_layers(MODEL.read_bytes()), held_out)
    found = scoring.quality(scoring.clip_scores(held_out, outputs, len(clips)), clips)
    stated = description["metrics"]["int8"]
    assert found.auc == pytest.approx(stated["auc"], abs=0.002)
    assert found.auc_by_machine == pytest.approx(stated["auc_by_machine"], abs=0.01)
    assert found.auc_by_fault == pytest.approx(stated["auc_by_fault"], abs=0.01)
    assert stated["auc"] > 0.9
    assert abs(stated["auc"] - description["metrics"]["float"]["auc"]) < 0.02


def test_tflite_micro_separates_the_clips_as_stated(description: Any, held_out: np.ndarray) -> None:
    runtime = pytest.importorskip("tflite_micro.python.tflite_micro.runtime")
    content = MODEL.read_bytes()
    interpreter = runtime.Interpreter.from_bytes(content)
    layers = read_layers(content)
    codes = integer.quantise(held_out, layers[0].input)
    outputs = np.empty_like(codes)
    for i, row in enumerate(codes):
        interpreter.set_input(row[np.newaxis], 0)
        interpreter.invoke()
        outputs[i] = interpreter.get_output(0)[0]
    clips = dataset.held_out_clips(dataset.FULL)
    scores = scoring.clip_scores(held_out, integer.dequantise(outputs, layers[-1].output), len(clips))
    found = scoring.quality(scores, clips)
    assert found.auc == pytest.approx(description["metrics"]["int8"]["auc"], abs=0.002)


@pytest.mark.parametrize("content", [b"", b"TFL3", bytes(300)], ids=["empty", "short", "zeros"])
def test_damaged_model_is_refused(content: bytes) -> None:
    with pytest.raises(UserError):
        read_layers(content)


def test_truncated_model_is_refused() -> None:
    content = MODEL.read_bytes()
    with pytest.raises(UserError):
        read_layers(content[: len(content) // 2])


def test_model_card_states_the_figures_of_the_description(description: Any) -> None:
    card = Path(MODEL.parent / "CARD.md").read_text()
    metrics = description["metrics"]
    for figure in (f"{metrics['float']['auc']:.3f}", f"{metrics['int8']['auc']:.3f}", "265,864", "264,192"):
        assert figure in card
    for name, value in {**metrics["int8"]["auc_by_fault"], **metrics["int8"]["auc_by_machine"]}.items():
        assert any(name in line and f"{value:.2f}" in line for line in card.splitlines()), name
