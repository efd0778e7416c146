"""Other hosts on the virtual board: a model of MLCommons' runner through its launcher, and EnergyRunner's probe."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import serial

from common import artifact
from common.artifact import Firmware
from common.benchmark import WireTensor, load_benchmark
from common.board import load_board
from common.errors import UserError
from generator.build import build
from harness.device import Device
from harness.link import Link
from harness.runner import boot, run_upstream
from harness.scores import file_scores, score
from models.flatbuffer import OperatorSpec, TensorSpec, activation, build_model
from tests.harness import runner_model
from virtual import VirtualBoard, VirtualSerial, served

pytestmark = pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no arm-none-eabi-gcc")

BOARD = load_board("nucleo_l4r5zi")
BYTES, CLASSES, STRIDE = 40, 3, 8
FILES = {f"{number}.bin": number % CLASSES for number in range(6)}  # two windows each
ITERATIONS, WARMUPS = 200, 3
PROBE_S = 2.0


def small_model() -> bytes:
    """A classifier that takes 40 bytes: two commands of upstream's."""
    random = np.random.RandomState(0)
    tensors = [
        activation(1, BYTES, scale=0.5, zero_point=83),
        TensorSpec((CLASSES, BYTES), scales=[0.01], data=random.randint(-127, 128, (CLASSES, BYTES)).astype(np.int8)),
        activation(1, CLASSES, scale=1.0),
        activation(1, CLASSES, scale=1 / 256, zero_point=-128),
    ]
    operators = [
        OperatorSpec("FULLY_CONNECTED", [0, 1, -1], [2]),
        OperatorSpec("SOFTMAX", [2], [3], options={"beta": 0.05}),
    ]
    return build_model(tensors, operators, [0], [3])


@pytest.fixture(scope="module")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firmware]:
    folder = tmp_path_factory.mktemp("build")
    model = folder / "small.tflite"
    model.write_bytes(small_model())
    benchmark = replace(
        load_benchmark("kws"),
        name="small",
        model_id="small01",
        max_input_bytes=BYTES,
        inputs=(WireTensor("int8", (1, BYTES)),),
        output_shapes=((1, CLASSES),),
        labels=("a", "b", "c"),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(artifact, "BUILD", folder)
        yield build(BOARD, benchmark, model, "aot", lambda _: None)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "small01"
    folder.mkdir(parents=True)
    random = np.random.RandomState(1)
    for name in FILES:
        (folder / name).write_bytes(random.bytes(BYTES + STRIDE))
    rows = (f"{name}, {CLASSES}, {label}, {BYTES}, {STRIDE}\n" for name, label in FILES.items())
    (folder / "y_labels.csv").write_text("".join(rows))
    return folder


def run_model(folder: Path, firmware: Firmware, data: Path, mode: str, script: dict[str, Any]) -> dict[str, Any]:
    """What the model of the runner found."""
    shutil.copy(runner_model.__file__, folder / "main.py")
    settings = folder / "script.json"
    settings.write_text(json.dumps({"baud": firmware.baud, "settle_s": 0.2, "small01": script}))
    options = ["-m", mode, "-s", str(data.parent), "-t", str(settings)]
    run_upstream(folder, options, firmware, BOARD, timing=mode == "p")
    found: dict[str, Any] = json.loads((folder / "answers.json").read_text())
    return found


def own_client(firmware: Firmware, *, timing: bool) -> Device:
    machine = VirtualBoard(firmware.elf, BOARD, timing=timing)
    device = Device(Link(VirtualSerial(machine, baudrate=firmware.baud), "virtual", lambda: machine.seconds))
    device.synchronise()
    return device


def test_accuracy_is_the_same(tmp_path: Path, firmware: Firmware, data: Path) -> None:
    found = run_model(tmp_path, firmware, data, "a", {"infer": [1, 0], "loop": None})
    profile = "ULPMark for tinyML Firmware V0.0.1"
    assert found["identity"] == {"name": "firmbench", "profile": profile, "model": "small01"}
    device = own_client(firmware, timing=False)
    answers, scores = [], []
    for name in FILES:
        content = (data / name).read_bytes()
        for start in (0, STRIDE):
            device.load(content[start : start + BYTES])
            answers.append(list(device.infer(1, 0).results))
        scores.append(file_scores(np.array(answers[-2:])))
    assert [entry["results"] for entry in found["entries"]] == answers
    assert len(set(map(tuple, answers))) > CLASSES
    ours = score(np.array(scores), list(FILES.values()), CLASSES)
    assert (found["top1"], found["auc"]) == (pytest.approx(ours.top1), pytest.approx(ours.auc))


def test_throughput_is_the_same(tmp_path: Path, firmware: Firmware, data: Path) -> None:
    found = run_model(tmp_path, firmware, data, "p", {"infer": [ITERATIONS, WARMUPS], "loop": 5})
    device = own_client(firmware, timing=True)
    device.load((data / "0.bin").read_bytes()[:BYTES])
    ours = ITERATIONS / device.infer(ITERATIONS, WARMUPS).elapsed_us * 1e6
    assert len(found["entries"]) == 5
    assert found["throughput"] == pytest.approx(ours, rel=0.01)


def test_a_probe_for_the_name_is_answered_in_time(firmware: Firmware) -> None:
    """EnergyRunner asks every port for its name right after opening it, and waits 2 s."""
    machine = VirtualBoard(firmware.elf, BOARD)
    boot(machine)  # the board was plugged in before
    with served(machine) as server:
        for _ in range(2):
            with serial.Serial(server.terminal.path, firmware.baud, timeout=PROBE_S) as port:
                port.write(b"name%")
                assert port.read_until(b"m-ready\r\n") == b"m-name-dut-[firmbench]\r\nm-ready\r\n"


def test_what_is_wrong_with_a_runner_is_said(tmp_path: Path, firmware: Firmware) -> None:
    with pytest.raises(UserError, match=r"no .*main\.py"):
        run_upstream(tmp_path, [], firmware, BOARD, timing=False)
    (tmp_path / "main.py").write_text("import sys; sys.exit(int(sys.argv[1]))")
    with pytest.raises(UserError, match="exit code 3"):
        run_upstream(tmp_path, ["3"], firmware, BOARD, timing=False)
