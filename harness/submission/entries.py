"""`results.json` of MLCommons' runner: a list of what each inference command gave."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.scores import file_scores, score
from harness.submission.findings import Findings
from harness.submission.rules import BenchmarkRules

MODES = {"performance": "p", "accuracy": "a", "energy": "e"}
LARGEST = 1e15


@dataclass(frozen=True)
class RunEntry:
    """One inference command. ``label``: the file's class; ``elapsed_us`` is None where nothing was timed."""

    file: str
    label: int | None
    results: tuple[float, ...]
    elapsed_us: float | None
    iterations: int | None
    mode: str | None

    @property
    def throughput(self) -> float | None:
        """Inferences per second."""
        if not self.elapsed_us or not self.iterations:
            return None
        return self.iterations / self.elapsed_us * 1e6


@dataclass(frozen=True)
class Quality:
    """``top1`` in percent, as the runner counts it; ``auc`` is None unless every class occurs."""

    top1: float
    auc: float | None
    files: int


def parse_entries(content: Any, path: str, findings: Findings) -> list[RunEntry] | None:
    """The entries, or None with a finding what is wrong."""
    if not isinstance(content, list):
        findings.error(path, "is not a list of results as MLCommons' runner writes it")
        return None
    entries = []
    for index, item in enumerate(content):
        entry = _entry(item)
        if entry is None:
            findings.error(path, f"entry {index} is not a result: file, class and infer.results are needed")
            return None
        entries.append(entry)
    return entries


def quality(entries: Sequence[RunEntry], rules: BenchmarkRules) -> Quality | str:
    """Compute an accuracy run's figures again, or say why that is not possible."""
    windows: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    labels: dict[str, int] = {}
    for entry in entries:
        if entry.label is None or not 0 <= entry.label < rules.classes:
            return f"{entry.file} has no class from 0 to {rules.classes - 1}"
        if labels.setdefault(entry.file, entry.label) != entry.label:
            return f"{entry.file} has two classes"
        windows[entry.file].append(entry.results)
    wanted = 1 if rules.metric == "auc" else rules.classes
    for file, vectors in windows.items():
        if any(len(vector) != wanted for vector in vectors):
            return f"{file} has not {wanted} results"
    if not windows:
        return "it has no entries"
    scores = np.array([file_scores(np.array(vectors, np.float64)) for vectors in windows.values()])
    judged = score(scores, list(labels.values()), rules.classes)
    return Quality(judged.runner_top1, judged.auc, len(windows))


def _entry(item: Any) -> RunEntry | None:
    if not isinstance(item, dict) or not isinstance(item.get("file"), str):
        return None
    infer = item.get("infer")
    if not isinstance(infer, dict) or not isinstance(infer.get("results"), list):
        return None
    results = [_number(value) for value in infer["results"]]
    if any(value is None for value in results):
        return None
    iterations = _number(infer.get("iterations"))
    mode = item.get("mode")
    return RunEntry(
        file=item["file"],
        label=_label(item.get("class")),
        results=tuple(value for value in results if value is not None),
        elapsed_us=_number(infer.get("elapsed_time")),
        iterations=int(iterations) if iterations is not None else None,
        mode=mode if isinstance(mode, str) else None,
    )


def _number(value: Any) -> float | None:
    """A finite number of sensible size."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if -LARGEST < value < LARGEST else None


def _label(value: Any) -> int | None:
    """Upstream's reader leaves classes as texts."""
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() and len(value) < 9:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9 else None
