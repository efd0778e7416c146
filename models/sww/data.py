"""Wakeword samples: the Speech Commands archive as published, or spectrograms and made-up sounds for a teacher.

As mlcommons/tiny's training: "marvin" is the wakeword, white noise is silence, all other words are others; clips get
another loudness, are moved and mixed with background noise. Upstream draws these anew in every epoch and leaves out the
clips that it lists as bad; here they are drawn once, for repeated wakewords each time anew, and no clip is left out.
"""

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from common.benchmark import load_benchmark
from common.errors import UserError
from models.archives import members, wav
from models.kws.data import TESTING_LIST, VALIDATION_LIST, is_clip, lists_and_noises, piece
from models.kws.features import SAMPLE_RATE
from models.samples import Corpus, Samples, require_classes
from models.sww.features import BANDS, FRAMES, SAMPLES, Features, log_mel
from models.sww.sounds import babble

WAKEWORD, SILENCE, OTHER = 0, 1, 2
WORD = "marvin"
WAKEWORD_SHARE, SILENCE_SHARE = 0.2, 0.1
SILENCE_LEVEL = 0.1  # standard deviation of the noise, full scale 1
VOLUMES = (0.25, 1.5)
SHIFT = SAMPLE_RATE // 10
NOISY_SHARE = 0.8
NOISE_VOLUMES = {True: (0.5, 2.0), False: (0.5, 1.5)}  # of training and validation
LEAST_SNR = 0.5  # of root mean squares
MUSAN = "musan"  # a folder of that corpus beside the clips, whose sounds then are the background
BACKGROUNDS, BACKGROUND_SAMPLES = 50, 15 * SAMPLE_RATE

VALIDATION_SHARE = 0.2  # of spectrograms
MADE_UP = 1500  # sounds beside spectrograms, which are repeated to be as many

Report = Callable[[str], None]
Sound = NDArray[np.float64]


def load(source: Path, seed: int, report: Report) -> Corpus:
    """Samples float32 [n, 30, 1, 40] from a Speech Commands archive or folder, or from spectrograms (`.npz`).

    Raises:
        UserError: not one of these, damaged, or without a class.
    """
    if source.suffix == ".npz":
        return spectrograms(source, seed)
    corpus = speech_commands(source, seed, report)
    require_classes(corpus.training, load_benchmark("sww").labels, str(source))
    return corpus


def spectrograms(source: Path, seed: int) -> Corpus:
    """Energies of an `.npz`, ``specs`` [n, 30, 1, 40], and those of as many made-up sounds, of unknown class.

    A fifth of them validates.
    """
    try:
        with np.load(source, allow_pickle=False) as stored:
            specs = stored["specs"].astype(np.float32)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(f"{source} holds no spectrograms ({error})") from error
    if specs.shape[1:] != (FRAMES, 1, BANDS) or len(specs) < 1 / VALIDATION_SHARE:
        raise UserError(f"{source}: specs {list(specs.shape)}, not [5 or more, {FRAMES}, 1, {BANDS}]")
    random = np.random.default_rng(seed)
    made_up = np.stack([log_mel(babble(random, SAMPLES)) for _ in range(MADE_UP)])
    parts = []
    for part in (specs, made_up):
        order = random.permutation(len(part))
        held_out = int(len(part) * VALIDATION_SHARE)
        parts.append((part[order[held_out:]], part[order[:held_out]]))
    (real, validation), (invented, also_validation) = parts
    training = np.concatenate([np.resize(real, invented.shape), invented])
    held = np.concatenate([np.resize(validation, also_validation.shape), also_validation])
    return Corpus(
        Samples(training, np.zeros(len(training), np.int64)),
        Samples(held, np.zeros(len(held), np.int64)),
        f"{len(specs)} spectrograms from {source.name} and {MADE_UP} made-up sounds",
        {"spectrograms": len(specs), "made_up_sounds": MADE_UP},
        labelled=False,
    )


@dataclass
class _Part:
    """Training or validation: clips of the wakeword as they are, and features of the others."""

    words: list[Sound]
    others: list[Features]


def speech_commands(source: Path, seed: int, report: Report) -> Corpus:
    """`speech_commands_v0.02.tar.gz` or the folder it unpacks to, with a folder `musan` in it or without.

    Wakewords are repeated and silence is made up until they have their shares.
    """
    lists, noises = lists_and_noises(source)
    backgrounds = _musan(source) or list(noises.values())
    random = np.random.default_rng(seed)
    parts = {True: _Part([], []), False: _Part([], [])}
    count = 0
    for name, content in members(source, is_clip):
        key = "/".join(PurePosixPath(name).parts[-2:])
        if key in lists[TESTING_LIST] or MUSAN in PurePosixPath(name).parts:
            continue
        training = key not in lists[VALIDATION_LIST]
        clip = wav(content, SAMPLE_RATE, f"{source}: {name}")[:SAMPLES].astype(np.float64)
        if PurePosixPath(name).parts[-2] == WORD:
            parts[training].words.append(clip)
        else:
            parts[training].others.append(log_mel(changed(random, clip, backgrounds, NOISE_VOLUMES[training])))
        count += 1
        if count % 10_000 == 0:
            report(f"{count} clips read")
    if not count:
        raise UserError(f"{source} has no clips <word>/<speaker>_nohash_<n>.wav as Speech Commands has")
    samples = [_samples(random, parts[part], backgrounds, NOISE_VOLUMES[part]) for part in (True, False)]
    facts = {"clips": count, "background": MUSAN if backgrounds[0] is not next(iter(noises.values())) else "archive's"}
    return Corpus(samples[0], samples[1], f"Speech Commands from {source.name}: {count} clips", facts)


def _samples(random: Generator, part: _Part, backgrounds: list[Sound], volumes: tuple[float, float]) -> Samples:
    whole = len(part.others) / (1 - WAKEWORD_SHARE - SILENCE_SHARE)
    words = round(whole * WAKEWORD_SHARE) if part.words else 0
    chosen = (part.words[index % len(part.words)] for index in range(words))
    features = [log_mel(changed(random, word, backgrounds, volumes)) for word in chosen]
    silence = [log_mel(random.normal(0, SILENCE_LEVEL, SAMPLES)) for _ in range(round(whole * SILENCE_SHARE))]
    everything = [*features, *silence, *part.others]
    labels = np.repeat([WAKEWORD, SILENCE, OTHER], [len(features), len(silence), len(part.others)])
    stacked = np.stack(everything) if everything else np.zeros((0, FRAMES, 1, BANDS), np.float32)
    return Samples(stacked, labels.astype(np.int64))


def changed(random: Generator, clip: Sound, backgrounds: list[Sound], volumes: tuple[float, float]) -> Sound:
    """A clip without its mean, its peak a random volume, moved, mostly with a background that is not too loud."""
    sound = clip - clip.mean() if len(clip) else clip
    sound = sound / max(float(np.abs(sound).max(initial=0.0)), 1e-9) * random.uniform(*VOLUMES)
    sound = np.pad(sound, (SHIFT, SHIFT + SAMPLES - len(sound)))
    start = random.integers(0, 2 * SHIFT + 1)
    sound = sound[start : start + SAMPLES]
    if not backgrounds or random.uniform() >= NOISY_SHARE:
        return sound
    noise = piece(random, backgrounds) * random.uniform(*volumes)
    loudest = float(np.sqrt(np.mean(sound**2))) / LEAST_SNR
    level = float(np.sqrt(np.mean(noise**2)))
    return np.asarray(sound + noise * min(1.0, loudest / max(level, 1e-9)))


def _musan(source: Path) -> list[Sound]:
    """The first 15 s of the first 50 sounds in a folder `musan`, full scale 1."""

    def wanted(name: str) -> bool:
        path = PurePosixPath(name)
        return MUSAN in path.parts and path.suffix == ".wav"

    found = []
    if source.is_dir():
        for name, content in members(source, wanted):
            found.append(wav(content, SAMPLE_RATE, f"{source}: {name}")[:BACKGROUND_SAMPLES] / 32768.0)
            if len(found) == BACKGROUNDS:
                break
    return found
