"""The shipped kws, ic, vww and sww models: registered, described, of the reference size, as good as described."""

import io
import json
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from common.benchmark import load_benchmark
from common.files import sha256
from common.oracle import Oracle
from generator.importer import read_graph
from harness.wakeword.scoring import THRESHOLD
from models import pictures, registry
from models.architectures import architecture
from models.evaluate import evaluate, write_files
from tests.generator.test_front_end import reference_features
from tests.models.test_architectures import macs, parameters
from tests.reference import reference_data

each = pytest.mark.parametrize("bench", ["kws", "ic", "vww", "sww"])
LARGEST_BYTES = 350_000


def description(bench: str) -> Any:
    return json.loads(load_benchmark(bench).model.with_suffix(".json").read_text())


@each
def test_file_description_registry_and_card_agree(bench: str) -> None:
    model = load_benchmark(bench).model
    digest = sha256(model)
    registered, stated = registry.find(digest), description(bench)
    assert registered is not None and registered.name == stated["name"] == model.name
    assert stated["sha256"] == digest and not stated["smoke"]
    assert registered.bytes == stated["bytes"] == model.stat().st_size < LARGEST_BYTES
    card = (model.parent / "CARD.md").read_text()
    assert all(f"{value:g}" in card for name, value in stated["metrics"]["int8"].items() if name != "auc")
    assert f"{100 * stated['training']['validation']:.1f} %" in card


@each
def test_it_costs_what_the_reference_costs(bench: str) -> None:
    graph, wanted = read_graph(load_benchmark(bench).model), architecture(bench)
    assert (parameters(graph), macs(graph)) == (wanted.parameters, wanted.macs)


def official_pictures(source: Path, folder: Path) -> None:
    """JPEG files whose channels are blue, green, red, as the files that the runner sends."""
    pytest.importorskip("PIL")
    folder.mkdir()
    lines = []
    for name, label in (line.split(",") for line in (source / "labels.csv").read_text().split()):
        pixels = pictures.read((source / name).read_bytes(), name)
        (folder / f"{Path(name).stem}.bin").write_bytes(pixels[..., ::-1].tobytes())
        lines.append(f"{Path(name).stem}.bin,2,{label}\n")
    (folder / "y_labels.csv").write_text("".join(lines))


@pytest.mark.reference
def test_wakewords_are_heard_when_the_reference_hears_them() -> None:
    pytest.importorskip("tflite_micro")
    oracle = Oracle(load_benchmark("sww").model.read_bytes())
    (source,) = oracle.inputs
    with wave.open(str(reference_data() / "sww" / "short_wav_easy10s.wav")) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())[:, 0]
    assert source.scale is not None
    frames = reference_features(samples, float(source.scale)).astype(np.int8)
    windows = np.concatenate([np.zeros((29, 40), np.int8), frames])
    wanted = np.array(json.loads((reference_data() / "protocol_golden.json").read_text())["sww_act_ref"])
    found = np.array([oracle.run([windows[start : start + 30].reshape(-1)])[0][0] for start in range(len(frames))])
    stated = description("sww")["metrics"]["int8"]
    assert np.sum((found > THRESHOLD) == (wanted > THRESHOLD)) == stated["frames_as_the_reference"]


@pytest.mark.reference
@pytest.mark.parametrize("bench", ["kws", "ic", "vww"])
def test_quality_is_what_the_description_says(bench: str, tmp_path: Path) -> None:
    pytest.importorskip("tflite_micro")
    benchmark = load_benchmark(bench)
    if bench == "vww":
        official_pictures(reference_data() / "vww" / "vww01_jpg_bgr", tmp_path / benchmark.model_id)
    else:
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
