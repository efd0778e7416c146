"""Runtime tflm from build to results, with the double of the library: the arena is found, outputs are bit for bit."""

import io
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

import generator.platformio
from common import artifact
from common.artifact import Firmware
from common.benchmark import Benchmark, describe_model, load_benchmark
from common.board import load_board
from common.errors import UserError
from common.paths import BUILD
from generator.build import build
from generator.importer import read_graph
from generator.tflm.contents import Interpreter
from harness import Options, arena, run_bench
from harness.profile import profile_run
from harness.verify import verify_firmware
from models.flatbuffer import OperatorSpec, TensorSpec, build_model
from models.untrained import default_model
from tests.generator.cases import fully_connected
from tests.tflm.test_library import DOUBLE

BOARD = load_board("nucleo_l4r5zi")
INTERPRETER = Interpreter(str(DOUBLE), arena)
TENSORS, TENSOR_BYTES = 4, 20  # of the model below, and of the double's description of one
pytestmark = pytest.mark.skipif(shutil.which("arm-none-eabi-g++") is None, reason="no arm-none-eabi-g++")


@pytest.fixture(autouse=True)
def build_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(artifact, "BUILD", tmp_path)
    monkeypatch.setattr(generator.platformio, "BUILD", BUILD)
    return tmp_path


def described(model: Path, content: bytes) -> tuple[Path, Benchmark]:
    model.write_bytes(content)
    graph = read_graph(model)
    tensors = [[graph.tensors[index] for index in ports] for ports in (graph.inputs, graph.outputs)]
    return model, describe_model(model, None, *tensors)


def small_model(folder: Path) -> tuple[Path, Benchmark]:
    return described(folder / "small.tflite", fully_connected(units=20, depth=33, activation=1))


def tflm(benchmark: Benchmark, model: Path, board: str = BOARD.name, **options: object) -> Firmware:
    arguments = {"interpreter": INTERPRETER, **options}
    return build(load_board(board), benchmark, model, "tflm", lambda _: None, **arguments)  # type: ignore[arg-type]


def test_from_build_to_results(tmp_path: Path) -> None:
    model, benchmark = small_model(tmp_path)
    firmware = tflm(benchmark, model)
    assert firmware.runtime == "tflm"
    assert firmware.optimize == "memory"
    assert firmware.arena_bytes == TENSORS * TENSOR_BYTES + 48 + 32  # what the double takes for 33 and 20 bytes
    assert firmware.copied_bytes < 64  # initialised variables, neither code nor weights
    assert "on the virtual NUCLEO-L4R5ZI; operators registered: FullyConnected" in firmware.plan
    console = Console(file=io.StringIO(), width=200)
    assert verify_firmware(firmware, BOARD, None, 9, 0, console) > 33 * 20
    run_bench(firmware, BOARD, "performance", Options(port="virtual", quick=True), console)
    profile = profile_run(firmware, BOARD)
    assert not profile.layers
    assert profile.cycles > profile.instructions > 33 * 20
    assert max(profile.functions, key=lambda name: profile.functions[name]).endswith("FullyConnectedERKNS_5TableE")
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "equal TensorFlow Lite Micro's bit for bit" in text

    with pytest.raises(UserError, match=r"the image needs [\d,]+ bytes of RAM, [\d,]+ more than the budget of 4,000"):
        tflm(benchmark, model, ram_budget=4000)
    assert artifact.last_firmware() == firmware

    compiled = build(BOARD, benchmark, model, "aot", lambda _: None)
    assert not (firmware.folder / "gen" / "model.cc").exists()
    verify_firmware(compiled, BOARD, None, 3, 0, console)


def test_a_model_that_the_interpreter_refuses(tmp_path: Path) -> None:
    """The double registers SOFTMAX, and does not run it."""
    tensors = [TensorSpec((1, 4), scales=[1 / 256], zero_points=[-128]) for _ in range(2)]
    content = build_model(tensors, [OperatorSpec("SOFTMAX", [0], [1], options={"beta": 1.0})], [0], [1])
    model, benchmark = described(tmp_path / "softmax.tflite", content)
    with pytest.raises(UserError, match=r"does not start in an arena of \d+,\d+ bytes: e-\[AllocateTensors failed"):
        tflm(benchmark, model)
    assert not (artifact.build_folder(BOARD.name, benchmark.name) / "build.json").exists()


def test_options_that_mean_nothing_for_it_are_refused_by_name(tmp_path: Path) -> None:
    model, benchmark = small_model(tmp_path)
    for options, named in (
        ({"dead_channels": False}, "--no-dce"),
        ({"optimize": "latency"}, "--optimize latency"),
        ({"optimize": "balanced", "dead_channels": False}, "--no-dce, --optimize balanced"),
    ):
        with pytest.raises(UserError, match=rf"runtime tflm runs the model as it is, .*: {named} needs runtime aot"):
            tflm(benchmark, model, **options)
    with pytest.raises(UserError, match=": --streaming needs runtime aot"):
        tflm(replace(benchmark, streaming=1), model)
    sww = load_benchmark("sww")
    with pytest.raises(UserError, match="benchmark 'sww', --streaming needs runtime aot"):
        tflm(sww, default_model(sww))
    with pytest.raises(UserError, match="--tflm-lib names the library of runtime tflm: add --runtime tflm"):
        build(BOARD, benchmark, model, "aot", lambda _: None, interpreter=INTERPRETER)
    with pytest.raises(UserError, match="runtime tflm needs TensorFlow Lite Micro, which is not part of firmbench"):
        tflm(benchmark, model, interpreter=Interpreter(None, arena))
    kws = load_benchmark("kws")
    with pytest.raises(UserError, match=r"has no AddAveragePool2D, AddDepthwiseConv2D in "):
        tflm(kws, default_model(kws))


def test_the_headers_of_cplusplus_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, benchmark = small_model(tmp_path)
    monkeypatch.setattr(generator.platformio, "CPLUSPLUS", "no-such-compiler")
    with pytest.raises(UserError, match=r"no headers of C\+\+, .*apt-get install libstdc\+\+-arm-none-eabi-dev"):
        tflm(benchmark, model)


@pytest.mark.slow
def test_energy_image_and_boards_without_a_virtual_one(tmp_path: Path) -> None:
    model, benchmark = small_model(tmp_path)
    firmware = tflm(benchmark, model, energy=True)
    image = artifact.load_energy_firmware(firmware)
    assert image.arena_bytes == firmware.arena_bytes
    for board in ("nucleo_f446re", "mps2_an386"):
        assert tflm(benchmark, model, board).arena_bytes == firmware.arena_bytes
