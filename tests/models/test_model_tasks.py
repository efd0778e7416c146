"""What `invoke models` and `invoke train` call."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from common.errors import UserError
from common.paths import BUILD
from models import listing, training


def test_table_shows_every_model_with_its_hash() -> None:
    screen = io.StringIO()
    Console(file=screen, width=80).print(listing.models_table())
    text = screen.getvalue()
    assert "ad_synthetic_int8" in text
    line = next(line for line in text.splitlines() if "ad01_int8" in line)
    assert "87cf24194e" in line
    assert "276,976" in line
    assert "fetched" in line
    assert "Apache-2.0" in line


def test_fetching_the_shipped_model_says_how_to_use_it() -> None:
    assert "invoke build --model" in listing.fetch_model("ad_synthetic_int8")


def test_unknown_benchmark_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no training script for benchmark 'kws'; there are: ad"):
        training.train("kws", tmp_path, 0, True, print)


def test_train_calls_the_benchmarks_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def make(out_dir: Path, *, seed: int, smoke: bool, report: object) -> Path:
        calls.append((out_dir, seed, smoke))
        return out_dir / "model.tflite"

    monkeypatch.setitem(training.SCRIPTS, "ad", make)
    assert str(tmp_path / "model.tflite") in training.train("ad", tmp_path, 3, True, print)
    training.train("ad", None, 0, False, print)
    assert calls == [(tmp_path, 3, True), (BUILD / "train" / "ad", 0, False)]
