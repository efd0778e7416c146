"""The memory plan as a table and a picture: every tensor once, where and when it is."""

from xml.etree import ElementTree

import pytest

from generator.compile import Compiled, compile_model
from generator.plan_report import HEIGHT, STEP_WIDTH, plan_summary, plan_svg, plan_table, planned_tensors
from models.flatbuffer import OperatorSpec, TensorSpec, activation, build_model

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def compiled() -> Compiled:
    """x [8] -> RELU -> y; y -> LOGISTIC -> z; y + z; the names would break XML if they were not escaped."""
    probability = TensorSpec((1, 8), scales=[1 / 256], zero_points=[-128])
    tensors = [activation(1, 8), activation(1, 8), probability, activation(1, 8)]
    operators = [
        OperatorSpec("RELU", [0], [1]),
        OperatorSpec("LOGISTIC", [1], [2]),
        OperatorSpec("ADD", [1, 2], [3]),
    ]
    return compile_model(build_model(tensors, operators, [0], [3]), "<m & n>")


def test_every_tensor_is_listed_with_its_place(compiled: Compiled) -> None:
    tensors = {tensor.life.name: tensor for tensor in planned_tensors(compiled.program, compiled.memory)}
    assert {name: tensor.kind for name, tensor in tensors.items()} == {
        "t0": "input",
        "t1": "activation",
        "t2": "activation",
        "t3": "output",
    }
    assert (tensors["t1"].life.first, tensors["t1"].life.last) == (0, 2)
    assert tensors["t1"].overlays == "t0"
    assert plan_table(compiled.program, compiled.memory).row_count == 4
    assert plan_summary(compiled.program, compiled.memory).startswith("4 tensors in 16 bytes, which no plan can beat")


def test_the_picture_has_a_box_for_each(compiled: Compiled) -> None:
    picture = ElementTree.fromstring(plan_svg(compiled.program, compiled.memory, "<m & n>"))
    titles = [text.text for text in picture.iter(f"{SVG}text")]
    assert "<m & n>" in titles
    boxes = {
        group.findtext(f"{SVG}title", "").partition(":")[0]: group.find(f"{SVG}rect")
        for group in picture.iter(f"{SVG}g")
    }
    assert set(boxes) == {"t0", "t1", "t2", "t3"}
    (y,) = (box for name, box in boxes.items() if name == "t1" and box is not None)
    assert float(y.attrib["width"]) == 3 * STEP_WIDTH - 2
    assert float(y.attrib["height"]) == HEIGHT * 8 / compiled.memory.arena_bytes
