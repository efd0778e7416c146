"""The sound front end against numpy in double precision, and the whole chain against golden data."""

import json
import wave

import numpy as np
import pytest
from numpy.typing import NDArray

from common.errors import UserError
from generator.compile import Compiled, compile_model
from generator.front_end import BANDS, HOP, LENGTH, mel_weights
from models.untrained import untrained_model
from tests.generator.host_kernels import HostProgram
from tests.generator.streaming_models import ModelWriter
from tests.reference import reference_data

SCALE = np.float32(0.94377 / 255)


def reference_features(samples: NDArray[np.int16], scale: float) -> NDArray[np.int64]:
    """int64[frames, 40], as the reference firmware does it, in float64; what wraps around is above 127."""
    padded = np.concatenate([np.zeros(LENGTH - HOP + 1), samples / 32768])
    hamming = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(LENGTH) / LENGTH)
    frames = []
    for start in range(0, len(samples) - HOP + 1, HOP):
        part = padded[start : start + LENGTH + 1]
        spectrum = np.fft.rfft((part[1:] - 0.96875 * part[:-1]) * hamming)
        energy = np.abs(spectrum) ** 2 / LENGTH @ mel_weights()
        value = np.clip((10 * np.log10(np.maximum(energy, 1e-30)) + 52) / 64, 0, 1)
        frames.append(np.trunc(value / scale - 128).astype(np.int64))
    return np.array(frames)


@pytest.fixture(scope="module")
def compiled() -> Compiled:
    return compile_model(untrained_model("sww"), "sww", streaming=1, front_end="log_mel")


def features(machine: HostProgram, samples: NDArray[np.int16]) -> NDArray[np.int8]:
    blocks = samples[: len(samples) // HOP * HOP].reshape(-1, HOP)
    return np.array([machine.run([block])[1].reshape(-1) for block in blocks])


@pytest.mark.parametrize("kind", ["noise", "loud", "quiet", "tone", "square", "silence", "steps"])
def test_features_equal_double_precision(compiled: Compiled, kind: str) -> None:
    rng = np.random.default_rng(1)
    time = np.arange(16 * HOP)
    signals = {
        "noise": rng.normal(0, 3000, time.size),
        "loud": np.where(rng.random(time.size) < 0.5, -32768, 32767),
        "quiet": rng.integers(-1, 2, time.size),
        "tone": 20000 * np.sin(0.001 * time * (1 + time / 3000)),
        "square": 30000 * np.sign(np.sin(time * 0.05)),
        "silence": np.zeros(time.size),
        "steps": np.repeat(rng.integers(-20000, 20000, 16), HOP),
    }
    samples = np.clip(signals[kind], -32768, 32767).astype(np.int16)
    for dsp in (False, True):
        got = features(HostProgram(compiled.program, compiled.memory, dsp), samples)
        wanted = reference_features(samples, float(SCALE)).astype(np.int8)
        # Single precision may fall on the other side of a step of the quantisation.
        assert np.count_nonzero(got != wanted) <= 1
        assert got.shape == (16, BANDS)


def test_very_loud_bands_wrap_around(compiled: Compiled) -> None:
    samples = np.where(np.arange(8 * HOP) // 8 % 2, 32767, -32768).astype(np.int16)
    wanted = reference_features(samples, float(SCALE))
    assert wanted.max() > 127
    got = features(HostProgram(compiled.program, compiled.memory, True), samples)
    np.testing.assert_array_equal(got, wanted.astype(np.int8))


def test_a_reset_keeps_the_sample_before_the_window_alone(compiled: Compiled) -> None:
    loud, quiet = np.full(HOP, 9000, np.int16), np.zeros(HOP, np.int16)
    fresh, used = (HostProgram(compiled.program, compiled.memory, False) for _ in range(2))
    for block in (loud, loud, quiet):
        used.run([block])
    used.reset()  # the sample before the next window is one of the loud ones
    first = used.run([quiet])[1].reshape(-1)
    assert (first > fresh.run([quiet])[1].reshape(-1)).any()
    np.testing.assert_array_equal(used.run([quiet])[1], fresh.run([quiet])[1])


def test_a_model_of_other_features_is_refused() -> None:
    writer = ModelWriter(1, steps=8, channels=10)
    writer.depthwise(3)
    with pytest.raises(UserError, match="the sound front end gives 40 int8 features a frame, the model takes 10 int8"):
        compile_model(writer.model(), "model", streaming=1, front_end="log_mel")


@pytest.mark.reference
def test_golden_activations_of_the_reference_clip() -> None:
    folder = reference_data()
    with wave.open(str(folder / "sww" / "short_wav_easy10s.wav")) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)[:, 0]
    golden = json.loads((folder / "protocol_golden.json").read_text())
    model = (folder / "models" / "str_ww_ref_model.tflite").read_bytes()
    compiled = compile_model(model, "sww", streaming=1, front_end="log_mel")
    machine = HostProgram(compiled.program, compiled.memory, True)
    outputs = [machine.run([block]) for block in samples[: len(samples) // HOP * HOP].reshape(-1, HOP)]
    assert [int(scores.reshape(-1)[0]) for scores, _ in outputs] == golden["sww_act_ref"]
    got = np.array([frame.reshape(-1) for _, frame in outputs])
    quantization = compiled.program.outputs[1].quantization
    assert quantization is not None
    np.testing.assert_array_equal(got, reference_features(samples, float(quantization.scale)))
    np.testing.assert_array_equal(got[40:42], golden["sww_feat_frames_40_41"])
