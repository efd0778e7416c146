"""Fitting the free constants of the cycle model to what a board measured.

Gauss-Newton over the micro-benchmarks: every case's cycles are linear in nearly all constants, so one or two steps do.
Constants are whole cycles; the fractions that a step gives are kept for the report.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from studies.calibration.rules import Rule

STEPS = 3
SENSITIVE = 1e-6  # cycles per repetition that a constant must move some case by

Model = Callable[[Mapping[str, int]], Sequence[float]]


@dataclass(frozen=True)
class Fitted:
    """``fraction``: what least squares gives; ``value``: the whole cycles of it. ``determined``: some case shows it."""

    name: str
    before: int
    fraction: float
    value: int
    determined: bool


@dataclass(frozen=True)
class Fit:
    """``rms_before`` and ``rms_after``: cycles per repetition between model and board over all cases."""

    constants: tuple[Fitted, ...]
    rms_before: float
    rms_after: float


def fit_constants(rules: Sequence[Rule], measured: Sequence[float], model: Model) -> Fit:
    """Find the values of ``rules`` with which ``model`` comes closest to ``measured``, both case by case."""
    names = [rule.name for rule in rules]
    before = {rule.name: rule.value for rule in rules}
    target = np.asarray(measured, dtype=float)
    values, fractions = dict(before), {name: float(value) for name, value in before.items()}
    modelled = np.asarray(model(values), dtype=float)
    rms_before = rms = _rms(target - modelled)
    shown: set[str] = set()
    for _ in range(STEPS):
        slopes = np.column_stack(
            [np.asarray(model(values | {name: values[name] + 1}), dtype=float) - modelled for name in names]
        )
        moving = [index for index in range(len(names)) if np.abs(slopes[:, index]).max() > SENSITIVE]
        shown |= {names[index] for index in moving}
        step = np.linalg.lstsq(slopes[:, moving], target - modelled, rcond=None)[0]
        found = {
            names[index]: max(0.0, values[names[index]] + float(by)) for index, by in zip(moving, step, strict=True)
        }
        proposal = values | {name: round(value) for name, value in found.items()}
        if proposal == values:
            fractions |= found
            break
        proposed = np.asarray(model(proposal), dtype=float)
        if _rms(target - proposed) >= rms:
            break
        values, modelled, rms = proposal, proposed, _rms(target - proposed)
        fractions |= found
    constants = tuple(Fitted(name, before[name], fractions[name], values[name], name in shown) for name in names)
    return Fit(constants, rms_before, rms)


def _rms(differences: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> float:
    return float(np.sqrt(np.mean(differences**2)))
