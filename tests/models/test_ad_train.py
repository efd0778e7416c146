"""Making the model: what happens when it goes wrong, and, where TensorFlow is installed, that it works."""

import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.errors import UserError
from common.files import sha256
from generator.importer import read_graph
from models.ad import dataset, network, train
from models.ad.structure import check


@pytest.fixture
def existing(tmp_path: Path) -> Path:
    """A folder with a model from before."""
    (tmp_path / "ad_synthetic_int8.tflite").write_bytes(b"old model")
    (tmp_path / "ad_synthetic_int8.json").write_text("old description")
    return tmp_path


def untouched(folder: Path) -> bool:
    return (
        sorted(path.name for path in folder.iterdir()) == ["ad_synthetic_int8.json", "ad_synthetic_int8.tflite"]
        and (folder / "ad_synthetic_int8.tflite").read_bytes() == b"old model"
        and (folder / "ad_synthetic_int8.json").read_text() == "old description"
    )


def test_interruption_leaves_the_old_files(existing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(train, "_make", interrupt)
    with pytest.raises(UserError, match="interrupted; nothing was written"):
        train.make(existing, seed=1, smoke=True)
    assert untouched(existing)


def test_missing_tensorflow_is_explained(
    existing: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    assert train.main(["--smoke", "--out", str(existing)]) == 1
    assert "error: training needs TensorFlow; run `pip install" in capsys.readouterr().err
    assert untouched(existing)


def test_folder_that_cannot_be_written_is_found_before_the_training(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot write to"):
        train.make(tmp_path / "file", seed=1, smoke=True)


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_divergence_is_an_error(loss: float) -> None:
    train._check_converged([{"loss": 3.0}, {"loss": 2.0}])
    with pytest.raises(UserError, match="diverged in epoch 2"):
        train._check_converged([{"loss": 3.0}, {"loss": loss}])


def test_real_divergence_leaves_the_old_files(existing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tensorflow")
    monkeypatch.setattr(dataset, "window_matrix", lambda *_: np.full((600, 640), np.nan, np.float32))
    with pytest.raises(UserError, match="diverged in epoch 1"):
        train.make(existing, seed=1, smoke=True)
    assert untouched(existing)


def test_network_is_the_reference_architecture() -> None:
    pytest.importorskip("tensorflow")
    model = network.build()
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds == ["InputLayer", *["Dense", "BatchNormalization", "ReLU"] * 9, "Dense"]
    assert [layer.weights.shape for layer in network.folded_layers(model)][4:6] == [(128, 8), (8, 128)]


def test_smoke_run_makes_a_model_and_repeats_it(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    pytest.importorskip("tflite_micro")
    lines: list[str] = []
    path = train.make(tmp_path / "a", seed=7, smoke=True, report=lines.append)
    description = json.loads(path.with_suffix(".json").read_text())
    assert description["sha256"] == sha256(path)
    assert description["smoke"] and description["seed"] == 7
    assert description["folding_max_abs_difference_db"] < 0.01
    check(read_graph(path))
    assert any("AUC" in line for line in lines)
    again = train.make(tmp_path / "b", seed=7, smoke=True, report=lines.append)
    assert again.read_bytes() == path.read_bytes()
