"""`invoke speed`: what it compares with, and the page it writes."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from common.board import load_board
from common.errors import UserError
from generator.compile import compile_model
from generator.placement import OBJECTIVES
from models.registry import by_name
from studies import speed
from studies.measure import Layer, Measurement, Recipe, measure_recipes
from studies.others import NETWORKS
from studies.speed import published_results, run_speed

BOARD = load_board("nucleo_l4r5zi")
LAYERS = (Layer(0, "CONV_2D", 1000, 1500), Layer(1, "SOFTMAX", 0, 500))


def measurements(objective: str) -> Measurement:
    return Measurement("kws", objective, "kws.tflite", 3_600_000, 50_000, 20_000, 12_000, LAYERS)


def test_published_results_name_registered_models() -> None:
    published = published_results(BOARD)
    assert sorted(published) == ["ad", "ic", "kws", "vww"]
    for bench, best in published.items():
        assert by_name(best.reference).bench == bench
        assert best.latency_ms > 0


def test_table_and_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "BUILD", tmp_path)
    monkeypatch.setattr(speed, "measure_all", lambda *_: [measurements(objective) for objective in OBJECTIVES])
    console = Console(file=io.StringIO(), width=80)
    monkeypatch.setattr(speed, "measure_others", lambda *_: [replace(measurements("latency"), model="tiny.tflite")])
    run_speed(BOARD, ["kws"], tmp_path / "speed.md", console, others=True)
    assert isinstance(console.file, io.StringIO)
    assert "3,600,000 30.000 " in console.file.getvalue()  # at 120 MHz
    page = (tmp_path / "speed.md").read_text()
    assert "| kws | latency | 3,600,000 | 30.000 | 43.187 | 1.44 | 3600.00 | 50,000 | 20,000 | 12,000 |" in page
    assert "| 0 CONV_2D | 1,000 | 1,500 | 1.50 | 33 % |" in page
    assert "| 1 SOFTMAX | 0 | 500 |  |  |" in page
    assert "| tiny | 1,000 | 3,600,000 | 30.00 | 3600.00 | 50,000 | 20,000 | 12,000 |" in page
    assert (tmp_path / "speed.json").is_file()


def test_other_networks_compile() -> None:
    for name in ("tiny_conv", "any_layers_1", "resnet_10_20"):
        assert compile_model(NETWORKS[name](), name).program.macs > 0


def test_a_build_that_fails_is_one_message(tmp_path: Path) -> None:
    path = tmp_path / "my.tflite"
    path.write_bytes(b"no model")
    with pytest.raises(UserError, match=r"kws for latency: .*my\.tflite is not a TensorFlow Lite model"):
        measure_recipes([Recipe("kws", str(path), BOARD.name, "latency")], Console(file=io.StringIO()))
