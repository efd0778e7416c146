"""DEQUANTIZE: int8 to float32."""

from generator.graph import Graph, Operator
from generator.ops.lowered import Lowered, reject_unless_per_tensor


def reject(graph: Graph, operator: Operator) -> str | None:
    source, target = graph.input(operator, 0), graph.output(operator)
    if source is None:
        return "it has no input"
    if target.dtype != "float32":
        return f"output is {target.dtype}, supported is float32"
    return reject_unless_per_tensor(source, "input", "int8")


def lower(graph: Graph, operator: Operator) -> Lowered:
    source = graph.tensors[operator.inputs[0]]
    assert source.quantization is not None
    return Lowered(
        kernel="dequantize_s8_f32",
        header="kernels/quantize.h",
        struct="Dequantize",
        parameters={
            "count": source.elements,
            "scale": source.quantization.scale,
            "zero_point": source.quantization.zero_point,
        },
        inputs=(source.index,),
    )
