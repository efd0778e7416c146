"""`--model` with an ONNX file: converted by onnx2tf, where that is installed."""

import shutil
from pathlib import Path

import pytest

from common.errors import UserError
from common.paths import BUILD
from generator.importer import read_graph
from models.onnx import PROGRAM, to_tflite

FLOAT = 1  # onnx.TensorProto.FLOAT


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def nested(field: int, content: bytes | str) -> bytes:
    data = content.encode() if isinstance(content, str) else content
    return varint(field << 3 | 2) + varint(len(data)) + data


def varint(value: int) -> bytes:
    parts = []
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


def relu_model() -> bytes:
    """`onnx.proto`: y = max(x, 0) of float32[1, 16], in opset 13."""

    def port(name: str) -> bytes:
        shape = nested(1, number(1, 1)) + nested(1, number(1, 16))
        return nested(1, name) + nested(2, nested(1, number(1, FLOAT) + nested(2, shape)))

    node = nested(1, "x") + nested(2, "y") + nested(4, "Relu")
    graph = nested(1, node) + nested(2, "graph") + nested(11, port("x")) + nested(12, port("y"))
    return number(1, 8) + nested(7, graph) + nested(8, nested(1, "") + number(2, 13))


def program(folder: Path, body: str) -> None:
    path = folder / PROGRAM
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def test_without_the_converter_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "net.onnx").write_bytes(b"none")
    with pytest.raises(UserError, match=r"net\.onnx is an ONNX model, and onnx2tf.*pipx install onnx2tf"):
        to_tflite(tmp_path / "net.onnx")
    with pytest.raises(UserError, match=r"cannot read model .*absent\.onnx"):
        to_tflite(tmp_path / "absent.onnx")


@pytest.mark.parametrize("body", ["echo no such operator; exit 1", "echo no such operator"])
def test_failure_shows_its_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    program(tmp_path, body)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    (tmp_path / "net.onnx").write_bytes(b"broken")
    with pytest.raises(UserError, match=r"could not convert .*net\.onnx:\nno such operator"):
        to_tflite(tmp_path / "net.onnx")
    assert not list((BUILD / "models").glob("net_*.tflite"))


@pytest.mark.skipif(shutil.which(PROGRAM) is None, reason="onnx2tf is not installed")
def test_real_conversion(tmp_path: Path) -> None:
    (tmp_path / "relu.onnx").write_bytes(relu_model())
    graph = read_graph(to_tflite(tmp_path / "relu.onnx"))
    assert [operator.name for operator in graph.operators] == ["RELU"]
    assert graph.tensors[graph.inputs[0]].shape == (1, 16)
