"""Log-mel energies of the streaming wakeword benchmark, as its network is trained with them, in numpy.

Definition: mlcommons/tiny, benchmark/training/streaming_wakeword/get_dataset.py: pre-emphasis of the whole clip,
frames of 64 ms every 32 ms, symmetric Hamming window (the device's is periodic), |X|^2 / 1024, 40 triangles between
0 and 8 kHz on the HTK mel scale, decibels, of which -52 to 12 become 0 to 1.
"""

import functools

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from models.kws.features import SAMPLE_RATE, triangles

SAMPLES = SAMPLE_RATE  # of one clip
FRAME, HOP = 1024, 512
FRAMES = 1 + (SAMPLES - FRAME) // HOP
BANDS = 40
LOWEST_HZ, HIGHEST_HZ = 0.0, 8000.0
PRE_EMPHASIS = 0.96875
FLOOR = 1e-30
OFFSET_DB, RANGE_DB = 52.0, 64.0

Features = NDArray[np.float32]


@functools.cache
def _filters() -> NDArray[np.float64]:
    return triangles(BANDS, FRAME, LOWEST_HZ, HIGHEST_HZ)


def log_mel(sound: NDArray[np.float64]) -> Features:
    """Energies of a sound of full scale 1, [n] samples: float32 [frames, 1, 40], 0 to 1."""
    emphasised = sound - PRE_EMPHASIS * np.concatenate([[0.0], sound[:-1]])
    frames = sliding_window_view(emphasised, FRAME)[::HOP]
    power = np.square(np.abs(np.fft.rfft(frames * np.hamming(FRAME), axis=1))) / FRAME
    decibels = 10 * np.log10(np.maximum(power @ _filters(), FLOOR))
    return np.clip((decibels + OFFSET_DB) / RANGE_DB, 0, 1).astype(np.float32)[:, np.newaxis]
