"""Augmentation of pictures [n, rows, columns, channels]: rotated, moved, zoomed, mirrored, recoloured."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from models.samples import Floats


def affine(
    random: Generator, batch: Floats, *, degrees: float, shift: float, zoom: float = 0.0, mirror: bool = True
) -> Floats:
    """Each picture turned by up to ``degrees``, moved by up to ``shift`` of its size, scaled by up to ``zoom``.

    Bilinear; beyond its edge a picture goes on with the nearest pixel.
    """
    count, rows, columns = batch.shape[:3]
    angle = np.radians(random.uniform(-degrees, degrees, count))
    scale = np.asarray(random.uniform(1 - zoom, 1 + zoom, count))
    turned = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], axis=1).reshape(-1, 2, 2)
    matrices = turned / scale[:, None, None]
    if mirror:
        matrices[:, :, 1] *= random.choice([-1.0, 1.0], count)[:, None]
    centre = np.array([(rows - 1) / 2, (columns - 1) / 2])
    grid = np.stack(np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"), axis=-1) - centre
    moved = random.uniform(-shift, shift, (count, 1, 1, 2)) * np.array([rows, columns])
    return _sampled(batch, np.einsum("nij,rcj->nrci", matrices, grid) + centre + moved)


def _sampled(batch: Floats, position: NDArray[np.float64]) -> Floats:
    """Pixels of [n, rows, columns, channels] at real positions [n, r, c, 2]."""
    limits = np.array(batch.shape[1:3]) - 1
    position = np.clip(position, 0, limits)
    low = np.floor(position).astype(int)
    high = np.minimum(low + 1, limits)
    weight = (position - low).astype(np.float32)
    picture = np.arange(len(batch))[:, None, None]
    down, right = weight[..., :1], weight[..., 1:]
    upper = batch[picture, low[..., 0], low[..., 1]] * (1 - right) + batch[picture, low[..., 0], high[..., 1]] * right
    lower = batch[picture, high[..., 0], low[..., 1]] * (1 - right) + batch[picture, high[..., 0], high[..., 1]] * right
    return np.asarray(upper * (1 - down) + lower * down, np.float32)


def recolour(random: Generator, batch: Floats, strength: float, white: float) -> Floats:
    """Contrast, brightness and each channel's gain changed by up to ``strength``; ``white``: the largest value."""
    count = len(batch)
    mean = batch.mean(axis=(1, 2, 3), keepdims=True)
    contrast = random.uniform(1 - strength, 1 + strength, (count, 1, 1, 1))
    offset = random.uniform(-strength, strength, (count, 1, 1, 1)) * white / 2
    gain = random.uniform(1 - strength / 2, 1 + strength / 2, (count, 1, 1, 3))
    recoloured: Floats = np.clip(((batch - mean) * contrast + mean + offset) * gain, 0, white).astype(np.float32)
    return recoloured


def cut_out(random: Generator, batch: Floats, size: int) -> Floats:
    """A square of up to ``size`` pixels of each picture replaced by its mean."""
    count, rows, columns, _ = batch.shape
    half = random.integers(0, size // 2 + 1, (count, 1, 1))
    row, column = random.integers(0, rows, (count, 1, 1)), random.integers(0, columns, (count, 1, 1))
    hidden = (np.abs(np.arange(rows)[:, None] - row) <= half) & (np.abs(np.arange(columns) - column) <= half)
    return np.where(hidden[..., None], batch.mean(axis=(1, 2), keepdims=True), batch).astype(np.float32)


def reference(random: Generator, batch: Floats) -> Floats:
    """As mlcommons/tiny, benchmark/training/image_classification/train.py: 15 degrees, a tenth, mirrored."""
    return affine(random, batch, degrees=15, shift=0.1)


def strong(random: Generator, batch: Floats) -> Floats:
    """For few pictures of 0 to 255."""
    turned = affine(random, batch, degrees=20, shift=0.15, zoom=0.25)
    return cut_out(random, recolour(random, turned, 0.3, 255.0), 14)
