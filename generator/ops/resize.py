"""RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR: where each output row and column comes from, in tables."""

import numpy as np
from numpy.typing import NDArray

from generator.graph import Graph, Operator
from generator.ops.lowered import Lowered, reject_unless_per_tensor

SHORT = {"int8": "s8", "float32": "f32"}
MOST_OUTPUTS = 1 << 16  # along an axis: each has an entry in a table
ONE = 1 << 10  # of the fixed-point fractions


def reject(graph: Graph, operator: Operator) -> str | None:
    source, size, target = graph.input(operator, 0), graph.input(operator, 1), graph.output(operator)
    if source is None or size is None:
        return "an input is missing"
    if reason := reject_unless_per_tensor(source, "input", *SHORT):
        return reason
    if source.dtype != target.dtype or len(source.shape) != 4 or len(target.shape) != 4:
        return f"it turns {source} into {target}"
    if size.data is None:
        return "its size is not a constant"
    if (source.shape[0], *size.data.reshape(-1).tolist(), source.shape[3]) != target.shape:
        return f"output {target} does not fit input {source} and size {size.data.tolist()}"
    if max(target.shape[1:3]) > MOST_OUTPUTS:
        return f"output {target} has more than {MOST_OUTPUTS:,} rows or columns"
    return None


def nearest_indices(inputs: int, outputs: int, align_corners: bool, half_pixel: bool) -> NDArray[np.int32]:
    """[outputs]: the input index each output comes from.

    Source: ``GetNearestNeighbor``, tensorflow/lite/kernels/internal/reference/resize_nearest_neighbor.h; in float32.
    """
    scale = np.float32(inputs - 1) / np.float32(outputs - 1) if align_corners and outputs > 1 else None
    scale = np.float32(inputs) / np.float32(outputs) if scale is None else scale
    places = (np.arange(outputs, dtype=np.float32) + np.float32(0.5 if half_pixel else 0)) * scale
    indices = np.floor(places + np.float32(0.5)) if align_corners else np.floor(places)
    clipped: NDArray[np.int32] = np.clip(indices, 0, inputs - 1).astype(np.int32)
    return clipped


def fixed_point_indices(inputs: int, outputs: int, align_corners: bool, half_pixel: bool) -> NDArray[np.int32]:
    """[outputs, 3]: lower and upper input index and the fraction of the upper one in 1/1024.

    Source: ``ComputeInterpolationValuesInteger``, tensorflow/lite/kernels/internal/reference/resize_bilinear.h.
    """
    over, under = (inputs - 1, outputs - 1) if align_corners and outputs > 1 else (inputs, outputs)
    scale = (ONE * over + under // 2) // under
    place = np.arange(outputs, dtype=np.int64) * scale
    if half_pixel:
        place += scale // 2 - ONE // 2
    lower = np.maximum(np.trunc(place / ONE), 0).astype(np.int64)
    upper = np.minimum(np.trunc((place + ONE - 1) / ONE), inputs - 1).astype(np.int64)
    return np.stack([lower, upper, place - ONE * lower], axis=-1).astype(np.int32)


def float_indices(
    inputs: int, outputs: int, align_corners: bool, half_pixel: bool
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """[outputs, 2]: lower and upper input index; [outputs]: the fraction of the upper one.

    Source: ``ComputeInterpolationValues``, as above.
    """
    over, under = (inputs - 1, outputs - 1) if align_corners and outputs > 1 else (inputs, outputs)
    scale = np.float32(over) / np.float32(under)
    place = np.arange(outputs, dtype=np.float32) * scale
    if half_pixel:
        place = (np.arange(outputs, dtype=np.float32) + np.float32(0.5)) * scale - np.float32(0.5)
    lower = np.maximum(np.floor(place), 0)
    upper = np.minimum(np.ceil(place), inputs - 1)
    return np.stack([lower, upper], axis=-1).astype(np.int32), (place - lower).astype(np.float32)


def lower(graph: Graph, operator: Operator) -> Lowered:
    source, target = graph.tensors[operator.inputs[0]], graph.output(operator)
    batches, input_h, input_w, channels = source.shape
    options = bool(operator.options.get("align_corners")), bool(operator.options.get("half_pixel_centers"))
    axes = (input_h, target.shape[1], *options), (input_w, target.shape[2], *options)
    sizes = {
        "batches": batches,
        "input_h": input_h,
        "input_w": input_w,
        "output_h": target.shape[1],
        "output_w": target.shape[2],
        "channels": channels,
    }
    if operator.name == "RESIZE_NEAREST_NEIGHBOR":
        rows, columns = (nearest_indices(*axis) for axis in axes)
        return Lowered(
            kernel="resize_nearest",
            header="kernels/resize.h",
            struct="ResizeNearest",
            parameters={
                **sizes,
                "channels": channels * np.dtype(source.dtype).itemsize,
                "rows": rows,
                "columns": columns,
            },
            inputs=(source.index,),
        )
    if source.dtype == "int8":
        rows, columns = (fixed_point_indices(*axis) for axis in axes)
        return Lowered(
            kernel="resize_bilinear_s8",
            header="kernels/resize.h",
            struct="ResizeBilinear",
            parameters={**sizes, "rows": rows, "columns": columns},
            inputs=(source.index,),
        )
    (rows, row_fractions), (columns, column_fractions) = (float_indices(*axis) for axis in axes)
    return Lowered(
        kernel="resize_bilinear_f32",
        header="kernels/resize.h",
        struct="ResizeBilinearF32",
        parameters={
            **sizes,
            "rows": rows,
            "columns": columns,
            "row_fractions": row_fractions,
            "column_fractions": column_fractions,
        },
        inputs=(source.index,),
    )
