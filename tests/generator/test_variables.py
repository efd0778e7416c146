"""Resource variables: streaming state kept from one inference to the next, as TensorFlow Lite Micro keeps it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from common.errors import UserError
from generator.importer import parse_graph
from models.flatbuffer import OperatorSpec, SubgraphSpec, TensorSpec, activation, build_model
from tests.generator.cases import run_on_host, run_oracle
from tests.generator.host_kernels import assert_equals_oracle

HANDLE = {"shared_name": "state", "container": ""}
INITIAL = np.array([[5, -128, 127, 0]], np.int8)


def initialiser(data: np.ndarray = INITIAL) -> SubgraphSpec:
    tensors = [TensorSpec((1,), "resource"), TensorSpec((1, 4), scales=[0.05], data=data)]
    operators = [OperatorSpec("VAR_HANDLE", [], [0], options=HANDLE), OperatorSpec("ASSIGN_VARIABLE", [0, 1], [])]
    return SubgraphSpec(tensors, operators)


def delayed(*, late_reader: bool = False, data: np.ndarray = INITIAL) -> bytes:
    """Output = layer(the input of the inference before). With ``late_reader`` the old value is used after the new one
    has been stored."""
    rng = np.random.default_rng(0)
    tensors = [
        activation(1, 4, scale=0.05),
        TensorSpec((1,), "resource"),
        activation(1, 4, scale=0.05),
        TensorSpec((3, 4), scales=[0.02], data=rng.integers(-127, 128, (3, 4)).astype(np.int8)),
        activation(1, 3, scale=0.1),
    ]
    store = OperatorSpec("ASSIGN_VARIABLE", [1, 0], [])
    layer = OperatorSpec("FULLY_CONNECTED", [2, 3, -1], [4])
    operators = [
        OperatorSpec("CALL_ONCE", [], [], options={"init_subgraph": 1}),
        OperatorSpec("VAR_HANDLE", [], [1], options=HANDLE),
        OperatorSpec("READ_VARIABLE", [1], [2]),
        *([store, layer] if late_reader else [layer, store]),
    ]
    return build_model(tensors, operators, [0], [4], (initialiser(data),))


def sequence(count: int = 6) -> np.ndarray:
    return np.random.default_rng(1).integers(-128, 128, (count, 1, 4)).astype(np.int8)


@pytest.mark.parametrize("late_reader", [False, True])
@pytest.mark.parametrize("data", [INITIAL, np.full((1, 4), -7, np.int8)], ids=["array", "fill"])
def test_a_variable_delays_the_input_by_one_inference(late_reader: bool, data: np.ndarray, tmp_path: Path) -> None:
    model = delayed(late_reader=late_reader, data=data)
    inputs = sequence()
    assert_equals_oracle(model, [[values] for values in inputs])
    np.testing.assert_array_equal(run_on_host(model, inputs, "int8", tmp_path), run_oracle(model, inputs))


def test_a_value_read_before_the_store_is_copied_only_if_it_is_needed_after() -> None:
    names = [operator.name for operator in parse_graph(delayed(), "m").operators]
    assert names == ["FULLY_CONNECTED", "ASSIGN_VARIABLE"]
    names = [operator.name for operator in parse_graph(delayed(late_reader=True), "m").operators]
    assert names == ["READ_VARIABLE", "ASSIGN_VARIABLE", "FULLY_CONNECTED"]


def without_handle() -> bytes:
    tensors = [activation(1, 4), TensorSpec((1,), "resource"), activation(1, 4)]
    operators = [
        OperatorSpec("CALL_ONCE", [], [], options={"init_subgraph": 1}),
        OperatorSpec("READ_VARIABLE", [1], [2]),
    ]
    return build_model(tensors, operators, [0], [2], (initialiser(),))


def without_subgraph() -> bytes:
    operators = [OperatorSpec("CALL_ONCE", [], [], options={"init_subgraph": 3})]
    return build_model([activation(1, 4)], operators, [0], [0])


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (without_handle, "its handle is not made by a VAR_HANDLE"),
        (without_subgraph, "there is no subgraph 3"),
        (lambda: delayed(data=np.zeros((1, 5), np.int8)), "tensor 1 't' of operator 1 ASSIGN_VARIABLE has 5 values"),
    ],
)
def test_refusals(model: Callable[[], bytes], words: str) -> None:
    with pytest.raises(UserError, match=words):
        parse_graph(model(), "m.tflite")
