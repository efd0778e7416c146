"""Parts of tensors copied to parts of others: what most data movement comes down to.

The parts are numpy views of arrays with the tensors' shapes, whose addresses and strides say where the bytes are; the
arrays hold nothing.
"""

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.graph import NUMPY_TYPES, Tensor
from generator.ops.lowered import Alias, Lowered
from generator.program import Value

RANK = 5  # COPY_RANK in firmware/kernels/copy.h
MOST_RUNS = 200_000  # for which the lead is worked out


@dataclass(frozen=True)
class Blank:
    """A tensor as an array that stands for its memory."""

    tensor: Tensor
    array: NDArray[Any]

    def offset(self, view: NDArray[Any]) -> int:
        """Bytes from the tensor's start to the first element of a view of ``array``."""
        return int(view.__array_interface__["data"][0] - self.array.__array_interface__["data"][0])


def blank(tensor: Tensor) -> Blank:
    """Raises ValueError for a type whose elements are not whole bytes."""
    if tensor.dtype not in NUMPY_TYPES:
        raise ValueError(f"{tensor.label} is {tensor.dtype}, which cannot be moved")
    return Blank(tensor, np.empty(tensor.shape, tensor.dtype))


@dataclass(frozen=True)
class Copy:
    """``into`` = ``part``: views of the same shape of ``target`` and ``source``."""

    source: Blank
    part: NDArray[Any]
    target: Blank
    into: NDArray[Any]


@dataclass(frozen=True)
class Fill:
    """Every element of ``target`` becomes ``value``."""

    target: Tensor
    value: NDArray[Any]


def check(parts: list[Copy | Fill]) -> None:
    """Raises ValueError where the shapes or types of a copy differ or need too many dimensions."""
    for part in parts:
        if isinstance(part, Copy):
            if part.part.shape != part.into.shape:
                raise ValueError(f"its output {part.target.tensor} does not fit: it is {list(part.part.shape)}")
            if part.part.dtype != part.into.dtype:
                raise ValueError(f"it turns {part.source.tensor} into {part.target.tensor}")
            if len(_dimensions(part)) > RANK + 1:
                raise ValueError(f"it needs more than {RANK} dimensions")


def lower_parts(parts: list[Copy | Fill]) -> tuple[Lowered, ...] | Alias:
    """The kernel calls, or an alias where a whole tensor is copied as it is."""
    if len(parts) == 1 and isinstance(parts[0], Copy) and _is_everything(parts[0]):
        source, target = parts[0].source.tensor, parts[0].target.tensor
        if source.data is None and not source.variable and not target.variable:
            return Alias(source.index)
    return tuple(_lower_copy(part) if isinstance(part, Copy) else _lower_fill(part) for part in parts)


def _is_everything(copy: Copy) -> bool:
    runs = _dimensions(copy)
    whole = copy.source.array.nbytes == copy.target.array.nbytes == runs[-1][0]
    return whole and len(runs) == 1


def _dimensions(copy: Copy) -> list[tuple[int, int, int]]:
    """(size, input stride, output stride) with neighbours merged; the last is a run of bytes."""
    item = copy.part.itemsize
    merged: list[tuple[int, int, int]] = [(item, 1, 1)]
    for size, source, target in reversed(list(zip(copy.part.shape, copy.part.strides, copy.into.strides, strict=True))):
        if size == 1:
            continue
        inner = merged[0]
        if source == inner[0] * inner[1] and target == inner[0] * inner[2]:
            merged[0] = (size * inner[0], inner[1], inner[2])
        else:
            merged.insert(0, (size, source, target))
    return merged


def _lower_copy(copy: Copy) -> Lowered:
    *dimensions, (run, _, _) = _dimensions(copy)
    padded = [(1, 0, 0)] * (RANK - len(dimensions)) + dimensions
    shape, source, target = (tuple(values) for values in zip(*padded, strict=True))
    offsets = copy.source.offset(copy.part), copy.target.offset(copy.into)
    return Lowered(
        kernel="copy_runs",
        header="kernels/copy.h",
        struct="Copy",
        parameters={
            "shape": shape,
            "input_stride": source,
            "output_stride": target,
            "input_offset": offsets[0],
            "output_offset": offsets[1],
            "run_bytes": run,
        },
        inputs=(copy.source.tensor.index,),
        outputs=(copy.target.tensor.index,),
        lead=_lead(shape, source, target, offsets, run),
    )


def _lead(
    shape: tuple[int, ...], source: tuple[int, ...], target: tuple[int, ...], offsets: tuple[int, int], run: int
) -> dict[int, int]:
    """By how much the output must begin before the input so that no run is overwritten before it has been copied."""
    if prod(shape) > MOST_RUNS:
        return {}
    places = np.indices(shape).reshape(len(shape), -1)
    reads = offsets[0] + np.array(source) @ places
    writes = offsets[1] + np.array(target) @ places
    lowest = np.minimum.accumulate(reads[::-1])[::-1]  # that is read by a run and all behind it
    written = np.maximum.accumulate(writes + run)
    gaps = written[:-1] - lowest[1:]
    return {0: max(0, int(np.max(gaps, initial=0)))}


def _lower_fill(part: Fill) -> Lowered:
    raw = part.value.astype(part.target.dtype).tobytes()
    value: Value = tuple(int(word) for word in np.frombuffer(raw.ljust(8, b"\0"), "<i4"))
    return Lowered(
        kernel="fill",
        header="kernels/copy.h",
        struct="Fill",
        parameters={"count": part.target.elements, "element_bytes": len(raw), "value": value},
        inputs=(),
        outputs=(part.target.index,),
    )
