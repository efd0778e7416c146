"""Reading `.tflite` files: what is understood, and that every damaged one is refused by a message."""

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.benchmark import load_benchmark
from common.errors import UserError
from generator.importer import read_graph
from generator.lower import lower
from generator.plan import plan
from models.flatbuffer import OperatorSpec, SubgraphSpec, activation, build_model
from tests.generator.cases import fully_connected

SMALL = fully_connected(units=3, depth=5, per_channel=True, activation=1)


def write(folder: Path, content: bytes) -> Path:
    path = folder / "model.tflite"
    path.write_bytes(content)
    return path


def test_reads_tensors_and_options(tmp_path: Path) -> None:
    graph = read_graph(write(tmp_path, SMALL))
    (operator,) = graph.operators
    assert operator.name == "FULLY_CONNECTED"
    assert operator.options["activation"] == 1
    weights = graph.input(operator, 1)
    assert weights is not None
    assert weights.quantization is not None
    assert (weights.shape, weights.dtype, len(weights.quantization.scales)) == ((3, 5), "int8", 3)
    assert graph.tensors[graph.inputs[0]].data is None


def test_the_shipped_model_is_the_reference_architecture() -> None:
    graph = read_graph(load_benchmark("ad").model)
    units = [graph.output(operator).shape[-1] for operator in graph.operators]
    assert units == [128, 128, 128, 128, 8, 128, 128, 128, 128, 640]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a TensorFlow Lite model"),
        (b"\x00" * 100, "not a TensorFlow Lite model"),
        (b"\x1c\x00\x00\x00TFL3", "truncated or damaged"),
        (SMALL[: len(SMALL) // 2], "truncated or damaged"),
    ],
)
def test_refuses_what_is_not_a_model(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(UserError, match=words):
        read_graph(write(tmp_path, content))


def test_refuses_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.tflite", tmp_path):
        with pytest.raises(UserError, match="cannot read model"):
            read_graph(path)


def test_subgraphs_that_nothing_calls_do_not_matter(tmp_path: Path) -> None:
    tensors = [activation(1, 4)] * 2
    operators = [OperatorSpec("RELU", [0], [1])]
    model = build_model(tensors, operators, [0], [1], (SubgraphSpec(tensors, operators, [0], [1]),))
    assert [operator.name for operator in read_graph(write(tmp_path, model)).operators] == ["RELU"]


def test_refuses_weights_that_do_not_fill_their_shape(tmp_path: Path) -> None:
    model = fully_connected(units=3, depth=5, weights={"data": np.zeros((2, 5), np.int8)})
    with pytest.raises(UserError, match="10 values for the shape"):
        read_graph(write(tmp_path, model))


@settings(max_examples=500, deadline=None)
@given(data=st.data())
def test_any_damage_is_a_user_error_or_harmless(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    content = bytearray(SMALL)
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(8, len(content) - 2)) :]
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with suppress(UserError):
        plan(lower(read_graph(write(tmp_path_factory.getbasetemp(), bytes(content)))))
