"""The shipped model: intact, of the benchmark's architecture, and as good as its description says."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.benchmark import load_benchmark
from common.errors import UserError
from common.files import sha256
from common.oracle import Oracle
from generator.graph import Graph
from generator.importer import parse_graph, read_graph
from models import registry
from models.ad import dataset, scoring
from models.ad.machines import FAULTS, MACHINES
from models.ad.structure import MACS, PARAMETERS, check
from tests.generator.cases import fully_connected

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
    graph = read_graph(MODEL)
    check(graph)
    assert description["architecture"]["parameters"] == PARAMETERS == 265864
    assert description["architecture"]["macs"] == MACS == 264192
    for operator in graph.operators:
        _, weights, bias = (graph.input(operator, position) for position in range(3))
        assert weights is not None and weights.data is not None and weights.quantization is not None
        assert bias is not None and bias.data is not None
        assert not weights.quantization.per_channel
        assert np.ptp(weights.data.astype(int)) > 100
        assert bias.data.any()


def test_quality_is_what_the_description_says(description: Any, held_out: np.ndarray) -> None:
    pytest.importorskip("tflite_micro")
    clips = dataset.held_out_clips(dataset.FULL)
    outputs = Oracle(MODEL.read_bytes()).infer_real(held_out)
    found = scoring.quality(scoring.clip_scores(held_out, outputs, len(clips)), clips)
    stated = description["metrics"]["int8"]
    assert found.auc == pytest.approx(stated["auc"], abs=0.002)
    assert found.auc_by_machine == pytest.approx(stated["auc_by_machine"], abs=0.01)
    assert found.auc_by_fault == pytest.approx(stated["auc_by_fault"], abs=0.01)
    assert stated["auc"] > 0.9
    assert abs(stated["auc"] - description["metrics"]["float"]["auc"]) < 0.02


def changed(graph: Graph, index: int, **fields: Any) -> Graph:
    """The graph with fields of one operator replaced."""
    operators = list(graph.operators)
    operators[index] = dataclasses.replace(operators[index], **fields)
    return dataclasses.replace(graph, operators=tuple(operators))


def test_another_model_is_refused() -> None:
    graph = read_graph(MODEL)
    with pytest.raises(UserError, match=r"10 FULLY_CONNECTED operators; this one has FULLY_CONNECTED$"):
        check(parse_graph(fully_connected(units=640, depth=640), "other"))
    with pytest.raises(UserError, match="one chain"):
        check(changed(graph, 4, inputs=graph.operators[3].inputs))
    with pytest.raises(UserError, match="layer 2: activation 3, expected 1"):
        check(changed(graph, 2, options={"activation": 3}))
    with pytest.raises(UserError, match=r"layer 5, weights: int8\[128, 128\], expected quantised int8\[128, 8\]"):
        check(changed(graph, 5, inputs=(graph.operators[5].inputs[0], *graph.operators[1].inputs[1:])))


def test_model_card_states_the_figures_of_the_description(description: Any) -> None:
    card = Path(MODEL.parent / "CARD.md").read_text()
    metrics = description["metrics"]
    for figure in (f"{metrics['float']['auc']:.3f}", f"{metrics['int8']['auc']:.3f}", "265,864", "264,192"):
        assert figure in card
    for name, value in {**metrics["int8"]["auc_by_fault"], **metrics["int8"]["auc_by_machine"]}.items():
        assert any(name in line and f"{value:.2f}" in line for line in card.splitlines()), name
