"""The generated C on the host equals TensorFlow Lite Micro's reference kernels, bit for bit."""

from pathlib import Path

import numpy as np
import pytest

from common.benchmark import load_benchmark
from models.flatbuffer import OperatorSpec, TensorSpec, build_model
from tests.generator.cases import fully_connected, run_on_host, run_oracle
from tests.reference import reference_data


def int8_inputs(count: int, *shape: int) -> np.ndarray:
    """Random int8 tensors, after the extremes and the alternation of both."""
    rng = np.random.default_rng(1)
    inputs = rng.integers(-128, 128, (count, *shape)).astype(np.int8)
    inputs[0] = -128
    inputs[1] = 127
    inputs[2].reshape(-1)[::2] = -128
    inputs[2].reshape(-1)[1::2] = 127
    return inputs


@pytest.mark.parametrize("per_channel", [False, True], ids=["per_tensor", "per_channel"])
@pytest.mark.parametrize(
    ("units", "depth", "batches", "activation", "bias"),
    [
        (4, 4, 1, 0, True),
        (1, 1, 1, 0, True),
        (5, 7, 3, 1, True),
        (3, 17, 2, 2, False),
        (8, 33, 1, 3, True),
        (10, 128, 1, 0, False),
    ],
)
def test_fully_connected(
    tmp_path: Path, units: int, depth: int, batches: int, activation: int, bias: bool, per_channel: bool
) -> None:
    model = fully_connected(
        units=units,
        depth=depth,
        batches=batches,
        per_channel=per_channel,
        activation=activation,
        with_bias=bias,
        seed=units * depth,
    )
    inputs = int8_inputs(64, batches, depth)
    np.testing.assert_array_equal(run_on_host(model, inputs, "int8", tmp_path), run_oracle(model, inputs))


@pytest.mark.parametrize("seed", range(4))
def test_fully_connected_with_scales_far_apart(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    model = fully_connected(
        units=6,
        depth=9,
        seed=seed,
        input={"scales": [float(10 ** rng.uniform(-6, 3))]},
        weights={"scales": [float(10 ** rng.uniform(-6, 0))]},
        output={"scales": [float(10 ** rng.uniform(-2, 2))]},
        with_bias=False,
    )
    inputs = int8_inputs(64, 1, 9)
    np.testing.assert_array_equal(run_on_host(model, inputs, "int8", tmp_path), run_oracle(model, inputs))


def test_fully_connected_multiplier_to_the_last_bit(tmp_path: Path) -> None:
    """Large accumulators over all int8 inputs: a float32 product of the scales would be off in some outputs."""
    rng = np.random.default_rng(1)
    input_scale, weight_scale = np.float32(rng.uniform(0.1, 1)), np.float32(rng.uniform(0.001, 0.01))
    units = 4000
    model = fully_connected(
        units=units,
        depth=1,
        input={"scales": [float(input_scale)], "zero_points": [0]},
        weights={"scales": [float(weight_scale)]},
        bias={
            "scales": [float(input_scale * weight_scale)],
            "data": rng.integers(-(2**26), 2**26, units).astype(np.int32),
        },
        output={"scales": [float(input_scale) * float(weight_scale) * 2**26 / 120], "zero_points": [0]},
    )
    inputs = np.arange(-128, 128).astype(np.int8).reshape(-1, 1, 1)
    np.testing.assert_array_equal(run_on_host(model, inputs, "int8", tmp_path), run_oracle(model, inputs))


def test_quantize_and_dequantize_around_a_layer(tmp_path: Path) -> None:
    """float32 -> QUANTIZE -> RESHAPE -> FULLY_CONNECTED -> QUANTIZE (requantise) -> DEQUANTIZE -> float32."""
    rng = np.random.default_rng(3)
    tensors = [
        TensorSpec((2, 6), "float32"),
        TensorSpec((2, 6), scales=[0.037], zero_points=[-7]),
        TensorSpec((2,), "int32", data=np.array([1, 12], np.int32)),
        TensorSpec((1, 12), scales=[0.037], zero_points=[-7]),
        TensorSpec((5, 12), scales=[0.011], data=rng.integers(-127, 128, (5, 12)).astype(np.int8)),
        TensorSpec((1, 5), scales=[0.09], zero_points=[3]),
        TensorSpec((1, 5), scales=[0.13], zero_points=[-20]),
        TensorSpec((1, 5), "float32"),
    ]
    operators = [
        OperatorSpec("QUANTIZE", [0], [1]),
        OperatorSpec("RESHAPE", [1, 2], [3]),
        OperatorSpec("FULLY_CONNECTED", [3, 4, -1], [5]),
        OperatorSpec("QUANTIZE", [5], [6]),
        OperatorSpec("DEQUANTIZE", [6], [7]),
    ]
    model = build_model(tensors, operators, [0], [7])
    inputs = rng.normal(0, 3, (200, 2, 6)).astype(np.float32)
    inputs[0], inputs[1] = 1e4, -1e4
    inputs[2] = 0.037 * 0.5  # halves round away from zero
    inputs[3] = -0.037 * 1.5
    np.testing.assert_array_equal(
        run_on_host(model, inputs, "float32", tmp_path).view(np.int32), run_oracle(model, inputs).view(np.int32)
    )


@pytest.mark.parametrize("name", ["shipped", pytest.param("reference", marks=pytest.mark.reference)])
def test_whole_ad_models(tmp_path: Path, name: str) -> None:
    shipped = load_benchmark("ad").model
    model = (shipped if name == "shipped" else reference_data() / "models" / "ad01_int8.tflite").read_bytes()
    inputs = int8_inputs(1000, 1, 640)
    np.testing.assert_array_equal(run_on_host(model, inputs, "int8", tmp_path), run_oracle(model, inputs))
