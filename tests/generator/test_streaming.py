"""Streaming: one step at a time gives bit for bit what the whole window does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from common.errors import UserError
from common.oracle import ORACLE_ARENA_BYTES
from generator.compile import compile_model
from tests.generator.host_kernels import HostProgram
from tests.generator.streaming_models import ModelWriter
from tests.reference import reference_data


def windows(frames: NDArray[np.int8], steps: int) -> list[NDArray[np.int8]]:
    """The last ``steps`` frames after each one; zeros before the first."""
    padded = np.concatenate([np.zeros((steps, frames.shape[1]), np.int8), frames])
    return [padded[k + 1 : k + 1 + steps] for k in range(len(frames))]


def assert_streams(model: bytes, axis: int, frames: NDArray[np.int8], shape: tuple[int, ...]) -> None:
    """Every frame's output equals TensorFlow Lite Micro's for the window that ends with it."""
    runtime = pytest.importorskip("tflite_micro.python.tflite_micro.runtime")
    oracle = runtime.Interpreter.from_bytes(model, arena_size=ORACLE_ARENA_BYTES)
    compiled = compile_model(model, "model", streaming=axis)
    machines = [HostProgram(compiled.program, compiled.memory, dsp) for dsp in (False, True)]
    for number, window in enumerate(windows(frames, shape[axis])):
        oracle.set_input(window.reshape(shape), 0)
        oracle.invoke()
        wanted = np.array(oracle.get_output(0))
        for machine in machines:
            (got,) = machine.run([window[-1]])
            np.testing.assert_array_equal(got.reshape(-1), wanted.reshape(-1), f"frame {number}")


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_random_models_stream_bit_for_bit(seed: int, width: bool) -> None:
    rng = np.random.default_rng(seed)
    steps, channels = int(rng.integers(6, 14)), int(rng.choice([1, 3, 4, 8]))
    writer = ModelWriter(seed, steps, channels, width)
    shape = writer.tensors[0].shape
    for _ in range(int(rng.integers(1, 6))):
        layer = rng.choice(["depthwise", "dilated", "conv", "wide", "residual", "pool"])
        if layer == "dilated" and writer.steps > 4:
            writer.depthwise(2, dilation=int(rng.integers(2, 4)))
        elif layer == "wide" and writer.steps > 3:
            writer.conv(int(rng.choice([2, 4, 5])), taps=int(rng.integers(2, 4)))
        elif layer == "residual":
            writer.residual()
        elif layer == "pool" and writer.steps > 2 and writer.operators:
            writer.pool(2)
        elif layer == "depthwise" and writer.steps > 3:
            writer.depthwise(int(rng.integers(1, 4)))
        else:
            writer.conv(int(rng.choice([2, 4, 7])))
    if rng.random() < 0.8:
        writer.head()
    frames = rng.integers(-128, 128, (steps + 6, channels)).astype(np.int8)
    assert_streams(writer.model(), 2 if width else 1, frames, shape)


def test_the_work_is_that_of_the_newest_row() -> None:
    writer = ModelWriter(1, 12, 4)
    writer.depthwise(3)
    writer.conv(8)
    writer.head()
    compiled = compile_model(writer.model(), "model", streaming=1)
    head_macs = 3 * 10 * 8
    assert compiled.program.macs == 3 * 4 + 4 * 8 + head_macs
    assert {state.buffer for state in compiled.program.states} and compiled.program.prime is not None
    (note,) = [line for line in compiled.changes if line.startswith("streaming")]
    assert note == "streaming: 2 of 4 operators compute one step of 12; 92 bytes are kept between inferences"


@pytest.mark.reference
def test_reference_wakeword_model_streams_bit_for_bit() -> None:
    model = (reference_data() / "models" / "str_ww_ref_model.tflite").read_bytes()
    assert compile_model(model, "sww", streaming=1).program.macs == 46_040
    rng = np.random.default_rng(0)
    frames = np.clip(rng.normal(-60, 50, (70, 40)).cumsum(0) % 256 - 128, -128, 127).astype(np.int8)
    assert_streams(model, 1, frames, (1, 30, 1, 40))


def test_nothing_to_stream_is_refused_with_the_reason() -> None:
    model = ModelWriter(1, 12, 4)
    model.conv(4)
    model.operators[0].options["stride_h"] = 2
    model.tensors[model.last].shape = (1, 6, 1, 4)
    with pytest.raises(UserError, match="step by step: operator 0 CONV_2D: it strides over 2 steps"):
        compile_model(model.model(), "model", streaming=1)


@pytest.mark.parametrize("axis", [0, 2, 3, 7, -1])
def test_an_axis_without_steps_is_refused(axis: int) -> None:
    writer = ModelWriter(1, 12, 4)
    writer.conv(4)
    with pytest.raises(UserError, match=f"along axis {axis}; possible is 1"):
        compile_model(writer.model(), "model", streaming=axis)
