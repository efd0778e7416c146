"""Post-training quantisation: kinds, the report of each layer, calibration lists."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from common.errors import UserError
from generator.importer import parse_graph
from models import training
from models.quantize import INT8, INT16, LayerReport, chosen, convert, layer_reports, read_indices, sqnr
from models.samples import Samples
from tests.models.archives import cifar


@pytest.fixture(scope="module")
def network() -> Any:
    tf = pytest.importorskip("tensorflow")
    tf.keras.utils.set_random_seed(1)
    layers = tf.keras.layers
    inputs = tf.keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, use_bias=False)(inputs)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Flatten()(layers.AveragePooling2D(6)(x))
    return tf.keras.Model(inputs, layers.Dense(3, activation="softmax")(x), name="small")


@pytest.fixture
def inputs() -> Any:
    return np.random.default_rng(0).uniform(-1, 1, (16, 8, 8, 3)).astype(np.float32)


@pytest.mark.parametrize(("kind", "dtype", "least"), [(INT8, "int8", 25), (INT16, "int16", 40)])
def test_report_of_each_layer(network: Any, inputs: Any, kind: str, dtype: str, least: float) -> None:
    content = convert(network, inputs, kind)
    graph = parse_graph(content, kind)
    assert [graph.tensors[index].dtype for index in (*graph.inputs, *graph.outputs)] == [dtype, dtype]
    labels = network.predict(inputs, verbose=0).argmax(axis=1)
    reports = layer_reports(network, content, inputs, Samples(inputs, labels), inputs)
    assert [report.name for report in reports] == [f"{o.index} {o.name}" for o in graph.operators]
    for report in reports:
        assert report.low <= report.high and report.sqnr > least
        weighted = "CONV" in report.name or "FULLY" in report.name
        assert (report.weight_sqnr is not None) == weighted == (report.lost is not None)
        if report.lost is not None:
            assert report.weight_sqnr is not None and report.weight_sqnr > 30 and 0 <= report.lost <= 100
    assert all(report.lost is None for report in layer_reports(network, content, inputs))


def test_kind_and_calibration_are_checked(network: Any, inputs: Any) -> None:
    with pytest.raises(UserError, match="unknown kind 'int4'; kinds are: int8, int16x8"):
        convert(network, inputs, "int4")
    with pytest.raises(UserError, match="needs calibration inputs"):
        convert(network, inputs[:0])


def test_sqnr() -> None:
    assert sqnr(np.array([10.0]), np.array([9.0])) == pytest.approx(20)
    assert sqnr(np.array([1.0]), np.array([1.0])) == float("inf")
    assert sqnr(np.array([0.0]), np.array([1.0])) == float("-inf")


def test_table_of_layers() -> None:
    screen = io.StringIO()
    layers = [
        LayerReport("0 CONV_2D", -1, 2.5, 0.01, -3, 31.25, 44.0, 1.5),
        LayerReport("1 ADD", 0, 1, 1, 0, 9, None, None),
    ]
    Console(file=screen, width=100).print(training.report_table("a model", layers))
    assert "31.2" in screen.getvalue() and "+1.50" in screen.getvalue()


def test_indices_of_both_formats(tmp_path: Path) -> None:
    np.save(tmp_path / "list.npy", np.array([3, 0, 7]))
    (tmp_path / "list.txt").write_text("3\n0\n7\n")
    assert read_indices(tmp_path / "list.npy") == read_indices(tmp_path / "list.txt") == [3, 0, 7]
    samples = Samples(np.arange(8)[:, None], np.arange(8))
    assert chosen(samples, [3, 0, 7], "list").labels.tolist() == [3, 0, 7]
    with pytest.raises(UserError, match="list: index 8 of a set of 8; the list is of another set"):
        chosen(samples, [8], "list")


@pytest.mark.parametrize("content", ["", "1.5\n", "-1\n", "one\n"])
def test_bad_indices(tmp_path: Path, content: str) -> None:
    (tmp_path / "list.txt").write_text(content)
    with pytest.raises(UserError, match=r"list\.txt"):
        read_indices(tmp_path / "list.txt")


def test_missing_indices(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot read the indices"):
        read_indices(tmp_path / "none.npy")


def test_calibration_that_misses_a_class_writes_nothing(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    from models.architectures import architecture

    data = cifar(tmp_path / "cifar.tar.gz")
    architecture("ic").build().save(tmp_path / "ic.keras")
    (tmp_path / "list.txt").write_text("".join(f"{index}\n" for index in range(8)))  # classes 0 to 7
    with pytest.raises(UserError, match=r"calibration set of .*list\.txt has no sample of: ship, truck"):
        training.quantize(
            "ic",
            str(tmp_path / "ic.keras"),
            data,
            Console(file=io.StringIO()),
            lambda _: None,
            indices=tmp_path / "list.txt",
            out=tmp_path / "out.tflite",
        )
    assert not (tmp_path / "out.tflite").exists()
