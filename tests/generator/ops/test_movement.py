"""Data movement against TensorFlow Lite Micro, or against numpy where that lacks a type."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from common.errors import UserError
from generator.importer import parse_graph
from generator.lower import lower
from generator.ops.movement import PARTS
from models.flatbuffer import OperatorSpec, TensorSpec, build_model
from tests.generator.cases import run_on_host, run_oracle
from tests.generator.host_kernels import assert_equals_oracle, host_program

Array = NDArray[Any]
TYPES = ("int8", "int16", "int32", "float32")
MICRO: dict[str, tuple[str, ...]] = {  # what the oracle computes, where that is not all of TYPES
    "BATCH_TO_SPACE_ND": ("int8", "float32"),
    "BROADCAST_TO": ("int8", "int16", "int32", "float32"),
    "DEPTH_TO_SPACE": ("int8", "float32"),
    "EXPAND_DIMS": ("int8", "int16", "float32"),
    "REVERSE_V2": ("int8", "int16", "int32", "float32"),
    "SPACE_TO_BATCH_ND": ("int8", "float32"),
    "SPACE_TO_DEPTH": ("int8", "float32"),
    "TRANSPOSE": ("int8", "int16", "float32"),
    "ZEROS_LIKE": ("int8", "int32", "float32"),
}


@dataclass
class Case:
    """``before`` and ``after``: constant operands (int32) on either side of the moved tensors."""

    name: str
    inputs: list[tuple[int, ...]]
    outputs: list[tuple[int, ...]]
    after: list[Any] = field(default_factory=list)
    before: list[Any] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)

    def model(self, dtype: str) -> bytes:
        plain: dict[str, Any] = {} if dtype not in ("int8", "int16") else {"scales": [0.1], "zero_points": [0]}

        def constant(value: Any) -> TensorSpec:
            if isinstance(value, float):  # of the tensors' own type
                return TensorSpec((1,), dtype, data=np.array([value], dtype), **plain)
            array = np.array(value, np.int32)
            return TensorSpec(array.shape, "int32", data=array)

        tensors = [
            *(constant(value) for value in self.before),
            *(TensorSpec(shape, dtype, **plain) for shape in self.inputs),
            *(constant(value) for value in self.after),
            *(TensorSpec(shape, dtype, **plain) for shape in self.outputs),
        ]
        first, operands = len(self.before), len(tensors) - len(self.outputs)
        outputs = list(range(operands, len(tensors)))
        operator = OperatorSpec(self.name, list(range(operands)), outputs, options=self.options)
        return build_model(tensors, [operator], list(range(first, first + len(self.inputs))), outputs)

    def values(self, dtype: str, seed: int = 0) -> list[Array]:
        rng = np.random.default_rng(seed)
        if dtype == "float32":
            return [rng.normal(0, 1, shape).astype(dtype) for shape in self.inputs]
        limits = np.iinfo(dtype)
        return [rng.integers(limits.min, limits.max, shape, endpoint=True).astype(dtype) for shape in self.inputs]


def slice_options(**masks: int) -> dict[str, Any]:
    names = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")
    return {name: masks.get(name, 0) for name in names}


CASES = [
    Case("RESHAPE", [(2, 6)], [(3, 4)], [[3, 4]]),
    Case("SQUEEZE", [(1, 3, 1, 4)], [(3, 4)]),
    Case("EXPAND_DIMS", [(3, 4)], [(3, 1, 4)], [[1]]),
    Case("SLICE", [(1, 5, 4, 3)], [(1, 2, 4, 2)], [[0, 1, 0, 1], [1, 2, -1, 2]]),
    Case("SLICE", [(6,)], [(4,)], [[2], [-1]]),
    Case("STRIDED_SLICE", [(1, 7, 5)], [(1, 3, 2)], [[0, 1, 4], [1, 7, 0], [1, 2, -2]], options=slice_options()),
    Case(
        "STRIDED_SLICE",
        [(2, 7, 5)],
        [(2, 7)],
        [[0, 3, 1], [0, 0, 2], [1, 1, 1]],
        options=slice_options(begin_mask=3, end_mask=3, shrink_axis_mask=4),
    ),
    Case("STRIDED_SLICE", [(4,)], [()], [[2], [3], [1]], options=slice_options(shrink_axis_mask=1)),
    Case("STRIDED_SLICE", [(3, 4)], [(3, 4)], [[-1, -1], [-9, -9], [-1, -1]], options=slice_options()),
    Case("TRANSPOSE", [(2, 3, 4)], [(4, 2, 3)], [[2, 0, 1]]),
    Case("TRANSPOSE", [(1, 3, 4, 5)], [(1, 5, 3, 4)], [[0, 3, 1, 2]]),
    Case("TRANSPOSE", [(2, 3, 2, 2, 3)], [(3, 2, 2, 3, 2)], [[4, 3, 2, 1, 0]]),
    Case("CONCATENATION", [(1, 2, 3), (1, 4, 3)], [(1, 6, 3)], options={"axis": 1}),
    Case("CONCATENATION", [(2, 2), (2, 3), (2, 1)], [(2, 6)], options={"axis": -1}),
    Case("SPLIT", [(2, 6)], [(2, 2)] * 3, before=[1], options={"num_splits": 3}),
    Case("SPLIT_V", [(5, 3)], [(1, 3), (4, 3)], [[1, 4], 0], options={"num_splits": 2}),
    Case("PACK", [(2, 3)] * 3, [(2, 3, 3)], options={"axis": 1, "values_count": 3}),
    Case("PACK", [(4,)] * 2, [(4, 2)], options={"axis": -1, "values_count": 2}),
    Case("UNPACK", [(2, 3, 4)], [(2, 4)] * 3, options={"axis": 1, "num": 3}),
    Case("UNPACK", [(3,)], [()] * 3, options={"axis": 0, "num": 3}),
    Case("PAD", [(1, 3, 4, 2)], [(1, 6, 5, 2)], [[[0, 0], [1, 2], [1, 0], [0, 0]]]),
    Case("PAD", [(1, 3, 4, 2)], [(2, 3, 4, 5)], [[[0, 1], [0, 0], [0, 0], [2, 1]]]),
    Case("PADV2", [(1, 3, 4, 2)], [(1, 6, 5, 2)], [[[0, 0], [1, 2], [1, 0], [0, 0]], 5.0]),
    Case("SPACE_TO_BATCH_ND", [(1, 4, 6, 3)], [(4, 2, 3, 3)], [[2, 2], [[0, 0], [0, 0]]]),
    Case("SPACE_TO_BATCH_ND", [(2, 5, 4, 1)], [(12, 4, 2, 1)], [[2, 3], [[1, 2], [2, 0]]]),
    Case("SPACE_TO_BATCH_ND", [(1, 7, 3)], [(2, 5, 3)], [[2], [[2, 1]]]),
    Case("BATCH_TO_SPACE_ND", [(4, 2, 3, 3)], [(1, 4, 6, 3)], [[2, 2], [[0, 0], [0, 0]]]),
    Case("BATCH_TO_SPACE_ND", [(6, 4, 2, 2)], [(1, 5, 5, 2)], [[2, 3], [[1, 2], [0, 1]]]),
    Case("BATCH_TO_SPACE_ND", [(2, 5, 3)], [(1, 7, 3)], [[2], [[2, 1]]]),
    Case("DEPTH_TO_SPACE", [(1, 2, 3, 8)], [(1, 4, 6, 2)], options={"block_size": 2}),
    Case("SPACE_TO_DEPTH", [(1, 4, 6, 2)], [(1, 2, 3, 8)], options={"block_size": 2}),
    Case("BROADCAST_TO", [(1, 3, 1)], [(2, 3, 4)], [[2, 3, 4]]),
    Case("REVERSE_V2", [(2, 3, 4)], [(2, 3, 4)], [[1]]),
    Case("ZEROS_LIKE", [(2, 3)], [(2, 3)]),
]
NUMPY: dict[str, Callable[[Case, list[Array]], list[Array]]] = {
    "SLICE": lambda c, x: [x[0][tuple(slice(b, b + s if s >= 0 else None) for b, s in zip(*c.after, strict=True))]],
    "TRANSPOSE": lambda c, x: [x[0].transpose(c.after[0])],
    "EXPAND_DIMS": lambda c, x: [x[0]],
    "BROADCAST_TO": lambda c, x: [np.broadcast_to(x[0], c.outputs[0])],
    "ZEROS_LIKE": lambda c, x: [np.zeros_like(x[0])],
    "SPACE_TO_BATCH_ND": lambda c, x: [space_to_batch(x[0], *c.after)],
}


def space_to_batch(values: Array, block: list[int], pads: list[list[int]]) -> Array:
    """Padded with 0, the zero point here."""
    padded = np.pad(values, [(0, 0), *pads, *[(0, 0)] * (values.ndim - 1 - len(pads))])
    if len(block) == 1:
        return np.concatenate([padded[:, y :: block[0]] for y in range(block[0])])
    return np.concatenate([padded[:, y :: block[0], x :: block[1]] for y in range(block[0]) for x in range(block[1])])


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name}-{case.inputs[0]}")
def test_as_the_oracle(case: Case, dtype: str) -> None:
    model, values = case.model(dtype), case.values(dtype)
    if dtype in MICRO.get(case.name, TYPES) and not unset_padding(case):
        assert_equals_oracle(model, [values])
    elif case.name in NUMPY:
        wanted = NUMPY[case.name](case, values)
        for got, want in zip(host_program(model, dsp=False).run(values), wanted, strict=True):
            np.testing.assert_array_equal(got.reshape(-1), want.reshape(-1))
    else:
        host_program(model, dsp=False).run(values)


def unset_padding(case: Case) -> bool:
    """SPACE_TO_BATCH_ND of TensorFlow Lite Micro pads with a value that it never sets; TFLite's is the zero point."""
    return case.name == "SPACE_TO_BATCH_ND" and bool(np.any(case.after[1]))


def test_every_operator_has_a_case() -> None:
    elsewhere = {"READ_VARIABLE", "ASSIGN_VARIABLE", "FILL"}
    assert {case.name for case in CASES} | elsewhere == set(PARTS)


@given(data=st.data())
def test_any_strided_slice(data: st.DataObject) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=4)))
    rank = len(shape)
    begins = [data.draw(st.integers(-size, size - 1)) for size in shape]
    ends = [data.draw(st.integers(-size - 1, size + 1)) for size in shape]
    strides = [data.draw(st.sampled_from([1, 1, 2, 3, -1, -2])) for _ in shape]
    masks = {name: data.draw(st.integers(0, 2**rank - 1)) for name in ("begin_mask", "end_mask")}
    shrink = data.draw(st.sampled_from([0, 0, 1, 2**rank - 1]))
    strides = [1 if shrink >> axis & 1 else stride for axis, stride in enumerate(strides)]
    index: tuple[Any, ...] = tuple(
        begin
        if shrink >> axis & 1
        else slice(
            None if masks["begin_mask"] >> axis & 1 else begin,
            None if masks["end_mask"] >> axis & 1 else end,
            stride,
        )
        for axis, (begin, end, stride) in enumerate(zip(begins, ends, strides, strict=True))
    )
    output = np.empty(shape)[index].shape
    if 0 in output:
        return
    options = slice_options(**masks, shrink_axis_mask=shrink)
    case = Case("STRIDED_SLICE", [shape], [output], [begins, ends, strides], options=options)
    assert_equals_oracle(case.model("int8"), [case.values("int8")])


@given(shape=st.lists(st.integers(1, 5), min_size=2, max_size=5), seed=st.integers(0, 2**32), data=st.data())
def test_any_transpose(shape: list[int], seed: int, data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(shape))))
    case = Case("TRANSPOSE", [tuple(shape)], [tuple(shape[axis] for axis in order)], [order])
    assert_equals_oracle(case.model("int8"), [case.values("int8", seed)])


@given(
    shape=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    sizes=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    data=st.data(),
)
def test_any_concatenation(shape: list[int], sizes: list[int], data: st.DataObject) -> None:
    axis = data.draw(st.integers(0, len(shape) - 1))
    *inputs, output = [(*shape[:axis], size, *shape[axis + 1 :]) for size in [*sizes, sum(sizes)]]
    case = Case("CONCATENATION", inputs, [output], options={"axis": axis})
    assert_equals_oracle(case.model("int8"), [case.values("int8")])


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.name in ("TRANSPOSE", "PAD", "SLICE")], ids=lambda c: f"{c.name}{c.inputs}"
)
def test_the_generated_c(case: Case, tmp_path: Path) -> None:
    inputs = np.stack([case.values("int8", seed)[0] for seed in range(5)])
    model = case.model("int8")
    np.testing.assert_array_equal(run_on_host(model, inputs, "int8", tmp_path), run_oracle(model, inputs))


@pytest.mark.parametrize(
    ("case", "words"),
    [
        (Case("RESHAPE", [(2, 6)], [(3, 5)], [[3, 5]]), "it turns"),
        (Case("TRANSPOSE", [(2, 3)], [(3, 2)], [[1, 1]]), "not a permutation"),
        (Case("TRANSPOSE", [(2, 3)], [(2, 3)], [[1, 0]]), r"does not fit: it is \[3, 2\]"),
        (Case("CONCATENATION", [(2, 3), (2, 3)], [(2, 7)], options={"axis": 1}), "6 elements along axis 1"),
        (Case("CONCATENATION", [(2, 3)], [(2, 3)], options={"axis": 5}), "there is no axis 5"),
        (Case("SPLIT", [(2, 7)], [(2, 2)] * 3, before=[1], options={"num_splits": 3}), "does not split"),
        (Case("PAD", [(2, 3)], [(2, 3)], [[[0, 0], [1, 0]]]), r"does not fit: it is \[2, 4\]"),
        (Case("PAD", [(2, 3), (2, 2)], [(2, 4)]), "paddings is not a constant"),
        (Case("DEPTH_TO_SPACE", [(1, 2, 3, 6)], [(1, 4, 6, 2)], options={"block_size": 2}), "does not fit"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_refusals(case: Case, words: str) -> None:
    with pytest.raises(UserError, match=words):
        lower(parse_graph(case.model("int32"), "m"))
