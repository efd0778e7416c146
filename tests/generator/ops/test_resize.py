"""RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR against TensorFlow Lite Micro."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import UserError
from generator.importer import parse_graph
from generator.lower import lower
from models.flatbuffer import OperatorSpec, TensorSpec, build_model
from tests.generator.host_kernels import assert_equals_oracle


def resize(
    name: str, dtype: str, shape: tuple[int, ...], size: tuple[int, int], align_corners: bool, half_pixel: bool
) -> bytes:
    output = (shape[0], *size, shape[3])
    quantization = ([], []) if dtype == "float32" else ([0.1], [3])
    tensors = [
        TensorSpec(shape, dtype, *quantization),
        TensorSpec((2,), "int32", data=np.array(size, np.int32)),
        TensorSpec(output, dtype, *quantization),
    ]
    options = {"align_corners": align_corners, "half_pixel_centers": half_pixel}
    return build_model(tensors, [OperatorSpec(name, [0, 1], [2], options=options)], [0], [2])


@pytest.mark.parametrize("name", ["RESIZE_NEAREST_NEIGHBOR", "RESIZE_BILINEAR"])
@pytest.mark.parametrize("dtype", ["int8", "float32"])
@pytest.mark.parametrize(("align_corners", "half_pixel"), [(False, False), (True, False), (False, True)])
@given(
    shape=st.tuples(st.integers(1, 2), st.integers(1, 6), st.integers(1, 6), st.integers(1, 4)),
    size=st.tuples(st.integers(1, 13), st.integers(1, 13)),
    seed=st.integers(0, 2**32),
)
def test_any_size(
    name: str,
    dtype: str,
    align_corners: bool,
    half_pixel: bool,
    shape: tuple[int, int, int, int],
    size: tuple[int, int],
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    values = rng.integers(-128, 128, shape).astype(dtype)
    assert_equals_oracle(resize(name, dtype, shape, size, align_corners, half_pixel), [[values]], rtol=1e-5)


def test_refuses_an_output_of_another_size() -> None:
    tensors = [
        TensorSpec((1, 2, 2, 1), scales=[0.1]),
        TensorSpec((2,), "int32", data=np.array([4, 4], np.int32)),
        TensorSpec((1, 4, 5, 1), scales=[0.1]),
    ]
    model = build_model(tensors, [OperatorSpec("RESIZE_BILINEAR", [0, 1], [2])], [0], [2])
    with pytest.raises(UserError, match="does not fit input"):
        lower(parse_graph(model, "m"))
