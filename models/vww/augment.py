"""Augmentation of pictures of 96x96 pixels, 0 to 1."""

import numpy as np
from numpy.random import Generator

from models.ic.augment import affine, recolour
from models.samples import Floats


def reference(random: Generator, batch: Floats) -> Floats:
    """As mlcommons/tiny, benchmark/training/visual_wake_words/train_vww.py."""
    return affine(random, batch, degrees=10, shift=0.05, zoom=0.1)


def lively(random: Generator, batch: Floats) -> Floats:
    """For made-up pictures: mirrored and recoloured, without a loss of sharpness."""
    mirrored = np.where(random.uniform(size=(len(batch), 1, 1, 1)) < 0.5, batch, batch[:, :, ::-1])
    return recolour(random, mirrored, 0.4, 1.0)
