"""The wakeword firmware on the virtual board: sound over the serial line, features and scores as on the host."""

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from common import artifact
from common.artifact import Firmware
from common.benchmark import load_benchmark
from common.board import load_board
from common.errors import UserError
from common.oracle import StreamOracle
from generator.build import build
from generator.importer import read_graph
from harness import Options, run_bench
from harness.profile import profile_run
from harness.wakeword.device import StreamDevice
from harness.wakeword.sound import load_sound
from models.untrained import default_model
from tests.generator.test_front_end import reference_features

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no arm-none-eabi-gcc"),
]

BOARD = load_board("nucleo_l4r5zi")
BENCHMARK = load_benchmark("sww")
FRAMES = 2
MOST_CYCLES = 480_000  # 4 ms at 120 MHz


@pytest.fixture(scope="module")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> Firmware:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(artifact, "BUILD", tmp_path_factory.mktemp("build"))
        return build(BOARD, BENCHMARK, default_model(BENCHMARK), "aot", lambda _: None)


@pytest.mark.parametrize("full", [False, True], ids=["by memory", "over the line"])
def test_frames_are_those_of_the_host(
    firmware: Firmware, full: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(artifact, "BUILD", tmp_path)
    monkeypatch.setattr(type(firmware), "folder", property(lambda self: self.benchmark.model.parent))
    console = Console(file=io.StringIO(), width=200)
    frames: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
    original = StreamDevice.frame

    def recorded(self: StreamDevice, samples: bytes) -> object:
        frame = original(self, samples)
        frames.append((frame.features, frame.activations))
        return frame

    monkeypatch.setattr(StreamDevice, "frame", recorded)
    path = run_bench(firmware, BOARD, "performance", Options(port="virtual", count=FRAMES, full=full), console)
    section = json.loads(path.read_text())["performance"]
    assert section["features_cycles"] + section["network_cycles"] <= MOST_CYCLES
    assert section["frames"] == FRAMES and section["timing"] == "modelled"
    samples = load_sound(None).samples[: FRAMES * 512]
    graph = read_graph(firmware.model_file)
    quantization = graph.tensors[graph.inputs[0]].quantization
    assert quantization is not None
    wanted = reference_features(samples, float(quantization.scale)).astype(np.int8)
    assert np.count_nonzero(np.array([features for features, _ in frames]) != wanted) <= 1
    oracle = StreamOracle(firmware.model_file.read_bytes(), 1)
    for features, activations in frames:
        (scores,) = oracle.run([np.array(features, np.int8)])
        assert tuple(scores.tolist()) == activations
    assert section["activations"] == [activations[0] for _, activations in frames]
    assert section["input"] == "uart"
    if not full:
        path = run_bench(firmware, BOARD, "performance", Options(port="virtual", count=FRAMES, i2s=True), console)
        heard = json.loads(path.read_text())["performance"]
        assert heard["input"] == "i2s" and not any("I2S" in text for text in heard["reservations"])
        assert heard["activations"] == section["activations"]
        assert abs(heard["cycles"] - section["cycles"]) < section["cycles"] / 100


def test_profile_of_a_frame(firmware: Firmware, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(firmware), "folder", property(lambda self: self.benchmark.model.parent))
    profile = profile_run(firmware, BOARD)
    assert [layer.step.name for layer in profile.layers[:3]] == ["FRAME", "RFFT", "LOG_MEL"]
    assert 0 <= profile.cycles - sum(layer.cycles for layer in profile.layers) < profile.cycles / 100
    assert profile.cycles <= MOST_CYCLES
    assert profile.microjoules is not None and profile.microjoules > 0
    assert abs(sum(profile.functions.values()) - profile.cycles) < profile.cycles / 20


def test_i2s_needs_the_input_and_the_virtual_board(firmware: Firmware) -> None:
    console = Console(file=io.StringIO())
    with pytest.raises(UserError, match=r"--i2s: NUCLEO-L4R5ZI has no I2S input; .*board\.toml has no \[i2s\]"):
        run_bench(firmware, replace(BOARD, i2s=None), "performance", Options(port="virtual", i2s=True), console)
    with pytest.raises(UserError, match="--i2s plays the sound into the virtual board; a real one gets it from"):
        run_bench(firmware, BOARD, "performance", Options(port="socket://localhost:1", i2s=True), console)


def test_a_board_without_the_input_builds_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifact, "BUILD", tmp_path)
    deaf = build(replace(BOARD, i2s=None), BENCHMARK, default_model(BENCHMARK), "aot", lambda _: None)
    assert b"this board has no I2S input" in deaf.bin.read_bytes()


def test_other_modes_and_the_energy_image_are_refused(firmware: Firmware) -> None:
    with pytest.raises(UserError, match="has the mode performance only"):
        run_bench(firmware, BOARD, "accuracy", Options(port="virtual"), Console(file=io.StringIO()))
    with pytest.raises(UserError, match="no energy-mode image"):
        build(BOARD, BENCHMARK, default_model(BENCHMARK), "aot", lambda _: None, energy=True)
