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
    assert "87cf2419" in line
    assert "276,976" in line
    assert "fetched" in line


def test_fetching_the_shipped_model_says_how_to_use_it() -> None:
    message = listing.fetch_model("ad_synthetic_int8", None, None, Console(file=io.StringIO()))
    assert "invoke build --bench ad --model" in message


def test_one_file_is_described_with_its_source() -> None:
    text = "\n".join(listing.describe("dev_data_ToyCar.zip"))
    assert "sha256: not published" in text and "CC BY-NC-SA 4.0" in text and "3678171" in text


def test_training_without_data_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--data is missing: the archive or folder of kws's data set"):
        training.train("kws", tmp_path, 0, True, print)


def test_train_makes_ad_from_synthetic_sounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def make(out_dir: Path, *, seed: int, smoke: bool, report: object) -> Path:
        calls.append((out_dir, seed, smoke))
        return out_dir / "model.tflite"

    monkeypatch.setattr(training, "make_ad", make)
    assert str(tmp_path / "model.tflite") in training.train("ad", tmp_path, 3, True, print)
    training.train("ad", None, 0, False, print)
    assert calls == [(tmp_path, 3, True), (BUILD / "train" / "ad", 0, False)]
