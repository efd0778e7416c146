"""Damaged and nonsensical models: each is compiled or refused by a message, quickly and in little memory."""

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from generator.compile import compile_model
from generator.ops import REGISTRY
from generator.options import OPTIONS
from models.flatbuffer import TYPES, OperatorSpec, SubgraphSpec, TensorSpec, build_model
from tests.generator.families import FAMILIES

NUMBERS = [0, 1, 2, 3, 4, 5, 7, 8, 16]
AWKWARD = [-1, -2, 100, 1 << 12, 10**9, 2**31 - 1, -(2**31)]
SCALES = [0.5, 0.1, 0.003, 1 / 256, 1 / 32768, 1.0, 100.0]
AWKWARD_SCALES = [0.0, -1.0, 1e-45, 1e-30, 3e38, float("inf"), float("nan")]
STORED = ["int8", "int16", "int32", "int64", "uint8", "bool", "float32"]
MOST_ELEMENTS = 1 << 12  # of a constant
UNKNOWN = ["UNIQUE", "WHILE", "CUSTOM", "SHAPE", "CAST", "VAR_HANDLE", "CALL_ONCE"]


def compiles(model: bytes) -> bool:
    """Whether a model compiles; any other end than that and UserError is a failure."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            compile_model(model, "m")
        except UserError as error:
            assert str(error).startswith(("m ", "m: "))
            return False
    return True


@pytest.mark.parametrize("name", FAMILIES)
def test_the_undamaged_models_compile(name: str) -> None:
    assert compiles(FAMILIES[name]().build())


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    content = bytearray(FAMILIES[draw(st.sampled_from(sorted(FAMILIES)))]().build())
    place = st.integers(0, len(content) - 1)
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["byte", "bit", "word", "copy", "insert", "remove", "truncate"]))
        start = draw(place) % len(content)
        end = start + draw(st.integers(1, 16))
        if kind == "byte":
            content[start] = draw(st.integers(0, 255))
        elif kind == "bit":
            content[start] ^= 1 << draw(st.integers(0, 7))
        elif kind == "word":
            aligned = start & ~3
            content[aligned : aligned + 4] = draw(st.sampled_from(NUMBERS + AWKWARD)).to_bytes(4, "little", signed=True)
        elif kind == "copy":
            there = draw(place) % len(content)
            content[there : there + end - start] = content[start:end]
        elif kind == "insert":
            content[start:start] = content[start:end]
        elif kind == "remove":
            del content[start:end]
        else:
            del content[max(start, 8) :]
        content[4:8] = b"TFL3"
    return bytes(content)


@settings(max_examples=400)
@given(model=damaged())
def test_damaged_bytes(model: bytes) -> None:
    compiles(model)


@st.composite
def rarely(draw: st.DrawFn, usual: list[Any], awkward: list[Any]) -> Any:
    return draw(st.sampled_from(awkward if draw(st.integers(0, 31)) == 7 else usual))


def shapes(draw: st.DrawFn) -> tuple[int, ...]:
    kind = draw(st.integers(0, 3))
    if kind == 0:
        return tuple(draw(st.sampled_from([(), (0,), (1,), (4,), (1, 4), (2, 2), (4, 2), (4, 4, 1, 1), (1, 4, 4, 2)])))
    rank = 4 if kind == 1 else draw(st.integers(0, 6))
    return tuple(draw(rarely([1, 2, 4], [*NUMBERS, *AWKWARD])) for _ in range(rank))


def changed_tensor(draw: st.DrawFn, tensor: TensorSpec) -> TensorSpec:
    """One thing about it is otherwise."""
    kind = draw(st.sampled_from(["shape", "dtype", "scales", "data", "values", "variable"]))
    if kind == "shape":
        shape = list(tensor.shape)
        if draw(st.booleans()) and shape:
            shape[draw(st.integers(0, len(shape) - 1))] = draw(st.sampled_from(NUMBERS + AWKWARD))
        else:
            shape = list(shapes(draw))
        count = int(np.prod(shape, dtype=np.float64))
        data = np.resize(tensor.data, shape) if tensor.data is not None and 0 <= count <= MOST_ELEMENTS else tensor.data
        return replace(tensor, shape=tuple(shape), data=data)
    if kind == "dtype":
        dtype = draw(st.sampled_from(sorted(TYPES)))
        values = dtype if dtype in STORED else "int8"
        return replace(tensor, dtype=dtype, data=None if tensor.data is None else tensor.data.astype(values))
    if kind == "scales":
        scales, zero_points, axis = draw(quantizations(tensor.shape))
        return replace(tensor, scales=scales, zero_points=zero_points, axis=axis)
    if kind == "values" and tensor.data is not None and tensor.data.size:
        data = tensor.data.copy().reshape(-1)
        data[draw(st.integers(0, data.size - 1))] = draw(st.integers(-128, 127))
        return replace(tensor, data=data)
    if kind == "data":
        count, stored = int(np.prod(tensor.shape, dtype=np.float64)), tensor.dtype if tensor.dtype in STORED else "int8"
        small = tensor.data is None and 0 <= count <= MOST_ELEMENTS
        return replace(tensor, data=np.zeros(tensor.shape, stored) if small else None)
    return replace(tensor, variable=not tensor.variable)


def changed_operator(draw: st.DrawFn, operator: OperatorSpec, tensors: int) -> OperatorSpec:
    kind = draw(st.sampled_from(["name", "option", "option", "inputs", "outputs", "none"]))
    if kind == "name":
        name = draw(st.sampled_from(sorted(REGISTRY) + UNKNOWN))
        return replace(operator, name=name, options=draw(options(name)))
    if kind == "option" and operator.options:
        name = draw(st.sampled_from(sorted(operator.options)))
        return replace(operator, options={**operator.options, name: draw(values(name))})
    index = st.integers(-1, tensors)
    if kind == "inputs":
        return replace(operator, inputs=draw(st.lists(index, max_size=5)))
    return replace(operator, outputs=draw(st.lists(index, max_size=3))) if kind == "outputs" else operator


@st.composite
def changed(draw: st.DrawFn) -> bytes:
    """A model of a family with a few things changed, and perhaps another operator behind it."""
    model = FAMILIES[draw(st.sampled_from(sorted(FAMILIES)))]()
    for _ in range(draw(st.integers(1, 3))):
        if draw(st.integers(0, 2)):
            position = draw(st.integers(0, len(model.tensors) - 1))
            model.tensors[position] = changed_tensor(draw, model.tensors[position])
        else:
            position = draw(st.integers(0, len(model.operators) - 1))
            model.operators[position] = changed_operator(draw, model.operators[position], len(model.tensors))
    if draw(st.booleans()):
        last = model.outputs[0]
        name = draw(st.sampled_from(sorted(REGISTRY)))
        inputs = [last, *draw(st.lists(st.integers(0, len(model.tensors) - 1), max_size=2))]
        model.operators.append(OperatorSpec(name, inputs, [len(model.tensors)], 0, draw(options(name))))
        model.outputs = [len(model.tensors)]
        model.tensors.append(replace(model.tensors[last], data=None))
    return model.build()


@settings(max_examples=400)
@given(model=changed())
def test_changed_models(model: bytes) -> None:
    compiles(model)


@st.composite
def constants(draw: st.DrawFn, main: str) -> TensorSpec:
    """Lists of integers, as operators have for axes and sizes, or weights."""
    numbers = [draw(rarely(NUMBERS[:4], NUMBERS + AWKWARD)) for _ in range(draw(st.integers(1, 8)))]
    if draw(st.booleans()):
        length = draw(rarely([1, 2, 4, 8], [3, 5, 6]))
        values = np.resize(np.array(numbers), length).astype(np.int32)
        return TensorSpec(draw(st.sampled_from([(length,), (length // 2, 2)])), "int32", data=values)
    shape, dtype = shapes(draw), draw(rarely([main], STORED))
    count = int(np.prod(shape, dtype=np.float64)) if shape else 1
    values = np.resize(np.array(numbers), count if 0 <= count <= MOST_ELEMENTS else 3).astype(dtype)
    return TensorSpec(shape, dtype, *draw(quantizations(shape)), values)


@st.composite
def quantizations(draw: st.DrawFn, shape: tuple[int, ...]) -> tuple[list[float], list[int], int]:
    axis = draw(rarely([0, max(len(shape) - 1, 0)], AWKWARD))
    along = shape[axis] if 0 <= axis < len(shape) and 0 < shape[axis] < 100 else 2
    count = draw(rarely([1, 1, 1, along], [0, 2, 4]))
    scales = [draw(rarely(SCALES, AWKWARD_SCALES)) for _ in range(count)]
    points = [draw(rarely([0, 0, 0, 3, -128], AWKWARD)) for _ in scales]
    return scales, points[: draw(rarely([count], [0, 1]))], axis


@st.composite
def activations(draw: st.DrawFn, main: str, usual: tuple[int, ...]) -> TensorSpec:
    shape, dtype = shapes(draw) if draw(st.integers(0, 4)) == 3 else usual, draw(rarely([main], sorted(TYPES)))
    return TensorSpec(shape, dtype, *draw(quantizations(shape)), variable=draw(st.integers(0, 30)) == 7)


@st.composite
def operator_specs(draw: st.DrawFn, number: int, length: int, tensors: int) -> OperatorSpec:
    """Operator ``number`` of ``length`` mostly reads tensor ``number`` and constants, and writes the next tensor."""
    name = draw(rarely(sorted(REGISTRY), UNKNOWN))
    known = [*range(number + 1), *range(length + 1, tensors)]
    inputs = draw(st.lists(rarely(known, [-1, *range(-2, tensors + 1)]), max_size=3))
    inputs.insert(draw(rarely([0], list(range(len(inputs) + 1)))), number)
    outputs = draw(rarely([[number + 1]], [[], [0], [number + 1, number + 1], [-1], [tensors]]))
    return OperatorSpec(name, inputs, outputs, 0, draw(options(name)))


def options(name: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({field: values(field) for field in (OPTIONS[name].fields if name in OPTIONS else ())})


def values(field: str) -> st.SearchStrategy[Any]:
    """Of an option."""
    if field in ("alpha", "beta", "cell_clip", "proj_clip"):
        return rarely([0.1, 1.0, 2.0], AWKWARD_SCALES)
    if field in ("container", "shared_name"):
        return st.sampled_from(["", "a"])
    if field in ("padding", "activation", "output_type", "out_type", "weights_format", "mode"):
        return rarely([0, 1], [2, 3, 4, 5, 6, 127])
    if field in ("keep_dims", "align_corners", "half_pixel_centers", "keep_num_dims", "time_major", "offset"):
        return st.booleans()
    if field == "init_subgraph":
        return st.integers(0, 3)
    return rarely([1, 1, 0, 2] if field.endswith(("_mask", "axis", "batch_dims")) else [1, 1, 2], NUMBERS + AWKWARD)


@st.composite
def nonsense(draw: st.DrawFn) -> bytes:
    main = draw(st.sampled_from(["int8", "int8", "float32", "int16", "int32"]))
    length = draw(st.integers(1, 4))
    usual = shapes(draw)
    tensors = [draw(activations(main, usual)) for _ in range(length + 1)]
    tensors += [draw(constants(main)) for _ in range(draw(st.integers(0, 4)))]
    operators = [draw(operator_specs(number, length, len(tensors))) for number in range(length)]
    outputs = draw(rarely([[length]], [[], [0], [-1], [length, length], [99]]))
    others = (SubgraphSpec(tensors[:2], operators[:1], [0], [1]),) if draw(st.integers(0, 9)) == 7 else ()
    return build_model(tensors, operators, [0], outputs, others)


@settings(max_examples=400)
@given(model=nonsense())
def test_nonsensical_graphs(model: bytes) -> None:
    compiles(model)
