"""What a calibration finds, case by case."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from studies.calibration.cases import Case
from studies.calibration.images import ImageResult
from studies.calibration.measure import Measurement

MICRO, NETWORK = "micro-benchmark", "network"


@dataclass(frozen=True)
class Comparison:
    """One case. ``reference_cycles``: None where the source only bounds it (``at_least``, ``at_most``) or says nothing.

    ``error_percent``: against the reference, or against the bound that is violated; None where nothing contradicts.
    """

    case: str
    kind: str
    reference_cycles: float | None
    at_least: float
    at_most: float
    modelled_cycles: float
    source: str
    derivation: str

    @property
    def error_percent(self) -> float | None:
        nearest = min(max(self.modelled_cycles, self.at_least), self.at_most)
        if nearest <= 0 or (self.reference_cycles is None and nearest == self.modelled_cycles):
            return None
        return 100 * (self.modelled_cycles / nearest - 1)

    def to_json(self) -> dict[str, Any]:
        bounds = {"at_least": self.at_least, "at_most": self.at_most if math.isfinite(self.at_most) else None}
        return {
            "case": self.case,
            "kind": self.kind,
            "reference_cycles": self.reference_cycles,
            "modelled_cycles": self.modelled_cycles,
            "error_percent": self.error_percent,
            "source": self.source,
            "derivation": self.derivation,
            **(bounds if self.reference_cycles is None else {}),
        }


def against_manuals(cases: Iterable[Case], modelled: Iterable[Measurement]) -> Iterator[Comparison]:
    """Every case once, those that read flash once for each width of reads."""
    measurements = tuple(modelled)
    for case in cases:
        for index, measurement in enumerate(measurements if case.uses_flash else measurements[:1]):
            low, high = case.bounds(measurement.read_bytes)
            width = f", {measurement.read_bytes}-byte reads" if case.uses_flash and len(measurements) > 1 else ""
            yield Comparison(
                f"{case.name}{width}",
                MICRO,
                low if low == high else None,
                low,
                high,
                round(measurements[index].cycles[case.name], 6),
                case.source,
                case.derivation,
            )


def against_board(
    cases: Iterable[Case], measured: Measurement, modelled: Measurement, source: str
) -> Iterator[Comparison]:
    """Every case, with what a board measured as its reference; ``source`` says which board."""
    for case in cases:
        cycles = measured.cycles[case.name]
        yield Comparison(case.name, MICRO, cycles, cycles, cycles, modelled.cycles[case.name], source, case.derivation)


def against_published(result: ImageResult) -> Comparison:
    """A whole network against its published latency, in cycles of the clock that the image has set."""
    image = result.image
    reference = image.reference_ms * 1e-3 * result.hz
    return Comparison(
        f"{image.benchmark.name}, {result.vendor}, {image.path.name}",
        NETWORK,
        reference,
        reference,
        reference,
        result.cycles,
        image.source,
        f"{image.reference_ms:g} ms at {result.hz / 1e6:g} MHz, {image.flash_read_bytes}-byte flash reads",
    )


@dataclass(frozen=True)
class Summary:
    """Over the cases with a reference; percent."""

    cases: int
    compared: int
    mean_absolute: float
    worst: float
    violations: int


def summarise(comparisons: Iterable[Comparison], kind: str) -> Summary:
    chosen = [comparison for comparison in comparisons if comparison.kind == kind]
    errors = [abs(c.error_percent or 0.0) for c in chosen if c.reference_cycles is not None]
    violations = sum(c.reference_cycles is None and c.error_percent is not None for c in chosen)
    mean = sum(errors) / len(errors) if errors else 0.0
    return Summary(len(chosen), len(errors), mean, max(errors, default=0.0), violations)
