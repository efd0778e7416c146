"""Augmentation of log-mel energies [n, 30, 1, 40], 0 to 1, where few sounds are at hand."""

import numpy as np
from numpy.random import Generator

from models.samples import Floats
from models.sww.features import RANGE_DB

SHIFT = 15  # frames, to either side
LEVEL = 12.0 / RANGE_DB  # largest change of loudness
TILT = 8.0 / RANGE_DB  # at either end of the bands
OVERLAID = 0.5  # of the sounds get another one on top


def lively(random: Generator, batch: Floats) -> Floats:
    """Each sound moved (what leaves enters at the other end), made louder or quieter, coloured, overlaid by another."""
    count, frames, _, bands = batch.shape
    rows = np.arange(count)[:, np.newaxis]
    moved = batch[rows, (np.arange(frames) + random.integers(-SHIFT, SHIFT + 1, (count, 1))) % frames]
    tilt = random.uniform(-TILT, TILT, (count, 1, 1, 1)) * np.linspace(-1, 1, bands)
    coloured = np.where(moved > 0, moved + random.uniform(-LEVEL, LEVEL, (count, 1, 1, 1)) + tilt, 0)
    other = coloured[::-1] + random.uniform(-3 * LEVEL, 0, (count, 1, 1, 1))
    energy = 10 ** (coloured * RANGE_DB / 10) + 10 ** (other * RANGE_DB / 10)
    both = 10 * np.log10(energy) / RANGE_DB
    chosen = np.where(random.uniform(size=(count, 1, 1, 1)) < OVERLAID, both, coloured)
    return np.clip(chosen, 0, 1).astype(np.float32)
