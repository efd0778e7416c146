"""`invoke models`, `train`, `quantize` and `evaluate` as a user types them."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from models.vww.data import FOLDERS
from tests.models.archives import KEYWORDS, cifar, speech_commands, tar
from tests.reference import reference_data
from tests.test_cli import refused, run

trains = pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="TensorFlow is not installed")


def pool(folder: Path) -> Path:
    """Features like those of Speech Commands, of noise."""
    random = np.random.default_rng(0)
    path = folder / "pool.npz"
    np.savez(
        path,
        features=random.integers(-128, 128, (240, 49, 10)).astype(np.int8),
        labels=(np.arange(240) % 12).astype(np.int8),
        speaker=np.array([f"s{index // 12}" for index in range(240)]),
    )
    return path


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["models", "--show", "xyz"], "xyz"),
        (["models", "--fetch", "vww_96_int8", "--from", "absent"], "absent"),
        (["train", "--bench", "kws", "--seed", "x"], "error: --seed x: not an integer"),
        (["train", "--bench", "kws"], "error: --data is missing: the archive or folder of kws's data set"),
        (["train", "--bench", "ic", "--epochs", "many", "--data", "."], "error: --epochs many: not an integer"),
        (["evaluate", "--bench", "kws", "--data", "absent"], "absent"),
        (
            ["evaluate", "--bench", "kws", "--data", ".", "--kernels", "x"],
            "error: --kernels x: kernels are tflm",
        ),
        (["evaluate", "--bench", "xyz", "--data", "."], "error: unknown benchmark 'xyz'"),
        (["build", "--model", "absent.onnx"], "error: cannot read model absent.onnx: No such file"),
    ],
)
def test_wrong_words(tmp_path: Path, words: list[str], message: str) -> None:
    assert message in refused(tmp_path, *words)


def test_list_of_models(tmp_path: Path) -> None:
    answer = run(tmp_path, "models")
    assert answer.returncode == 0
    assert "kws_distilled_int8" in answer.stdout


@trains
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "--bench", "ic", "--data", "absent.tar.gz"], "error: no absent.tar.gz; --data takes the data set's"),
        (["train", "--bench", "ic", "--data", "other.tar.gz"], "it is not CIFAR-10's python version as published"),
        (
            ["train", "--bench", "kws", "--data", "pool.npz", "--recipe", "x"],
            "error: no recipe 'x' for benchmark 'kws'",
        ),
        (["quantize", "--bench", "ic", "--model", "xyz", "--data", "pool.npz"], "xyz"),
        (["quantize", "--bench", "ic", "--model", "pool.npz", "--data", "pool.npz"], "error: "),
    ],
)
def test_wrong_training(tmp_path: Path, words: list[str], message: str) -> None:
    pool(tmp_path)
    tar(tmp_path / "other.tar.gz", {"a/b.txt": b"text"})
    assert message in refused(tmp_path, *words)
    assert not list(tmp_path.glob("build/**/*.tflite"))


@trains
def test_training_quantising_and_evaluating(tmp_path: Path) -> None:
    answer = run(tmp_path, "train", "--bench", "kws", "--data", str(pool(tmp_path)), "--smoke", "--out", "t")
    assert answer.returncode == 0, answer.stderr
    assert (tmp_path / "t" / "kws_int8.tflite").is_file()
    words = ["--model", "t/kws.keras", "--data", "pool.npz", "--kind", "int16x8", "--out", "q.tflite"]
    answer = run(tmp_path, "quantize", "--bench", "kws", *words)
    assert answer.returncode == 0, answer.stderr
    assert "FULLY_CONNECTED" in answer.stdout and (tmp_path / "q.tflite").is_file()


def wakewords(path: Path) -> Path:
    return speech_commands(path, ("marvin", *KEYWORDS))


def persons(path: Path) -> Path:
    """A folder of pictures instead of an archive."""
    image = pytest.importorskip("PIL.Image")
    folder = path.with_name("vw_coco2014_96")
    for shade, name in enumerate(FOLDERS):
        (folder / name).mkdir(parents=True)
        for number in range(40):
            pixels = np.full((96, 96, 3), 100 * shade + number, np.uint8)
            image.fromarray(pixels).save(folder / name / f"{number}.jpg")
    return folder


@trains
@pytest.mark.parametrize(("bench", "archive"), [("ic", cifar), ("sww", wakewords), ("vww", persons)])
def test_smoke_of_the_reference_recipe(bench: str, archive: Callable[[Path], Path], tmp_path: Path) -> None:
    """From the data set's archive to an int8 model."""
    data = archive(tmp_path / "data.tar.gz")
    answer = run(tmp_path, "train", "--bench", bench, "--data", str(data), "--smoke", "--out", "t")
    assert answer.returncode == 0, answer.stderr
    assert (tmp_path / "t" / f"{bench}_int8.tflite").is_file()


@pytest.mark.reference
def test_evaluation_of_the_shipped_model(tmp_path: Path) -> None:
    data = reference_data() / "kws"
    answer = run(tmp_path, "evaluate", "--bench", "kws", "--data", str(data), "--count", "24", "--out", "r.csv")
    assert answer.returncode == 0, answer.stderr
    assert "top-1" in answer.stdout
    assert len((tmp_path / "r.csv").read_text().splitlines()) == 25
