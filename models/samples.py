"""What a network is trained and judged with: inputs in the benchmark's real units, and their classes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import UserError

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]

SCALE = {"vww": np.float32(1 / 255)}  # of uint8 pictures; the network for ic takes 0 to 255


@dataclass(frozen=True)
class Samples:
    """``inputs`` [n, ...] are float32, or uint8 of pictures, which stand for themselves; ``labels`` int64 [n].
    ``names``: one for each sample, or nothing.
    """

    inputs: NDArray[Any]
    labels: Labels
    names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, chosen: NDArray[Any]) -> "Samples":
        """Those of these indices, or where the mask is true."""
        indices = np.flatnonzero(chosen) if chosen.dtype == bool else chosen
        names = tuple(self.names[index] for index in indices) if self.names else ()
        return Samples(self.inputs[indices], self.labels[indices], names)


def real(samples: Samples, bench: str) -> Floats:
    """Inputs as the network takes them: float32; pictures of bytes become 0 to 1 or 0 to 255."""
    inputs = samples.inputs
    if inputs.dtype != np.uint8:
        return np.asarray(inputs, np.float32)
    return inputs.astype(np.float32) * SCALE.get(bench, np.float32(1))


@dataclass(frozen=True)
class Corpus:
    """Samples of one benchmark from one place, split. ``origin`` describes the data in one line, for the record.

    ``labelled``: False where nobody knows the classes; all labels are 0 then until a teacher gives others.
    """

    training: Samples
    validation: Samples
    origin: str
    facts: dict[str, Any] = field(default_factory=dict)
    labelled: bool = True


def require_classes(samples: Samples, classes: Sequence[str], where: str) -> None:
    """Raises UserError when a class has no sample."""
    counts = np.bincount(samples.labels, minlength=len(classes))
    missing = [name for name, count in zip(classes, counts, strict=True) if not count]
    if missing:
        raise UserError(f"{where} has no sample of: {', '.join(missing)}; every class is needed")


def one_hot(labels: Labels, classes: int) -> Floats:
    """int [n] to float32 [n, classes]."""
    return np.eye(classes, dtype=np.float32)[labels]


def split_by_group(groups: NDArray[Any], share: float, seed: int) -> NDArray[np.bool_]:
    """A mask of about ``share`` of the samples such that no group (a speaker, say) is on both sides."""
    names, sizes = np.unique(groups, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(names))
    before = np.cumsum(sizes[order]) - sizes[order]
    taken = order[before < share * len(groups)]
    mask: NDArray[np.bool_] = np.isin(groups, names[taken])
    return mask
