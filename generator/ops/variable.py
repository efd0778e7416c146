"""READ_VARIABLE, ASSIGN_VARIABLE: a copy out of or into a variable tensor (see generator/variables.py)."""

import numpy as np

from generator.graph import Graph, Operator
from generator.ops.lowered import Lowered


def reject(graph: Graph, operator: Operator) -> str | None:
    source = graph.input(operator, 0)
    if source is None:
        return "it has no input"
    return None


def lower(graph: Graph, operator: Operator) -> Lowered:
    source = graph.tensors[operator.inputs[0]]
    return Lowered(
        kernel="copy_tensor",
        header="kernels/copy.h",
        struct="Copy",
        parameters={"bytes": source.elements * np.dtype(source.dtype).itemsize},
        inputs=(source.index,),
        lead={0: 0},
    )
