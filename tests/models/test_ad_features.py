"""Log-mel features against a slow, independent computation and against what they must satisfy."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from models.ad import features
from models.ad.machines import MACHINES
from models.ad.sounds import synthesise


def slow_hz(mel: float) -> float:
    """Slaney's scale step by step: 66.67 Hz a mel up to 15 mels, then 27 steps for a factor of 6.4."""
    return mel * 200 / 3 if mel < 15 else 1000 * 6.4 ** ((mel - 15) / 27)


def slow_log_mel(samples: list[float], frame: int, band: int) -> float:
    """One value from the definition: DFT by summation, triangles by cases, reflection by indices."""
    top = 15 + 27 * math.log(8000 / 1000) / math.log(6.4)
    low, centre, high = (slow_hz(top * (band + i) / 129) for i in range(3))
    windowed = []
    for n in range(1024):
        at = abs(512 * frame - 512 + n)  # reflection about the first sample
        at = 2 * (len(samples) - 1) - at if at >= len(samples) else at  # and about the last
        windowed.append(samples[at] * (0.5 - 0.5 * math.cos(2 * math.pi * n / 1024)))
    total = 0.0
    for k in range(513):
        hz = k * 16000 / 1024
        if not low < hz < high:
            continue
        weight = (hz - low) / (centre - low) if hz < centre else (high - hz) / (high - centre)
        value = sum(
            x * complex(math.cos(2 * math.pi * k * n / 1024), -math.sin(2 * math.pi * k * n / 1024))
            for n, x in enumerate(windowed)
        )
        total += weight * 2 / (high - low) * abs(value) ** 2
    return 10 * math.log10(total + 2.220446e-16)


def test_equals_the_definition() -> None:
    pcm = synthesise(MACHINES[0], 0, seed=3)[:6000]
    samples = [x / 32768 for x in pcm.tolist()]
    fast = features.log_mel(pcm)
    assert fast.shape == (1 + 6000 // 512, 128)
    for frame, band in [(0, 0), (0, 40), (1, 3), (5, 1), (5, 64), (6, 41), (11, 2), (11, 90), (7, 127)]:
        assert fast[frame, band] == pytest.approx(slow_log_mel(samples, frame, band), abs=1e-4)


@given(st.floats(0, 8000))
def test_mel_scale_is_invertible(hz: float) -> None:
    assert features.mel_to_hz(features.hz_to_mel(np.array([hz])))[0] == pytest.approx(hz, abs=1e-6)


@pytest.mark.parametrize(("hz", "mel"), [(0, 0), (200, 3), (1000, 15), (6400, 42)])
def test_mel_scale_fixed_points(hz: float, mel: float) -> None:
    assert features.hz_to_mel(np.array([float(hz)]))[0] == pytest.approx(mel)


def test_filters_have_unit_area() -> None:
    filters = features.mel_filters()
    assert filters.shape == (128, 513)
    assert (filters >= 0).all()
    areas = filters.sum(axis=1) * 16000 / 1024
    np.testing.assert_allclose(areas[60:], 1, atol=0.03)  # wide enough to be sampled well
    np.testing.assert_allclose(areas, 1, atol=0.25)


def test_neighbouring_filters_cross_fade() -> None:
    """Undo the normalisation: at every frequency inside the range the triangles add up to 1."""
    ends = features.hz_to_mel(np.array([0.0, 8000.0]))
    edges = features.mel_to_hz(np.linspace(ends[0], ends[1], 130))
    triangles = features.mel_filters() * ((edges[2:] - edges[:-2]) / 2)[:, np.newaxis]
    bins = np.arange(513) * 16000 / 1024
    inside = (bins >= edges[1]) & (bins <= edges[-2])
    np.testing.assert_allclose(triangles.sum(axis=0)[inside], 1, atol=1e-9)


@settings(deadline=None, max_examples=30)
@given(st.floats(150, 7500), st.floats(0, 6.28))
def test_a_tone_lands_in_its_band(hz: float, phase: float) -> None:
    pcm = np.rint(10000 * np.sin(2 * np.pi * hz * np.arange(8192) / 16000 + phase)).astype(np.int16)
    mel = features.log_mel(pcm)[4:12]
    ends = features.hz_to_mel(np.array([0.0, 8000.0]))
    expected = float(features.hz_to_mel(np.array([hz]))[0]) / float(ends[1]) * 129 - 1
    assert np.abs(mel.argmax(axis=1) - expected).max() <= 1.1


def test_power_spectrum_obeys_parseval() -> None:
    pcm = synthesise(MACHINES[3], 1, seed=1)[:20000]
    power = features.power_spectrum(pcm)
    two_sided = power[:, 0] + power[:, -1] + 2 * power[:, 1:-1].sum(axis=1)
    hann = np.hanning(1025)[:-1]
    for frame in (2, 10, 30):
        part = pcm[512 * frame - 512 : 512 * frame + 512] / 32768 * hann
        assert two_sided[frame] == pytest.approx(1024 * np.square(part).sum())


def test_silence_is_the_epsilon() -> None:
    np.testing.assert_allclose(features.log_mel(np.zeros(4096, np.int16)), 10 * np.log10(2.220446e-16), atol=1e-4)


def test_twice_the_amplitude_is_six_decibels() -> None:
    pcm = synthesise(MACHINES[0], 0, seed=1) // 4
    np.testing.assert_allclose(features.features(pcm * 2) - features.features(pcm), 6.0206, atol=2e-3)


def test_benchmark_keeps_frames_50_to_249() -> None:
    pcm = synthesise(MACHINES[1], 0, seed=1)
    kept = features.features(pcm)
    assert kept.dtype == np.float32
    assert kept.shape == (200, 128)
    np.testing.assert_array_equal(kept, features.log_mel(pcm)[50:250])


def test_windows_are_runs_of_five_frames() -> None:
    frames = np.arange(200 * 128, dtype=np.float32).reshape(200, 128)
    windows = features.windows(frames)
    assert windows.shape == (196, 640)
    for i in (0, 1, 77, 195):
        np.testing.assert_array_equal(windows[i], frames[i : i + 5].ravel())


def test_short_recording_is_refused() -> None:
    assert features.features(np.ones(249 * 512, np.int16)).shape == (200, 128)
    with pytest.raises(UserError, match=r"127487 samples is too short.*at least 127488"):
        features.features(np.ones(249 * 512 - 1, np.int16))
