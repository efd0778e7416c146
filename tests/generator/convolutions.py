"""Models of convolutions one after another."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.flatbuffer import OperatorSpec, TensorSpec, build_model

SAME, VALID = 0, 1
RELU = 1


@dataclass
class Convolutions:
    """Convolutions one after another, with random constants; outputs clamped at their zero point, or not."""

    height: int
    width: int
    channels: int
    seed: int = 0
    clamped: bool = True
    tensors: list[TensorSpec] = field(default_factory=list)
    operators: list[OperatorSpec] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        self.tensors.append(TensorSpec((1, self.height, self.width, self.channels), scales=[0.05], zero_points=[3]))
        self.last = 0

    def pointwise(self, filters: int) -> "Convolutions":
        weights = self.rng.integers(-127, 128, (filters, 1, 1, self.channels)).astype(np.int8)
        self._add("CONV_2D", weights, filters, 1, 1, SAME, axis=0)
        return self

    def windows(self, filters: int, size: int = 3, stride: int = 1, padding: int = SAME) -> "Convolutions":
        weights = self.rng.integers(-127, 128, (filters, size, size, self.channels)).astype(np.int8)
        self._add("CONV_2D", weights, filters, size, stride, padding, axis=0, taps=(size, size))
        return self

    def depthwise(self, taps: tuple[int, int] = (3, 3), stride: int = 1, padding: int = SAME) -> "Convolutions":
        weights = self.rng.integers(-127, 128, (1, *taps, self.channels)).astype(np.int8)
        self._add("DEPTHWISE_CONV_2D", weights, self.channels, max(taps), stride, padding, axis=3, taps=taps)
        return self

    def _add(
        self,
        name: str,
        weights: NDArray[np.int8],
        filters: int,
        largest: int,
        stride: int,
        padding: int,
        *,
        axis: int,
        taps: tuple[int, int] = (1, 1),
    ) -> None:
        sizes = []
        for size, reach in ((self.height, taps[0]), (self.width, taps[1])):
            sizes.append(-(-size // stride) if padding == SAME else (size - reach) // stride + 1)
        self.height, self.width = sizes
        self.channels = filters
        depth = weights[..., 0].size if axis == 3 else weights[0].size
        scales = self.rng.uniform(0.5, 2.0, filters) * 0.1 / np.sqrt(depth)
        zero_point = -128 if self.clamped else int(self.rng.integers(-20, 20))
        first = len(self.tensors)
        self.tensors += [
            TensorSpec(weights.shape, scales=scales.tolist(), axis=axis, data=weights),
            TensorSpec(
                (filters,), "int32", scales=[0.05], data=self.rng.integers(-3000, 3000, filters).astype(np.int32)
            ),
            TensorSpec((1, self.height, self.width, filters), scales=[0.35], zero_points=[zero_point]),
        ]
        options = {"padding": padding, "stride_h": stride, "stride_w": stride, "dilation_h": 1, "dilation_w": 1}
        if name == "DEPTHWISE_CONV_2D":
            options["depth_multiplier"] = 1
        activation = RELU if self.clamped else 0
        self.operators.append(OperatorSpec(name, [self.last, first, first + 1], [first + 2], activation, options))
        self.last = first + 2

    def build(self) -> bytes:
        return build_model(self.tensors, self.operators, [0], [self.last])
