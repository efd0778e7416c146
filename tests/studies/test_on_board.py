"""Tuning on a board: a virtual one behind a pseudo-terminal, which a test programs by loading another image."""

import io
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partialmethod
from pathlib import Path

import pytest
from rich.console import Console

from common.board import load_board
from common.errors import UserError
from generator import tuning as tuning_files
from generator.flash import Project
from generator.tuning import OperatorTuning, Tuning
from harness.device import Device
from harness.ports import find_port
from models.untrained import Network
from studies import measure, on_board, tune
from studies.measure import Layer, Measurement, Recipe, measure_recipes
from studies.on_board import BoardMeter, board_meter, counted_cycles, with_cycles
from studies.tune import run_tune
from tests.generator.test_generator_render import needs_compiler
from tests.harness.fake_device import FakeDevice, Faults, pty_device
from virtual import VirtualBoard, served
from virtual.server.streams import Terminal

BOARD = load_board("nucleo_l4r5zi")
COUNTER_CYCLES = 40  # between steps: the counter is read and kept


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=120)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Two convolutions and a classifier."""
    network = Network((8, 8, 4), 0.5, 0, seed=3)
    x = network.conv(network.conv(network.input, 12, (3, 3)), 8, (1, 1))
    path = tmp_path / "small.tflite"
    path.write_bytes(network.classify(network.pool(x), 4))
    return path


class StandIn:
    """A board behind a pseudo-terminal that is programmed by loading another image; blank at first."""

    def __init__(self, link: Path) -> None:
        self.programmed = 0
        self.meter = BoardMeter(BOARD, find_port(BOARD, str(link)), self._program)
        self._link = link
        self._running = ExitStack()

    def _program(self, project: Project) -> None:
        self._running.close()
        self._link.unlink(missing_ok=True)
        machine = VirtualBoard(project.folder / "firmware.elf", BOARD)
        self._running.enter_context(served(machine, links=(self._link,)))
        self.programmed += 1

    def close(self) -> None:
        self._running.close()


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[StandIn]:
    terminal = Terminal()
    link = tmp_path / "port"
    link.symlink_to(terminal.path)
    board = StandIn(link)
    yield board
    board.close()
    terminal.close()


@needs_compiler
def test_cycles_by_the_cores_counter_are_those_of_the_virtual_board(
    stand_in: StandIn, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, console: Console
) -> None:
    monkeypatch.setattr(measure, "BUILD", tmp_path)
    recipe = Recipe("", str(model), BOARD.name, "latency", tuning=Tuning({1: OperatorTuning("conv_2d_s8")}))
    found: list[Measurement] = []
    stand_in.meter.measure([recipe], console, lambda _, measurement: found.append(measurement))
    (watched,) = measure_recipes([recipe], console)
    (counted,) = found
    assert [layer.kernel for layer in counted.layers] == [layer.kernel for layer in watched.layers]
    assert counted.layers[1].kernel == "conv_2d_s8"
    for ours, theirs in zip(counted.layers, watched.layers, strict=True):
        assert abs(ours.cycles - theirs.cycles) < COUNTER_CYCLES
    assert counted.cycles == sum(layer.cycles for layer in counted.layers)
    assert stand_in.meter.timing == "modelled"  # a program answers


@needs_compiler
@pytest.mark.slow
def test_a_model_is_tuned_on_a_board(
    stand_in: StandIn, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, console: Console
) -> None:
    """The choices are those that the virtual board leads to."""
    for module in (measure, tune):
        monkeypatch.setattr(module, "BUILD", tmp_path)
    monkeypatch.setattr(tuning_files, "TUNING", tmp_path / "here")
    paths = [run_tune(BOARD, "", model, "latency", console)]
    monkeypatch.setattr(tuning_files, "TUNING", tmp_path / "there")
    paths.append(run_tune(BOARD, "", model, "latency", console, device=stand_in.meter))
    assert stand_in.programmed > 5
    texts = [path.read_text() if path else "" for path in paths]
    assert texts[0] == texts[1] != ""


class FakeBuilds:
    """Images of two convolutions that only exist in name; a fake device answers with their cycles."""

    def __init__(self, device: FakeDevice, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: dict[str, bytes] = {}
        device.faults = Faults(model=device.faults.model, answers=self.answers, silent=device.faults.silent)
        self.names: list[str] = []
        monkeypatch.setattr(on_board, "built", self._built)

    @contextmanager
    def _built(self, recipe: Recipe, _content: bytes, counted_as: str) -> Iterator[tuple[Measurement, Path]]:
        layers = tuple(Layer(index, "CONV_2D", 100, 0) for index in range(2))
        self.names.append(counted_as)
        yield Measurement(recipe.bench, recipe.objective, "small.tflite", 0, 5000, 1000, 500, layers), Path("nowhere")

    def program(self, _project: Project) -> None:
        self.answers["infer"] = f"m-results-[0]\r\nm-cycles-[{self.names[-1]},{7 * len(self.names)},5]\r\n".encode()


def recipes(model: Path) -> list[Recipe]:
    return [Recipe("ad", str(model), BOARD.name, "latency", budget) for budget in (1, 2, 3)]


def test_an_interrupted_search_goes_on_with_the_image_it_was_at(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, console: Console
) -> None:
    device = FakeDevice()
    builds = FakeBuilds(device, monkeypatch)
    left = [2]

    def program(project: Project) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        builds.program(project)

    with pty_device(device) as path:
        meter = BoardMeter(BOARD, find_port(BOARD, path), program)
        with pytest.raises(KeyboardInterrupt):
            tune.Journal(tmp_path / "journal").measure(recipes(model), console, meter.measure)
        left[0] = 1
        found = tune.Journal(tmp_path / "journal").measure(recipes(model), console, meter.measure)
    assert [measurement.cycles for measurement in found] == [12, 19, 33]
    assert len(builds.names) == 4  # the third image twice


@pytest.mark.parametrize(
    ("model_id", "silent", "programs", "message"),
    [
        ("kws01", False, True, r"runs model 'kws01', benchmark ad needs 'ad01'.*invoke flash"),
        ("ad01", True, True, "is silent: no answer to `name`"),
        ("ad01", False, False, r"runs image 5eed, not [0-9a-f]{16} that was just programmed"),
    ],
)
def test_what_is_wrong_with_the_board_is_said(
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
    console: Console,
    model_id: str,
    silent: bool,
    programs: bool,
    message: str,
) -> None:
    device = FakeDevice(Faults(model=model_id, silent=silent))
    builds = FakeBuilds(device, monkeypatch)
    builds.answers["infer"] = b"m-cycles-[5eed,1,2]\r\n"
    monkeypatch.setattr(Device, "synchronise", partialmethod(Device.synchronise, 1, 0.3))
    with pty_device(device) as path:
        meter = BoardMeter(BOARD, find_port(BOARD, path), builds.program if programs else lambda _: None)
        with pytest.raises(UserError, match=message):
            meter.measure(recipes(model), console, lambda *_: None)


def test_a_wrong_port_is_said_before_anything_is_built(model: Path, tmp_path: Path, console: Console) -> None:
    port = tmp_path / "ttyACM9"
    meter = board_meter(BOARD, str(port), None, console)
    assert meter is not None
    assert meter.timing == "measured"
    with pytest.raises(UserError, match=f"port {re.escape(str(port))} does not exist"):
        run_tune(BOARD, "", model, "latency", console, device=meter)


def test_only_a_board_can_be_programmed(console: Console) -> None:
    assert board_meter(BOARD, None, None, console) is None
    assert board_meter(BOARD, "virtual", "somewhere", console) is None
    with pytest.raises(UserError, match="give --port or --dask"):
        board_meter(BOARD, "/dev/ttyACM0", "somewhere", console)
    with pty_device(FakeDevice()) as path, pytest.raises(UserError, match="cannot be programmed"):
        board_meter(BOARD, path, None, console)


def test_the_streaming_benchmark_is_refused(console: Console) -> None:
    from common.benchmark import load_benchmark

    with pytest.raises(UserError, match="invoke tune needs the command `infer`, which sww does not have"):
        run_tune(BOARD, "sww", load_benchmark("sww").model, "latency", console)


def test_answers() -> None:
    assert counted_cycles(["m-results-[1]", "m-cycles-[ab,3,4]"], "ab", "port") == [3, 4]
    with pytest.raises(UserError, match="port runs an image that counts no cycles, not ab"):
        counted_cycles(["m-results-[1]"], "ab", "port")
    with pytest.raises(UserError, match="stands still"):
        counted_cycles(["m-cycles-[ab,0,0]"], "ab", "port")
    image = Measurement("", "latency", "m", 0, 1, 1, 1, (Layer(0, "ADD", 0, 0),))
    with pytest.raises(UserError, match="counts 2 steps, the image has 1"):
        with_cycles(image, [3, 4])
    assert with_cycles(image, [3]).cycles == 3
