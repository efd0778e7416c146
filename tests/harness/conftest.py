"""Fixtures: a fake device in-process, a firmware record below a temporary build folder, a console to read back."""

from pathlib import Path

import pytest
from rich.console import Console

from common.artifact import Firmware, ModelInfo, StepInfo
from common.benchmark import Benchmark, load_benchmark
from common.board import Board, load_board
from harness.device import Device
from harness.link import Link
from tests.harness.fake_device import FakeDevice, FakeSerial, Faults


def connect(faults: Faults | None = None, latencies_us: tuple[float, ...] = (2000.0,)) -> tuple[Device, FakeSerial]:
    """A client on an in-process fake, and the fake."""
    port = FakeSerial(FakeDevice(faults, latencies_us))
    return Device(Link(port, "fake", port.clock)), port


@pytest.fixture
def board() -> Board:
    return load_board("nucleo_l4r5zi")


@pytest.fixture
def benchmark_ad() -> Benchmark:
    return load_benchmark("ad")


@pytest.fixture
def console() -> Console:
    return Console(record=True, width=200, force_terminal=False)


@pytest.fixture
def firmware(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Firmware:
    """Its folder is below ``tmp_path``."""
    monkeypatch.setattr("common.artifact.BUILD", tmp_path / "build")
    return Firmware(
        board="nucleo_l4r5zi",
        benchmark=load_benchmark("ad"),
        runtime="aot",
        optimize="latency",
        model=ModelInfo("test_model.tflite", "ab" * 32, 1234),
        elf_sha256="cd" * 32,
        flash_bytes=300_001,
        ram_bytes=20_002,
        arena_bytes=1_288,
        arena_lower_bound_bytes=1_280,
        stack_bytes=2_048,
        copied_bytes=0,
        tools={"arm-none-eabi-gcc": "12.2.1"},
        steps=(StepInfo(0, "FULLY_CONNECTED", "fully_connected_s8", 409_600),),
    )
