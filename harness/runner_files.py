"""The files that MLCommons' runner leaves, line for line: what the submission checker parses.

Source: mlcommons/tiny, benchmark/runner (main.py, script.py) and tools/submission/submission_checker.py.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from harness.dataset import COLUMNS, Input
from harness.performance import SUBMISSION, PerformanceResult

RULE = "-" * 57
LOOP_COUNT_ERROR = f"ERROR 1 - loop_count was not exactly {SUBMISSION.windows}."
LOOP_TIME_ERROR = "ERROR 2 - loop exited before 10 seconds elapsed."


def performance_text(result: PerformanceResult, when: datetime) -> str:
    """`results.txt` of a performance run. As upstream, the 10 s are those of the whole loop, downloads included."""
    lines = []
    for number, window in enumerate(result.windows, 1):
        seconds = window.elapsed_us / 1e6
        lines += [
            f"Performance results for window {number}",
            f"    # Inferences : {window.iterations}",
            f"    Runtime: {seconds} sec.",
            f"    Throughput: {window.throughput} inf./sec.",
        ]
        if seconds > SUBMISSION.seconds:
            lines.append("    Runtime requirements have been met.")
    errors = []
    if len(result.windows) != SUBMISSION.windows:
        errors.append(LOOP_COUNT_ERROR)
    if result.loop_seconds < SUBMISSION.seconds:
        errors.append(LOOP_TIME_ERROR)
    lines += errors or _stamped(when, RULE, f"Median throughput is {result.throughput:>10.3f} inf./sec.", RULE)
    return _text(lines)


def accuracy_text(top1: float, auc: float | None, when: datetime) -> str:
    """`results.txt` of an accuracy run; no AUC line where there is none."""
    figures = [f"Top 1% = {top1:2.1f}", *([f"AUC = {auc:.3f}"] if auc is not None else [])]
    return _text(_stamped(when, *figures))


def performance_entries(result: PerformanceResult, inputs: Sequence[Input]) -> list[dict[str, Any]]:
    """`results.json` of a performance run: one entry a window."""
    rows = {item.name: item for item in inputs}
    return [
        entry(
            rows[window.input],
            "p",
            iterations=window.iterations,
            warmups=window.warmup,
            results=window.results,
            times={
                "start_time": window.start_us,
                "end_time": (window.start_us + window.elapsed_us) % (1 << 32),
                "elapsed_time": window.elapsed_us,
            },
        )
        for window in result.windows
    ]


def entry(
    item: Input,
    mode: str,
    *,
    iterations: int,
    warmups: int,
    results: Sequence[float],
    times: Mapping[str, int | None],
    windows: int | None = None,
) -> dict[str, Any]:
    """One iteration. ``mode`` is upstream's letter; ``times`` in microseconds, None where nothing was timed.

    Fields of the data set's list are strings, as upstream's reader leaves them. ``windows``: of the file, where it has
    several.
    """
    infer: dict[str, Any] = {
        **times,
        "results": list(results),
        "total_inferences": 1,
        "iterations": iterations,
        "warmups": warmups,
    }
    elapsed = times.get("elapsed_time")
    if mode == "p" and elapsed:
        infer["throughput"] = iterations / elapsed * 1e6
    fields = item.row or (item.name,)
    row = {name: fields[place] if place < len(fields) else None for place, name in enumerate(COLUMNS)}
    return {**row, "total_length": windows, "infer": infer, "mode": mode}


def _stamped(when: datetime, *texts: str) -> list[str]:
    return [f"{when:%m%d.%H%M%S} ulp-mlperf: {text}" for text in texts]


def _text(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
