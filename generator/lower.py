"""Graph -> `Program`: binds every operator to a kernel, or stops with the list of those that cannot be."""

import numpy as np

from common.errors import UserError
from generator.graph import Graph, Tensor
from generator.ops import REGISTRY, Alias, Lowered
from generator.program import Buffer, Port, Program, Step


def lower(graph: Graph) -> Program:
    """Lower every operator in the order of the model.

    Raises:
        UserError: operators that cannot be compiled; one line names each with its index and the reason. Also: several
            inputs or outputs, or an output that no operator computes.
    """
    _refuse_unsupported(graph)
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise UserError(
            f"the model has {len(graph.inputs)} inputs and {len(graph.outputs)} outputs; supported is one of each"
        )
    lowered = [REGISTRY[operator.name].lower(graph, operator) for operator in graph.operators]
    _check_order(graph, lowered)
    home = _buffers_of_tensors(graph, lowered)
    bytes_of = {name: _bytes(graph.tensors[int(name[1:])]) for name in set(home.values())}
    steps = []
    for operator, result in zip(graph.operators, lowered, strict=True):
        if isinstance(result, Alias):
            continue
        for index in result.inputs:
            needed = _bytes(graph.tensors[index]) + result.read_past
            bytes_of[home[index]] = max(bytes_of[home[index]], needed)
        steps.append(
            Step(
                operator=operator.index,
                operator_name=operator.name,
                kernel=result.kernel,
                header=result.header,
                inputs=tuple(home[index] for index in result.inputs),
                output=home[operator.outputs[0]],
                constants=result.constants,
                parameters=result.parameters,
                macs=result.macs,
            )
        )
    buffers = tuple(Buffer(name, bytes_of[name]) for name in sorted(bytes_of, key=lambda name: int(name[1:])))
    source, target = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    return Program(buffers, tuple(steps), _port(source, home), _port(target, home))


def _refuse_unsupported(graph: Graph) -> None:
    refused = []
    for operator in graph.operators:
        module = REGISTRY.get(operator.name)
        reason = "no kernel for this operator" if module is None else module.reject(graph, operator)
        if reason is not None:
            refused.append(f"  operator {operator.index} {operator.name}: {reason}")
    if refused:
        raise UserError(
            f"{len(refused)} of {len(graph.operators)} operators cannot be compiled"
            f" (supported: {', '.join(REGISTRY)}):\n" + "\n".join(refused)
        )


def _check_order(graph: Graph, lowered: list[Lowered | Alias]) -> None:
    """Refuse a graph that reads a tensor, or ends with one, before an operator has computed it."""
    computed = set(graph.inputs)
    for operator, result in zip(graph.operators, lowered, strict=True):
        for index in (result.input,) if isinstance(result, Alias) else result.inputs:
            if index not in computed:
                raise UserError(f"operator {operator.index} {operator.name} reads tensor {index}, not computed yet")
        computed.add(operator.outputs[0])
    if graph.outputs[0] not in computed:
        raise UserError(f"no operator computes the model's output, tensor {graph.outputs[0]}")


def _buffers_of_tensors(graph: Graph, lowered: list[Lowered | Alias]) -> dict[int, str]:
    """Tensor index -> buffer name ``t<index>`` of the tensor whose memory it uses."""
    home = {index: f"t{index}" for index in graph.inputs}
    for operator, result in zip(graph.operators, lowered, strict=True):
        output = operator.outputs[0]
        if isinstance(result, Alias):
            home[output] = home[result.input]
        else:
            home[output] = f"t{output}"
    return home


def _bytes(tensor: Tensor) -> int:
    return tensor.elements * np.dtype(tensor.dtype).itemsize


def _port(tensor: Tensor, home: dict[int, str]) -> Port:
    return Port(home[tensor.index], tensor.dtype, tensor.elements, tensor.quantization)
