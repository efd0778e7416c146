"""Random networks of the layers that have hand-written code for the Cortex-M4, on the virtual board, bit for bit.

The host's tests of the kernels run the C twins of that code; these run the machine code.
"""

import io
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from common import artifact
from common.board import load_board
from common.paths import FIRMWARE
from generator import placement
from generator.build import build
from generator.choice import choose
from generator.compile import compile_model
from generator.gather import with_gather
from generator.ops import fully_connected, winograd
from generator.straight import straight_code
from harness.verify import verify_firmware
from models.flatbuffer import OperatorSpec, TensorSpec, build_model
from tests.generator.convolutions import Convolutions

pytestmark = pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no arm-none-eabi-gcc")

SAME, VALID = 0, 1
SEEDS, MORE_SEEDS = range(5), range(5, 60)
INPUTS = 12


class Network:
    """Layers one after another, with scales that keep the values spread over most of int8."""

    def __init__(self, seed: int, shape: tuple[int, ...] | None = None) -> None:
        self.rng = np.random.default_rng(seed)
        self.tensors: list[TensorSpec] = []
        self.operators: list[OperatorSpec] = []
        drawn = (1, *(int(self.rng.integers(5, 14)) for _ in range(2)), int(self.rng.choice([1, 3, 4, 8, 17])))
        self.shape = shape or drawn
        self.top = self.activation(self.shape)

    def tensor(self, spec: TensorSpec) -> int:
        self.tensors.append(spec)
        return len(self.tensors) - 1

    def activation(self, shape: tuple[int, ...], scale: float = 0.02, zero_point: int | None = None) -> int:
        point = int(self.rng.integers(-128, 128)) if zero_point is None else zero_point
        return self.tensor(TensorSpec(shape, scales=[scale], zero_points=[point]))

    def add(self, name: str, operands: list[int], shape: tuple[int, ...], scale: float, **options: int) -> None:
        relu = int(self.rng.integers(2))
        output = self.activation(shape, scale, -128 if relu and self.rng.integers(2) else None)
        self.operators.append(OperatorSpec(name, operands, [output], relu, dict(options)))
        self.top, self.shape = output, shape

    def layer(
        self,
        name: str,
        weights_shape: tuple[int, ...],
        axis: int,
        shape: tuple[int, ...],
        *,
        per_channel: bool = True,
        options: dict[str, int] | None = None,
    ) -> None:
        depth = int(np.prod(weights_shape)) // weights_shape[axis]
        values = self.rng.integers(-127, 128, weights_shape).astype(np.int8)
        scales = [
            float(scale) for scale in self.rng.uniform(0.5, 1.5, weights_shape[axis] if per_channel else 1) * 0.01
        ]
        bias = self.rng.integers(-6000, 6000, weights_shape[axis]).astype(np.int32)
        source = self.top
        weights = self.tensor(TensorSpec(weights_shape, scales=scales, axis=axis, data=values))
        biases = self.tensor(
            TensorSpec(bias.shape, "int32", scales=[self.tensors[source].scales[0] * scales[0]], data=bias)
        )
        scale = self.tensors[source].scales[0] * 0.01 * 60 * np.sqrt(depth)
        self.add(name, [source, weights, biases], shape, float(scale), **(options or {}))

    def window(self, size: int) -> tuple[dict[str, int], int, int]:
        """Options, and the output's height and width."""
        rng, (_, height, width, _) = self.rng, self.shape
        padding = SAME if min(height, width) < size else int(rng.integers(2))
        stride = int(rng.choice([1, 1, 2]))
        sides = [-(-n // stride) if padding == SAME else (n - size) // stride + 1 for n in (height, width)]
        return {"padding": padding, "stride_h": stride, "stride_w": stride}, sides[0], sides[1]

    def conv(self) -> None:
        size, filters = int(self.rng.choice([1, 1, 3, 3, 5])), int(self.rng.choice([1, 3, 4, 7, 8, 16, 30]))
        options, height, width = self.window(size)
        shape = (filters, size, size, self.shape[3])
        self.layer(
            "CONV_2D", shape, 0, (1, height, width, filters), options=options | {"dilation_h": 1, "dilation_w": 1}
        )

    def tiles(self, stride: int = 1, filters: int | None = None) -> None:
        """3x3 with many filters, channels made eight or more."""
        if self.shape[3] < 8:
            channels = int(self.rng.integers(8, 18))
            shape = (*self.shape[:3], channels)
            self.layer(
                "CONV_2D",
                (channels, 1, 1, self.shape[3]),
                0,
                shape,
                options={"padding": SAME} | dict.fromkeys(STEPS, 1),
            )
        filters = filters or int(self.rng.integers(8, 40))
        padding = SAME if min(self.shape[1:3]) < 3 else self.rng.integers(2)
        height, width = (-(-(size - (2 if padding == VALID else 0)) // stride) for size in self.shape[1:3])
        shape, output = (filters, 3, 3, self.shape[3]), (1, height, width, filters)
        steps = dict.fromkeys(STEPS, 1) | dict.fromkeys(STEPS[:2], stride)
        self.layer("CONV_2D", shape, 0, output, options={"padding": int(padding)} | steps)

    def depthwise(self, size: int | None = None) -> None:
        size = size or int(self.rng.choice([2, 3, 3, 3, 5]))
        options, height, width = self.window(size)
        shape = (1, size, size, self.shape[3])
        options |= {"depth_multiplier": 1, "dilation_h": 1, "dilation_w": 1}
        self.layer("DEPTHWISE_CONV_2D", shape, 3, (1, height, width, self.shape[3]), options=options)

    def residual(self) -> None:
        first, shape = self.top, self.shape
        scale = self.tensors[first].scales[0]
        self.layer(
            "CONV_2D", (shape[3], 1, 1, shape[3]), 0, shape, options={"padding": SAME, **dict.fromkeys(STEPS, 1)}
        )
        operands = [first, self.top] if self.rng.integers(2) else [self.top, first]
        self.add("ADD", operands, shape, max(scale, self.tensors[self.top].scales[0]) * 1.5)

    def shortcut(self) -> None:
        """Three convolutions by tiles and the sum of the outputs of the first and the last, which is not clamped."""
        self.tiles(filters=2 * int(self.rng.integers(4, 10)))
        first, shape = self.top, self.shape
        for _ in range(2):
            unit = {"padding": SAME, **dict.fromkeys(STEPS, 1)}
            self.layer("CONV_2D", (shape[3], 3, 3, shape[3]), 0, shape, options=unit)
        self.operators[-1].activation = 0
        operands = [first, self.top] if self.rng.integers(2) else [self.top, first]
        self.add("ADD", operands, shape, self.tensors[self.top].scales[0] * 1.5)

    def pool(self) -> None:
        options, height, width = self.window(2)
        self.pooled((1, height, width, self.shape[3]), options | {"filter_h": 2, "filter_w": 2})

    def whole_plane(self) -> None:
        _, height, width, channels = self.shape
        sides = {"filter_h": height, "filter_w": width}
        self.pooled((1, 1, 1, channels), {"padding": VALID, "stride_h": 1, "stride_w": 1} | sides)

    def pooled(self, shape: tuple[int, ...], options: dict[str, int]) -> None:
        scale, point = self.tensors[self.top].scales[0], self.tensors[self.top].zero_points[0]
        output = self.activation(shape, scale, point)
        name = str(self.rng.choice(["AVERAGE_POOL_2D", "MAX_POOL_2D"]))
        self.operators.append(OperatorSpec(name, [self.top], [output], 0, options))
        self.top, self.shape = output, shape

    def fully_connected(self, units: int, per_channel: bool | None = None) -> None:
        if per_channel is None:
            per_channel = bool(self.rng.integers(3) == 0)
        depth = self.shape[-1] if len(self.shape) == 2 else int(np.prod(self.shape))
        self.layer("FULLY_CONNECTED", (units, depth), 0, (1, units), per_channel=per_channel)


STEPS = ("stride_h", "stride_w", "dilation_h", "dilation_w")


def random_model(seed: int) -> bytes:
    network = Network(seed)
    network.tiles()
    for _ in range(int(network.rng.integers(4, 8))):
        kind = network.rng.choice(["conv", "conv", "tiles", "depthwise", "depthwise", "residual", "pool"])
        getattr(network, str(kind))()
    if network.rng.integers(2):
        network.whole_plane()
    for units in network.rng.choice([4, 6, 8, 17, 33, 70, 96, 128], 4):
        network.fully_connected(int(units))
    network.fully_connected(5)
    return build_model(network.tensors, network.operators, [0], [network.top])


def large_planes(seed: int) -> bytes:
    """Depthwise convolutions of planes that the kernel takes in bands, and of what is left of them."""
    network = Network(seed, (1, 45, 40, 6))
    for _ in range(5):
        network.depthwise(3)
    network.fully_connected(5)
    return build_model(network.tensors, network.operators, [0], [network.top])


def verify(seed: int, folder: Path, model: Callable[[int], bytes] = random_model) -> None:
    path = folder / f"random_{seed}.tflite"
    path.write_bytes(model(seed))
    choice = choose(None, path, "ad")
    board = load_board("nucleo_l4r5zi")
    firmware = build(board, choice.benchmark, path, "aot", lambda _: None)
    verify_firmware(firmware, board, None, INPUTS, seed, Console(file=io.StringIO()))


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifact, "BUILD", tmp_path)


def test_random_networks_have_all_the_assembly() -> None:
    written = {path.name.removesuffix("_m4.S") for path in (FIRMWARE / "kernels").glob("*_m4.S")}
    programs = [compile_model(random_model(seed), "random").program for seed in SEEDS]
    assert written <= {Path(step.header).stem for program in programs for step in program.steps}


@pytest.mark.parametrize("seed", SEEDS)
def test_random_networks(seed: int, tmp_path: Path) -> None:
    pytest.importorskip("tflite_micro")
    verify(seed, tmp_path)


@pytest.mark.parametrize("seed", range(2))
def test_large_planes(seed: int, tmp_path: Path) -> None:
    pytest.importorskip("tflite_micro")
    verify(seed, tmp_path, large_planes)


def separable(seed: int) -> bytes:
    """Depthwise and pointwise convolutions in turn, of odd and even sizes and several numbers of channels."""
    rng = np.random.default_rng(seed)
    chain = Convolutions(9 + seed, 10 + 2 * seed, 3, seed, clamped=seed % 2 == 0).windows(8).depthwise()
    for stride in rng.permutation([1, 1, 2, 2]):
        chain.pointwise(int(rng.choice([4, 5, 8, 13, 16, 22, 32]))).depthwise(stride=int(stride))
    return chain.pointwise(9).build()


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 10))])
def test_planes(seed: int, tmp_path: Path) -> None:
    pytest.importorskip("tflite_micro")
    kernels = [step.kernel for step in compile_model(separable(seed), "separable").program.steps]
    assert kernels.count("depthwise_conv_2d_s8_3x3_planes") == 5
    verify(seed, tmp_path, separable)


def pointwise_layers(seed: int, numbers: Sequence[int] = (8, 16, 32, 8, 16, 48, 20, 8, 16, 32, 5)) -> bytes:
    """Numbers of inputs for each variant of the paired convolution, all with and without a clamp at the zero point."""
    network = Network(seed)
    for channels in numbers:
        shape = (*network.shape[:3], channels)
        unit = {"padding": SAME} | dict.fromkeys(STEPS, 1)
        network.layer("CONV_2D", (channels, 1, 1, network.shape[3]), 0, shape, options=unit)
    network.fully_connected(5)
    return build_model(network.tensors, network.operators, [0], [network.top])


@pytest.mark.parametrize("seed", range(3))
def test_pointwise_layers(seed: int, tmp_path: Path) -> None:
    pytest.importorskip("tflite_micro")
    verify(seed, tmp_path, pointwise_layers)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_straight_code(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All numbers of inputs for which there is some and room, however little it saves."""
    pytest.importorskip("tflite_micro")
    monkeypatch.setattr(placement, "BALANCED", 0.0)
    numbers = [size + seed for size in range(4, 128, 4)]
    content = pointwise_layers(seed, numbers)
    steps = compile_model(content, "straight").program.steps
    straight = {code.name for step in steps if (code := straight_code(step)) is not None}
    assert len(straight) > 3 * len(numbers) // 4
    verify(seed, tmp_path, lambda _: content)
    (source,) = tmp_path.rglob("gen/straight_m4.S")
    lines = source.read_text().splitlines()
    written = {line.split()[1].rstrip(",") for line in lines if line.startswith("chained ")}
    assert written <= straight
    assert len(written) > len(straight) // 3


def depthwise_layers(seed: int) -> bytes:
    """Planes of many sizes, with both strides, with and without a clamp at the zero point."""
    network = Network(seed)
    height, width, channels = map(int, (*network.rng.integers(6, 34, 2), network.rng.integers(2, 9)))
    network = Network(seed, (1, height, width, channels))
    for _ in range(6):
        network.depthwise(3)
    network.fully_connected(5)
    return build_model(network.tensors, network.operators, [0], [network.top])


SLOW_SEEDS = (3, 18, 21, 23, 27, 38, 57, 58)


@pytest.mark.parametrize("seed", [4, *(pytest.param(seed, marks=pytest.mark.slow) for seed in SLOW_SEEDS)])
def test_runs(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Code for the planes of all layers that can have it, however little it saves."""
    pytest.importorskip("tflite_micro")
    monkeypatch.setattr(placement, "LATENCY", 0.0)
    verify(seed, tmp_path, depthwise_layers)
    (source,) = tmp_path.rglob("gen/runs_m4.S")
    assert len(re.findall("^stride", source.read_text(), re.MULTILINE)) > 2


WINDOWS = (  # channels, height, width, stride
    (3, 3, 3, 1),
    (2, 3, 3, 1),
    (1, 5, 5, 1),
    (3, 5, 5, 1),
    (5, 3, 3, 1),
    (3, 3, 3, 2),
    (3, 3, 3, 1),
    (1, 10, 4, 2),
    (1, 3, 3, 1),
    (3, 3, 3, 2),
    (8, 1, 1, 2),
)


def few_channels(seed: int) -> bytes:
    """Windows of the paired convolution with rows of any number of bytes, on inputs with padded copies and without."""
    network = Network(seed, (1, 46 + seed, 43 - seed, 1))
    for channels, height, width, stride in WINDOWS:
        unit = {"padding": SAME} | dict.fromkeys(STEPS, 1)
        sides = network.shape[1:3]
        network.layer("CONV_2D", (channels, 1, 1, network.shape[3]), 0, (1, *sides, channels), options=unit)
        padding = int(network.rng.integers(2)) if seed and min(sides) > 10 else SAME
        reach = (height - 1, width - 1) if padding == VALID else (0, 0)
        shape = (1, *(-(-(side - less) // stride) for side, less in zip(sides, reach, strict=True)), 6)
        steps = dict.fromkeys(STEPS, 1) | dict.fromkeys(STEPS[:2], stride)
        network.layer("CONV_2D", (6, height, width, channels), 0, shape, options={"padding": padding} | steps)
    network.fully_connected(5)
    return build_model(network.tensors, network.operators, [0], [network.top])


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_few_channels(seed: int, tmp_path: Path) -> None:
    pytest.importorskip("tflite_micro")
    program = with_gather(compile_model(few_channels(seed), "windows").program)
    windows = [step.parameters for step in program.steps if step.parameters.get("filter_h", 1) != 1]
    assert {item["tails"] for item in windows} == {0, 1, 2, 3}
    assert {"outside" in item for item in windows} == {"plane_bytes" in item for item in windows} == {False, True}
    assert len({item.name for item in program.symbols}) == 2
    verify(seed, tmp_path, few_channels)


def connected_layers(seed: int) -> bytes:
    """Fully connected layers with a multiplier each, all with and without a clamp at the zero point, and without."""
    network = Network(seed, (1, 8, 8, 2))
    for number, units in enumerate((128, 45, 30, 256, 12, 60, 9, 61, 50)):
        network.fully_connected(units, per_channel=number > 5)
    return build_model(network.tensors, network.operators, [0], [network.top])


@pytest.mark.parametrize("fixed", [True, False])
def test_straight_connected(fixed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All kinds of code for them, however little it saves; also where no constants for one shift are found."""
    pytest.importorskip("tflite_micro")
    if not fixed:
        monkeypatch.setattr(fully_connected, "_chained_constants", lambda *_: None)
    monkeypatch.setattr(placement, "LATENCY", 0.0)
    verify(3, tmp_path, connected_layers)
    (source,) = tmp_path.rglob("gen/straight_connected_m4.S")
    written = set(re.findall("^chained fully_connected_s8_chained_(.*?),", source.read_text(), re.MULTILINE))
    shared = {"clamped", "signed"} if fixed else {"shared"}
    assert {name.split("_")[0] for name in written} == shared | {"apart"}
    assert len(written) > 3


def tiled_layers(seed: int) -> bytes:
    """Both strides of the convolution by tiles, all with and without a clamp at the zero point, and some with a sum."""
    sides = np.random.default_rng(seed).integers(14, 20, 2)
    network = Network(seed, (1, *map(int, sides), 8 + seed))
    for stride in (1, 2, 1, 1, 2, 1):
        network.tiles(stride)
    for _ in range(2):
        network.shortcut()
    network.fully_connected(5)
    return build_model(network.tensors, network.operators, [0], [network.top])


@pytest.mark.parametrize("seed", [0, 1, pytest.param(2, marks=pytest.mark.slow)])
def test_tiled_layers(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tflite_micro")
    monkeypatch.setattr(winograd, "_pays", lambda *_: True)
    steps = compile_model(tiled_layers(seed), "tiled").program.steps
    kinds = {(step.kernel, step.parameters.get("stride")) for step in steps}
    assert kinds >= {(winograd.KERNEL, 1), (winograd.KERNEL, 2), (winograd.WITH_SUM, 1)}
    verify(seed, tmp_path, tiled_layers)


@pytest.mark.slow
@pytest.mark.parametrize("seed", MORE_SEEDS)
def test_more_random_networks(seed: int, tmp_path: Path) -> None:
    pytest.importorskip("tflite_micro")
    verify(seed, tmp_path)
