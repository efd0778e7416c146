"""Resource variables (VAR_HANDLE, READ_VARIABLE, ASSIGN_VARIABLE, CALL_ONCE) as variable tensors.

Streaming models keep what they have seen in them. In the graph that this leaves, a variable is a tensor with
``variable`` set: READ_VARIABLE's readers read it directly wherever it still holds the value they mean, and
ASSIGN_VARIABLE copies its one input into it, its one output.
"""

from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from common.errors import UserError
from generator.graph import Graph, Operator, Tensor

Name = tuple[bytes, bytes]  # container and shared name
OPERANDS = {"ASSIGN_VARIABLE": (2, 0), "CALL_ONCE": (0, 0), "READ_VARIABLE": (1, 1), "VAR_HANDLE": (0, 1)}


def resolve_variables(graph: Graph) -> Graph:
    """Replace handles by variable tensors, appended to the graph's.

    Raises:
        UserError: a variable without a value of known shape, an initialiser that does more than assign constants, or
            a handle that is no VAR_HANDLE's.
    """
    if not any(operator.name in OPERANDS for operator in graph.operators):
        return graph
    _check_operands(graph)
    names = _names(graph)
    variables = _variables(graph, names, _initial_values(graph))
    tensors = (*graph.tensors, *variables.values())
    operators: list[Operator] = []
    instead: dict[int, int] = {}  # value that READ_VARIABLE yields -> variable tensor
    for position, operator in enumerate(graph.operators):
        inputs = tuple(instead.get(index, index) for index in operator.inputs)
        if operator.name in ("VAR_HANDLE", "CALL_ONCE"):
            continue
        if operator.name == "READ_VARIABLE":
            variable = variables[_name(names, operator)]
            if _alike(graph.output(operator), variable) and _still_holds(graph, names, position):
                instead[operator.outputs[0]] = variable.index
                continue
            operators.append(replace(operator, inputs=(variable.index,)))
        elif operator.name == "ASSIGN_VARIABLE":
            variable = variables[_name(names, operator)]
            operators.append(replace(operator, inputs=inputs[1:2], outputs=(variable.index,)))
        else:
            operators.append(replace(operator, inputs=inputs))
    outputs = tuple(instead.get(index, index) for index in graph.outputs)
    return replace(graph, tensors=tensors, operators=tuple(operators), outputs=outputs)


def _check_operands(graph: Graph) -> None:
    for operator in graph.operators:
        counts = len(operator.inputs), len(operator.outputs)
        if OPERANDS.get(operator.name, counts) != counts or (operator.name in OPERANDS and -1 in operator.inputs):
            raise UserError(f"{operator.label} has {counts[0]} inputs and {counts[1]} outputs")


def _names(graph: Graph) -> dict[int, Name]:
    """Handle tensor -> the variable it stands for."""
    return {
        operator.outputs[0]: (operator.options.get("container") or b"", operator.options.get("shared_name") or b"")
        for operator in graph.operators
        if operator.name == "VAR_HANDLE"
    }


def _name(names: dict[int, Name], operator: Operator) -> Name:
    if operator.inputs[0] not in names:
        raise UserError(f"{operator.label}: its handle is not made by a VAR_HANDLE")
    return names[operator.inputs[0]]


def _initial_values(graph: Graph) -> dict[Name, NDArray[Any]]:
    values: dict[Name, NDArray[Any]] = {}
    for call in graph.operators:
        if call.name != "CALL_ONCE":
            continue
        number = call.options.get("init_subgraph", 0)
        if number not in graph.subgraphs:
            raise UserError(f"{call.label}: there is no subgraph {number}")
        initialiser = graph.subgraphs[number]
        _check_operands(initialiser)
        names = _names(initialiser)
        for operator in initialiser.operators:
            if operator.name == "VAR_HANDLE":
                continue
            data = initialiser.tensors[operator.inputs[1]].data if operator.name == "ASSIGN_VARIABLE" else None
            if data is None:
                raise UserError(f"subgraph {number} does more than assign constants to variables: {operator.label}")
            values[_name(names, operator)] = data
    return values


def _variables(graph: Graph, names: dict[int, Name], initial: dict[Name, NDArray[Any]]) -> dict[Name, Tensor]:
    """One tensor per variable, of the type of the values that are assigned to it or read from it."""
    variables: dict[Name, Tensor] = {}
    for operator in graph.operators:
        if operator.name in ("READ_VARIABLE", "ASSIGN_VARIABLE"):
            name = _name(names, operator)
            value = graph.tensors[operator.outputs[0] if operator.name == "READ_VARIABLE" else operator.inputs[1]]
            known = variables.setdefault(
                name,
                replace(
                    value,
                    index=len(graph.tensors) + len(variables),
                    name=name[1].decode(errors="replace"),
                    data=None,
                    variable=True,
                    initial=initial.get(name),
                ),
            )
            if (known.dtype, known.elements) != (value.dtype, value.elements):
                raise UserError(f"{operator.label}: variable '{known.name}' is {known} and {value.label} {value}")
            first = known.initial
            if first is not None and (first.dtype.name, first.size) != (known.dtype, known.elements):
                raise UserError(
                    f"{operator.label}: variable '{known.name}' is {known}, its initial value"
                    f" {first.dtype.name}{list(first.shape)}"
                )
    return variables


def _alike(one: Tensor, other: Tensor) -> bool:
    """Whether the same bytes mean the same in both."""
    a, b = one.quantization, other.quantization
    if a is None or b is None:
        return one.shape == other.shape and a is b
    return one.shape == other.shape and (a.scales.tolist(), a.zero_points.tolist()) == (
        b.scales.tolist(),
        b.zero_points.tolist(),
    )


def _still_holds(graph: Graph, names: dict[int, Name], read: int) -> bool:
    """Whether nothing is assigned to the variable between READ_VARIABLE, at position ``read``, and its last reader."""
    operator = graph.operators[read]
    value, name = operator.outputs[0], _name(names, operator)
    if value in graph.outputs:
        return False
    readers = [position for position, other in enumerate(graph.operators) if value in other.inputs]
    writers = [
        position
        for position, other in enumerate(graph.operators)
        if other.name == "ASSIGN_VARIABLE" and _name(names, other) == name
    ]
    return not any(read < writer < reader for writer in writers for reader in readers)
