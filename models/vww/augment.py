"""Augmentation of pictures of 96x96 pixels, 0 to 1."""

from numpy.random import Generator

from models.ic.augment import affine, cut_out, recolour
from models.samples import Floats


def reference(random: Generator, batch: Floats) -> Floats:
    """As mlcommons/tiny, benchmark/training/visual_wake_words/train_vww.py."""
    return affine(random, batch, degrees=10, shift=0.05, zoom=0.1)


def strong(random: Generator, batch: Floats) -> Floats:
    """For few pictures."""
    turned = affine(random, batch, degrees=20, shift=0.2, zoom=0.4)
    return cut_out(random, recolour(random, turned, 0.4, 1.0), 40)
