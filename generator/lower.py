"""Graph -> `Program`: binds every operator to a kernel, or stops with the list of those that cannot be."""

import numpy as np

from common.errors import UserError
from generator.graph import Graph, Operator, Tensor
from generator.ops import REGISTRY, Alias, Lowered
from generator.program import Buffer, Constant, Port, Program, State, Step


def lower(graph: Graph) -> Program:
    """Lower every operator in the order of the model.

    Raises:
        UserError: operators that cannot be compiled; one line names each with its index and the reason. Also: an
            operator that reads a tensor before it is computed, or an output that no operator computes.
    """
    _refuse_unsupported(graph)
    lowered = [_lowered(graph, operator) for operator in graph.operators]
    _check_order(graph, lowered)
    home = _homes(graph, lowered)
    bytes_of = {home[index]: _bytes(graph.tensors[index]) for index in home if home[index] == _name(index)}
    steps, used = [], set()
    for operator, result in zip(graph.operators, lowered, strict=True):
        for part, call in enumerate(() if isinstance(result, Alias) else result):
            inputs = tuple(None if index is None else home.get(index, _name(index)) for index in call.inputs)
            for name in inputs:
                if name in bytes_of:
                    bytes_of[name] = max(bytes_of[name], _home_bytes(graph, name) + call.read_past)
            used |= {index for index in call.inputs if index is not None and index not in home}
            step = _step(operator, call, part, inputs, home)
            if step.scratch:
                bytes_of[step.scratch] = call.scratch_bytes
            steps.append(step)
    constants = tuple(_constant(graph.tensors[index]) for index in sorted(used))
    states = tuple(_state(tensor) for tensor in graph.tensors if tensor.variable and tensor.index in home)
    return Program(
        buffers=tuple(Buffer(name, size) for name, size in bytes_of.items()),
        steps=tuple(steps),
        inputs=tuple(_port(graph.tensors[index], home) for index in graph.inputs),
        outputs=tuple(_port(graph.tensors[index], home) for index in graph.outputs),
        tensors=constants,
        states=states,
    )


def _lowered(graph: Graph, operator: Operator) -> tuple[Lowered, ...] | Alias:
    result = REGISTRY[operator.name].lower(graph, operator)
    return (result,) if isinstance(result, Lowered) else result


def _step(operator: Operator, call: Lowered, part: int, inputs: tuple[str | None, ...], home: dict[int, str]) -> Step:
    outputs = operator.outputs if call.outputs is None else call.outputs
    return Step(
        operator=operator.index,
        operator_name=operator.name,
        kernel=call.kernel,
        header=call.header,
        struct=call.struct,
        parameters=call.parameters,
        inputs=inputs,
        outputs=tuple(home[index] for index in outputs),
        scratch=f"s{operator.index}_{part}" if call.scratch_bytes else None,
        lead=call.lead,
        macs=call.macs,
        part=part,
    )


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


def _check_order(graph: Graph, lowered: list[tuple[Lowered, ...] | Alias]) -> None:
    """Refuse a graph that reads a tensor, or ends with one, before an operator has computed it."""
    computed = set(graph.inputs) | {
        tensor.index for tensor in graph.tensors if tensor.variable or tensor.data is not None
    }
    for operator, result in zip(graph.operators, lowered, strict=True):
        read = [result.input] if isinstance(result, Alias) else [index for call in result for index in call.inputs]
        for index in read:
            if index is not None and index not in computed:
                raise UserError(f"operator {operator.index} {operator.name} reads tensor {index}, not computed yet")
        computed.update(operator.outputs)
    for index in graph.outputs:
        if index not in computed or graph.tensors[index].data is not None:
            raise UserError(f"no operator computes the model's output, tensor {index}")


def _homes(graph: Graph, lowered: list[tuple[Lowered, ...] | Alias]) -> dict[int, str]:
    """Tensor index -> name of the buffer whose memory it uses; constants have none."""
    home = {index: _name(index) for index in graph.inputs}
    home |= {tensor.index: _name(tensor.index) for tensor in graph.tensors if tensor.variable}
    for operator, result in zip(graph.operators, lowered, strict=True):
        if isinstance(result, Alias):
            home[operator.outputs[0]] = home[result.input]
        else:
            home |= {index: _name(index) for index in operator.outputs}
    return home


def _name(index: int) -> str:
    return f"t{index}"


def _home_bytes(graph: Graph, name: str) -> int:
    return _bytes(graph.tensors[int(name[1:])])


def _bytes(tensor: Tensor) -> int:
    return tensor.elements * np.dtype(tensor.dtype).itemsize


def _constant(tensor: Tensor) -> Constant:
    assert tensor.data is not None
    return Constant(_name(tensor.index), tensor.data.reshape(-1))


def _state(tensor: Tensor) -> State:
    """TFLM fills int8 variable tensors with their zero point, others with 0 (``ResetVariableTensors``)."""
    name = _name(tensor.index)
    if tensor.initial is not None:
        values = tensor.initial.reshape(-1)
        first = values.reshape(-1).view(np.uint8)
        if np.all(first == first[0]):
            return State(name, int(first.view(np.int8)[0]))
        return State(name, 0, Constant(f"{name}_initial", values))
    int8 = tensor.dtype == "int8" and tensor.quantization is not None
    return State(name, tensor.quantization.zero_point if int8 and tensor.quantization else 0)


def _port(tensor: Tensor, home: dict[int, str]) -> Port:
    return Port(home[tensor.index], tensor.dtype, tensor.shape, tensor.quantization)
