"""How well reconstruction errors separate normal from anomalous clips. Plain numpy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.ad.dataset import Clip


def auc(scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> float:
    """Area under the ROC curve: the chance that a positive scores above a negative, ties counting half.

    This is the Mann-Whitney U statistic over the number of pairs, computed from ranks.

    Raises:
        ValueError: one of the two classes is empty.
    """
    positives = int(np.count_nonzero(positive))
    negatives = len(positive) - positives
    if positives == 0 or negatives == 0:
        raise ValueError("AUC needs clips of both classes")
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks = (last - (counts - 1) / 2)[inverse]  # equal scores share the mean of their ranks
    u = ranks[positive].sum() - positives * (positives + 1) / 2
    return float(u / (positives * negatives))


def clip_scores(inputs: NDArray[np.float32], outputs: NDArray[np.float32], clips: int) -> NDArray[np.float64]:
    """Mean squared reconstruction error of every clip: [clips * n, 640] twice to float64 [clips]."""
    errors = np.square(inputs.astype(np.float64) - outputs).mean(axis=1)
    scores: NDArray[np.float64] = errors.reshape(clips, -1).mean(axis=1)
    return scores


@dataclass(frozen=True)
class Quality:
    """Areas under the ROC curve: over all clips at once, as the benchmark counts, by machine and by fault."""

    auc: float
    auc_by_machine: dict[str, float]
    auc_by_fault: dict[str, float]


def quality(scores: NDArray[np.float64], clips: Sequence[Clip]) -> Quality:
    """Score clips, rounded to 4 digits. A fault is judged against all normal clips."""
    positive = np.array([clip.anomalous for clip in clips])
    machines = np.array([clip.machine.id for clip in clips])
    faults = np.array([clip.fault.name if clip.fault else "" for clip in clips])

    def area(chosen: NDArray[np.bool_]) -> float:
        return round(auc(scores[chosen], positive[chosen]), 4)

    return Quality(
        auc=area(np.ones(len(clips), bool)),
        auc_by_machine={f"{i:02d}": area(machines == i) for i in sorted(set(machines.tolist()))},
        auc_by_fault={name: area((faults == name) | ~positive) for name in sorted(set(faults.tolist()) - {""})},
    )
