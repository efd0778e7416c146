"""Operators that move elements and do not change them, written as numpy views (see generator/ops/copies.py)."""

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.graph import Graph, Operator, Tensor
from generator.ops.copies import Blank, Copy, Fill, blank, check, lower_parts
from generator.ops.lowered import Alias, Lowered

Parts = list[Copy | Fill]
DTYPES = ("int8", "uint8", "bool", "int16", "int32", "float32", "int64")
MOST_BLOCK = 1 << 12  # places, each of which takes a copy


def _constant(graph: Graph, operator: Operator, position: int, role: str) -> NDArray[Any]:
    """The values of a constant input, flat.

    Raises:
        ValueError: it is missing or not a constant.
    """
    tensor = graph.input(operator, position)
    if tensor is None:
        raise ValueError(f"it has no {role}")
    if tensor.data is None:
        raise ValueError(f"its {role} is not a constant")
    return tensor.data.reshape(-1)


def _integers(graph: Graph, operator: Operator, position: int, role: str, count: int | None = None) -> list[int]:
    values = _constant(graph, operator, position, role)
    if values.dtype.name not in ("int32", "int64"):
        raise ValueError(f"its {role} is {values.dtype.name}, supported are int32 and int64")
    if count is not None and len(values) != count:
        raise ValueError(f"its {role} has {len(values)} values, not {count}")
    return [int(value) for value in values]


def _value(graph: Graph, operator: Operator, position: int) -> NDArray[Any]:
    """A single value of the output's type."""
    values, dtype = _constant(graph, operator, position, "value"), graph.output(operator).dtype
    if len(values) != 1 or values.dtype.name != dtype:
        raise ValueError(f"its value is {values.dtype.name}[{len(values)}], supported is one of {dtype}")
    return values


def _input(graph: Graph, operator: Operator, position: int = 0) -> Tensor:
    tensor = graph.input(operator, position)
    if tensor is None:
        raise ValueError(f"input {position} is missing")
    return tensor


def _axis(axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise ValueError(f"there is no axis {axis} in {rank} dimensions")
    return axis % rank


def _whole(graph: Graph, operator: Operator) -> Parts:
    """RESHAPE, SQUEEZE, EXPAND_DIMS, and copies of variables: the same bytes."""
    source, target = blank(_input(graph, operator)), blank(graph.output(operator))
    if source.array.size != target.array.size:
        raise ValueError(f"it turns {source.tensor} into {target.tensor}")
    return [Copy(source, source.array.reshape(-1), target, target.array.reshape(-1))]


def _slice(graph: Graph, operator: Operator) -> Parts:
    source, target = blank(_input(graph, operator)), blank(graph.output(operator))
    rank = source.array.ndim
    begins, sizes = (_integers(graph, operator, k, role, rank) for k, role in ((1, "begin"), (2, "size")))
    for begin, size, whole in zip(begins, sizes, source.array.shape, strict=True):
        if size < -1 or not 0 <= begin <= begin + max(size, 0) <= whole:
            raise ValueError(f"it takes {size} elements from {begin} on along an axis of {whole}")
    ends = [
        begin + size if size >= 0 else whole
        for begin, size, whole in zip(begins, sizes, source.array.shape, strict=True)
    ]
    part = source.array[tuple(slice(begin, end) for begin, end in zip(begins, ends, strict=True))]
    return [Copy(source, part, target, target.array)]


def _strided_slice(graph: Graph, operator: Operator) -> Parts:
    """Source: ``tensorflow/lite/kernels/internal/strided_slice_logic.h``; numpy's slices clamp alike."""
    source, target = blank(_input(graph, operator)), blank(graph.output(operator))
    begins = _integers(graph, operator, 1, "begin")
    ends, strides = (_integers(graph, operator, k, role, len(begins)) for k, role in ((2, "end"), (3, "strides")))
    options = operator.options
    index: list[Any] = []
    for axis, (begin, end, stride) in enumerate(zip(begins, ends, strides, strict=True)):
        bit = 1 << axis
        stop = begin + end if options.get("offset") else end
        if options["ellipsis_mask"] & bit:
            index.append(Ellipsis)
        elif options["new_axis_mask"] & bit:
            index.append(None)
        elif options["shrink_axis_mask"] & bit:
            index.append(0 if options["begin_mask"] & bit else begin)
        else:
            first = None if options["begin_mask"] & bit else begin
            index.append(slice(first, None if options["end_mask"] & bit else stop, stride))
    if Ellipsis not in index:
        index.append(Ellipsis)  # makes a view even of a single element
    try:
        part = source.array[tuple(index)]
    except IndexError as error:
        raise ValueError(str(error)) from None
    return [Copy(source, part, target, _shaped(target, part.shape))]


def _shaped(target: Blank, shape: tuple[int, ...]) -> NDArray[Any]:
    if target.array.size != int(np.prod(shape)):
        raise ValueError(f"its output {target.tensor} does not fit: it is {list(shape)}")
    return target.array.reshape(shape)


def _transpose(graph: Graph, operator: Operator) -> Parts:
    source, target = blank(_input(graph, operator)), blank(graph.output(operator))
    order = _integers(graph, operator, 1, "permutation", source.array.ndim)
    if sorted(_axis(axis, source.array.ndim) for axis in order) != list(range(source.array.ndim)):
        raise ValueError(f"{order} is not a permutation of {source.array.ndim} dimensions")
    return [Copy(source, source.array.transpose(order), target, target.array)]


def _concatenation(graph: Graph, operator: Operator) -> Parts:
    if operator.options.get("activation", 0):
        raise ValueError("a fused activation is not supported")
    target = blank(graph.output(operator))
    axis = _axis(operator.options["axis"], target.array.ndim)
    parts: Parts = []
    start = 0
    for position in range(len(operator.inputs)):
        source = blank(_input(graph, operator, position))
        _same_quantization(source.tensor, target.tensor)
        end = start + (source.array.shape[axis] if axis < source.array.ndim else 0)
        place = (slice(None),) * axis + (slice(start, end),)
        parts.append(Copy(source, source.array, target, target.array[place]))
        start = end
    if start != target.array.shape[axis]:
        raise ValueError(f"its inputs have {start} elements along axis {axis}, its output {target.tensor}")
    return parts


def _same_quantization(source: Tensor, target: Tensor) -> None:
    a, b = source.quantization, target.quantization
    if a is None or b is None or source.dtype not in ("int8", "int16") or a.per_channel or b.per_channel:
        return
    if (a.scale, a.zero_point) != (b.scale, b.zero_point):
        raise ValueError(f"input {source.index} and its output have different scales or zero points")


def _split_along(graph: Graph, operator: Operator, source: Tensor, axis: int, sizes: list[int]) -> Parts:
    whole = blank(source)
    if sum(sizes) != whole.array.shape[axis] or len(sizes) != len(operator.outputs):
        raise ValueError(f"{source} does not split into {sizes} along axis {axis}")
    parts: Parts = []
    start = 0
    for position, size in enumerate(sizes):
        target = blank(graph.output(operator, position))
        parts.append(
            Copy(whole, whole.array[(slice(None),) * axis + (slice(start, start + size),)], target, target.array)
        )
        start += size
    return parts


def _split(graph: Graph, operator: Operator) -> Parts:
    (axis,) = _integers(graph, operator, 0, "axis", 1)
    source = _input(graph, operator, 1)
    axis = _axis(axis, len(source.shape))
    count = len(operator.outputs)
    return _split_along(graph, operator, source, axis, [source.shape[axis] // count] * count)


def _split_v(graph: Graph, operator: Operator) -> Parts:
    source = _input(graph, operator)
    sizes = _integers(graph, operator, 1, "sizes")
    (axis,) = _integers(graph, operator, 2, "axis", 1)
    axis = _axis(axis, len(source.shape))
    rest = source.shape[axis] - sum(size for size in sizes if size >= 0)
    return _split_along(graph, operator, source, axis, [size if size >= 0 else rest for size in sizes])


def _pack(graph: Graph, operator: Operator) -> Parts:
    target = blank(graph.output(operator))
    axis = _axis(operator.options["axis"], target.array.ndim)
    if target.array.shape[axis] != len(operator.inputs):
        raise ValueError(f"its output {target.tensor} does not hold {len(operator.inputs)} inputs along axis {axis}")
    parts: Parts = []
    for position in range(len(operator.inputs)):
        source = blank(_input(graph, operator, position))
        into = target.array[(slice(None),) * axis + (position, ...)]
        parts.append(Copy(source, source.array, target, into))
    return parts


def _unpack(graph: Graph, operator: Operator) -> Parts:
    source = blank(_input(graph, operator))
    axis = _axis(operator.options["axis"], source.array.ndim)
    if source.array.shape[axis] != len(operator.outputs):
        raise ValueError(f"{source.tensor} does not unpack into {len(operator.outputs)} along axis {axis}")
    parts: Parts = []
    for position in range(len(operator.outputs)):
        target = blank(graph.output(operator, position))
        parts.append(Copy(source, source.array[(slice(None),) * axis + (position, ...)], target, target.array))
    return parts


def _pad_value(graph: Graph, operator: Operator, source: Tensor) -> NDArray[Any]:
    if operator.name == "PADV2":
        return _value(graph, operator, 2)
    zero = source.quantization.zero_point if source.quantization is not None and source.dtype != "float32" else 0
    return np.array([zero], source.dtype)


def _pad(graph: Graph, operator: Operator) -> Parts:
    source, target = blank(_input(graph, operator)), blank(graph.output(operator))
    pads = _pairs(graph, operator, 1, "paddings")
    if len(pads) != source.array.ndim or target.array.ndim != source.array.ndim:
        raise ValueError(f"paddings {pads} do not fit {source.tensor}")
    expected = tuple(size + before + after for size, (before, after) in zip(source.array.shape, pads, strict=True))
    if target.array.shape != expected:
        raise ValueError(f"its output {target.tensor} does not fit: it is {list(expected)}")
    place = tuple(slice(before, before + size) for (before, _), size in zip(pads, source.array.shape, strict=True))
    return [
        Fill(target.tensor, _pad_value(graph, operator, source.tensor)),
        Copy(source, source.array, target, target.array[place]),
    ]


def _pairs(graph: Graph, operator: Operator, position: int, role: str) -> list[tuple[int, int]]:
    """Raises ValueError where one is negative."""
    values = _integers(graph, operator, position, role)
    if len(values) % 2 or min(values, default=0) < 0:
        raise ValueError(f"its {role} are {values}")
    return list(zip(values[::2], values[1::2], strict=True))


def _blocks(graph: Graph, operator: Operator) -> tuple[tuple[int, int], list[tuple[int, int]]]:
    """Block height and width, and paddings or crops of both axes; three dimensions have a width of 1."""
    shape = _integers(graph, operator, 1, "block shape")
    pads = _pairs(graph, operator, 2, "paddings or crops")
    if len(shape) not in (1, 2) or len(pads) != len(shape) or min(shape) < 1 or prod(shape) > MOST_BLOCK:
        raise ValueError(f"block shape {shape} is not supported")
    return (shape[0], shape[1] if len(shape) == 2 else 1), [*pads, (0, 0)][:2]


def _four_dimensions(array: NDArray[Any]) -> NDArray[Any]:
    if array.ndim not in (3, 4):
        raise ValueError(f"{array.ndim} dimensions are not supported, 3 and 4 are")
    return array if array.ndim == 4 else array[:, :, None, :]


def _overlap(count: int, block: int, index: int, before: int, size: int) -> tuple[slice, slice]:
    """Which of ``count`` cells, and which of ``size`` places, hold each other where cell c is at c * block + index -
    before."""
    first = max(0, -((index - before) // block)) if index - before < 0 else 0
    last = min(count - 1, (size - 1 - index + before) // block)
    if last < first:
        return slice(0, 0), slice(0, 0)
    start = first * block + index - before
    return slice(first, last + 1), slice(start, last * block + index - before + 1, block)


def _space_to_batch(graph: Graph, operator: Operator) -> Parts:
    source, target = blank(_input(graph, operator)), blank(graph.output(operator))
    block, pads = _blocks(graph, operator)
    space, batched = _four_dimensions(source.array), _four_dimensions(target.array)
    expected = tuple((size + sum(pad)) // step for size, pad, step in zip(space.shape[1:3], pads, block, strict=True))
    if batched.shape[1:3] != expected or batched.shape[0] != space.shape[0] * block[0] * block[1]:
        raise ValueError(f"its output {target.tensor} does not fit {source.tensor}")
    parts: Parts = [Fill(target.tensor, _pad_value(graph, operator, source.tensor))] if np.any(pads) else []
    return parts + [
        Copy(source, space[:, y, x], target, cells)
        for y, x, cells in _each_block(space, batched, block, pads)
        if cells.size
    ]


def _batch_to_space(graph: Graph, operator: Operator) -> Parts:
    source, target = blank(_input(graph, operator)), blank(graph.output(operator))
    block, crops = _blocks(graph, operator)
    batched, space = _four_dimensions(source.array), _four_dimensions(target.array)
    expected = tuple(size * step - sum(crop) for size, crop, step in zip(batched.shape[1:3], crops, block, strict=True))
    if space.shape[1:3] != expected or batched.shape[0] != space.shape[0] * block[0] * block[1]:
        raise ValueError(f"its output {target.tensor} does not fit {source.tensor}")
    return [
        Copy(source, cells, target, space[:, y, x])
        for y, x, cells in _each_block(space, batched, block, crops)
        if cells.size
    ]


def _each_block(
    space: NDArray[Any], batched: NDArray[Any], block: tuple[int, int], pads: list[tuple[int, int]]
) -> list[tuple[slice, slice, NDArray[Any]]]:
    """(rows, columns of the space, cells of the batched tensor that hold them) of each place in a block."""
    batches = space.shape[0]
    found = []
    for i in range(block[0]):
        for j in range(block[1]):
            start = (i * block[1] + j) * batches
            cells_y, y = _overlap(batched.shape[1], block[0], i, pads[0][0], space.shape[1])
            cells_x, x = _overlap(batched.shape[2], block[1], j, pads[1][0], space.shape[2])
            found.append((y, x, batched[start : start + batches, cells_y, cells_x]))
    return found


def _depth_and_space(graph: Graph, operator: Operator) -> Parts:
    """DEPTH_TO_SPACE and SPACE_TO_DEPTH: [b, h, w, (i, j, c)] and [b, h, i, w, j, c]."""
    source, target = blank(_input(graph, operator)), blank(graph.output(operator))
    to_space = operator.name == "DEPTH_TO_SPACE"
    deep, space = (source.array, target.array) if to_space else (target.array, source.array)
    block = operator.options["block_size"]
    if deep.ndim != 4 or space.ndim != 4 or block < 1:
        raise ValueError("only four dimensions and a positive block are supported")
    b, h, w, c = deep.shape
    if c % (block * block) or space.shape != (b, h * block, w * block, c // block**2):
        raise ValueError(f"its output {target.tensor} does not fit {source.tensor}")
    split_deep = deep.reshape(b, h, w, block, block, c // block**2).transpose(0, 1, 3, 2, 4, 5)
    split_space = space.reshape(b, h, block, w, block, c // block**2)
    part, into = (split_deep, split_space) if to_space else (split_space, split_deep)
    return [Copy(source, part, target, into)]


def _broadcast_to(graph: Graph, operator: Operator) -> Parts:
    source, target = blank(_input(graph, operator)), blank(graph.output(operator))
    try:
        part = np.broadcast_to(source.array, target.array.shape)
    except ValueError:
        raise ValueError(f"{source.tensor} cannot be broadcast to {target.tensor}") from None
    return [Copy(source, part, target, target.array)]


def _reverse(graph: Graph, operator: Operator) -> Parts:
    source, target = blank(_input(graph, operator)), blank(graph.output(operator))
    axes = [_axis(axis, source.array.ndim) for axis in _integers(graph, operator, 1, "axes")]
    return [Copy(source, np.flip(source.array, tuple(axes)), target, target.array)]


def _fill(graph: Graph, operator: Operator) -> Parts:
    return [Fill(graph.output(operator), _value(graph, operator, 1))]


def _zeros_like(graph: Graph, operator: Operator) -> Parts:
    return [Fill(graph.output(operator), np.zeros(1, graph.output(operator).dtype))]


PARTS: dict[str, Callable[[Graph, Operator], Parts]] = {
    "ASSIGN_VARIABLE": _whole,
    "BATCH_TO_SPACE_ND": _batch_to_space,
    "BROADCAST_TO": _broadcast_to,
    "CONCATENATION": _concatenation,
    "DEPTH_TO_SPACE": _depth_and_space,
    "EXPAND_DIMS": _whole,
    "FILL": _fill,
    "PACK": _pack,
    "PAD": _pad,
    "PADV2": _pad,
    "READ_VARIABLE": _whole,
    "RESHAPE": _whole,
    "REVERSE_V2": _reverse,
    "SLICE": _slice,
    "SPACE_TO_BATCH_ND": _space_to_batch,
    "SPACE_TO_DEPTH": _depth_and_space,
    "SPLIT": _split,
    "SPLIT_V": _split_v,
    "SQUEEZE": _whole,
    "STRIDED_SLICE": _strided_slice,
    "TRANSPOSE": _transpose,
    "UNPACK": _unpack,
    "ZEROS_LIKE": _zeros_like,
}
COPIED = {"SPLIT": 1}  # position of the tensor that is moved, where it is not the first
GENERATED = ("FILL", "ZEROS_LIKE")


def reject(graph: Graph, operator: Operator) -> str | None:
    target = graph.output(operator)
    source = graph.input(operator, COPIED.get(operator.name, 0))
    if target.dtype not in DTYPES:
        return f"output is {target.dtype}, supported is {' or '.join(DTYPES)}"
    if operator.name not in GENERATED and (source is None or source.dtype != target.dtype):
        return f"it turns {source if source is not None else 'nothing'} into {target}"
    try:
        check(PARTS[operator.name](graph, operator))
    except ValueError as error:
        return str(error)
    return None


def lower(graph: Graph, operator: Operator) -> tuple[Lowered, ...] | Alias:
    return lower_parts(PARTS[operator.name](graph, operator))
