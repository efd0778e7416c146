"""What the rounds of MLPerf Tiny ask of a submission: `benchmarks/rounds/mlperf_tiny.toml` in frozen dataclasses."""

import functools
import tomllib
from dataclasses import dataclass
from typing import Any

from common.errors import UserError
from common.paths import BENCHMARKS

DIVISIONS = ("closed", "open")
CLOSED, OPEN = DIVISIONS
AVAILABILITIES = ("available", "preview", "rdi")
AUC, TOP1, DETECTIONS = "auc", "top1", "detections"


@dataclass(frozen=True)
class BenchmarkRules:
    """One benchmark. ``files``: how many an accuracy run may have; ``target``: least quality in the closed division.

    ``wakewords`` and ``most_false`` are for the streaming benchmark alone. ``needs``: a benchmark to submit with it.
    """

    name: str
    model_id: str
    metric: str
    classes: int
    files: tuple[int, ...]
    target: float = 0.0
    wakewords: int = 0
    most_false: int = 0
    needs: str = ""

    @property
    def streams(self) -> bool:
        return self.metric == DETECTIONS


@dataclass(frozen=True)
class Round:
    name: str
    benchmarks: tuple[str, ...]
    energy_runner: bool


@dataclass(frozen=True)
class Rules:
    """``window_seconds`` and ``window_iterations`` are the least of a window."""

    windows: int
    window_seconds: float
    window_iterations: int
    large_file_mb: int
    file_limit_mb: int
    rounds: tuple[Round, ...]
    benchmarks: dict[str, BenchmarkRules]

    def round(self, name: str | None) -> Round:
        """The round of this name, or the newest.

        Raises:
            UserError: there is none; the message lists the ones there are.
        """
        if name is None:
            return self.rounds[-1]
        for item in self.rounds:
            if name.removeprefix("v") == item.name.removeprefix("v"):
                return item
        raise UserError(f"unknown round '{name}'; rounds are: {', '.join(item.name for item in self.rounds)}")

    def by_model(self, model_id: str) -> BenchmarkRules | None:
        return next((item for item in self.benchmarks.values() if item.model_id == model_id), None)


@functools.cache
def load_rules() -> Rules:
    data: dict[str, Any] = tomllib.loads((BENCHMARKS / "rounds" / "mlperf_tiny.toml").read_text())
    rounds = tuple(Round(**{**item, "benchmarks": tuple(item["benchmarks"])}) for item in data.pop("round"))
    benchmarks = {
        name: BenchmarkRules(name=name, **{**fields, "files": tuple(fields["files"])})
        for name, fields in data.pop("benchmark").items()
    }
    return Rules(**data, rounds=rounds, benchmarks=benchmarks)
