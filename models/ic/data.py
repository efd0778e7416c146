"""CIFAR-10 samples: the python batches as published, or pictures as rows of a PNG."""

import io
import pickle
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.benchmark import load_benchmark
from common.errors import UserError
from models.archives import members
from models.samples import Corpus, Samples, require_classes

SIZE = 32
BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST = "test_batch"
VALIDATION_SHARE = 0.1  # of pictures without a test batch


class _PlainUnpickler(pickle.Unpickler):
    """Of numpy arrays, lists and texts only: a pickle from somewhere must not run code."""

    _ALLOWED = frozenset(
        {
            ("numpy.core.multiarray", "_reconstruct"),
            ("numpy._core.multiarray", "_reconstruct"),
            ("numpy", "ndarray"),
            ("numpy", "dtype"),
            ("_codecs", "encode"),
        }
    )

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no batch does")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def load(source: Path, seed: int) -> Corpus:
    """Samples from `cifar-10-python.tar.gz` or the folder it unpacks to, or from a folder of PNGs with `labels.csv`.

    Raises:
        UserError: not one of these, damaged, or without a class.
    """
    corpus = rows(source, seed) if (source / "labels.csv").is_file() else python_batches(source)
    require_classes(corpus.training, load_benchmark("ic").labels, str(source))
    return corpus


def python_batches(source: Path) -> Corpus:
    """Five training batches and the test batch, which validates as in the reference training."""
    found = {}
    for name, content in members(source, lambda name: PurePosixPath(name).name in (*BATCHES, TEST)):
        found[PurePosixPath(name).name] = _batch(content, f"{source}: {name}")
    missing = [name for name in (*BATCHES, TEST) if name not in found]
    if missing:
        raise UserError(f"{source} has no {', '.join(missing)}: it is not CIFAR-10's python version as published")
    training = [found[name] for name in BATCHES]
    return Corpus(
        Samples(
            np.concatenate([batch.inputs for batch in training]), np.concatenate([batch.labels for batch in training])
        ),
        found[TEST],
        f"CIFAR-10 from {source.name}",
    )


def _batch(content: bytes, where: str) -> Samples:
    """One batch: a pickled dict of data uint8 [n, 3072], planes of red, green, blue, and a list of labels."""
    try:
        batch = _PlainUnpickler(io.BytesIO(content), encoding="bytes").load()
        data, labels = np.asarray(batch[b"data"]), np.asarray(batch[b"labels"], np.int64)
        names = tuple(name.decode() for name in batch.get(b"filenames", ()))
    except (pickle.UnpicklingError, KeyError, TypeError, ValueError, EOFError, AttributeError, IndexError) as error:
        raise UserError(f"{where} is no batch of CIFAR-10 ({error}); get the archive again") from error
    if data.dtype != np.uint8 or data.shape != (len(labels), 3 * SIZE * SIZE):
        raise UserError(f"{where}: its data is {data.dtype}{list(data.shape)}, not uint8[{len(labels)}, 3072]")
    return Samples(data.reshape(-1, 3, SIZE, SIZE).transpose(0, 2, 3, 1), labels, names)


def rows(folder: Path, seed: int) -> Corpus:
    """PNGs one after another whose rows are pictures of 32x32 RGB, and `labels.csv` with `index,label` lines."""
    files = sorted(folder.glob("*.png"))
    if not files:
        raise UserError(f"{folder} has no PNG")
    pictures = np.concatenate([_png(path) for path in files])
    try:
        table = np.loadtxt(folder / "labels.csv", np.int64, delimiter=",", ndmin=2)
        numbers, labels = table[:, 0], table[:, 1]
    except (OSError, ValueError, IndexError) as error:
        raise UserError(f"{folder / 'labels.csv'}: {error}; a line is `index,label`") from error
    if pictures.shape[1] != SIZE * SIZE:
        raise UserError(f"{folder}: a row of a PNG is a picture of {SIZE * SIZE} pixels, not {pictures.shape[1]}")
    here = (numbers >= 0) & (numbers < len(pictures))  # the list may be longer
    if not here.any():
        raise UserError(f"{folder / 'labels.csv'} has no label of the {len(pictures)} pictures there")
    labels = labels[here]
    samples = Samples(pictures[numbers[here]].reshape(-1, SIZE, SIZE, 3), labels)
    order = np.random.default_rng(seed).permutation(len(labels))
    held_out = int(len(labels) * VALIDATION_SHARE)
    return Corpus(
        samples.take(order[held_out:]),
        samples.take(order[:held_out]),
        f"{len(labels)} CIFAR-10 pictures from {folder.name}",
        {"pictures": len(labels), "validation_pictures": held_out},
    )


def _png(path: Path) -> NDArray[np.uint8]:
    from models.pictures import read

    return read(path.read_bytes(), str(path))
