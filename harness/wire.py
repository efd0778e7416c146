"""What bytes on the wire become in the device: firmware/core/tensor.c in numpy."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.benchmark import Benchmark
from common.oracle import TensorInfo


def wire_dtype(name: str) -> np.dtype[Any]:
    return np.dtype(name).newbyteorder("<")


def input_tensors(benchmark: Benchmark, data: bytes, tensors: Sequence[TensorInfo]) -> list[NDArray[Any]]:
    """The model's input tensors, flat and in its types, for one input as it is sent."""
    values, start = [], 0
    for wire, tensor in zip(benchmark.inputs, tensors, strict=True):
        sent = np.frombuffer(data, wire_dtype(wire.dtype), wire.elements, start).astype(wire.dtype)
        described = TensorInfo(sent.dtype, wire.shape, np.float32(benchmark.input_scale), benchmark.input_zero_point)
        values.append(convert(sent, described, tensor))
        start += wire.bytes
    return values


def convert(values: NDArray[Any], source: TensorInfo, target: TensorInfo) -> NDArray[Any]:
    """Numbers of one type as numbers of another; see `tensor_convert` of firmware/core/tensor.h."""
    if source.dtype == target.dtype:
        return values
    if {source.dtype.name, target.dtype.name} == {"int8", "uint8"}:
        return (values.view(np.uint8) ^ np.uint8(0x80)).view(target.dtype)
    reals = real(values, source)
    return reals if target.dtype == np.float32 else quantize(reals, target)


def real(values: NDArray[Any], tensor: TensorInfo) -> NDArray[np.float32]:
    """What numbers stand for."""
    floats: NDArray[np.float32] = values.astype(np.float32)
    if tensor.dtype == np.float32 or tensor.scale is None:
        return floats
    return (floats - np.float32(tensor.zero_point)) * tensor.scale


def quantize(values: NDArray[np.float32], tensor: TensorInfo) -> NDArray[Any]:
    """round(x / scale) + zero point, halves away from zero, clamped; NaN becomes the zero point."""
    assert tensor.scale is not None
    limits = np.iinfo(tensor.dtype)
    with np.errstate(all="ignore"):
        quotients = (values / tensor.scale).astype(np.float64)
    quotients = np.clip(np.where(np.isnan(quotients), 0.0, quotients), -1e6, 1e6)
    rounded = np.trunc(quotients + np.copysign(0.5, quotients))  # the sum is exact in float64
    clamped: NDArray[Any] = np.clip(rounded + tensor.zero_point, limits.min, limits.max).astype(tensor.dtype)
    return clamped
