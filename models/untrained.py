"""The reference architectures with seeded random weights: right in shape, size and time, without any skill.

Layers follow mlcommons/tiny's trained models (kws01, ic01, vww01). Weights are drawn from a generator whose stream is
frozen (NEP 19); biases and scales come from a run of the quantised network on a few made-up inputs, as batch
normalisation would give them: every channel varies and none saturates. All sums are exact integers, so the bytes are
the same on every computer.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.random import RandomState
from numpy.typing import NDArray

from common.benchmark import Benchmark
from common.errors import UserError
from common.files import write_if_changed
from models.flatbuffer import OperatorSpec, TensorSpec, build_model

INPUTS = 8  # made-up inputs that the scales are taken from
SAME, VALID = 0, 1  # tflite.Padding
RELU = 1  # tflite.ActivationFunctionType
LOGIT_DEVIATION = 2.0
SOFTMAX_SCALE = 1 / 256

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Activation:
    """A tensor of the network. ``numbers``: its int8 values less the zero point for each made-up input, [n, ...]."""

    tensor: int
    numbers: Floats
    scale: float
    zero_point: int


class Network:
    """Layers one after another, each quantised by what it makes of the made-up inputs."""

    def __init__(self, shape: tuple[int, ...], scale: float, zero_point: int, seed: int) -> None:
        self._random = RandomState(seed)
        self._tensors: list[TensorSpec] = []
        self._operators: list[OperatorSpec] = []
        values = np.clip(self._patterns(shape), -128, 127)
        self.input = self._activation(values - zero_point, float(np.float32(scale)), zero_point)

    def _patterns(self, shape: tuple[int, ...]) -> Floats:
        """int8 values: coarse patches of some contrast, and noise."""
        rows, columns, channels = shape
        patches = self._random.randint(-110, 111, (INPUTS, -(-rows // 8), -(-columns // 8), channels))
        coarse = np.repeat(np.repeat(patches, 8, axis=1), 8, axis=2)[:, :rows, :columns]
        noise = self._random.randint(-40, 41, (INPUTS, *shape))
        return (coarse + noise).astype(np.float64)

    def _tensor(self, spec: TensorSpec) -> int:
        spec.name = f"tensor_{len(self._tensors)}"
        self._tensors.append(spec)
        return len(self._tensors) - 1

    def _activation(self, numbers: Floats, scale: float, zero_point: int) -> Activation:
        spec = TensorSpec((1, *numbers.shape[1:]), scales=[scale], zero_points=[zero_point])
        return Activation(self._tensor(spec), numbers, scale, zero_point)

    def _quantized(self, real: Floats, relu: bool) -> Activation:
        """A tensor that just spans its values: from 0 after a ReLU."""
        low = 0.0 if relu else min(0.0, float(real.min()))
        scale = float(np.float32((float(real.max()) - low) / 255))
        zero_point = round(-128 - low / scale)
        numbers = np.clip(np.rint(real / scale), -128 - zero_point, 127 - zero_point)
        return self._activation(numbers, scale, zero_point)

    def conv(
        self, x: Activation, channels: int, kernel: tuple[int, int], stride: int = 1, *, relu: bool = True
    ) -> Activation:
        """CONV_2D, padding SAME, one scale per output channel."""
        weights = self._random.randint(-127, 128, (channels, *kernel, x.numbers.shape[3])).astype(np.int8)
        columns = _windows(x.numbers, kernel, stride)  # [n, rows, columns, channels, kernel rows, kernel columns]
        flat = columns.transpose(0, 1, 2, 4, 5, 3).reshape(*columns.shape[:3], -1)
        sums = flat @ weights.reshape(channels, -1).T.astype(np.float64)
        return self._filtered("CONV_2D", x, weights, 0, sums, stride, relu)

    def depthwise_in_time(self, x: Activation, taps: int) -> Activation:
        """DEPTHWISE_CONV_2D along the rows, padding VALID, multiplier 1, one scale per channel."""
        weights = self._random.randint(-127, 128, (1, taps, 1, x.numbers.shape[3])).astype(np.int8)
        columns = sliding_window_view(x.numbers, taps, axis=1)
        sums = (columns * weights[0, :, 0].T.astype(np.float64)).sum(axis=4)
        return self._filtered("DEPTHWISE_CONV_2D", x, weights, 3, sums, 1, False, VALID)

    def depthwise(self, x: Activation, stride: int = 1) -> Activation:
        """DEPTHWISE_CONV_2D 3x3, multiplier 1, padding SAME, ReLU, one scale per channel."""
        weights = self._random.randint(-127, 128, (1, 3, 3, x.numbers.shape[3])).astype(np.int8)
        columns = _windows(x.numbers, (3, 3), stride)
        sums = (columns * weights[0].transpose(2, 0, 1).astype(np.float64)).sum(axis=(4, 5))
        return self._filtered("DEPTHWISE_CONV_2D", x, weights, 3, sums, stride, True)

    def _filtered(
        self,
        name: str,
        x: Activation,
        weights: NDArray[np.int8],
        axis: int,
        sums: Floats,
        stride: int,
        relu: bool,
        padding: int = SAME,
    ) -> Activation:
        """The convolution whose sums of products are ``sums``: each channel shifted and scaled to deviation 1."""
        channels = sums.shape[-1]
        moments = [_moments(sums[..., channel]) for channel in range(channels)]
        shifts = [self._random.randint(20, 80) / 100 for _ in moments]  # mean of each channel: most of it above 0
        bias = np.array([round(s * d - m) for s, (m, d) in zip(shifts, moments, strict=True)], np.int32)
        scales = [float(np.float32(1 / (x.scale * deviation))) for _, deviation in moments]
        bias_scales = [x.scale * scale for scale in scales]
        w = self._tensor(TensorSpec(weights.shape, scales=scales, axis=axis, data=weights))
        b = self._tensor(TensorSpec(bias.shape, "int32", scales=bias_scales, data=bias))
        real = (sums + bias) * np.array(bias_scales)
        output = self._quantized(np.maximum(real, 0.0) if relu else real, relu)
        options = {"padding": padding, "stride_h": stride, "stride_w": stride, "dilation_h": 1, "dilation_w": 1}
        if name == "DEPTHWISE_CONV_2D":
            options["depth_multiplier"] = 1
        self._add(name, [x.tensor, w, b], output, RELU if relu else 0, options)
        return output

    def add(self, a: Activation, b: Activation) -> Activation:
        """ADD with ReLU."""
        real = np.maximum(a.numbers * a.scale + b.numbers * b.scale, 0.0)
        output = self._quantized(real, True)
        self._add("ADD", [a.tensor, b.tensor], output, RELU)
        return output

    def pool(self, x: Activation) -> Activation:
        """AVERAGE_POOL_2D over the whole picture, then RESHAPE to [1, channels]."""
        _, rows, columns, _ = x.numbers.shape
        means = np.rint(x.numbers.sum(axis=(1, 2)) / (rows * columns))
        pooled = self._activation(means[:, None, None, :], x.scale, x.zero_point)
        size = {"filter_h": rows, "filter_w": columns, "stride_h": rows, "stride_w": columns, "padding": VALID}
        self._add("AVERAGE_POOL_2D", [x.tensor], pooled, 0, size)
        return self.flatten(pooled)

    def flatten(self, x: Activation) -> Activation:
        """RESHAPE to [1, values]."""
        values = x.numbers.reshape(len(x.numbers), -1)
        shape = self._tensor(TensorSpec((2,), "int32", data=np.array([-1, values.shape[1]], np.int32)))
        flat = self._activation(values, x.scale, x.zero_point)
        self._add("RESHAPE", [x.tensor, shape], flat)
        return flat

    def classify(self, x: Activation, classes: int) -> bytes:
        """FULLY_CONNECTED and SOFTMAX; the finished model."""
        depth = x.numbers.shape[1]
        weights = self._random.randint(-127, 128, (classes, depth)).astype(np.int8)
        sums = x.numbers @ weights.T.astype(np.float64)
        moments = [_moments(sums[:, unit]) for unit in range(classes)]
        deviation = max(deviation for _, deviation in moments)
        scale = float(np.float32(LOGIT_DEVIATION / (x.scale * deviation)))
        bias = np.array([-round(mean) for mean, _ in moments], np.int32)
        w = self._tensor(TensorSpec(weights.shape, scales=[scale], data=weights))
        b = self._tensor(TensorSpec(bias.shape, "int32", scales=[x.scale * scale], data=bias))
        logits = self._quantized((sums + bias) * (x.scale * scale) * 1.5, False)  # room for other inputs
        self._add("FULLY_CONNECTED", [x.tensor, w, b], logits)
        output = self._tensor(TensorSpec((1, classes), scales=[SOFTMAX_SCALE], zero_points=[-128]))
        self._operators.append(OperatorSpec("SOFTMAX", [logits.tensor], [output], options={"beta": 1.0}))
        return build_model(self._tensors, self._operators, [self.input.tensor], [output])

    def _add(
        self,
        name: str,
        inputs: list[int],
        output: Activation,
        activation: int = 0,
        options: dict[str, Any] | None = None,
    ) -> None:
        self._operators.append(OperatorSpec(name, inputs, [output.tensor], activation, options or {}))


def _windows(numbers: Floats, kernel: tuple[int, int], stride: int) -> Floats:
    """[n, rows, columns, channels, kernel rows, kernel columns] with TFLite's padding SAME: the larger half behind."""
    pads = [(0, 0)]
    for size, taps in zip(numbers.shape[1:3], kernel, strict=True):
        total = max((-(-size // stride) - 1) * stride + taps - size, 0)
        pads.append((total // 2, total - total // 2))
    padded = np.pad(numbers, [*pads, (0, 0)])
    return sliding_window_view(padded, kernel, axis=(1, 2))[:, ::stride, ::stride]


def _moments(sums: Floats) -> tuple[float, float]:
    """Mean and standard deviation of whole numbers, rounded once each; the deviation is at least 1."""
    whole = [int(value) for value in sums.reshape(-1)]
    count, total = len(whole), sum(whole)
    variance = (count * sum(value * value for value in whole) - total * total) / (count * count)
    return total / count, max(math.sqrt(variance), 1.0)


def _kws() -> bytes:
    """DS-CNN."""
    network = Network((49, 10, 1), scale=0.5847029089927673, zero_point=83, seed=1)
    x = network.conv(network.input, 64, (10, 4), 2)
    for _ in range(4):
        x = network.conv(network.depthwise(x), 64, (1, 1))
    return network.classify(network.pool(x), 12)


def _ic(filters: int) -> bytes:
    """ResNet-8: three residual stages; the second and third halve the picture and have a 1x1 shortcut."""
    network = Network((32, 32, 3), scale=1.0, zero_point=-128, seed=2)
    x = network.conv(network.input, filters, (3, 3))
    x = network.add(x, network.conv(network.conv(x, filters, (3, 3)), filters, (3, 3), relu=False))
    for channels in (2 * filters, 4 * filters):
        y = network.conv(network.conv(x, channels, (3, 3), 2), channels, (3, 3), relu=False)
        x = network.add(network.conv(x, channels, (1, 1), 2, relu=False), y)
    return network.classify(network.pool(x), 10)


def _vww() -> bytes:
    """MobileNetV1, a quarter as wide: (stride of the depthwise layer, channels of the pointwise one)."""
    network = Network((96, 96, 3), scale=1 / 255, zero_point=-128, seed=3)
    blocks = [(1, 16), (2, 32), (1, 32), (2, 64), (1, 64), (2, 128), *[(1, 128)] * 5, (2, 256), (1, 256)]
    x = network.conv(network.input, 8, (3, 3), 2)
    for stride, channels in blocks:
        x = network.conv(network.depthwise(x, stride), channels, (1, 1))
    return network.classify(network.pool(x), 2)


def _sww() -> bytes:
    """Four separable convolutions along time, without padding: (taps, channels)."""
    network = Network((30, 1, 40), scale=0.94377 / 255, zero_point=-128, seed=4)
    x = network.input
    for taps, channels in ((3, 128), (5, 128), (10, 128), (15, 32)):
        x = network.conv(network.depthwise_in_time(x, taps), channels, (1, 1))
    return network.classify(network.flatten(x), 3)


ARCHITECTURES: dict[str, Callable[[], bytes]] = {
    "ic": partial(_ic, 16),
    "ic02": partial(_ic, 40),
    "kws": _kws,
    "sww": _sww,
    "vww": _vww,
}


def untrained_model(architecture: str) -> bytes:
    """The bytes of the `.tflite` file; the same on every computer.

    Raises:
        UserError: no such architecture; the message lists the ones there are.
    """
    if architecture not in ARCHITECTURES:
        raise UserError(f"unknown architecture '{architecture}'; architectures are: {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[architecture]()


def default_model(benchmark: Benchmark) -> Path:
    """The file of the model that runs where the user names none; an untrained one is made now."""
    if benchmark.untrained:
        write_if_changed(benchmark.model, untrained_model(benchmark.untrained))
    return benchmark.model
