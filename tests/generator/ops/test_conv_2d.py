"""CONV_2D equals TensorFlow Lite Micro's reference kernels bit for bit, or is refused with a reason."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from generator.ops.window import SAME, VALID, window_of
from models.flatbuffer import OperatorSpec, TensorSpec, build_model
from tests.generator.host_kernels import assert_equals_oracle

LIMITS = {"int8": (-128, 127), "int16": (-32768, 32767)}


@dataclass
class Case:
    """One layer; ``weights``, ``bias`` and the scales follow from ``seed`` unless ``changes`` replace fields."""

    dtype: str = "int8"
    batches: int = 1
    height: int = 5
    width: int = 5
    group_channels: int = 4
    groups: int = 1
    group_filters: int = 4
    filter_h: int = 3
    filter_w: int = 3
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: int = SAME
    activation: int = 0
    per_channel: bool = True
    bias: str | None = "int32"
    gain: float = 1.0  # about how many output ranges the accumulators span
    zero_points: tuple[int, int] = (3, -5)
    weights: str = "int8"
    seed: int = 0
    changes: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def channels(self) -> int:
        return self.groups * self.group_channels

    @property
    def filters(self) -> int:
        return self.groups * self.group_filters

    @property
    def options(self) -> dict[str, Any]:
        return {
            "padding": self.padding,
            "stride_h": self.stride[0],
            "stride_w": self.stride[1],
            "dilation_h": self.dilation[0],
            "dilation_w": self.dilation[1],
        }

    def output_shape(self) -> tuple[int, int, int, int]:
        operator = OperatorSpec("CONV_2D", [], [], options=self.options)
        window = window_of(operator, self.height, self.width, self.filter_h, self.filter_w)  # type: ignore[arg-type]
        return self.batches, window.output_h, window.output_w, self.filters

    def tensors(self) -> dict[str, TensorSpec]:
        rng = np.random.default_rng(self.seed)
        shape = (self.filters, self.filter_h, self.filter_w, self.group_channels)
        source = TensorSpec((self.batches, self.height, self.width, self.channels), self.dtype)
        output = TensorSpec(self.output_shape(), self.dtype)
        if self.dtype == "float32":
            tensors = {
                "input": source,
                "weights": TensorSpec(shape, "float32", data=rng.normal(0, 1, shape).astype(np.float32)),
                "bias": TensorSpec(shape[:1], "float32", data=rng.normal(0, 1, shape[0]).astype(np.float32)),
                "output": output,
            }
        else:
            tensors = self._quantized(rng, shape, source, output)
        if self.bias is None:
            del tensors["bias"]
        for name, fields in self.changes.items():
            for key, value in fields.items():
                setattr(tensors[name], key, value)
        return tensors

    def _quantized(
        self, rng: np.random.Generator, shape: tuple[int, ...], source: TensorSpec, output: TensorSpec
    ) -> dict[str, TensorSpec]:
        low, high = LIMITS[self.dtype]
        weight_scales = rng.uniform(0.001, 0.01, self.filters if self.per_channel else 1)
        depth = int(np.prod(shape[1:]))
        spread = 73.0 * (high / np.sqrt(3)) * np.sqrt(depth) * 0.0055  # of accumulators x weight scale
        source.scales, output.scales = [0.05], [float(0.05 * spread / high / self.gain)]
        source.zero_points, output.zero_points = [self.zero_points[0]], [self.zero_points[1]]
        if self.dtype == "int16":
            source.zero_points = output.zero_points = [0]
        if self.weights == "int4":
            values = rng.integers(0, 256, (int(np.prod(shape)) + 1) // 2).astype(np.uint8)
        else:
            values = rng.integers(-127, 128, shape).astype(np.int8)
        reach = int(high * np.sqrt(depth) * 20)
        return {
            "input": source,
            "weights": TensorSpec(shape, self.weights, scales=weight_scales.tolist(), data=values),
            "bias": TensorSpec(
                shape[:1],
                self.bias or "int32",
                scales=(0.05 * weight_scales).tolist(),
                data=rng.integers(-reach, reach, shape[0]).astype(self.bias or "int32"),
            ),
            "output": output,
        }

    def model(self) -> bytes:
        tensors = list(self.tensors().values())
        last = len(tensors) - 1
        operator = OperatorSpec("CONV_2D", list(range(last)), [last], self.activation, self.options)
        return build_model(tensors, [operator], [0], [last])

    def inputs(self, count: int = 4) -> list[list[NDArray[Any]]]:
        """The extremes, both in turn, and random ones."""
        shape = (self.batches, self.height, self.width, self.channels)
        rng = np.random.default_rng(self.seed + 1)
        if self.dtype == "float32":
            return [[rng.normal(0, 2, shape).astype(np.float32)] for _ in range(count)]
        low, high = LIMITS[self.dtype]
        alternating = np.where(np.arange(np.prod(shape)) % 2, low, high).reshape(shape)
        fixed = [np.full(shape, low), np.full(shape, high), alternating]
        random = [rng.integers(low, high + 1, shape) for _ in range(max(count - 3, 1))]
        return [[values.astype(self.dtype)] for values in (fixed + random)[:count]]


@st.composite
def cases(draw: st.DrawFn, dtype: str) -> Case:
    small, strides = st.integers(1, 4), st.integers(1, 3)
    case = Case(
        dtype=dtype,
        batches=draw(st.integers(1, 2)),
        height=draw(st.integers(1, 8)),
        width=draw(st.integers(1, 8)),
        groups=draw(st.sampled_from([1, 1, 1, 2, 3])),
        group_channels=draw(st.integers(1, 9)),
        group_filters=draw(st.integers(1, 9)),
        filter_h=draw(small),
        filter_w=draw(small),
        stride=(draw(strides), draw(strides)),
        dilation=(draw(st.integers(1, 2)), draw(st.integers(1, 2))),
        padding=draw(st.sampled_from([SAME, VALID])),
        activation=draw(st.integers(0, 3)),
        per_channel=draw(st.booleans()),
        bias=draw(
            st.sampled_from({"int8": ["int32", None], "int16": ["int64", "int32", None]}.get(dtype, ["float32", None]))
        ),
        gain=draw(st.sampled_from([0.1, 1.0, 1.0, 3.0, 1000.0])),
        zero_points=(draw(st.integers(-128, 127)), draw(st.integers(-128, 127))),
        weights=draw(st.sampled_from(["int8", "int8", "int4"])) if dtype == "int8" else "int8",
        seed=draw(st.integers(0, 2**16)),
    )
    if case.padding == VALID:
        reach_h, reach_w = (case.filter_h - 1) * case.dilation[0] + 1, (case.filter_w - 1) * case.dilation[1] + 1
        case = replace(case, height=max(case.height, reach_h), width=max(case.width, reach_w))
    return case


@settings(max_examples=150)
@given(cases("int8"))
def test_int8(case: Case) -> None:
    assert_equals_oracle(case.model(), case.inputs())


@settings(max_examples=80)
@given(cases("int16"))
def test_int16(case: Case) -> None:
    assert_equals_oracle(case.model(), case.inputs())


@settings(max_examples=60)
@given(cases("float32"))
def test_float32(case: Case) -> None:
    assert_equals_oracle(case.model(), case.inputs(2), rtol=1e-6)
