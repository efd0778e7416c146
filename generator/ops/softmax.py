"""SOFTMAX along the last axis: int8 to int8 or int16, with a table of exponentials; float32."""

import math

import numpy as np
from numpy.typing import NDArray

from generator import fixed_point
from generator.graph import Graph, Operator, Tensor
from generator.ops.lowered import Lowered, reject_unless_per_tensor
from generator.quantization import rescale_of

INTEGER_BITS = 5  # of the scaled difference
OUTPUT_BITS = {"int8": 8, "int16": 16}


def reject(graph: Graph, operator: Operator) -> str | None:
    source, target = graph.input(operator, 0), graph.output(operator)
    if source is None:
        return "it has no input"
    if source.elements != target.elements or not source.shape:
        return f"it turns {source} into {target}"
    if source.dtype == "float32":
        return None if target.dtype == "float32" else f"output is {target.dtype} for an input of float32"
    reason = reject_unless_per_tensor(source, "input", "float32", "int8")
    reason = reason or reject_unless_per_tensor(target, "output", "int8", "int16")
    if reason is not None:
        return reason
    bits = OUTPUT_BITS[target.dtype]
    lowest = -(1 << (bits - 1))
    assert target.quantization is not None
    if target.quantization.zero_point != lowest or not math.isclose(target.quantization.scale, 2.0**-bits):
        return f"output is not quantised with the scale 1/{1 << bits} and the zero point {lowest}"
    try:
        exponentials(source, _beta(operator))
    except ValueError as error:
        return str(error)
    return None


def _beta(operator: Operator) -> np.float32:
    return np.float32(operator.options.get("beta", 1.0))


def lower(graph: Graph, operator: Operator) -> Lowered:
    source, target = graph.tensors[operator.inputs[0]], graph.output(operator)
    depth = source.shape[-1]
    beta = _beta(operator)
    rows = {"rows": source.elements // depth, "depth": depth}
    if source.dtype == "float32":
        return Lowered("softmax_f32", "kernels/softmax.h", "SoftmaxF32", {**rows, "beta": beta}, (source.index,))
    table = exponentials(source, beta)
    return Lowered(
        kernel=f"softmax_s8_s{OUTPUT_BITS[target.dtype]}",
        header="kernels/softmax.h",
        struct="Softmax",
        parameters={**rows, "exponentials": table, "count": len(table)},
        inputs=(source.index,),
        lead={0: 0} if target.dtype == "int8" else {},
    )


def exponentials(source: Tensor, beta: np.float32) -> NDArray[np.int32]:
    """exp(-i x scale x beta) as a fraction of 2^31, for as many i from 0 on as the reference does not take for zero.

    Source: ``PreprocessSoftmaxScaling`` and ``CalculateInputRadius``, tensorflow/lite/kernels/internal/
    quantization_util.cc; ``Softmax``, tensorflow/lite/kernels/internal/reference/softmax.h.
    """
    assert source.quantization is not None
    limit = 2.0**31 - 1
    factor = rescale_of(min(float(beta) * float(source.quantization.scale) * 2.0 ** (31 - INTEGER_BITS), limit))
    radius = math.floor(((1 << INTEGER_BITS) - 1) * 2.0 ** (31 - INTEGER_BITS) / 2.0**factor.shift)
    return np.array(
        [
            fixed_point.exp_on_negative_values(
                fixed_point.multiply(-i << max(factor.shift, 0), factor.multiplier), INTEGER_BITS
            )
            for i in range(min(radius, 255) + 1)
        ],
        np.int32,
    )
