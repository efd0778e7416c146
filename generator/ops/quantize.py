"""QUANTIZE: float32 to int8, or int8 to int8 with another scale."""

from generator.graph import Graph, Operator
from generator.ops.lowered import Lowered, reject_unless_per_tensor
from generator.quantization import rescale_of


def reject(graph: Graph, operator: Operator) -> str | None:
    source, target = graph.input(operator, 0), graph.output(operator)
    if source is None:
        return "it has no input"
    return reject_unless_per_tensor(target, "output", "int8") or reject_unless_per_tensor(
        source, "input", "float32", "int8"
    )


def lower(graph: Graph, operator: Operator) -> Lowered:
    source, target = graph.tensors[operator.inputs[0]], graph.output(operator)
    assert target.quantization is not None
    if source.dtype == "float32":
        return Lowered(
            kernel="quantize_f32_s8",
            header="kernels/quantize.h",
            struct="Quantize",
            parameters={
                "count": source.elements,
                "scale": target.quantization.scale,
                "zero_point": target.quantization.zero_point,
            },
            inputs=(source.index,),
            lead={0: 0},
        )
    assert source.quantization is not None
    return Lowered(
        kernel="requantize_s8",
        header="kernels/quantize.h",
        struct="Requantize",
        parameters={
            "count": source.elements,
            "rescale": rescale_of(float(source.quantization.scale) / float(target.quantization.scale)),
            "input_zero_point": source.quantization.zero_point,
            "output_zero_point": target.quantization.zero_point,
        },
        inputs=(source.index,),
        lead={0: 0},
    )
