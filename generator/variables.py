"""Resource variables (VAR_HANDLE, READ_VARIABLE, ASSIGN_VARIABLE, CALL_ONCE) as variable tensors.

Streaming models keep what they have seen in them. In the graph that this leaves, a variable is a tensor with
``variable`` set: READ_VARIABLE's readers read it directly wherever it still holds the value they mean, and
ASSIGN_VARIABLE copies its one input into it, its one output.
"""

from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from generator.graph import Graph, Operator, Tensor

Name = tuple[bytes, bytes]  # container and shared name


def resolve_variables(graph: Graph) -> Graph:
    """Replace handles by variable tensors, appended to the graph's.

    Raises:
        ValueError: a variable without a value of known shape, an initialiser that does more than assign constants, or
            a handle that is no VAR_HANDLE's.
    """
    if not any(operator.name in ("VAR_HANDLE", "CALL_ONCE") for operator in graph.operators):
        return graph
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
            variable = variables[_name(names, operator)].index
            if _still_holds(graph, names, position):
                instead[operator.outputs[0]] = variable
                continue
            operators.append(replace(operator, inputs=(variable,)))
        elif operator.name == "ASSIGN_VARIABLE":
            variable = variables[_name(names, operator)].index
            operators.append(replace(operator, inputs=inputs[1:2], outputs=(variable,)))
        else:
            operators.append(replace(operator, inputs=inputs))
    outputs = tuple(instead.get(index, index) for index in graph.outputs)
    return replace(graph, tensors=tensors, operators=tuple(operators), outputs=outputs)


def _names(graph: Graph) -> dict[int, Name]:
    """Handle tensor -> the variable it stands for."""
    return {
        operator.outputs[0]: (operator.options.get("container") or b"", operator.options.get("shared_name") or b"")
        for operator in graph.operators
        if operator.name == "VAR_HANDLE"
    }


def _name(names: dict[int, Name], operator: Operator) -> Name:
    if operator.inputs[0] not in names:
        raise ValueError(f"operator {operator.index} {operator.name}: its handle is not made by a VAR_HANDLE")
    return names[operator.inputs[0]]


def _initial_values(graph: Graph) -> dict[Name, NDArray[Any]]:
    values: dict[Name, NDArray[Any]] = {}
    for call in graph.operators:
        if call.name != "CALL_ONCE":
            continue
        number = call.options.get("init_subgraph", 0)
        if not 1 <= number <= len(graph.subgraphs):
            raise ValueError(f"operator {call.index} CALL_ONCE: there is no subgraph {number}")
        initialiser = graph.subgraphs[number - 1]
        names = _names(initialiser)
        for operator in initialiser.operators:
            if operator.name == "VAR_HANDLE":
                continue
            data = initialiser.tensors[operator.inputs[1]].data if operator.name == "ASSIGN_VARIABLE" else None
            if data is None:
                raise ValueError(f"subgraph {number} does more than assign constants to variables: {operator.name}")
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
                raise ValueError(f"variable '{known.name}' is {known} here and {value} there")
            if known.initial is not None and known.initial.size != known.elements:
                raise ValueError(
                    f"variable '{known.name}' is {known}, its initial value has {known.initial.size} values"
                )
    return variables


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
