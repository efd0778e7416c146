"""Visual wake words samples: the tar archive as published, or pictures of CIFAR-10 for a teacher to judge."""

from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from common.errors import UserError
from models import pictures
from models.archives import members
from models.ic import data as cifar
from models.samples import Corpus, Samples, require_classes
from models.vww.scenes import scenes

SIZE = 96
FOLDERS = ("non_person", "person")  # class 0 and 1
VALIDATION_SHARE = 0.1
MOSAICS = (2, 3)  # pictures along a side; one mosaic of each kind for each picture
SCENES = 9  # for each picture


def load(source: Path, seed: int) -> Corpus:
    """Samples from `vw_coco2014_96.tar.gz` or its folder; or, from CIFAR-10 pictures, collages of unknown class.

    Raises:
        UserError: not one of these, damaged, or without a class.
    """
    if (source / "labels.csv").is_file():
        return collages(source, seed)
    corpus = folders(source, seed)
    require_classes(corpus.training, FOLDERS, str(source))
    return corpus


def folders(source: Path, seed: int) -> Corpus:
    """`<anything>/person/*.jpg` and `<anything>/non_person/*.jpg`; a tenth of each class validates."""
    inputs, labels, names = [], [], []
    for name, content in members(source, lambda name: PurePosixPath(name).suffix.lower() in (".jpg", ".jpeg", ".png")):
        parent = PurePosixPath(name).parent.name
        if parent in FOLDERS:
            inputs.append(pictures.read(content, f"{source}: {name}", SIZE))
            labels.append(FOLDERS.index(parent))
            names.append(PurePosixPath(name).name)
    missing = [folder for index, folder in enumerate(FOLDERS) if index not in labels]
    if missing:
        raise UserError(f"{source} has no pictures in a folder {' nor in one '.join(missing)}")
    samples = Samples(np.stack(inputs), np.array(labels, np.int64), tuple(names))
    random = np.random.default_rng(seed)
    held_out = np.zeros(len(samples), bool)
    for label in range(len(FOLDERS)):
        of_class = random.permutation(np.flatnonzero(samples.labels == label))
        held_out[of_class[: int(len(of_class) * VALIDATION_SHARE)]] = True
    return Corpus(samples.take(~held_out), samples.take(held_out), f"{len(samples)} pictures from {source.name}")


def collages(source: Path, seed: int) -> Corpus:
    """CIFAR-10 pictures scaled up, mosaics of 4 and of 9, and scenes: uint8 [n, 96, 96, 3], of unknown class.

    CIFAR-10 has no class of people, though some pictures have a person in them.
    """
    small = cifar.rows(source, seed)
    random = np.random.default_rng(seed)
    samples = []
    for part in (small.training, small.validation):
        whole = [pictures.scaled(pixels, SIZE) for pixels in part.inputs]
        for side in MOSAICS:
            tiles = np.stack([pictures.scaled(pixels, SIZE // side) for pixels in part.inputs])
            whole += [mosaic(tiles[random.integers(0, len(tiles), (side, side))]) for _ in range(len(part))]
        whole += [*scenes(random, part.inputs, SCENES * len(part), SIZE)]
        samples.append(Samples(np.stack(whole), np.zeros(len(whole), np.int64)))
    return Corpus(samples[0], samples[1], f"collages and scenes of {small.origin}", dict(small.facts), labelled=False)


def mosaic(tiles: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """[tile rows, tile columns, rows, columns, 3] to one picture [all rows, all columns, 3]."""
    down, along, rows, columns, channels = tiles.shape
    return tiles.transpose(0, 2, 1, 3, 4).reshape(down * rows, along * columns, channels)
