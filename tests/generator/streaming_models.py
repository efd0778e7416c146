"""Random models over a signal, for tests of streaming."""

import numpy as np

from models.flatbuffer import OperatorSpec, TensorSpec, activation, build_model

VALID = 1
UNIT_STEPS = {"stride_h": 1, "stride_w": 1, "dilation_h": 1, "dilation_w": 1, "padding": VALID}


class ModelWriter:
    """A model of one chain of layers over a signal of int8[1, steps, 1, channels]."""

    def __init__(self, seed: int, steps: int, channels: int, width: bool = False) -> None:
        self.rng = np.random.default_rng(seed)
        self.steps, self.channels, self.width = steps, channels, width
        self.tensors = [activation(*self._shape(), scale=0.05, zero_point=-3)]
        self.operators: list[OperatorSpec] = []

    @property
    def last(self) -> int:
        return self.operators[-1].outputs[0] if self.operators else 0

    def _shape(self) -> tuple[int, ...]:
        return (1, 1, self.steps, self.channels) if self.width else (1, self.steps, 1, self.channels)

    def add(self, name: str, inputs: list[int], output: TensorSpec, **options: int) -> None:
        self.tensors.append(output)
        self.operators.append(OperatorSpec(name, inputs, [len(self.tensors) - 1], options=options))

    def weights(self, shape: tuple[int, ...], bias: int) -> list[int]:
        data = self.rng.integers(-127, 128, shape).astype(np.int8)
        self.tensors.append(TensorSpec(shape, scales=[0.01], zero_points=[0], data=data))
        values = self.rng.integers(-500, 500, bias).astype(np.int32)
        self.tensors.append(TensorSpec((bias,), dtype="int32", scales=[0.0005], zero_points=[0], data=values))
        return [len(self.tensors) - 2, len(self.tensors) - 1]

    def output(self) -> TensorSpec:
        return activation(*self._shape(), scale=0.1, zero_point=int(self.rng.integers(-20, 20)))

    def depthwise(self, taps: int, dilation: int = 1) -> None:
        source = self.last
        shape = (1, 1, taps, self.channels) if self.width else (1, taps, 1, self.channels)
        constants = self.weights(shape, self.channels)
        self.steps -= (taps - 1) * dilation
        strides = {
            "stride_h": 1,
            "stride_w": 1,
            "dilation_h": 1,
            "dilation_w": 1,
            "depth_multiplier": 1,
            "padding": VALID,
        }
        strides["dilation_w" if self.width else "dilation_h"] = dilation
        self.add("DEPTHWISE_CONV_2D", [source, *constants], self.output(), **strides)

    def conv(self, channels: int, taps: int = 1) -> None:
        source = self.last
        shape = (channels, 1, taps, self.channels) if self.width else (channels, taps, 1, self.channels)
        constants = self.weights(shape, channels)
        self.channels, self.steps = channels, self.steps - taps + 1
        self.add("CONV_2D", [source, *constants], self.output(), **UNIT_STEPS)

    def residual(self) -> None:
        source = self.last
        self.conv(self.channels)
        self.add("ADD", [source, self.last], self.output())

    def pool(self, taps: int) -> None:
        source, output = self.tensors[self.last], None
        assert source is not None
        self.steps -= taps - 1
        output = activation(*self._shape(), scale=source.scales[0], zero_point=source.zero_points[0])
        filters = {"filter_h": 1, "filter_w": taps} if self.width else {"filter_h": taps, "filter_w": 1}
        self.add("MAX_POOL_2D", [self.last], output, stride_h=1, stride_w=1, padding=VALID, **filters)

    def head(self, units: int = 3) -> None:
        source, elements = self.last, self.steps * self.channels
        before = self.tensors[source]
        self.tensors.append(TensorSpec((2,), dtype="int32", data=np.array([1, elements], np.int32)))
        flat = activation(1, elements, scale=before.scales[0], zero_point=before.zero_points[0])
        self.add("RESHAPE", [source, len(self.tensors) - 1], flat)
        source = self.last
        constants = self.weights((units, elements), units)
        self.add("FULLY_CONNECTED", [source, *constants], activation(1, units, scale=0.3, zero_point=4))

    def model(self) -> bytes:
        return build_model(self.tensors, self.operators, [0], [self.last])
