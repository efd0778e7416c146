"""Keyword spotting samples: the Speech Commands archive as published, or features that were computed before.

Splits and labels as mlcommons/tiny's training takes them from TensorFlow Datasets' `speech_commands` 0.0.2: all words
but the ten keywords are "unknown"; silence is cut from the background noises every half second, the last of which
(running_tap.wav) is for validation; the lists in the archive say which clips are for validation and testing.
"""

import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from common.benchmark import load_benchmark
from common.errors import UserError
from models.archives import members, wav
from models.kws.features import SAMPLE_RATE, SAMPLES, mfcc, normalised
from models.samples import Corpus, Samples, require_classes, split_by_group

NOISE = "_background_noise_"
NOISE_OF_VALIDATION = "running_tap.wav"
SILENCE, UNKNOWN = 10, 11
NOISY_SHARE = 0.8  # of the training clips
NOISE_LEVEL = 0.1  # at most, of a clip whose largest sample is 1
VALIDATION_SHARE = 0.1  # of pools without lists
VALIDATION_LIST, TESTING_LIST = "validation_list.txt", "testing_list.txt"

Report = Callable[[str], None]


def load(source: Path, seed: int, report: Report) -> Corpus:
    """Samples from a Speech Commands archive or folder, or from a pool (`.npz`).

    Raises:
        UserError: not one of these, damaged, or without a class.
    """
    corpus = pool(source, seed) if source.suffix == ".npz" else speech_commands(source, seed, report)
    require_classes(corpus.training, load_benchmark("kws").labels, str(source))
    return corpus


def pool(source: Path, seed: int) -> Corpus:
    """Features of an `.npz`: features int8 [n, 49, 10] in the data set's quantisation, labels [n], speaker [n].

    A tenth of the clips, of speakers of their own, is for validation.
    """
    benchmark = load_benchmark("kws")
    try:
        with np.load(source, allow_pickle=False) as stored:
            features, labels, speakers = (stored[name] for name in ("features", "labels", "speaker"))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(f"{source} is no pool of keyword features ({error})") from error
    if features.dtype != np.int8 or features.shape != (len(labels), 49, 10) or len(speakers) != len(labels):
        raise UserError(f"{source}: features {features.dtype}{list(features.shape)}, not int8[{len(labels)}, 49, 10]")
    if not (labels.min() >= 0 and labels.max() < len(benchmark.labels)):
        raise UserError(f"{source}: a label is not one of 0 to {len(benchmark.labels) - 1}")
    real = (features.astype(np.float32) - benchmark.input_zero_point) * np.float32(benchmark.input_scale)
    samples = Samples(real[..., np.newaxis], labels.astype(np.int64))
    groups = np.where(speakers == "", np.char.mod("%d", np.arange(len(speakers))), speakers)  # silence is nobody's
    held_out = split_by_group(groups, VALIDATION_SHARE, seed)
    return Corpus(
        samples.take(~held_out),
        samples.take(held_out),
        f"{len(labels)} clips of {len(np.unique(speakers[speakers != '']))} speakers from {source.name}",
        {
            "clips": len(labels),
            "speakers": len(np.unique(speakers[speakers != ""])),
            "validation_clips": int(held_out.sum()),
        },
    )


def speech_commands(source: Path, seed: int, report: Report) -> Corpus:
    """`speech_commands_v0.02.tar.gz` or the folder it unpacks to: `<word>/<speaker>_nohash_<n>.wav` and two lists.

    Noise, where the archive has any, is mixed into most training clips, another piece into each (upstream's script
    draws one piece for all of them).
    """
    lists, noises = lists_and_noises(source)
    words = load_benchmark("kws").labels[:SILENCE]
    random = np.random.default_rng(seed)
    found: dict[bool, tuple[list[NDArray[np.float32]], list[int]]] = {True: ([], []), False: ([], [])}
    training_noises = [noise for name, noise in noises.items() if name != NOISE_OF_VALIDATION] or list(noises.values())
    count = 0
    for name, content in members(source, is_clip):
        key = "/".join(PurePosixPath(name).parts[-2:])
        if key in lists[TESTING_LIST]:
            continue
        training = key not in lists[VALIDATION_LIST]
        clip = normalised(wav(content, SAMPLE_RATE, f"{source}: {name}"))
        if training and training_noises and random.uniform() < NOISY_SHARE:
            clip = clip + piece(random, training_noises) * random.uniform(0, NOISE_LEVEL)
        word = PurePosixPath(name).parts[-2]
        features, labels = found[training]
        features.append(mfcc(clip))
        labels.append(words.index(word) if word in words else UNKNOWN)
        count += 1
        if count % 10_000 == 0:
            report(f"{count} clips read")
    for name, noise in noises.items():
        features, labels = found[name != NOISE_OF_VALIDATION]
        for start in range(0, len(noise) - SAMPLES, SAMPLES // 2):
            features.append(mfcc(noise[start : start + SAMPLES]))
            labels.append(SILENCE)
    if not count:
        raise UserError(f"{source} has no clips <word>/<speaker>_nohash_<n>.wav as Speech Commands has")
    parts = {part: _samples(*content) for part, content in found.items()}
    return Corpus(parts[True], parts[False], f"Speech Commands from {source.name}: {count} clips", {"clips": count})


def _samples(features: list[NDArray[np.float32]], labels: list[int]) -> Samples:
    stacked = np.stack(features)[..., np.newaxis] if features else np.zeros((0, 49, 10, 1), np.float32)
    return Samples(stacked, np.array(labels, np.int64))


def is_clip(name: str) -> bool:
    """Whether a file is a recording of a word: `<word>/<name>.wav`."""
    parts = PurePosixPath(name).parts
    return len(parts) >= 2 and name.endswith(".wav") and not parts[-2].startswith("_")


def lists_and_noises(source: Path) -> tuple[dict[str, set[str]], dict[str, NDArray[np.float64]]]:
    """Clips of the validation and of the testing list, and background noises by name, full scale 1.

    Raises:
        UserError: one of them is missing.
    """
    lists: dict[str, set[str]] = {}
    noises: dict[str, NDArray[np.float64]] = {}

    def wanted(name: str) -> bool:
        path = PurePosixPath(name)
        return path.name in (VALIDATION_LIST, TESTING_LIST) or (path.suffix == ".wav" and path.parent.name == NOISE)

    for name, content in members(source, wanted):
        path = PurePosixPath(name)
        if path.suffix == ".wav":
            noises[path.name] = wav(content, SAMPLE_RATE, f"{source}: {name}") / 32768.0
        else:
            lists[path.name] = set(content.decode("utf-8", "replace").split())
    for name in (VALIDATION_LIST, TESTING_LIST):
        if name not in lists:
            raise UserError(f"{source} has no {name}: it is not Speech Commands v0.02 as published")
    if not noises:
        raise UserError(f"{source} has no {NOISE}/*.wav, which silence is made of")
    return lists, noises


def piece(random: np.random.Generator, noises: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """16000 samples of one of the noises, which may be padded with zeros."""
    noise = noises[random.integers(len(noises))]
    start = random.integers(0, max(1, len(noise) - SAMPLES))
    piece = noise[start : start + SAMPLES]
    return np.pad(piece, (0, SAMPLES - len(piece)))
