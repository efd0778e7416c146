"""From model to number: the built ELF on the virtual board, against TensorFlow Lite Micro and against golden scores."""

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import serial
from rich.console import Console

from common import artifact
from common.artifact import Firmware
from common.benchmark import load_benchmark
from common.board import load_board
from common.errors import UserError
from common.oracle import Oracle
from common.paths import ROOT
from generator.build import build
from generator.importer import read_graph
from harness import Options, run_bench
from harness.conformance.run import Status, check_device
from harness.device import Device
from harness.inputs import synthetic_inputs
from harness.link import Link
from harness.profile import profile_firmware
from harness.verify import verify_firmware
from harness.virtual_port import put_input
from models.flatbuffer import OperatorSpec, TensorSpec, activation, build_model
from models.untrained import default_model
from studies.calibration.comparison import against_published
from studies.calibration.images import describe, run_image
from tests.reference import reference_data
from virtual import VirtualBoard, VirtualSerial, served

pytestmark = pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no arm-none-eabi-gcc")

BOARD = load_board("nucleo_l4r5zi")
BENCHMARK = load_benchmark("ad")
VERIFIED_INPUTS = 200
NAME_ANSWER = b"m-name-dut-[firmbench]\r\nm-ready\r\n"


def quiet() -> Console:
    return Console(file=io.StringIO(), width=200)


@pytest.fixture(scope="module")
def shipped() -> Firmware:
    return build(BOARD, BENCHMARK, BENCHMARK.model, "aot", lambda _: None)


def connect(firmware: Firmware, *, timing: bool = True) -> tuple[VirtualBoard, Device]:
    """A booted virtual board and a client in step with it."""
    machine = VirtualBoard(firmware.elf, BOARD, timing=timing)
    device = Device(Link(VirtualSerial(machine, baudrate=firmware.baud), "virtual", lambda: machine.seconds))
    device.synchronise()
    return machine, device


def booted(firmware: Firmware) -> tuple[VirtualBoard, VirtualSerial]:
    """A virtual board that has printed its boot text, and its serial port."""
    machine = VirtualBoard(firmware.elf, BOARD)
    port = VirtualSerial(machine, baudrate=firmware.baud, timeout=0.5)
    assert port.read(4096).endswith(b"m-ready\r\n")
    return machine, port


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Builds of this test do not replace the shipped model's."""
    monkeypatch.setattr(artifact, "BUILD", tmp_path)


def reference_model() -> Path:
    return reference_data() / "models" / "ad01_int8.tflite"


def test_shipped_model_is_bit_exact(shipped: Firmware) -> None:
    pytest.importorskip("tflite_micro")
    console = quiet()
    verify_firmware(shipped, BOARD, None, VERIFIED_INPUTS, 0, console)
    assert f"{VERIFIED_INPUTS + 5} inferences equal" in console.file.getvalue()  # type: ignore[attr-defined]


def test_a_quick_run_writes_complete_results(shipped: Firmware) -> None:
    path = run_bench(shipped, BOARD, "performance", Options(port="virtual", quick=True), quiet())
    results = json.loads(path.read_text())
    assert results["board"] == "nucleo_l4r5zi"
    assert results["bench"] == "ad"
    assert results["model"]["sha256"] == shipped.model.sha256
    assert results["timing"] == "modelled"
    assert results["unverified"] is True
    for name in ("flash_bytes", "ram_bytes", "arena_bytes", "tools", "windows", "runtime"):
        assert results[name]
    assert results["cycles"] == pytest.approx(results["latency_ms"] * 120e3, abs=120)
    assert 2.0 < results["latency_ms"] < 8.0
    assert (path.parent / "log.txt").read_text()


def test_an_input_put_into_memory_is_the_one_sent_over_the_wire(shipped: Firmware) -> None:
    first, second = (item.data for item in synthetic_inputs(BENCHMARK, 2).inputs)
    machine, device = connect(shipped, timing=False)
    device.load(second)
    sent = device.infer(1, 0).results
    device.load(first)
    assert device.infer(1, 0).results != sent
    put_input(machine, device, second)
    device.check_load(second)
    assert device.infer(1, 0).results == sent


def test_modelled_time_is_the_same_every_time(shipped: Firmware) -> None:
    def lap() -> tuple[int, int, int]:
        machine, device = connect(shipped)
        device.load(bytes(BENCHMARK.input_bytes))
        return device.infer(20, 2).elapsed_us, machine.cycles, machine.instructions

    assert lap() == lap()


def test_the_profile_adds_up_to_the_latency(shipped: Firmware, tmp_path: Path) -> None:
    profile_firmware(shipped, BOARD, quiet(), picture=tmp_path / "profile.html", trace=tmp_path / "trace.json")
    profile = json.loads((shipped.folder / "profile.json").read_text())
    assert [step["name"] for step in profile["steps"]] == ["FULLY_CONNECTED"] * 10
    cycles = sum(step["cycles"] for step in profile["steps"])
    assert cycles <= profile["cycles"] <= cycles + 200
    assert sum(profile["functions"].values()) == profile["cycles"]
    assert max(profile["functions"], key=profile["functions"].get).startswith("fully_connected_s8")
    assert 100 < profile["stack_bytes"] < shipped.stack_bytes
    seconds, energy = profile["cycles"] / BOARD.clock.sysclk_hz, profile["energy"]
    amps = energy["microjoules"] * 1e-6 / energy["volts"] / seconds
    assert 0.020 < amps < 0.026
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert [event["ph"] for event in events] == ["M", *"X" * 11]
    assert events[1]["dur"] == pytest.approx(seconds * 1e6)
    page = (tmp_path / "profile.html").read_text()
    assert page.count("FULLY_CONNECTED") == 10
    assert "http" not in page and "src=" not in page
    _, device = connect(shipped)
    device.load(bytes(BENCHMARK.input_bytes))
    assert profile["cycles"] == pytest.approx(device.infer(100, 2).elapsed_us / 100 * 120, rel=0.002)


def test_a_published_image_is_compared(shipped: Firmware) -> None:
    """The raw binary, as a vendor would publish it, against a latency that is 10 % off."""
    _, device = connect(shipped)
    device.load(bytes(BENCHMARK.input_bytes))
    latency = device.infer(100, 2).elapsed_us / 100e3
    result = run_image(describe(shipped.bin, "ad", latency / 1.1, "a test", 8), BOARD)
    assert (result.vendor, result.hz, result.diagnostics) == ("firmbench", 120_000_000, ())
    assert against_published(result).error_percent == pytest.approx(10, abs=0.2)
    with pytest.raises(UserError, match="runs model 'ad01', not kws's"):
        run_image(describe(shipped.bin, "kws", latency, "a test", 8), BOARD)


def test_one_loaded_input_gives_the_same_result_however_often_it_runs(shipped: Firmware) -> None:
    _, device = connect(shipped, timing=False)
    device.load(np.linspace(-40, 10, 640).astype("<f4").tobytes())
    results = {device.infer(iterations, warmup).results for iterations, warmup in ((1, 0), (3, 0), (1, 10))}
    assert len(results) == 1


def test_no_byte_is_lost_when_commands_come_in_a_burst(shipped: Firmware) -> None:
    """64 bytes outstanding, the protocol's limit, at the full rate while the firmware is busy answering."""
    machine, port = booted(shipped)
    commands = b"name%" * 12
    for _ in range(5):
        port.write(commands)
        answer = port.read(4096)
        assert answer == 12 * NAME_ANSWER
    assert machine.diagnostics == ()


def test_a_stack_overflow_is_reported_over_the_line(shipped: Firmware) -> None:
    machine, port = booted(shipped)
    program = machine.symbol("th_infer") & ~1
    # push {r0-r7}; b . - 2
    machine.write_memory(program, bytes.fromhex("ffb4fde7"))
    port.write(b"infer 1 0%")
    answer = port.read(4096).decode()
    assert "e-[BusFault at pc" in answer or "e-[HardFault at pc" in answer


def test_an_undefined_instruction_is_reported_over_the_line(shipped: Firmware) -> None:
    machine, port = booted(shipped)
    program = machine.symbol("th_infer") & ~1
    machine.write_memory(program, bytes.fromhex("00de"))
    port.write(b"infer 1 0%")
    answer = port.read(4096).decode()
    assert f"e-[UsageFault at pc 0x{program:08x}" in answer


def test_any_serial_program_can_open_the_pseudo_terminal(shipped: Firmware, tmp_path: Path) -> None:
    link = tmp_path / "board"
    with served(VirtualBoard(shipped.elf, BOARD), links=(link,)):
        for _ in range(2):
            with serial.Serial(str(link), shipped.baud, timeout=1) as port:
                answer = b""
                for _ in range(5):  # what arrives while the firmware boots is lost, as on a real board
                    port.write(b"name%")
                    answer += port.read_until(NAME_ANSWER)
                    if answer.endswith(NAME_ANSWER):
                        break
                assert answer.endswith(NAME_ANSWER)


def test_building_does_not_import_tensorflow() -> None:
    code = (
        "import sys; import generator.build, harness.run, virtual; "
        "sys.exit(any(name.split('.')[0] == 'tensorflow' for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.reference
@pytest.mark.usefixtures("elsewhere")
def test_reference_model_is_bit_exact_and_scores_as_published() -> None:
    """The scores of the official sample's first windows are those of TensorFlow Lite Micro."""
    pytest.importorskip("tflite_micro")
    firmware = build(BOARD, BENCHMARK, reference_model(), "aot", lambda _: None)
    verify_firmware(firmware, BOARD, None, VERIFIED_INPUTS, 1, quiet())
    golden = json.loads((reference_data() / "protocol_golden.json").read_text())["ad_tflm"]
    sample = (reference_data() / "ad" / "ad01" / "normal_id_01_00000000_hist_librosa.bin").read_bytes()
    _, device = connect(firmware, timing=False)
    for window in range(0, 196, 13):
        device.load(sample[window * 512 : window * 512 + BENCHMARK.input_bytes])
        assert device.infer(1, 0).results[0] == pytest.approx(golden[window], abs=0.00051)


def awkward_model() -> bytes:
    """640 -> 640 with what no `ad` model has: float32 in and out, several batches, ragged and per-channel layers."""
    rng = np.random.default_rng(7)

    def weights(units: int, depth: int, per_channel: bool) -> TensorSpec:
        scales = rng.uniform(0.002, 0.02, units if per_channel else 1).tolist()
        return TensorSpec((units, depth), scales=scales, data=rng.integers(-127, 128, (units, depth)).astype(np.int8))

    tensors = [
        TensorSpec((1, 640), "float32"),
        activation(1, 640, scale=0.4, zero_point=89),
        TensorSpec((2,), "int32", data=np.array([10, 64], np.int32)),
        activation(10, 64, scale=0.4, zero_point=89),
        weights(7, 64, per_channel=True),
        activation(10, 7, scale=3.0, zero_point=-11),
        weights(5, 7, per_channel=False),
        activation(10, 5, scale=2.0, zero_point=-128),
        activation(10, 5, scale=1.7, zero_point=4),
        TensorSpec((2,), "int32", data=np.array([1, 50], np.int32)),
        activation(1, 50, scale=1.7, zero_point=4),
        weights(640, 50, per_channel=True),
        activation(1, 640, scale=1.9, zero_point=3),
        TensorSpec((1, 640), "float32"),
    ]
    operators = [
        OperatorSpec("QUANTIZE", [0], [1]),
        OperatorSpec("RESHAPE", [1, 2], [3]),
        OperatorSpec("FULLY_CONNECTED", [3, 4, -1], [5]),
        OperatorSpec("FULLY_CONNECTED", [5, 6, -1], [7], activation=1),
        OperatorSpec("QUANTIZE", [7], [8]),
        OperatorSpec("RESHAPE", [8, 9], [10]),
        OperatorSpec("FULLY_CONNECTED", [10, 11, -1], [12]),
        OperatorSpec("DEQUANTIZE", [12], [13]),
    ]
    return build_model(tensors, operators, [0], [13])


@pytest.mark.usefixtures("elsewhere")
def test_an_awkward_model_is_bit_exact_on_the_target(tmp_path: Path) -> None:
    pytest.importorskip("tflite_micro")
    path = tmp_path / "awkward.tflite"
    path.write_bytes(awkward_model())
    firmware = build(BOARD, BENCHMARK, path, "aot", lambda _: None)
    verify_firmware(firmware, BOARD, None, 40, 2, quiet())
    _, device = connect(firmware, timing=False)
    sent = np.linspace(-40, 40, 640).astype("<f4")
    device.load(sent.tobytes())
    output = Oracle(path.read_bytes()).infer(sent)
    assert device.infer(1, 0).results[0] == pytest.approx(np.mean((output - sent) ** 2), rel=1e-4)


def test_verify_notices_a_single_wrong_weight(shipped: Firmware, tmp_path: Path) -> None:
    """The last layer's first weight, changed in the model that the oracle runs: the check can fail."""
    pytest.importorskip("tflite_micro")
    content = bytearray(shipped.model_file.read_bytes())
    weights = read_graph(shipped.model_file).tensors
    last = next(tensor for tensor in weights if tensor.shape == (640, 128) and tensor.data is not None)
    assert last.data is not None
    position = bytes(content).find(last.data.tobytes())
    content[position] ^= 0x40
    changed = tmp_path / "firmware"
    shutil.copytree(shipped.folder, changed, ignore=shutil.ignore_patterns(".pio"))
    (changed / "model.tflite").write_bytes(content)

    class Elsewhere(Firmware):
        folder = changed

    with pytest.raises(UserError, match=r"differs in 1 of 640 elements: \[0\] is -?\d+, not -?\d+"):
        verify_firmware(Elsewhere(**shipped.__dict__), BOARD, None, 20, 0, quiet())


@pytest.mark.parametrize(
    "bench", ["ad", *(pytest.param(name, marks=pytest.mark.slow) for name in ("ic", "kws", "vww"))]
)
@pytest.mark.usefixtures("elsewhere")
def test_every_rule_of_the_protocol_on_the_target(bench: str) -> None:
    """Every rule passes, and none by a variant but the help text's."""
    benchmark = load_benchmark(bench)
    firmware = build(BOARD, benchmark, default_model(benchmark), "aot", lambda _: None)
    machine = VirtualBoard(firmware.elf, BOARD, timing=False)
    port = VirtualSerial(machine, baudrate=firmware.baud)
    report = check_device(Link(port, "virtual", lambda: machine.seconds))
    assert {outcome.rule: outcome.detail for outcome in report.outcomes if outcome.status is not Status.PASS} == (
        {"RES-FORMAT": "the list ends in a comma, as two references print it"} if benchmark.trailing_comma else {}
    )
    assert machine.diagnostics == ()
