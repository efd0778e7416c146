"""Augmentation of keyword spotting features, [n, 49, 10, 1] MFCC, where no recording is at hand.

A constant added to the cepstra of all frames is another microphone or room; the first one is loudness.
"""

import numpy as np
from numpy.random import Generator

from models.kws.features import COEFFICIENTS, FRAMES
from models.samples import Floats

SHIFT = 6  # frames, to either side
STRETCH = 0.12  # of the speed
CHANNEL = np.array([6.0, *(2.0 / np.sqrt(k) for k in range(1, COEFFICIENTS))], np.float32)  # standard deviations
NOISE = 0.8  # largest standard deviation of white noise
MASKED_FRAMES = 8  # at most, in one run


def distort(random: Generator, batch: Floats) -> Floats:
    """Each clip moved, stretched, filtered, made noisy, and silenced for a moment, all by chance."""
    count = len(batch)
    clips = batch[..., 0]
    speed = random.uniform(1 - STRETCH, 1 + STRETCH, (count, 1))
    shift = random.uniform(-SHIFT, SHIFT, (count, 1))
    middle = (FRAMES - 1) / 2
    position = np.clip((np.arange(FRAMES) - middle) * speed + middle + shift, 0, FRAMES - 1)
    before = np.floor(position).astype(int)
    after = np.minimum(before + 1, FRAMES - 1)
    weight = (position - before)[..., np.newaxis]
    rows = np.arange(count)[:, np.newaxis]
    moved = clips[rows, before] * (1 - weight) + clips[rows, after] * weight
    moved = moved + random.normal(size=(count, 1, COEFFICIENTS)) * CHANNEL * random.uniform(0, 1, (count, 1, 1))
    moved = moved + random.normal(size=moved.shape) * random.uniform(0, NOISE, (count, 1, 1))
    start = random.integers(0, FRAMES, (count, 1))
    length = random.integers(0, MASKED_FRAMES + 1, (count, 1))
    frames = np.arange(FRAMES)
    masked = (frames >= start) & (frames < start + length)
    quietest = moved.min(axis=1, keepdims=True)
    floor = np.concatenate([quietest[..., :1], moved.mean(axis=1, keepdims=True)[..., 1:]], axis=2)
    filled = np.where(masked[..., np.newaxis], floor, moved)
    return filled[..., np.newaxis].astype(np.float32)
