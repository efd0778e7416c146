"""Which models are refused, and with which words."""

from pathlib import Path

import pytest

from common.benchmark import load_benchmark
from common.board import load_board
from common.errors import UserError
from generator.fit import check_fit, check_ports
from generator.importer import read_graph
from generator.lower import lower
from generator.ops import REGISTRY
from generator.plan import plan
from generator.program import Program
from models.flatbuffer import OperatorSpec, TensorSpec, activation, build_model
from tests.generator.cases import fully_connected


def lowered(folder: Path, model: bytes) -> Program:
    path = folder / "model.tflite"
    path.write_bytes(model)
    return lower(read_graph(path))


def refusal(folder: Path, model: bytes) -> str:
    with pytest.raises(UserError) as caught:
        lowered(folder, model)
    return str(caught.value)


def test_every_offending_operator_is_listed(tmp_path: Path) -> None:
    tensors = [activation(1, 4) for _ in range(4)]
    operators = [
        OperatorSpec("UNIQUE", [0], [1]),
        OperatorSpec("RESHAPE", [1], [2]),
        OperatorSpec("HASHTABLE_FIND", [2], [3]),
    ]
    message = refusal(tmp_path, build_model(tensors, operators, [0], [3]))
    assert "2 of 3 operators" in message
    assert "operator 0 UNIQUE: no kernel" in message
    assert "operator 2 HASHTABLE_FIND: no kernel" in message
    assert "RESHAPE:" not in message
    assert f"supported: {', '.join(REGISTRY)}" in message


def test_an_output_nobody_computes_is_refused(tmp_path: Path) -> None:
    tensors = [activation(1, 4) for _ in range(3)]
    model = build_model(tensors, [OperatorSpec("RESHAPE", [0], [1])], [0], [2])
    assert "no operator computes" in refusal(tmp_path, model)


def test_operators_out_of_order_are_refused(tmp_path: Path) -> None:
    tensors = [activation(1, 4), activation(1, 4), TensorSpec((1, 4), "float32")]
    operators = [OperatorSpec("DEQUANTIZE", [1], [2]), OperatorSpec("QUANTIZE", [0], [1])]
    assert "not computed yet" in refusal(tmp_path, build_model(tensors, operators, [0], [2]))


def test_a_model_of_another_shape_does_not_fit_the_benchmark(tmp_path: Path) -> None:
    program = lowered(tmp_path, fully_connected(units=3, depth=5))
    with pytest.raises(UserError, match="its input has 5 elements, the benchmark's has 640"):
        check_ports(program, load_benchmark("ad"), Path("x.tflite"))


def test_too_large_for_flash_and_for_ram_says_by_how_much(tmp_path: Path) -> None:
    board = load_board("nucleo_l4r5zi")
    wide = lowered(tmp_path, fully_connected(units=4000, depth=600, with_bias=False))
    with pytest.raises(UserError, match=r"flash, 318,8\d\d more than the 2,097,152"):
        check_fit(wide.constant_bytes, plan(wide).arena_bytes, board, load_benchmark("ad"))
    tensors = [TensorSpec((1, 1_000_000), "float32"), activation(1, 1_000_000)]
    big = lowered(tmp_path, build_model(tensors, [OperatorSpec("QUANTIZE", [0], [1])], [0], [1]))
    with pytest.raises(UserError, match=r"RAM, 3,356,416 more than the 655,360"):
        check_fit(big.constant_bytes, plan(big).arena_bytes, board, load_benchmark("ad"))
