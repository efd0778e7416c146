"""What an accuracy run is judged by: top-1, per class, area under the ROC curve, as MLCommons' runner computes them.

Source of the rules: mlcommons/tiny, benchmark/runner/main.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

THRESHOLDS = 100  # of upstream's "Top 1%" for anomaly detection
SMALL = 1e-8  # in its denominators


@dataclass(frozen=True)
class ClassScore:
    """One class: how many files it has, how many of them were recognised."""

    label: int
    samples: int
    correct: int

    @property
    def percent(self) -> float:
        return 100 * self.correct / self.samples


@dataclass(frozen=True)
class Scores:
    """``top1``: percent of files whose highest score is their class's, None for one score a file (anomaly detection).

    ``auc``: None unless every class occurs. ``runner_top1``: what upstream's runner calls "Top 1%", which for anomaly
    detection is the best mean of precision and recall. ``confusion``: files by class (row) and recognised class.
    """

    top1: float | None
    auc: float | None
    runner_top1: float
    per_class: tuple[ClassScore, ...]
    confusion: NDArray[np.int64] | None


def file_scores(windows: NDArray[np.float64]) -> NDArray[np.float64]:
    """A file's scores [results] from its windows' [windows, results]: rows normalised to a sum of 1, then averaged.

    Single results are not normalised. A row of zeros, which upstream cannot score, counts as equal shares.
    """
    if windows.shape[1] == 1:
        return np.asarray(windows.mean(axis=0))
    sums = windows.sum(axis=1, keepdims=True)
    shares = np.where(sums != 0, windows / np.where(sums != 0, sums, 1), 1 / windows.shape[1])
    return np.asarray(shares.mean(axis=0))


def score(scores: NDArray[np.float64], labels: Sequence[int], classes: int) -> Scores:
    """Judge files. ``scores``: [files, results] from `file_scores`; ``labels``: their classes."""
    truth = np.asarray(labels)
    if scores.shape[1] == 1:
        errors = scores[:, 0]
        return Scores(None, _auc(errors, truth, classes), anomaly_top1(errors, truth), (), None)
    answers = scores.argmax(axis=1)  # ties go to the lower class
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (truth, answers), 1)
    per_class = tuple(
        ClassScore(label, int(row.sum()), int(row[label])) for label, row in enumerate(confusion) if row.sum()
    )
    top1 = 100 * float(np.trace(confusion)) / len(truth)
    return Scores(top1, _auc(scores, truth, classes), top1, per_class, confusion)


def anomaly_top1(errors: NDArray[np.float64], truth: NDArray[np.int64]) -> float:
    """Upstream's "Top 1%" of anomaly detection: the best of 100 thresholds' mean of precision and recall, in percent.

    0 when all scores are the same.
    """
    low, high = errors.min(), errors.max()
    best = 0.0
    for step in range(THRESHOLDS):
        anomalous = errors > low + step / THRESHOLDS * (high - low)
        hits = float(np.sum(anomalous & (truth == 1)))
        precision = hits / (float(np.sum(anomalous)) + SMALL)
        recall = hits / (float(np.sum(truth == 1)) + SMALL)
        best = max(best, 100 * (precision + recall) / 2)
    return best


def _auc(scores: NDArray[np.float64], truth: NDArray[np.int64], classes: int) -> float | None:
    from sklearn.metrics import roc_auc_score  # half a second that other runs need not wait for

    if len(np.unique(truth)) < classes:
        return None
    if scores.ndim == 1:
        return float(roc_auc_score(truth, scores))
    if classes == 2:
        return float(roc_auc_score(truth, scores[:, 1]))
    return float(roc_auc_score(truth, scores, multi_class="ovr"))
