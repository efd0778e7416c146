"""What `results.txt` and `log.txt` of MLCommons' and EEMBC's runners say, line by line.

The patterns are those of the official checker (mlcommons/tiny, tools/submission/submission_checker.py) where it has
one; like there, the last line that matches counts.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

NUMBER = r"(\d{1,30}(?:\.\d{0,30})?(?:[eE][-+]?\d{1,2})?)"
MEDIAN = re.compile(r".* Median throughput is\s+([\d\.]+) inf\./sec\..*")
TOP1 = re.compile(r".* Top[- ]1%?\s?[:=] ([\d\.]+).*")
AUC = re.compile(r".* AUC\s?[:=] ([\d\.]+).*")
ENERGY = re.compile(r"Median energy cost is ([\d\.]+) uJ/inf")
POWER = re.compile(r"Power\s+: ([\d\.]+) mW.*")
THROUGHPUT = re.compile(r"Estimated throughput:\s*([\d\.]+) inf\./sec\..*")
DETECTIONS = re.compile(r"Accuracy: (\d+) True positives, (\d+) False negatives, (\d+) False positives")
DUTY = re.compile(r"Average duty cycle:\s*([\d\.]+)")
RUNNER_ERROR = re.compile(r"ERROR \d - .*|.*e-\[The run must take.*|.*below minimum duration.*")

_WINDOW = re.compile(r"Performance results for window (\d{1,9}):?\s*$")
_TRIAL = re.compile(rf"Energy data for (?:trial|window) (\d{{1,9}})(?: at time [\d.]+ for {NUMBER} sec)?")
_INFERENCES = re.compile(r"(?:# )?Inferences\s*:\s*(\d{1,12})\s*$")
_RUNTIME = re.compile(rf"(?:Runtime|Elapsed time)\s*:\s*{NUMBER}")
_RATE = re.compile(rf"Throughput\s*:\s*{NUMBER}\s*inf\./sec")
_COST = re.compile(rf"Energy/Inf\.?\s*:\s*{NUMBER}\s*uJ/inf")
_TOTAL = re.compile(rf"(?:Total )?Energy\s*:\s*{NUMBER}\s*uJ")
_LAP = re.compile(r"m-lap-us-(\d{1,12})")
_INFER_START = re.compile(r"m-infer-start-(\d{1,9})")


@dataclass(frozen=True)
class Found:
    """A figure and its line. ``value`` is None where the line matches but holds no number."""

    value: float | None
    line: int


@dataclass
class Window:
    """One timed or metered window, as far as the text tells; ``line`` is its heading's."""

    number: int
    line: int
    inferences: int | None = None
    seconds: float | None = None
    throughput: float | None = None
    microjoules: float | None = None  # per inference
    total_microjoules: float | None = None


@dataclass(frozen=True)
class Laps:
    """A window of EEMBC's `log.txt`: inferences between two timestamps of the device, microseconds."""

    inferences: int
    elapsed_us: int
    line: int

    @property
    def throughput(self) -> float:
        return self.inferences / self.elapsed_us * 1e6


def number(text: str) -> float | None:
    """What the official checker's `float` makes of it; None where that would fail."""
    try:
        return float(text)
    except ValueError:
        return None


def last(pattern: re.Pattern[str], lines: Sequence[str]) -> Found | None:
    """The last line that matches from its beginning, and the number in it."""
    for index in range(len(lines) - 1, -1, -1):
        if match := pattern.match(lines[index]):
            return Found(number(match[1]), index + 1)
    return None


def last_detections(lines: Sequence[str]) -> tuple[int, int, int, int] | None:
    """True positives, false negatives, false positives, line."""
    for index in range(len(lines) - 1, -1, -1):
        match = DETECTIONS.match(lines[index])
        if match and all(len(count) < 10 for count in match.groups()):
            hits, misses, alarms = map(int, match.groups())
            return hits, misses, alarms, index + 1
    return None


def performance_windows(lines: Sequence[str]) -> list[Window]:
    """The windows of a performance run."""
    return _windows(lines, _WINDOW, _TRIAL)


def energy_windows(lines: Sequence[str]) -> list[Window]:
    """The windows of an energy run; those of the performance report that EEMBC's runner adds are left out."""
    return _windows(lines, _TRIAL, _WINDOW)


def _windows(lines: Sequence[str], heading: re.Pattern[str], other: re.Pattern[str]) -> list[Window]:
    windows: list[Window] = []
    inside = False
    for index, line in enumerate(lines, 1):
        if match := heading.search(line):
            windows.append(Window(int(match[1]), index))
            inside = True
            if heading is _TRIAL and match[2]:
                windows[-1].seconds = number(match[2])
        elif other.search(line) or "-----" in line:
            inside = False
        elif inside:
            _fill(windows[-1], line)
    return windows


def _fill(window: Window, line: str) -> None:
    if match := _INFERENCES.search(line):
        window.inferences = int(match[1])
    elif match := _RUNTIME.search(line):
        window.seconds = number(match[1])
    elif match := _RATE.search(line):
        window.throughput = number(match[1])
    elif match := _COST.search(line):
        window.microjoules = number(match[1])
    elif match := _TOTAL.search(line):
        window.total_microjoules = number(match[1])


def laps(lines: Sequence[str]) -> list[Laps]:
    """The windows in EEMBC's log of the wire: `m-infer-start` and the two laps after it."""
    found: list[Laps] = []
    inferences, start = 0, None
    for index, line in enumerate(lines, 1):
        if match := _INFER_START.search(line):
            inferences, start = int(match[1]), None
        elif inferences and (match := _LAP.search(line)):
            if start is None:
                start = int(match[1])
            else:
                elapsed = int(match[1]) - start
                if elapsed > 0:
                    found.append(Laps(inferences, elapsed, index))
                inferences = 0
    return found
