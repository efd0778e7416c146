"""QUANTIZE and DEQUANTIZE: between float32 and the quantised types, and from one of these to another."""

from generator.graph import Graph, Operator
from generator.ops.lowered import Lowered, reject_unless_per_tensor
from generator.quantization import rescale_of

SHORT = {"float32": "f32", "int8": "s8", "uint8": "u8", "int16": "s16", "int32": "s32"}
CONVERSIONS = {
    "float32": ("int8", "int16"),
    "int8": ("int8", "uint8", "int16", "int32", "float32"),
    "uint8": ("int8", "float32"),
    "int16": ("int8", "int16", "int32", "float32"),
    "int32": ("int8", "int16"),
}
BYTES = {"float32": 4, "int8": 1, "uint8": 1, "int16": 2, "int32": 4}


def reject(graph: Graph, operator: Operator) -> str | None:
    source, target = graph.input(operator, 0), graph.output(operator)
    if source is None:
        return "it has no input"
    if target.dtype not in CONVERSIONS.get(source.dtype, ()):
        return f"it turns {source} into {target}"
    if source.elements != target.elements:
        return f"output {target} does not fit input {source}"
    reason = reject_unless_per_tensor(source, "input", *SHORT) or reject_unless_per_tensor(target, "output", *SHORT)
    if reason is not None:
        return reason
    for tensor, role in ((source, "input"), (target, "output")):
        if tensor.dtype != "float32" and tensor.quantization is None:
            return f"{role} has no quantisation parameters"
    try:
        lower(graph, operator)
    except ValueError as error:
        return str(error)
    return None


def lower(graph: Graph, operator: Operator) -> Lowered:
    source, target = graph.tensors[operator.inputs[0]], graph.output(operator)
    kernel = f"{SHORT[source.dtype]}_{SHORT[target.dtype]}"
    lead = {0: max(0, (BYTES[target.dtype] - BYTES[source.dtype]) * source.elements)}
    if "float32" in (source.dtype, target.dtype):
        to_float = target.dtype == "float32"
        quantization = source.quantization if to_float else target.quantization
        assert quantization is not None
        return Lowered(
            kernel=f"{'dequantize' if to_float else 'quantize'}_{kernel}",
            header="kernels/quantize.h",
            struct="Quantize",
            parameters={
                "count": source.elements,
                "scale": quantization.scale,
                "zero_point": quantization.zero_point,
            },
            inputs=(source.index,),
            lead=lead,
        )
    assert source.quantization is not None
    assert target.quantization is not None
    return Lowered(
        kernel=f"requantize_{kernel}",
        header="kernels/quantize.h",
        struct="Requantize",
        parameters={
            "count": source.elements,
            "rescale": rescale_of(float(source.quantization.scale) / float(target.quantization.scale)),
            "input_zero_point": source.quantization.zero_point,
            "output_zero_point": target.quantization.zero_point,
        },
        inputs=(source.index,),
        lead=lead,
    )
