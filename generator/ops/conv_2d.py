"""CONV_2D: int8 (weights int8 or int4), int16 (weights int8) and float32; constant weights and bias, any geometry."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from generator.graph import Graph, Operator
from generator.ops import winograd
from generator.ops.clamped_shift import fixed_in_pairs
from generator.ops.conv_2d_planes import lower_planes, straight_blocks
from generator.ops.linear import (
    Linear,
    bias_values,
    linear_of,
    reject_activation,
    reject_bias,
    reject_constants,
    reject_quantized_weights,
    reject_range,
    reject_types,
    rescale_per_filter,
    weight_matrix,
)
from generator.ops.lowered import Lowered
from generator.ops.packing import (
    INPUTS_PER_STEP,
    PAIRED_FILTERS,
    PAIRED_TAIL,
    can_pair,
    pack_blocks,
    pack_paired,
    pack_paired_fixed,
    packed_filters,
    padded_depth,
    weight_reads,
)
from generator.ops.places import SOURCE, TARGET, Places, tensor_places
from generator.ops.sides import replaced_sides
from generator.ops.window import Window, reject_window, window_lead, window_of
from generator.program import Value
from generator.quantization import (
    INT8_MAX,
    INT8_MIN,
    activation_range,
    float_activation_range,
)
from generator.tuning import RULES, OperatorTuning, tuning_of

PLAIN, PAIRED = "conv_2d_s8", "conv_2d_s8_paired"
PIXELS = 4  # CONV_2D_PIXELS in firmware/kernels/conv_2d_s8.h
FILTERS = 2  # of a block of its weights
PAIRED_LANES = 2  # CONV_2D_PAIRED_LANES in firmware/kernels/conv_2d_s8_paired.h
BY_TILES = "by_tiles"  # option that the compiler sets: whether the layer may have the kernel with larger weights
MOST_PLANE_BYTES = 4096  # of a copy of the input with its padding
MOST_PIXELS = 64  # in columns
COLUMNS = "columns_bytes"  # option that the compiler sets: of columns at a time
FEW_COLUMNS_BYTES, MANY_COLUMNS_BYTES = 4096, 16384


def reject(graph: Graph, operator: Operator) -> str | None:
    layer = linear_of(graph, operator)
    if layer is None:
        return "input or weights are missing"
    return reject_layer(layer, operator)


def reject_layer(layer: Linear, operator: Operator) -> str | None:
    """Reason to refuse a convolution with weights [filters, height, width, channels of a group], or None."""
    return (
        reject_types(layer)
        or _reject_shapes(layer, operator)
        or reject_constants(layer)
        or reject_quantized_weights(layer)
        or reject_bias(layer)
        or reject_activation(operator, layer.output)
        or reject_range(layer)
    )


def _reject_shapes(layer: Linear, operator: Operator) -> str | None:
    for role, tensor in (("input", layer.input), ("weights", layer.weights), ("output", layer.output)):
        if len(tensor.shape) != 4 or 0 in tensor.shape:
            return f"{role} has the shape {list(tensor.shape)}, supported are four dimensions of at least 1"
    for name in ("stride_h", "stride_w", "dilation_h", "dilation_w"):
        if operator.options.get(name, 1) < 1:
            return f"{name} is {operator.options[name]}"
    if operator.options.get("padding", 0) not in (0, 1):
        return f"padding {operator.options['padding']} is not known"
    batches, height, width, channels = layer.input.shape
    filters, filter_h, filter_w, filter_channels = layer.weights.shape
    if channels % filter_channels or filters % (channels // filter_channels):
        return f"{channels} input channels do not divide into groups for weights {list(layer.weights.shape)}"
    window = window_of(operator, height, width, filter_h, filter_w)
    if reason := reject_window(window, height, width):
        return reason
    expected = (batches, window.output_h, window.output_w, filters)
    if layer.output.shape != expected:
        return f"output {layer.output} does not fit: with this window it has the shape {list(expected)}"
    return None


def with_tiles(graph: Graph, most_bytes: int = winograd.MOST_BYTES) -> Graph:
    """The graph whose 3x3 convolutions know whether they are computed by tiles: those that gain most per byte of
    transformed filters, of which all together take no more than ``most_bytes``."""
    gains = []
    for operator in graph.operators:
        if operator.name != "CONV_2D" or reject(graph, operator) is not None:
            continue
        layer = linear_of(graph, operator)
        assert layer is not None
        window = window_of(operator, *layer.input.shape[1:3], *layer.weights.shape[1:3])
        if layer.dtype == "int8" and winograd.suits(layer, window):
            size = winograd.transformed_bytes(layer)
            gains.append((-winograd.saved_cycles(layer, window) / size, size, operator.index))
    chosen = set()
    for _, size, index in sorted(gains):
        if size <= most_bytes:
            most_bytes -= size
            chosen.add(index)
    operators = (
        replace(operator, options={**operator.options, BY_TILES: operator.index in chosen})
        for operator in graph.operators
    )
    return replace(graph, operators=tuple(operators))


def with_columns(graph: Graph, most_bytes: int) -> Graph:
    """The graph whose convolutions expand as many pixels at a time as take ``most_bytes``."""
    operators = (replace(operator, options={**operator.options, COLUMNS: most_bytes}) for operator in graph.operators)
    return replace(graph, operators=tuple(operators))


def lower(graph: Graph, operator: Operator) -> Lowered:
    layer = linear_of(graph, operator)
    assert layer is not None
    if SOURCE in operator.options or TARGET in operator.options:
        source = operator.options.get(SOURCE) or tensor_places(layer.input)
        target = operator.options.get(TARGET) or tensor_places(layer.output)
        if layer.weights.shape[1:3] != (1, 1):
            return _into_planes(lower_layer(layer, operator), target)
        words, pixels = padded_depth(layer.input.shape[3]) // 2, layer.output.elements // layer.filters
        columns = tuning_of(operator).columns or _columns(words, pixels, PAIRED_LANES, _most_bytes(operator))
        return lower_planes(layer, source, target, (INT8_MIN, INT8_MAX), columns)
    wanted = tuning_of(operator).kernel
    by_rule = operator.options.get(BY_TILES, True)
    if layer.dtype == "int8" and (by_rule if wanted is None else wanted == winograd.KERNEL):
        by_tiles = _lower_winograd(layer, operator)
        if by_tiles is not None:
            return by_tiles
    return lower_layer(layer, operator)


def _lower_winograd(layer: Linear, operator: Operator) -> Lowered | None:
    assert layer.output.quantization is not None
    _, height, width, _ = layer.input.shape
    window = window_of(operator, height, width, *layer.weights.shape[1:3])
    if not (winograd.fits if tuning_of(operator).kernel else winograd.suits)(layer, window):
        return None
    limits = activation_range(operator.options.get("activation", 0), layer.output.quantization)
    return winograd.lower(layer, window, limits)


def unclamped(graph: Graph, operator: Operator) -> Lowered | None:
    """What a convolution that was not rejected becomes; None if not the paired kernel for one image, without clamps."""
    layer = linear_of(graph, operator)
    if layer is None or layer.dtype != "int8" or layer.input.shape[0] != 1:
        return None
    lowered = lower(graph, operator)
    limits = lowered.parameters.get("activation_min"), lowered.parameters.get("activation_max")
    return lowered if lowered.kernel == PAIRED and limits == (INT8_MIN, INT8_MAX) else None


def writes_planes(lowered: Lowered, target: Places) -> bool:
    """Whether an `unclamped` convolution can write its outputs to ``target``: a pointwise one always, one of several
    taps if rows are whole pairs and filters whole blocks."""
    width, taps = lowered.integer("output_w"), lowered.integer("filter_h") * lowered.integer("filter_w")
    whole = width % PAIRED_LANES == 0 and lowered.integer("output_channels") % PAIRED_FILTERS == 0
    return bool(lowered.parameters["pointwise"]) or (
        taps > 1 and target.second is None and whole and width <= MOST_PIXELS
    )


def _into_planes(lowered: Lowered, target: Places) -> Lowered:
    """The same with outputs in planes, and columns of whole rows."""
    pairs = lowered.integer("output_w") // PAIRED_LANES
    before, words = lowered.integer("columns"), lowered.integer("words")
    columns = max(1, before // pairs) * pairs
    places = np.array([target.first, target.row, target.column, target.block], np.int32)
    return replace(
        lowered,
        parameters={**lowered.parameters, "columns": columns, "places": places},
        scratch_bytes=lowered.scratch_bytes + (columns - before) * PAIRED_LANES * words * 4,
        lead={},
        output_bytes=target.bytes,
    )


def lower_layer(layer: Linear, operator: Operator) -> Lowered:
    """The kernel for a layer that was not rejected."""
    _, height, width, _ = layer.input.shape
    window = window_of(operator, height, width, *layer.weights.shape[1:3])
    activation = operator.options.get("activation", 0)
    if layer.dtype == "int8":
        return lower_int8(layer, window, activation, tuning_of(operator), _most_bytes(operator))
    if layer.dtype == "int16":
        return lower_int16(layer, window, activation)
    return lower_float32(layer, window, activation)


def lower_int8(
    layer: Linear,
    window: Window,
    activation: int,
    tuning: OperatorTuning = RULES,
    columns_bytes: int = FEW_COLUMNS_BYTES,
) -> Lowered:
    assert layer.input.quantization is not None
    assert layer.output.quantization is not None
    groups, depth = _groups(layer), layer.weights.elements // layer.filters
    words = padded_depth(depth) // 2
    channels = layer.weights.shape[3]
    pixels = layer.output.elements // layer.filters
    row_bytes = _row_bytes(layer, window)
    staged = window.filter_h > 1 and row_bytes % INPUTS_PER_STEP != 0
    minimum, maximum = activation_range(activation, layer.output.quantization)
    weights, records, by_offset = packed_filters(layer, minimum, maximum)
    paired = by_offset and groups == 1 and can_pair(weights, records) and tuning.kernel in (None, PAIRED)
    fixed = fixed_in_pairs(layer, minimum, maximum, layer.filters) if paired else None
    if fixed is not None:
        weights = fixed.weights
    kernel, lanes, filters_of_block = (PAIRED, PAIRED_LANES, PAIRED_FILTERS) if paired else (PLAIN, PIXELS, FILTERS)
    by_rule = _columns(words, pixels, lanes, columns_bytes)
    columns = min(tuning.columns, -(-pixels // lanes)) if tuning.columns else by_rule
    pointwise = _is_pointwise(layer, window)
    in_pieces = staged or not row_bytes or _has_padding(layer, window)
    stages = 2 * (not pointwise) if paired else int(in_pieces)
    plane = _padded_plane(layer, window) if paired else {}
    plane_bytes = plane.get("plane_bytes", 0)
    tails, sides = 0, dict[str, Value]()
    if paired and window.filter_h > 1 and row_bytes:
        weights, tails = _in_rows(weights, window.filter_h)
        sides = {} if plane else replaced_sides(layer, window, tails)
    if fixed is not None:
        blocks = pack_paired_fixed(weights, fixed.fine, fixed.whole)
    else:
        blocks = pack_paired(weights, records) if paired else pack_blocks(weights, records, groups)
    straight = straight_blocks(layer, (minimum, maximum), weights, None if fixed else records) if paired else None
    return Lowered(
        kernel=kernel,
        header=f"kernels/{kernel}.h",
        struct="Conv2dS8",
        parameters={
            "blocks": blocks,
            "words": words,
            "columns": columns,
            "pixels": pixels,
            **_geometry(layer, window),
            "group_filters": layer.filters // groups,
            "reach_h": (window.filter_h - 1) * window.dilation_h + 1,
            "reach_w": (window.filter_w - 1) * window.dilation_w + 1,
            "row_bytes": row_bytes,
            "staged": staged,
            "tails": tails,
            "pointwise": pointwise,
            **plane,
            **sides,
            "by_offset": by_offset,
            "fixed_shift": fixed is not None,
            "block_words": words * PAIRED_LANES + PAIRED_TAIL if paired else 0,
            "input_zero_point": layer.input.quantization.zero_point,
            "output_zero_point": layer.output.quantization.zero_point,
            "activation_min": minimum,
            "activation_max": maximum,
        },
        inputs=(layer.input.index,),
        macs=layer.output.elements * depth,
        constant_reads=weight_reads(pixels, lanes, columns, blocks.nbytes // -(-layer.filters // filters_of_block)),
        read_past=-(row_bytes or channels) % INPUTS_PER_STEP,
        scratch_bytes=lanes * columns * words * 4
        + stages * (2 * words + INPUTS_PER_STEP)
        + (PAIRED_FILTERS if paired else 0)
        + (plane_bytes + INPUTS_PER_STEP if plane_bytes else 0),
        lead={0: lead_bytes(layer, window, lanes * columns, layer.filters // groups if groups > 1 else None)},
        straight_blocks=straight,
    )


def lower_int16(layer: Linear, window: Window, activation: int) -> Lowered:
    assert layer.output.quantization is not None
    minimum, maximum = activation_range(activation, layer.output.quantization, "int16")
    return Lowered(
        kernel="conv_2d_s16",
        header="kernels/conv_2d_s16.h",
        struct="Conv2dS16",
        parameters={
            "weights": weight_matrix(layer),
            "bias": bias_values(layer),
            "rescale": rescale_per_filter(layer),
            "wide": layer.wide,
            "batches": layer.input.shape[0],
            **_geometry(layer, window),
            "spread_h": window.spread_h,
            "spread_w": window.spread_w,
            "activation_min": minimum,
            "activation_max": maximum,
        },
        inputs=(layer.input.index,),
        macs=layer.output.elements * (layer.weights.elements // layer.filters),
        lead={0: lead_bytes(layer, window, 1, 1)},
    )


def lower_float32(layer: Linear, window: Window, activation: int) -> Lowered:
    minimum, maximum = float_activation_range(activation)
    bias = layer.bias.data if layer.bias is not None else np.zeros(layer.filters, np.float32)
    return Lowered(
        kernel="conv_2d_f32",
        header="kernels/conv_2d_f32.h",
        struct="Conv2dF32",
        parameters={
            "weights": layer.weights.data,
            "bias": bias,
            "batches": layer.input.shape[0],
            **_geometry(layer, window),
            "spread_h": window.spread_h,
            "spread_w": window.spread_w,
            "activation_min": minimum,
            "activation_max": maximum,
        },
        inputs=(layer.input.index,),
        macs=layer.output.elements * (layer.weights.elements // layer.filters),
        lead={0: lead_bytes(layer, window, 1, 1)},
    )


def _groups(layer: Linear) -> int:
    return layer.input.shape[3] // layer.weights.shape[3]


def _geometry(layer: Linear, window: Window) -> dict[str, Value]:
    """The fields that the structs of all kernels have."""
    _, input_h, input_w, input_channels = layer.input.shape
    return {
        "input_h": input_h,
        "input_w": input_w,
        "input_channels": input_channels,
        "output_h": window.output_h,
        "output_w": window.output_w,
        "output_channels": layer.filters,
        "filter_h": window.filter_h,
        "filter_w": window.filter_w,
        "stride_h": window.stride_h,
        "stride_w": window.stride_w,
        "dilation_h": window.dilation_h,
        "dilation_w": window.dilation_w,
        "pad_top": window.pad_top,
        "pad_left": window.pad_left,
        "groups": _groups(layer),
        "group_channels": layer.weights.shape[3],
    }


def _row_bytes(layer: Linear, window: Window) -> int:
    """Bytes of a row of an int8 window where its taps lie next to each other in memory, otherwise 0."""
    if window.filter_w > 1 and (window.dilation_w > 1 or _groups(layer) > 1):
        return 0
    return window.filter_w * layer.weights.shape[3]


def _in_rows(weights: NDArray[np.int8], rows: int) -> tuple[NDArray[np.int8], int]:
    """Weights [filters, inputs] in the order in which the windows of firmware/kernels/im2col_s8_paired.h are expanded,
    and how many of the last bytes of each row come after the whole words of all rows.

    They are 0 where rows with zero weights after them are whole words and no more inputs in all.
    """
    by_row = weights.reshape(len(weights), rows, -1)
    row_bytes = by_row.shape[2]
    tails, missing = row_bytes % INPUTS_PER_STEP, -row_bytes % INPUTS_PER_STEP
    if rows * (row_bytes + missing) <= padded_depth(rows * row_bytes):
        return np.pad(by_row, ((0, 0), (0, 0), (0, missing))).reshape(len(weights), -1), 0
    parts = np.split(by_row, [row_bytes - tails], axis=2)
    return np.concatenate([part.reshape(len(weights), -1) for part in parts], axis=1), tails


def _padded_plane(layer: Linear, window: Window) -> dict[str, int]:
    """The geometry of a copy of the input with its padding, where that takes little memory; else nothing.

    Windows over the edge are gathered slowly; on such a plane there are none.
    """
    batches, height, width, channels = layer.input.shape
    if batches != 1 or _groups(layer) != 1 or not _has_padding(layer, window):
        return {}
    rows = (window.output_h - 1) * window.stride_h + (window.filter_h - 1) * window.dilation_h + 1
    columns = (window.output_w - 1) * window.stride_w + (window.filter_w - 1) * window.dilation_w + 1
    rows, columns = max(rows, window.pad_top + height), max(columns, window.pad_left + width)
    if rows * columns * channels > MOST_PLANE_BYTES:
        return {}
    return {
        "input_h": rows,
        "input_w": columns,
        "pad_top": 0,
        "pad_left": 0,
        "plane_bytes": rows * columns * channels,
        "source_h": height,
        "source_w": width,
        "plane_top": window.pad_top,
        "plane_left": window.pad_left,
    }


def _is_pointwise(layer: Linear, window: Window) -> bool:
    """Whether output pixels read input pixels one to one."""
    _, height, width, channels = layer.input.shape
    return (window.filter_h, window.filter_w, window.output_h, window.output_w, layer.weights.shape[3]) == (
        *(1, 1),
        *(height, width),
        channels,
    ) and (window.stride_h, window.stride_w, window.pad_top, window.pad_left) == (1, 1, 0, 0)


def _has_padding(layer: Linear, window: Window) -> bool:
    """Whether some window does not lie on the input as a whole."""
    _, height, width, _ = layer.input.shape
    last_h = (window.output_h - 1) * window.stride_h - window.pad_top + (window.filter_h - 1) * window.dilation_h
    last_w = (window.output_w - 1) * window.stride_w - window.pad_left + (window.filter_w - 1) * window.dilation_w
    return window.pad_top > 0 or window.pad_left > 0 or last_h >= height or last_w >= width


def _most_bytes(operator: Operator) -> int:
    most = operator.options.get(COLUMNS, FEW_COLUMNS_BYTES)
    assert isinstance(most, int)
    return most


def _columns(words: int, pixels: int, lanes: int, most_bytes: int) -> int:
    """Columns of ``lanes`` pixels that are expanded at a time, as many as take ``most_bytes``.

    What a block of filters begins with is done once for all of them, and its code stays in the instruction cache.
    """
    return min(max(most_bytes // (lanes * words * 4), 1), MOST_PIXELS // lanes, -(-pixels // lanes))


def lead_bytes(layer: Linear, window: Window, pixels: int, last: int | None) -> int:
    """`window_lead` of a layer."""
    return window_lead(layer.input, layer.output, window, pixels, last)
