"""Anomaly detection samples from recordings: the ToyCar archives of DCASE 2020 task 2 as published.

Layout: `<anything>/ToyCar/train/normal_id_01_00000000.wav`, `.../test/{normal,anomaly}_id_01_00000000.wav`, 16 bits
mono at 16 kHz. The development archive has machines 01 to 04, the additional one 05 to 07.
"""

import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import numpy as np

from common.errors import UserError
from models.ad.features import SAMPLE_RATE, WINDOW, features, windows
from models.archives import members, wav
from models.samples import Corpus, Samples

VALIDATION_SHARE = 0.1  # the last tenth of the windows, as Keras' validation_split

_NAME = re.compile(r"(normal|anomaly)_id_(\d\d)_(\d{8})\.wav")

Report = Callable[[str], None]


def load(source: Path, report: Report) -> Corpus:
    """All windows of the training recordings of an archive, or of a folder of unpacked archives, sorted by name.

    Raises:
        UserError: no such recordings, one that is too short or of another format, or an anomalous one to train with.
    """
    clips: dict[str, np.ndarray] = {}
    for name, content in members(source, _is_training):
        path = PurePosixPath(name)
        if path.name.startswith("anomaly"):
            raise UserError(f"{source}: {name} is anomalous; only normal recordings are for training")
        clips[path.name] = windows(features(wav(content, SAMPLE_RATE, f"{source}: {name}")))
        if len(clips) % 500 == 0:
            report(f"{len(clips)} recordings read")
    if not clips:
        raise UserError(f"{source} has no train/normal_id_NN_NNNNNNNN.wav as the ToyCar archives have")
    matrix = np.concatenate([clips[name] for name in sorted(clips)]).reshape(-1, WINDOW)
    split = len(matrix) - int(len(matrix) * VALIDATION_SHARE)
    labels = np.zeros(len(matrix), np.int64)
    return Corpus(
        Samples(matrix[:split], labels[:split]),
        Samples(matrix[split:], labels[split:]),
        f"{len(clips)} recordings from {source.name}",
        {"recordings": len(clips)},
    )


def _is_training(name: str) -> bool:
    path = PurePosixPath(name)
    return path.parent.name == "train" and _NAME.fullmatch(path.name) is not None
