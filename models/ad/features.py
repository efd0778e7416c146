"""Log-mel features of the anomaly detection benchmark, in numpy.

Definition: MLPerf Tiny, benchmark/training/anomaly_detection (common.py and convert_dataset.py), which calls librosa
0.6 with n_fft 1024, hop 512, 128 mels, power 2 and defaults for the rest: periodic Hann window, centred frames over
reflected edges, mel scale of Slaney's Auditory Toolbox, every filter divided by its bandwidth.
"""

import functools

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from common.errors import UserError

SAMPLE_RATE = 16000  # Hz
N_FFT = 1024
HOP = 512
MELS = 128
FIRST_FRAME, LAST_FRAME = 50, 250  # the benchmark keeps [50, 250)
FRAMES = LAST_FRAME - FIRST_FRAME
WINDOW_FRAMES = 5
WINDOW = WINDOW_FRAMES * MELS
WINDOWS = FRAMES - WINDOW_FRAMES + 1

Features = NDArray[np.float32]

_EPSILON = np.finfo(np.float64).eps  # upstream adds sys.float_info.epsilon before the logarithm

# Slaney's scale: linear below 1 kHz, logarithmic above; the two meet with the same slope to 1 %.
_HZ_PER_MEL = 200.0 / 3
_BREAK_HZ = 1000.0
_BREAK_MEL = _BREAK_HZ / _HZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27


def hz_to_mel(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slaney mels of frequencies in Hz."""
    logarithmic = _BREAK_MEL + np.log(np.maximum(hz, _BREAK_HZ) / _BREAK_HZ) / _LOG_STEP
    return np.where(hz < _BREAK_HZ, hz / _HZ_PER_MEL, logarithmic)


def mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Frequencies in Hz of Slaney mels."""
    logarithmic = _BREAK_HZ * np.exp(_LOG_STEP * (np.maximum(mel, _BREAK_MEL) - _BREAK_MEL))
    return np.where(mel < _BREAK_MEL, mel * _HZ_PER_MEL, logarithmic)


@functools.cache
def mel_filters() -> NDArray[np.float64]:
    """Triangular filters from 0 Hz to half the sample rate, each of unit area over Hz.

    Returns:
        float64 [128, 513]: weight of every FFT bin in every band.
    """
    bins = np.fft.rfftfreq(N_FFT, 1 / SAMPLE_RATE)
    ends = hz_to_mel(np.array([0.0, SAMPLE_RATE / 2]))
    edges = mel_to_hz(np.linspace(ends[0], ends[1], MELS + 2))[:, np.newaxis]
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    triangles = np.maximum(0.0, np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)))
    filters: NDArray[np.float64] = triangles * 2.0 / (high - low)
    return filters


@functools.cache
def _window() -> NDArray[np.float64]:
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)


def power_spectrum(pcm: NDArray[np.int16]) -> NDArray[np.float64]:
    """Power of every frame and FFT bin, full scale being 1.

    Args:
        pcm: int16 [samples], more than 512 of them.

    Returns:
        float64 [1 + samples // 512, 513]; frame i is centred on sample 512 * i.
    """
    samples = np.pad(pcm / 32768.0, N_FFT // 2, mode="reflect")
    frames = sliding_window_view(samples, N_FFT)[::HOP]
    spectrum = np.fft.rfft(frames * _window(), axis=1)
    return spectrum.real**2 + spectrum.imag**2


def log_mel(pcm: NDArray[np.int16]) -> Features:
    """Mel power in dB of all frames of a 16 kHz recording: float32 [frames, 128]."""
    mel = power_spectrum(pcm) @ mel_filters().T
    return (10.0 * np.log10(mel + _EPSILON)).astype(np.float32)


def features(pcm: NDArray[np.int16]) -> Features:
    """What the benchmark stores for one recording.

    Args:
        pcm: int16 [samples] at 16 kHz.

    Returns:
        float32 [200, 128]: frames 50 to 249, frame-major.

    Raises:
        UserError: the recording is too short to have frame 249.
    """
    needed = (LAST_FRAME - 1) * HOP
    if len(pcm) < needed:
        raise UserError(
            f"a recording of {len(pcm)} samples is too short for anomaly detection features; "
            f"give at least {needed} ({needed / SAMPLE_RATE:.1f} s at {SAMPLE_RATE} Hz)"
        )
    return log_mel(pcm)[FIRST_FRAME:LAST_FRAME]


def windows(frames: Features) -> Features:
    """All runs of 5 consecutive frames: [n, 128] to [n - 4, 640], the model's input vectors (a copy)."""
    runs = sliding_window_view(frames.reshape(-1), WINDOW)[::MELS]
    return np.ascontiguousarray(runs)
