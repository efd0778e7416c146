"""FULLY_CONNECTED: int8 (weights int8 or int4, constant or not), int16 (weights int8) and float32."""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from generator.graph import Graph, Operator
from generator.ops import conv_2d
from generator.ops.clamped_shift import fine_constants, steps_of, whole_constants
from generator.ops.fixed_shift import SIGNED_SHIFT, fixed_constants
from generator.ops.linear import (
    Linear,
    bias_values,
    folded_bias,
    linear_of,
    reject_activation,
    reject_bias,
    reject_quantized_weights,
    reject_range,
    reject_types,
    rescales,
    weight_matrix,
)
from generator.ops.lowered import Lowered
from generator.ops.packing import (
    accumulator_range,
    can_pair,
    chained_biases,
    chained_weights,
    doubled_multiplier,
    overlapping_blocks,
    packed_filters,
    padded_depth,
    paired_biases,
    paired_weights,
)
from generator.ops.window import Window
from generator.program import Value
from generator.quantization import INT8_MAX, INT8_MIN, Rescale, activation_range

PAIRED, CHAINED = "fully_connected_s8_paired", "fully_connected_s8_chained"
APART, SHARED, CLAMPED, SIGNED = range(4)  # FULLY_CONNECTED_APART and so on in its header
SCALE_BITS = 8  # of sums for SIGNED
EIGHT, FOUR = 8, 4  # units of a block of firmware/kernels/fully_connected_s8_paired.h
CHAIN = 4  # units of a chain of firmware/kernels/fully_connected_s8_chained.h, of which a block of eight has two
SMALL_WORDS = 320  # FULLY_CONNECTED_SMALL_WORDS there
UNITS_PER_BLOCK = 4  # FULLY_CONNECTED_UNITS in firmware/kernels/fully_connected_s8.h
INPUTS_PER_WORD = 4
INT4_MIN, INT4_MAX = -8, 7
BIAS_TOLERANCE = 0.02  # of the output's scale


def reject(graph: Graph, operator: Operator) -> str | None:
    layer = linear_of(graph, operator)
    if layer is None:
        return "input or weights are missing"
    return (
        reject_types(layer)
        or _reject_shapes(layer)
        or _reject_weights(layer)
        or reject_bias(layer)
        or _reject_bias_scale(layer)
        or reject_activation(operator, layer.output)
        or _reject_format(operator)
        or _reject_range(layer)
    )


def _reject_shapes(layer: Linear) -> str | None:
    weights, source, target = layer.weights, layer.input, layer.output
    if len(weights.shape) != 2:
        return f"weights have the shape {list(weights.shape)}, supported is [units, depth]"
    units, depth = weights.shape
    if units == 0 or depth == 0 or source.elements % depth or not source.elements:
        return f"input {source} does not fit weights {list(weights.shape)}"
    if target.elements != source.elements // depth * units or target.shape[-1:] != (units,):
        return f"output {target} does not fit input {source} and weights {list(weights.shape)}"
    return None


def _reject_weights(layer: Linear) -> str | None:
    weights = layer.weights
    if weights.data is None and weights.dtype != "int8":
        return f"weights are {weights.dtype} and not a constant"
    if weights.data is None and layer.dtype != "int8":
        return f"weights are not a constant, which is supported for int8 input only, not for {layer.dtype}"
    quantization = weights.quantization
    if quantization is None or layer.dtype == "float32":
        return None
    if quantization.per_channel:
        if weights.dtype == "int4":
            return "weights are int4 and quantised per channel"
        return reject_quantized_weights(layer)
    if weights.dtype == "int4" and not INT4_MIN <= quantization.zero_point <= INT4_MAX:
        return f"weights are int4 with the zero point {quantization.zero_point}"
    if layer.dtype == "int16" and quantization.zero_point:
        return "weights have a zero point other than 0 for an input of int16"
    return None


def _reject_bias_scale(layer: Linear) -> str | None:
    """Refuse what TensorFlow Lite Micro refuses for per-tensor weights: a bias whose scale is not that of the products.

    Source: ``GetQuantizedConvolutionMultipler``, tensorflow/lite/kernels/kernel_util.cc.
    """
    source, weights, target = layer.input.quantization, layer.weights.quantization, layer.output.quantization
    if layer.bias is None or source is None or weights is None or target is None or weights.per_channel:
        return None
    given = layer.bias.quantization
    product = float(source.scale) * float(weights.scale)
    bias_scale = float(given.scale) if given is not None else 0.0
    if abs(product - bias_scale) / float(target.scale) > BIAS_TOLERANCE:
        return f"bias has the scale {bias_scale:g}, that of input times weights is {product:g}"
    return None


def _reject_format(operator: Operator) -> str | None:
    if operator.options.get("weights_format", 0) != 0:
        return "shuffled weights are not supported"
    return None


def _reject_range(layer: Linear) -> str | None:
    if layer.dtype == "int8" and _symmetric(layer) is None:
        return _reject_any_range(layer)
    return reject_range(_symmetric(layer) or layer)


def _reject_any_range(layer: Linear) -> str | None:
    """As `reject_range`, for weights of any value."""
    assert layer.input.quantization is not None
    assert layer.weights.quantization is not None
    spans = [
        max(INT8_MAX - zero_point, zero_point - INT8_MIN)
        for zero_point in (layer.input.quantization.zero_point, layer.weights.quantization.zero_point)
    ]
    if np.max(np.abs(bias_values(layer))) + spans[0] * spans[1] * layer.weights.shape[1] >= 2**31:
        return "its accumulator can overflow 32 bits"
    try:
        rescales(layer)
    except ValueError as error:
        return str(error)
    return None


def _symmetric(layer: Linear) -> Linear | None:
    """The layer with constant weights without a zero point, or None if they are no constant or do not fit int8 so."""
    quantization = layer.weights.quantization
    if layer.weights.data is None or quantization is None:
        return None
    if not np.any(quantization.zero_points):
        return layer
    shifted = weight_matrix(layer).astype(np.int64) - quantization.zero_point
    if shifted.min() < INT8_MIN or shifted.max() > INT8_MAX:
        return None
    plain = replace(quantization, zero_points=np.zeros_like(quantization.zero_points))
    return replace(
        layer, weights=replace(layer.weights, dtype="int8", data=shifted.astype(np.int8), quantization=plain)
    )


def lower(graph: Graph, operator: Operator) -> Lowered:
    layer = linear_of(graph, operator)
    assert layer is not None
    activation = operator.options.get("activation", 0)
    batches = layer.input.elements // layer.weights.shape[1]
    if layer.dtype == "int8":
        symmetric = _symmetric(layer)
        if symmetric is None:
            return _lower_any(layer, activation)
        if batches == 1:
            return _lower_paired(symmetric, activation) or _lower_int8(symmetric, activation)
        if symmetric.input.data is not None:
            return _lower_int8(symmetric, activation)
        return conv_2d.lower_int8(*_as_convolution(symmetric), activation)
    if layer.dtype == "int16":
        return conv_2d.lower_int16(*_as_convolution(layer), activation)
    return conv_2d.lower_float32(*_as_convolution(layer), activation)


def _as_convolution(layer: Linear) -> tuple[Linear, Window]:
    """The same as a 1 x 1 convolution of an image of ``batches`` pixels."""
    units, depth = layer.weights.shape
    batches = layer.input.elements // depth
    convolution = replace(
        layer,
        input=replace(layer.input, shape=(1, batches, 1, depth)),
        weights=replace(layer.weights, shape=(units, 1, 1, depth)),
        output=replace(layer.output, shape=(1, batches, 1, units)),
    )
    return convolution, Window(1, 1, 1, 1, 1, 1, 0, 0, batches, 1)


def _lead(layer: Linear, last: int) -> int:
    """`Lowered.lead` of a kernel that computes batch by batch, reading its input again for every ``last`` units."""
    return conv_2d.lead_bytes(*_as_convolution(layer), 1, last)


def pack_weights(weights: NDArray[np.int8]) -> NDArray[np.int8]:
    """[units, depth] -> [units / 4][depth / 4][4 units][4 inputs], flattened, both padded to 4 with zeros."""
    units, depth = weights.shape
    padded = np.zeros((-(-units // UNITS_PER_BLOCK) * UNITS_PER_BLOCK, padded_depth(depth)), np.int8)
    padded[:units, :depth] = weights
    blocks = padded.reshape(-1, UNITS_PER_BLOCK, padded.shape[1] // INPUTS_PER_WORD, INPUTS_PER_WORD)
    return np.ascontiguousarray(blocks.transpose(0, 2, 1, 3)).reshape(-1)


def _lower_paired(layer: Linear, activation: int) -> Lowered | None:
    """The kernel for one input vector, or None if the layer does not fit it."""
    output = layer.output.quantization
    assert output is not None
    units, depth = weight_matrix(layer).shape
    minimum, maximum = activation_range(activation, output)
    weights, records, by_offset = packed_filters(layer, minimum, maximum)
    if not by_offset or not can_pair(weights, records):
        return None
    records[:, 1] = doubled_multiplier(records[:, 1])
    limits = (minimum, maximum)
    rescaling, raised, record = APART, (0, 0), tuple(records[0, 1:].tolist())
    if np.all(records[:, 1:] == records[0, 1:]):
        rescaling, raised, record = _shared_constants(layer, weights, limits) or (SHARED, (0, 0), record)
    words = padded_depth(depth) // 2
    small = words <= SMALL_WORDS
    return Lowered(
        kernel=f"{PAIRED}_small" if small else PAIRED,
        header=f"kernels/{PAIRED}.h",
        struct="FullyConnectedPaired",
        parameters={
            "blocks": pack_paired(weights, records, apart=rescaling == APART, raised=raised),
            "words": words,
            "units": units,
            "rescaling": rescaling,
            "record": record,
            "activation_min": minimum,
            "activation_max": maximum,
        },
        inputs=(layer.input.index,),
        macs=depth * units,
        read_past=padded_depth(depth) - depth,
        scratch_bytes=0 if small else 4 * words,
        lead={0: 0},
        chained=_chained(layer, weights, records, limits) if small and units >= EIGHT else None,
    )


def _chained(
    layer: Linear, weights: NDArray[np.int8], records: NDArray[np.int32], limits: tuple[int, int]
) -> Mapping[str, Value]:
    """Parameters of firmware/kernels/fully_connected_s8_chained.h."""
    units, depth = weights.shape
    rescaling, raised, record = APART, 0, tuple(records[0, 1:].tolist())
    if np.all(records[:, 1:] == records[0, 1:]):
        rescaling, raised, record = _chained_constants(layer, weights, limits) or (SHARED, 0, record)
    return {
        "blocks": pack_chained(weights, records, apart=rescaling == APART, raised=raised),
        "code": None,
        "words": padded_depth(depth) // 2,
        "units": units,
        "rescaling": rescaling,
        "record": record,
        "activation_min": limits[0],
        "activation_max": limits[1],
    }


def _shared_constants(
    layer: Linear, weights: NDArray[np.int8], limits: tuple[int, int]
) -> tuple[int, tuple[int, int], tuple[int, int, int]] | None:
    """(CLAMPED or SIGNED, by what the biases of even units are raised, and 256 times those of odd ones, the record) for
    all units, or None where there are no such constants."""
    span = _span(layer, weights, limits)
    if span.outputs[0] < 0:
        found = fixed_constants(*span, SCALE_BITS, SIGNED_SHIFT)
        return None if found is None else (SIGNED, (found[0], found[0] << SCALE_BITS), found[1:])
    steps = steps_of(*span)
    if steps is None:
        return None
    whole, fine = whole_constants(steps), fine_constants(steps)
    return None if whole is None or fine is None else (CLAMPED, (whole[0], fine[0]), (*whole[1:], fine[1]))


def _chained_constants(
    layer: Linear, weights: NDArray[np.int8], limits: tuple[int, int]
) -> tuple[int, int, tuple[int, int, int]] | None:
    """(CLAMPED or SIGNED, by what 256 times the biases are raised, the record) for all units, or None."""
    span = _span(layer, weights, limits)
    if span.outputs[0] < 0:
        found = fixed_constants(*span, SCALE_BITS, SIGNED_SHIFT)
        return None if found is None else (SIGNED, found[0] << SCALE_BITS, found[1:])
    steps = steps_of(*span)
    fine = None if steps is None else fine_constants(steps)
    if fine is None:
        return None
    last = int(chained_biases(np.full(CHAIN, fine[0], np.int64))[-1])  # the same for biases of any whole numbers
    return CLAMPED, fine[0], (fine[1], last, 0)


class _Span(NamedTuple):
    """What the search for constants takes: accumulators of all units, what they are rescaled by and clamped to."""

    low: int
    high: int
    factor: Rescale
    outputs: tuple[int, int]
    zero_point: int


def _span(layer: Linear, weights: NDArray[np.int8], limits: tuple[int, int]) -> _Span:
    assert layer.output.quantization is not None
    zero_point, reach = layer.output.quantization.zero_point, accumulator_range(weights, folded_bias(layer))
    outputs = limits[0] - zero_point, limits[1] - zero_point
    return _Span(int(reach[:, 0].min()), int(reach[:, 1].max()), rescales(layer)[0], outputs, zero_point)


def pack_paired(
    weights: NDArray[np.int8], records: NDArray[np.int32], *, apart: bool, raised: tuple[int, int] = (0, 0)
) -> NDArray[np.int32]:
    """Weights [units, depth], records [units, 4] -> blocks of fully_connected_s8_paired.h, flattened.

    Of blocks of eight units: ``apart``: whether they hold records; ``raised``: by what the biases of even units are
    greater, and 256 times those of odd ones.
    """
    units = len(weights)
    in_eights = units // EIGHT * EIGHT
    eights = np.arange(in_eights).reshape(-1, EIGHT)
    fours = np.minimum(np.arange(in_eights, units, FOUR), units - FOUR)[:, None] + np.arange(FOUR)
    even, odd = raised
    more = np.tile([even + odd, even], EIGHT // 2)
    blocks = [_paired_block(weights[chosen], records[chosen], more, with_records=apart) for chosen in eights]
    blocks += [_paired_block(weights[chosen], records[chosen], 0 * more[:FOUR], with_records=True) for chosen in fours]
    return np.concatenate(blocks).astype(np.int32)


def _paired_block(
    weights: NDArray[np.int8], records: NDArray[np.int32], more: NDArray[np.int64], *, with_records: bool
) -> NDArray[np.int32]:
    tail = records[:, 1:].reshape(-1)[: None if with_records else 0]
    biases = (paired_biases(records[:, 0]) + more).astype(np.uint32).view(np.int32)
    return np.concatenate([biases, paired_weights(weights), tail])


def pack_chained(
    weights: NDArray[np.int8], records: NDArray[np.int32], *, apart: bool, raised: int = 0
) -> NDArray[np.int32]:
    """Weights [units, depth], records [units, 4] -> blocks of fully_connected_s8_chained.h, flattened.

    ``apart``: whether they hold records. ``raised``: by what 256 times the biases are greater.
    """
    chosen = overlapping_blocks(len(weights), EIGHT).reshape(-1, EIGHT // CHAIN, CHAIN)
    biases = chained_biases(256 * records[chosen, 0].astype(np.int64) + raised)[..., :-1]
    tails = records[chosen, 1:] if apart else records[chosen, :0]
    parts = [part.reshape(len(chosen), -1) for part in (biases, chained_weights(weights[chosen]), tails)]
    return np.concatenate(parts, axis=1).astype(np.int32).reshape(-1)


def _lower_int8(layer: Linear, activation: int) -> Lowered:
    output = layer.output.quantization
    assert output is not None
    weights = weight_matrix(layer)
    units, depth = weights.shape
    minimum, maximum = activation_range(activation, output)
    factors = rescales(layer)
    last = (units - 1) % UNITS_PER_BLOCK + 1
    return Lowered(
        kernel="fully_connected_s8",
        header="kernels/fully_connected_s8.h",
        struct="FullyConnected",
        parameters={
            "weights": pack_weights(weights),
            "bias": np.pad(folded_bias(layer), (0, -units % UNITS_PER_BLOCK)).astype(np.int32),
            "rescale": factors,
            "batches": layer.input.elements // depth,
            "depth": padded_depth(depth),
            "input_stride": depth,
            "units": units,
            "per_channel": len(factors) > 1,
            "output_zero_point": output.zero_point,
            "activation_min": minimum,
            "activation_max": maximum,
        },
        inputs=(layer.input.index,),
        macs=layer.input.elements * units,
        read_past=padded_depth(depth) - depth,
        lead={0: _lead(layer, last)},
    )


def _lower_any(layer: Linear, activation: int) -> Lowered:
    source, weights, output = layer.input.quantization, layer.weights.quantization, layer.output.quantization
    assert source is not None
    assert weights is not None
    assert output is not None
    units, depth = layer.weights.shape
    minimum, maximum = activation_range(activation, output)
    factors = rescales(layer)
    return Lowered(
        kernel="fully_connected_s8_any",
        header="kernels/fully_connected_s8_any.h",
        struct="FullyConnectedAny",
        parameters={
            "bias": bias_values(layer).astype(np.int32),
            "rescale": factors,
            "batches": layer.input.elements // depth,
            "depth": depth,
            "units": units,
            "per_channel": len(factors) > 1,
            "input_zero_point": source.zero_point,
            "weights_zero_point": 0 if weights.per_channel else weights.zero_point,
            "output_zero_point": output.zero_point,
            "activation_min": minimum,
            "activation_max": maximum,
        },
        inputs=(layer.input.index, layer.weights.index),
        macs=layer.input.elements * units,
        lead={0: _lead(layer, 1)},
    )
