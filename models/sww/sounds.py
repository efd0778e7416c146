"""Made-up sounds that are a little like speech: a buzz or a hiss through moving resonances, with pauses, and noise."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from models.kws.features import SAMPLE_RATE

BLOCK = 160  # samples; pitch, resonances and loudness are drawn at points and linear between
SYLLABLE = (600, 5000)  # samples
PITCH = (70.0, 320.0)  # Hz
RESONANCES = ((250, 900), (700, 2600), (1800, 3800), (3500, 7000))  # Hz
BANDWIDTH = (60, 400)  # Hz

Sound = NDArray[np.float64]


def babble(random: Generator, samples: int) -> Sound:
    """Syllables one after another, float64 [samples], full scale 1."""
    parts: list[Sound] = []
    while sum(map(len, parts)) < samples:
        length = int(random.integers(*SYLLABLE))
        kind = random.uniform()
        parts.append(np.zeros(length) if kind < 0.2 else _syllable(random, length, hiss=kind > 0.7))
    sound = np.concatenate(parts)[:samples]
    sound = sound / max(np.abs(sound).max(), 1e-9) * 10 ** random.uniform(-1.5, 0.1)
    return np.asarray(sound + random.normal(size=samples) * 10 ** random.uniform(-5, -1))


def _syllable(random: Generator, length: int, hiss: bool) -> Sound:
    """Shaped in the spectrum of overlapping pieces of the source, so that resonances can move."""
    blocks = length // BLOCK + 2
    if hiss:
        source = random.normal(size=(blocks + 1) * BLOCK) * 0.3
    else:
        pitch = np.interp(np.arange((blocks + 1) * BLOCK), [0, length], random.uniform(*PITCH, 2))
        source = np.diff(np.floor(np.cumsum(pitch / SAMPLE_RATE)), prepend=0.0)
    frequencies = np.fft.rfftfreq(2 * BLOCK, 1 / SAMPLE_RATE)
    shape = np.zeros((blocks, len(frequencies)))
    for low, high in RESONANCES:
        centre = np.linspace(random.uniform(low, high), random.uniform(low, high), blocks)[:, np.newaxis]
        shape += random.uniform(0.05, 1) / (1 + np.square((frequencies - centre) / random.uniform(*BANDWIDTH)))
    window = np.hanning(2 * BLOCK + 1)[:-1]
    sound = np.zeros((blocks + 1) * BLOCK)
    for number in range(blocks):
        place = slice(number * BLOCK, (number + 2) * BLOCK)
        sound[place] += np.fft.irfft(np.fft.rfft(source[place] * window) * shape[number])
    rise = np.minimum(1, np.arange(length) / (length * random.uniform(0.05, 0.5)))
    return np.asarray(sound[:length] * rise * np.minimum(1, rise[::-1] * 2) * random.uniform(0.2, 1))
