"""The harness against the firmware's own command interpreter, compiled for this computer."""

import os
import pty
import shutil
import subprocess
import tty
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from common.benchmark import Benchmark
from common.board import Board
from common.paths import FIRMWARE
from harness.device import Device
from harness.inputs import synthetic_inputs
from harness.link import Link
from harness.performance import measure
from harness.ports import find_port, open_port
from tests.harness.test_harness_ports import no_virtual

HOST = Path(__file__).parent / "host"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("gcc is not installed")
    path = tmp_path_factory.mktemp("core") / "device"
    sources = [*sorted((FIRMWARE / "core").glob("*.c")), HOST / "device.c"]
    options = ["-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", f"-I{FIRMWARE}", f"-I{HOST}"]
    subprocess.run([compiler, *options, *sources, "-o", path], check=True)
    return path


@pytest.fixture
def port(program: Path) -> Iterator[str]:
    master, slave = pty.openpty()
    tty.setraw(slave)
    with subprocess.Popen([program], stdin=master, stdout=master) as device:
        os.close(master)
        yield os.ttyname(slave)
        device.kill()
    os.close(slave)


def test_a_session_with_the_real_interpreter(port: str, board: Board, benchmark_ad: Benchmark) -> None:
    choice = find_port(board, port)
    with Link(open_port(choice, 921600, no_virtual), choice.spec) as link:
        device = Device(link)
        assert device.synchronise() == "host"
        assert device.profile().firmware == "ULPMark for tinyML Firmware V0.0.1"
        assert device.profile().model == benchmark_ad.model_id
        before = device.timestamp()
        assert 0 < (device.timestamp() - before) % (1 << 32) < 1_000_000
        inputs = synthetic_inputs(benchmark_ad).inputs
        result = measure(device, inputs, timing="modelled", quick=True, result_count=1)
    (window,) = result.windows
    mean_square = np.mean(np.frombuffer(inputs[0].data, "<f4").astype(np.float64) ** 2)
    assert list(window.results) == pytest.approx([mean_square], rel=1e-4)
    assert window.elapsed_us / 1e6 == pytest.approx(window.host_seconds, rel=0.02, abs=0.1)
    assert 0.2 <= window.latency_ms < 5.0
