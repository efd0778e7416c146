"""APPEND_STEP, which generator/streaming makes: the history of a signal moves on by one step."""

from generator.graph import Graph, Operator
from generator.ops.lowered import Lowered


def reject(graph: Graph, operator: Operator) -> str | None:
    step, history = graph.tensors[operator.inputs[0]], graph.output(operator)
    if not history.variable or step.dtype != history.dtype or step.bytes > history.bytes:
        return f"it appends {step} to {history}"
    return None


def lower(graph: Graph, operator: Operator) -> Lowered:
    step, history = graph.tensors[operator.inputs[0]], graph.output(operator)
    return Lowered(
        kernel="append_step",
        header="kernels/append_step.h",
        struct="AppendStep",
        parameters={"step_bytes": step.bytes, "kept_bytes": history.bytes - step.bytes},
        inputs=(step.index,),
    )
