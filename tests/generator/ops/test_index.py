"""ARG_MAX, ARG_MIN and GATHER against TensorFlow Lite Micro."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import UserError
from generator.importer import parse_graph
from generator.lower import lower
from models.flatbuffer import OperatorSpec, TensorSpec, build_model
from tests.generator.host_kernels import assert_equals_oracle

INT32 = 2  # the schema's number


def argument(name: str, dtype: str, shape: tuple[int, ...], axis: int) -> bytes:
    output = shape[:axis] + shape[axis + 1 :]
    tensors = [
        TensorSpec(shape, dtype, *(([0.1], [0]) if dtype == "int8" else ([], []))),
        TensorSpec((1,), "int32", data=np.array([axis], np.int32)),
        TensorSpec(output, "int32"),
    ]
    return build_model(tensors, [OperatorSpec(name, [0, 1], [2], options={"output_type": INT32})], [0], [2])


@pytest.mark.parametrize("name", ["ARG_MAX", "ARG_MIN"])
@pytest.mark.parametrize("dtype", ["int8", "float32"])
@given(shape=st.lists(st.integers(1, 5), min_size=1, max_size=4), seed=st.integers(0, 2**32), data=st.data())
def test_arguments(name: str, dtype: str, shape: list[int], seed: int, data: st.DataObject) -> None:
    axis = data.draw(st.integers(0, len(shape) - 1))
    values = np.random.default_rng(seed).integers(-3, 3, shape).astype(dtype)
    assert_equals_oracle(argument(name, dtype, tuple(shape), axis), [[values]])


def gather(
    dtype: str, shape: tuple[int, ...], indices: np.ndarray, axis: int, batch_dims: int, constant: bool
) -> bytes:
    output = (*shape[:axis], *indices.shape[batch_dims:], *shape[axis + 1 :])
    quantization = ([0.1], [0]) if dtype == "int8" else ([], [])
    tensors = [
        TensorSpec(shape, dtype, *quantization),
        TensorSpec(indices.shape, "int32", data=indices if constant else None),
        TensorSpec(output, dtype, *quantization),
    ]
    operator = OperatorSpec("GATHER", [0, 1], [2], options={"axis": axis, "batch_dims": batch_dims})
    return build_model(tensors, [operator], [0] if constant else [0, 1], [2])


@pytest.mark.parametrize("dtype", ["int8", "float32"])
@pytest.mark.parametrize("constant", [False, True])
@pytest.mark.parametrize(
    ("shape", "indices_shape", "axis", "batch_dims"),
    [((5,), (3,), 0, 0), ((2, 5, 3), (4,), 1, 0), ((2, 5, 3), (2, 2), 2, 0), ((2, 5, 3), (2, 4), 1, 1)],
)
def test_gather(
    dtype: str, constant: bool, shape: tuple[int, ...], indices_shape: tuple[int, ...], axis: int, batch_dims: int
) -> None:
    rng = np.random.default_rng(0)
    indices = rng.integers(0, shape[axis], indices_shape).astype(np.int32)
    values = rng.integers(-128, 128, shape).astype(dtype)
    model = gather(dtype, shape, indices, axis, batch_dims, constant)
    assert_equals_oracle(model, [[values] if constant else [values, indices]])


def test_refusals() -> None:
    with pytest.raises(UserError, match="reach beyond the 5 elements of axis 0"):
        lower(parse_graph(gather("int8", (5,), np.array([1, 5], np.int32), 0, 0, True), "m"))
    with pytest.raises(UserError, match="no axis 3"):
        lower(parse_graph(gather("int8", (5,), np.array([1], np.int32), 3, 0, True), "m"))
