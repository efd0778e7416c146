"""MFCC features of the keyword spotting benchmark, in numpy.

Definition: mlcommons/tiny, benchmark/training/keyword_spotting/get_dataset.py, which calls tf.signal: frames of 30 ms
every 20 ms, magnitudes of 257 FFT bins, 40 triangles between 20 Hz and 4 kHz on the HTK mel scale, logarithm, DCT-II.
"""

import functools

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

SAMPLE_RATE = 16000  # Hz
SAMPLES = 16000  # of one clip
FRAME, HOP, N_FFT = 480, 320, 512
FRAMES = 1 + (SAMPLES - FRAME) // HOP
MELS = 40
COEFFICIENTS = 10
LOWEST_HZ, HIGHEST_HZ = 20.0, 4000.0
FLOOR = 1e-6  # added to every energy before the logarithm

Features = NDArray[np.float32]


def mel(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """HTK mels of frequencies in Hz."""
    return 1127.0 * np.log1p(hz / 700.0)


def triangles(bands: int, n_fft: int, lowest_hz: float, highest_hz: float) -> NDArray[np.float64]:
    """Triangles of height 1 on the mel axis, the first FFT bin left out: float64 [n_fft // 2 + 1, bands].

    Definition: tf.signal.linear_to_mel_weight_matrix.
    """
    bins = mel(np.linspace(0.0, SAMPLE_RATE / 2, n_fft // 2 + 1)[1:])[:, np.newaxis]
    lowest, highest = mel(np.array([lowest_hz, highest_hz]))
    edges = np.linspace(lowest, highest, bands + 2)
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    weights = np.maximum(0.0, np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)))
    return np.pad(weights, [(1, 0), (0, 0)])


@functools.cache
def _filters() -> NDArray[np.float64]:
    return triangles(MELS, N_FFT, LOWEST_HZ, HIGHEST_HZ)


@functools.cache
def _cosines() -> NDArray[np.float64]:
    """The first rows of an unnormalised DCT-II, doubled, over sqrt(2 * 40): float64 [40, 10]."""
    positions = (np.arange(MELS) + 0.5)[:, np.newaxis] * np.arange(COEFFICIENTS)
    return np.asarray(2 * np.cos(np.pi * positions / MELS) / np.sqrt(2 * MELS))


def normalised(pcm: NDArray[np.int16]) -> NDArray[np.float64]:
    """One clip as upstream scales it: divided by its largest sample (not its largest magnitude), padded, 1 s long."""
    clip = pcm[:SAMPLES].astype(np.float64)
    peak = clip.max(initial=0.0)
    clip = clip / peak if peak > 0 else clip / 32768.0  # silence and clips without a positive sample
    return np.pad(clip, (0, SAMPLES - len(clip)))


def mfcc(clip: NDArray[np.float64]) -> Features:
    """Cepstral coefficients of a clip of 16000 samples: float32 [49, 10]."""
    frames = sliding_window_view(clip, FRAME)[::HOP]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)
    magnitudes = np.abs(np.fft.rfft(frames * window, N_FFT, axis=1))
    return (np.log(magnitudes @ _filters() + FLOOR) @ _cosines()).astype(np.float32)


def features(pcm: NDArray[np.int16]) -> Features:
    """What the benchmark computes from one clip of at most 16000 samples: float32 [49, 10]."""
    return mfcc(normalised(pcm))
