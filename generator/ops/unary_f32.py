"""Elementwise functions of one float32 tensor."""

import numpy as np

from generator.graph import Graph, Operator
from generator.ops.lowered import Lowered

FUNCTIONS = (
    "ABS",
    "CEIL",
    "COS",
    "ELU",
    "EXP",
    "FLOOR",
    "HARD_SWISH",
    "LEAKY_RELU",
    "LOG",
    "LOGISTIC",
    "NEG",
    "RELU",
    "RELU6",
    "ROUND",
    "RSQRT",
    "SIN",
    "SQRT",
    "SQUARE",
    "TANH",
)


def reject(graph: Graph, operator: Operator) -> str | None:
    source, target = graph.input(operator, 0), graph.output(operator)
    if source is None:
        return "it has no input"
    if source.dtype != "float32" or target.dtype != "float32":
        return f"it turns {source} into {target}, supported is float32"
    if source.elements != target.elements:
        return f"output {target} does not fit input {source}"
    return None


def lower(graph: Graph, operator: Operator) -> Lowered:
    source = graph.tensors[operator.inputs[0]]
    return Lowered(
        kernel=f"{operator.name.lower()}_f32",
        header="kernels/unary_f32.h",
        struct="UnaryF32",
        parameters={"count": source.elements, "alpha": np.float32(operator.options.get("alpha", 0))},
        inputs=(source.index,),
        lead={0: 0},
    )
