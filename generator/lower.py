"""Graph -> `Program`: binds every operator to a kernel, or stops with the list of those that cannot be."""

import numpy as np

from common.errors import UserError
from generator.fused_sums import fuse_sums
from generator.graph import Graph, Operator, Tensor
from generator.ops import MODULES, REGISTRY, Alias, Lowered, refusal
from generator.program import Buffer, Constant, Port, Program, State, Step
from generator.wellformed import bullets, check_order

MOST_STEPS = 1 << 12
MOST_CONSTANT_BYTES = 1 << 25  # far beyond the flash of any supported board
MOST_NAMED = 8  # operands in a message


def lower(graph: Graph) -> Program:
    """Lower every operator in the order of the model, sums in the convolution before them where that is possible.

    Raises:
        UserError: operators that cannot be compiled; it names each with its index, the reason and its tensors. Also: an
            operator that reads a tensor before it is computed, or an output that no operator computes.
    """
    lowered = _lowered_operators(graph)
    check_order(graph)
    graph, lowered = fuse_sums(graph, lowered)
    home = _homes(graph, lowered)
    bytes_of = {home[index]: graph.tensors[index].bytes for index in home if home[index] == _name(index)}
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
            if call.output_bytes:
                bytes_of[step.outputs[0]] = max(bytes_of[step.outputs[0]], call.output_bytes)
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


def _lowered_operators(graph: Graph) -> list[tuple[Lowered, ...] | Alias]:
    results: list[tuple[Lowered, ...] | Alias] = []
    refused: list[str] = []
    constant_bytes = steps = 0
    for operator in graph.operators:
        result = _lowered(graph, operator)
        if isinstance(result, str):
            refused.append(f"  {operator.label}: {result}\n    {_operands(graph, operator)}")
            continue
        results.append(result)
        calls = () if isinstance(result, Alias) else result
        steps += len(calls)
        constant_bytes += sum(_constant_bytes(call) for call in calls)
        if steps > MOST_STEPS or constant_bytes > MOST_CONSTANT_BYTES:
            raise UserError(
                f"up to {operator.label} the model needs {steps:,} kernel calls with {constant_bytes:,} bytes of"
                f" constants, supported are at most {MOST_STEPS:,} with {MOST_CONSTANT_BYTES:,}"
            )
    if refused:
        raise UserError(
            f"{len(refused)} of {len(graph.operators)} operators cannot be compiled"
            f" (supported: {', '.join(REGISTRY)}):\n" + bullets(refused)
        )
    return results


def _lowered(graph: Graph, operator: Operator) -> tuple[Lowered, ...] | Alias | str:
    """What the operator becomes, or the reason why it cannot be compiled."""
    reason = refusal(graph, operator)
    if reason is not None:
        return reason
    try:
        result = MODULES[operator.name].lower(graph, operator)
    except ValueError as error:
        return str(error)
    if isinstance(result, Alias):
        return result
    calls = (result,) if isinstance(result, Lowered) else result
    for name, value in (pair for call in calls for pair in call.parameters.items()):
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, int) and not -(2**31) <= number < 2**31:
                return f"its {name} would be {number}, which 32 bits cannot hold"
    return calls


def _operands(graph: Graph, operator: Operator) -> str:
    sides = []
    for verb, indices in (("reads", operator.inputs), ("writes", operator.outputs)):
        tensors = [graph.tensors[index] for index in indices[:MOST_NAMED] if index >= 0]
        names = [f"{tensor.label} {tensor}" for tensor in tensors] + ["..."] * (len(indices) > MOST_NAMED)
        sides.append(f"{verb} {', '.join(names) or 'nothing'}")
    return "; ".join(sides)


def _constant_bytes(call: Lowered) -> int:
    return sum(value.nbytes for value in call.parameters.values() if isinstance(value, np.ndarray))


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
        in_place=call.in_place,
        macs=call.macs,
        constant_reads=call.constant_reads,
        part=part,
        straight_blocks=call.straight_blocks,
        chained=call.chained,
    )


def _homes(graph: Graph, lowered: list[tuple[Lowered, ...] | Alias]) -> dict[int, str]:
    """Tensor index -> name of the buffer whose memory it uses; constants have none."""
    home = {index: _name(index) for index in graph.inputs}
    home |= {tensor.index: _name(tensor.index) for tensor in graph.tensors if tensor.variable}
    for operator, result in zip(graph.operators, lowered, strict=True):
        if isinstance(result, Alias):
            home[operator.outputs[0]] = home[result.input]
            continue
        home |= {index: _name(index) for index in operator.outputs}
        home |= {index: home[call.over] for call in result if call.over is not None for index in operator.outputs}
    return home


def _name(index: int) -> str:
    return f"t{index}"


def _home_bytes(graph: Graph, name: str) -> int:
    return graph.tensors[int(name[1:])].bytes


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
