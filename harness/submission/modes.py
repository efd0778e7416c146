"""Checks of one benchmark's accuracy, performance and energy folders."""

import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from harness.results import ACCURACY, ENERGY, PERFORMANCE
from harness.submission import texts
from harness.submission.entries import MODES, Quality, RunEntry, parse_entries, quality
from harness.submission.findings import Findings
from harness.submission.rules import AUC, CLOSED, BenchmarkRules, Rules
from harness.submission.tree import Text, Tree

RESULTS, LOG, ENTRIES, SCRIPT = "results.txt", "log.txt", "results.json", "script.async"
ALWAYS_ALLOWED = ("results.json", "mlperf_log_trace.json", ".gitkeep")
ROUNDING = {AUC: 0.00051, "top1": 0.051}  # of the printed figures
THROUGHPUT_ROUNDING = 0.0011  # three decimals, of the windows and of the median
RELATIVE = 1e-4
LOG_RELATIVE = 2e-3  # a log's timestamps may be as coarse as 1 ms


@dataclass(frozen=True)
class Place:
    """A benchmark folder under check. ``energy_runner``: EEMBC's program made the results, not MLCommons'."""

    tree: Tree
    findings: Findings
    rules: Rules
    benchmark: BenchmarkRules
    division: str
    folder: str
    energy_runner: bool

    def path(self, mode: str, file: str = "") -> str:
        return f"{self.folder}/{mode}/{file}" if file else f"{self.folder}/{mode}"

    def text(self, mode: str, file: str) -> Text | None:
        """A file that the official checker lets a submission pass without: a quiet None if absent."""
        path = self.path(mode, file)
        return self.tree.text(path, self.findings) if self.tree.has_file(path) else None

    def entries(self, mode: str) -> list[RunEntry] | None:
        path = self.path(mode, ENTRIES)
        if not self.tree.has_file(path):
            return None
        content = self.tree.json(path, self.findings)
        if content is None:
            return None
        entries = parse_entries(content, path, self.findings)
        letters = {entry.mode for entry in entries or ()}
        if letters - {MODES[mode]}:
            found = ", ".join(sorted(map(str, letters)))
            self.findings.error(path, f"has entries of mode {found}, but this is the {mode} folder ('{MODES[mode]}')")
        return entries


def check_file_list(place: Place, mode: str, optional: Sequence[str] = ()) -> None:
    """Required files are there and no others."""
    required = {LOG, RESULTS, SCRIPT if place.energy_runner else ENTRIES}
    present = set(place.tree.files(*place.path(mode).split("/")))
    for name in sorted(required - present - {RESULTS}):
        place.findings.warning(
            place.path(mode, name), "is missing; the official checker logs that as an error, but lets it pass"
        )
    for name in sorted(present - required - set(ALWAYS_ALLOWED) - set(optional)):
        place.findings.note(place.path(mode, name), "is not one of the runner's files")


def check_accuracy(place: Place) -> float | None:
    """The quality that `results.txt` states: percent, or the area under the curve."""
    check_file_list(place, ACCURACY)
    text = place.tree.text(place.path(ACCURACY, RESULTS), place.findings)
    if text is None:
        return None
    rules = place.benchmark
    pattern, name = (texts.AUC, "AUC") if rules.metric == AUC else (texts.TOP1, "Top 1%")
    stated = texts.last(pattern, text.lines)
    if stated is None or stated.value is None:
        line = stated.line if stated else None
        place.findings.error(text.path, f"has no figure in a line like `0726.005452 ulp-mlperf: {name} = 0.9`", line)
        return None
    if place.division == CLOSED and stated.value < rules.target:
        place.findings.error(
            text.path, f"{name} is {stated.value:g}, the closed division asks for {rules.target:g}", stated.line
        )
    entries = place.entries(ACCURACY)
    if entries is not None:
        _compare_quality(place, text.path, stated, quality(entries, rules))
    return stated.value


def _compare_quality(place: Place, path: str, stated: texts.Found, computed: Quality | str) -> None:
    rules, findings = place.benchmark, place.findings
    source = place.path(ACCURACY, ENTRIES)
    if isinstance(computed, str):
        findings.error(source, f"the score cannot be computed again: {computed}")
        return
    if rules.files and computed.files not in rules.files:
        counts = " or ".join(map(str, rules.files))
        findings.error(source, f"holds {computed.files} files, the official set has {counts}: a subset is no score")
    value = computed.auc if rules.metric == AUC else computed.top1
    if value is None:
        findings.error(source, "the score cannot be computed again: not every class occurs")
    elif stated.value is not None and abs(value - stated.value) > ROUNDING[rules.metric]:
        findings.error(path, f"states {stated.value:g}, but the answers in {ENTRIES} give {value:.4g}", stated.line)


def check_performance(place: Place) -> float | None:
    """The median throughput that `results.txt` states, inferences per second."""
    check_file_list(place, PERFORMANCE)
    text = place.tree.text(place.path(PERFORMANCE, RESULTS), place.findings)
    if text is None:
        return None
    _runner_errors(place, text)
    stated = texts.last(texts.MEDIAN, text.lines)
    if stated is None or not stated.value:
        line = stated.line if stated else None
        place.findings.error(
            text.path,
            "has no figure in a line like `0726.005207 ulp-mlperf: Median throughput is 6.036 inf./sec.`",
            line,
        )
        return None
    windows = texts.performance_windows(text.lines)
    _check_windows(place, text.path, windows, PERFORMANCE)
    rates = [window.throughput for window in windows if window.throughput]
    if rates and abs(statistics.median(rates) - stated.value) > THROUGHPUT_ROUNDING:
        place.findings.error(
            text.path,
            f"states a median of {stated.value:g} inf/s, but its windows' is {statistics.median(rates):.3f}",
            stated.line,
        )
    for window in windows:
        _check_arithmetic(place, text.path, window)
    entries = place.entries(PERFORMANCE)
    if entries is not None:
        _compare_entries(place, text.path, stated, entries)
    _compare_log(place, text.path, stated, windows)
    return stated.value


def check_energy(place: Place) -> float | None:
    """Microjoules per inference, or for the streaming benchmark milliwatts, as `results.txt` states."""
    check_file_list(place, ENERGY, place.tree.files(*place.path(ENERGY).split("/")))
    text = place.tree.text(place.path(ENERGY, RESULTS), place.findings)
    if text is None:
        return None
    _runner_errors(place, text)
    streams = place.benchmark.streams
    pattern, line = (
        (texts.POWER, "Power : 25.6 mW.") if streams else (texts.ENERGY, "Median energy cost is 1.0 uJ/inf.")
    )
    stated = _last_anywhere(pattern, text.lines)
    if stated is None or not stated.value:
        place.findings.error(text.path, f"has no figure in a line like `{line}`", stated.line if stated else None)
        return None
    windows = texts.energy_windows(text.lines)
    _check_windows(place, text.path, windows, ENERGY)
    costs = [window.microjoules for window in windows if window.microjoules]
    if not streams and costs and not _close(statistics.median(costs), stated.value, RELATIVE):
        place.findings.error(
            text.path,
            f"states a median of {stated.value:g} uJ, but its windows' is {statistics.median(costs):.4g}",
            stated.line,
        )
    for window in windows:
        if window.total_microjoules and window.inferences and window.microjoules:
            computed = window.total_microjoules / window.inferences
            if not _close(computed, window.microjoules, RELATIVE):
                place.findings.error(
                    text.path, f"window {window.number}: total energy / inferences is {computed:.4g} uJ", window.line
                )
    return stated.value


def check_stream(place: Place, mode: str) -> tuple[float | None, float | None]:
    """Throughput and F1 score of the streaming benchmark, from the folder of ``mode``."""
    text = place.tree.text(place.path(mode, RESULTS), place.findings)
    if text is None:
        return None, None
    rules = place.benchmark
    throughput = texts.last(texts.THROUGHPUT, text.lines)
    if throughput is None or not throughput.value:
        place.findings.error(text.path, "has no line like `Estimated throughput: 55.742 inf./sec.`")
    duty = texts.last(texts.DUTY, text.lines)
    if duty is None or duty.value is None:
        place.findings.error(text.path, "has no line like `Average duty cycle: 0.56`")
    elif not 0 < duty.value < 1:
        place.findings.warning(text.path, f"at a duty cycle of {duty.value:g} no device keeps up", duty.line)
    counts = texts.last_detections(text.lines)
    rate = throughput.value if throughput else None
    if counts is None:
        place.findings.error(
            text.path, "has no line like `Accuracy: 44 True positives, 6 False negatives, 4 False positives`"
        )
        return rate, None
    hits, misses, alarms, line = counts
    if hits + misses != rules.wakewords:
        place.findings.error(
            text.path,
            f"true positives and false negatives are {hits + misses}, not {rules.wakewords}",
            line,
        )
    if place.division == CLOSED:
        for name, count in (("false negatives", misses), ("false positives", alarms)):
            if count > rules.most_false:
                place.findings.error(text.path, f"{count} {name}, the closed division allows {rules.most_false}", line)
    f1 = 2 * hits / (2 * hits + misses + alarms) if hits else 0.0
    return rate, f1


def _check_windows(place: Place, path: str, windows: Sequence[texts.Window], mode: str) -> None:
    """As many as the rules ask for, each long enough."""
    rules, findings = place.rules, place.findings
    count = 1 if place.benchmark.streams else rules.windows
    if len(windows) != count:
        findings.error(path, f"holds {len(windows)} windows, not {count}", windows[-1].line if windows else None)
    # MLCommons' runner asks for 10 s of all windows together in a performance run: short ones pass it.
    report = findings.error if place.energy_runner or mode == ENERGY else findings.warning
    for window in windows:
        if window.seconds is not None and window.seconds < rules.window_seconds:
            report(path, f"window {window.number} lasted {window.seconds:g} s, less than 10 s", window.line)
        few = window.inferences is not None and window.inferences < rules.window_iterations
        if few and not place.benchmark.streams:
            report(path, f"window {window.number} had {window.inferences} iterations, fewer than 10", window.line)


def _check_arithmetic(place: Place, path: str, window: texts.Window) -> None:
    """Inferences, runtime and throughput of a window belong together."""
    if window.inferences and window.seconds and window.throughput:
        computed = window.inferences / window.seconds
        if not _close(computed, window.throughput, 2e-4):
            place.findings.error(
                path,
                f"window {window.number}: {window.inferences} inferences in {window.seconds:g} s are"
                f" {computed:.3f} inf/s, not {window.throughput:g}",
                window.line,
            )


def _compare_entries(place: Place, path: str, stated: texts.Found, entries: Sequence[RunEntry]) -> None:
    source = place.path(PERFORMANCE, ENTRIES)
    rates = [entry.throughput for entry in entries if entry.throughput]
    if len(entries) != place.rules.windows:
        place.findings.error(source, f"holds {len(entries)} windows, not {place.rules.windows}")
    if len(rates) < len(entries):
        place.findings.error(source, "has windows without elapsed_time or iterations: no throughput follows")
    if rates and stated.value is not None and not _close(statistics.median(rates), stated.value, RELATIVE):
        place.findings.error(
            path,
            f"states a median of {stated.value:g} inf/s, but {ENTRIES} gives {statistics.median(rates):.3f}",
            stated.line,
        )
    files = {entry.file for entry in entries}
    if 0 < len(files) < min(len(entries), place.rules.windows):
        place.findings.error(source, f"its windows are on {len(files)} different inputs, not {place.rules.windows}")


def _compare_log(place: Place, path: str, stated: texts.Found, windows: Sequence[texts.Window]) -> None:
    """The log tells the same windows, or the device's own timestamps do."""
    log = place.text(PERFORMANCE, LOG)
    if log is None or stated.value is None:
        return
    lines = log.lines
    wire = texts.laps(lines)
    if wire:
        median = statistics.median(window.throughput for window in wire)
        if not _close(median, stated.value, LOG_RELATIVE):
            place.findings.error(
                path,
                f"states a median of {stated.value:g} inf/s, but the timestamps in {LOG} give {median:.3f}",
                stated.line,
            )
        return
    told = {round(window.throughput, 3) for window in texts.performance_windows(lines) if window.throughput}
    if not told:
        place.findings.warning(log.path, "tells neither windows nor timestamps: nothing to compare the results with")
    elif any(window.throughput and round(window.throughput, 3) not in told for window in windows):
        place.findings.error(log.path, f"tells other windows than {RESULTS}")


def _runner_errors(place: Place, text: Text) -> None:
    for index, line in enumerate(text.lines, 1):
        if texts.RUNNER_ERROR.match(line):
            place.findings.error(text.path, f"the runner says: {line.strip()[:100]}", index)


def _last_anywhere(pattern: re.Pattern[str], lines: Sequence[str]) -> texts.Found | None:
    """As `texts.last`, wherever in the line: that is how the official checker looks for energy."""
    for index in range(len(lines) - 1, -1, -1):
        if match := pattern.search(lines[index]):
            return texts.Found(texts.number(match[1]), index + 1)
    return None


def _close(one: float, other: float, relative: float) -> bool:
    return abs(one - other) <= relative * max(abs(one), abs(other)) + THROUGHPUT_ROUNDING / 2
