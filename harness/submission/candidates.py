"""Which archived runs a submission is made of, and every reason why they would not do."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from common.artifact import Firmware, load_firmware
from common.errors import UserError
from harness.results import ACCURACY, ENERGY, PERFORMANCE
from harness.runs import RunRecord
from harness.submission.modes import ENTRIES, LOG, RESULTS
from harness.submission.rules import AUC, CLOSED, BenchmarkRules, Round, Rules

MEASURED = "measured"
CLOCK_TOLERANCE, CLOCK_TOLERANCE_S = 0.02, 0.1  # device against host, harness/performance.py
REFERENCE_SOURCE = "mlcommons/tiny"


@dataclass(frozen=True)
class Candidate:
    """One benchmark of a submission. ``firmware``: the build the results are of, None when it is gone."""

    rules: BenchmarkRules
    runs: dict[str, RunRecord]  # by mode
    firmware: Firmware | None

    @property
    def name(self) -> str:
        return self.rules.name


def find_candidates(board: str, records: Sequence[RunRecord], rules: Rules) -> list[Candidate]:
    """For each benchmark with archived runs on the board the newest ones without objection, else the newest.

    ``records`` are the newest first. The accuracy run is one of the same image as the performance run if there is any.
    """
    found = []
    for bench in sorted({record.bench for record in records if record.board == board}):
        mine = [record for record in records if (record.board, record.bench) == (board, bench)]
        benchmark = _rules_of(mine, rules)
        if benchmark is None:
            continue
        runs: dict[str, RunRecord] = {}
        for mode, objections in ((PERFORMANCE, _performance), (ACCURACY, _accuracy), (ENERGY, _energy)):
            archived = [record for record in mine if record.archived(mode)]
            first = runs.get(PERFORMANCE)
            if mode != PERFORMANCE and first is not None:
                same = [record for record in archived if mode == ENERGY or record.elf_sha256 == first.elf_sha256]
                archived = same or archived
            good = [record for record in archived if not list(objections(record, benchmark, rules))]
            if archived:
                runs[mode] = (good or archived)[0]
        if runs:
            found.append(Candidate(benchmark, runs, _build_of(runs, board, bench)))
    return found


def objections(
    candidate: Candidate, others: Sequence[Candidate], rules: Rules, round_: Round, division: str
) -> list[str]:
    """Every reason why a candidate cannot be submitted."""
    benchmark, runs = candidate.rules, candidate.runs
    found = []
    if benchmark.name not in round_.benchmarks:
        found.append(f"{round_.name} has no benchmark {benchmark.name}")
    if benchmark.needs and benchmark.needs not in {other.name for other in others}:
        found.append(f"{benchmark.name} needs results of {benchmark.needs} by the same system")
    for mode in (PERFORMANCE, ACCURACY):
        if mode not in runs:
            found.append(f"there is no {mode} run; run `invoke bench --mode {mode}`")
    checks = {PERFORMANCE: _performance, ACCURACY: _accuracy, ENERGY: _energy}
    for mode, run in runs.items():
        found += [f"{text} (run {run.name})" for text in checks[mode](run, benchmark, rules)]
    if division == CLOSED and ACCURACY in runs:
        found += _quality(runs[ACCURACY], benchmark)
    found += _images(candidate)
    if division == CLOSED:
        found += _model(candidate)
    return found


def declarations(candidate: Candidate) -> list[str]:
    """What is allowed and must be said: changes of the graph that leave every output as it is."""
    return list(candidate.firmware.changes) if candidate.firmware else []


def _rules_of(records: Sequence[RunRecord], rules: Rules) -> BenchmarkRules | None:
    """By what the device answered, else by the benchmark's name."""
    for record in records:
        if (found := rules.by_model(record.text("device", "model"))) is not None:
            return found
    return rules.benchmarks.get(records[0].bench)


def _build_of(runs: dict[str, RunRecord], board: str, bench: str) -> Firmware | None:
    run = runs.get(PERFORMANCE) or next(iter(runs.values()))
    try:
        firmware = load_firmware(board, bench)
    except UserError:
        return None
    return firmware if firmware.elf_sha256 == run.elf_sha256 else None


def _common(run: RunRecord, mode: str) -> Iterator[str]:
    for name in (LOG, RESULTS, ENTRIES):
        if not (run.folder / mode / name).is_file():
            yield f"the runner's {name} of the {mode} run is missing"
    timing = run.timing(mode)
    if timing != MEASURED:
        yield f"the {mode} run is {timing or 'of unknown timing'}, not measured on a board"


def _performance(run: RunRecord, benchmark: BenchmarkRules, rules: Rules) -> Iterator[str]:
    yield from _common(run, PERFORMANCE)
    section = run.section(PERFORMANCE)
    windows = [window for window in section.get("windows") or [] if isinstance(window, dict)]
    if len(windows) != rules.windows:
        yield f"{len(windows)} windows, not {rules.windows}"
    inputs = {str(window.get("input")) for window in windows}
    if windows and len(inputs) != len(windows):
        yield f"its windows are on {len(inputs)} different inputs"
    short: list[float] = []
    for number, window in enumerate(windows, 1):
        elapsed, iterations, host = (window.get(key) for key in ("elapsed_us", "iterations", "host_seconds"))
        if not isinstance(elapsed, int | float) or not isinstance(iterations, int):
            yield f"window {number} has no length"
            continue
        if elapsed < rules.window_seconds * 1e6:
            short.append(elapsed / 1e6)
        if iterations < rules.window_iterations:
            yield f"window {number} had {iterations} iterations, fewer than {rules.window_iterations}"
        if run.timing(PERFORMANCE) != MEASURED or not isinstance(host, int | float):
            continue
        if abs(elapsed / 1e6 - host) > CLOCK_TOLERANCE_S + CLOCK_TOLERANCE * host:
            yield f"window {number}: the device counted {elapsed / 1e6:.3f} s, the host {host:.3f} s"
    if short:
        yield f"{len(short)} windows are shorter than {rules.window_seconds:g} s, the shortest {min(short):.3f} s"
    inputs_of_run = section.get("inputs")
    if not isinstance(inputs_of_run, dict) or inputs_of_run.get("synthetic") is not False:
        yield "its inputs are synthetic; give the data set with --data"


def _accuracy(run: RunRecord, benchmark: BenchmarkRules, rules: Rules) -> Iterator[str]:
    yield from _common(run, ACCURACY)
    data = run.section(ACCURACY).get("data")
    if not isinstance(data, dict) or data.get("synthetic") is not False:
        yield "its data set is synthetic; give the real one with --data"
    samples = run.number(ACCURACY, "samples")
    if benchmark.files and samples not in benchmark.files:
        counts = " or ".join(map(str, benchmark.files))
        yield f"it scored {samples or 0:.0f} files, the whole data set has {counts}"


def _energy(run: RunRecord, benchmark: BenchmarkRules, rules: Rules) -> Iterator[str]:
    yield from _common(run, ENERGY)
    windows = run.section(ENERGY).get("windows")
    count = len(windows) if isinstance(windows, list) else 0
    if count != rules.windows:
        yield f"the energy run has {count} windows, not {rules.windows}"


def _quality(run: RunRecord, benchmark: BenchmarkRules) -> Iterator[str]:
    key, unit = ("auc", "AUC") if benchmark.metric == AUC else ("top1", "top-1")
    value = run.number(ACCURACY, key)
    if value is None:
        yield f"the accuracy run has no {unit}"
    elif value < benchmark.target:
        yield f"{unit} is {value:g}, the closed division asks for {benchmark.target:g}"


def _images(candidate: Candidate) -> Iterator[str]:
    """One image for accuracy and performance, which is still there; energy's differs in the timestamps alone."""
    runs = candidate.runs
    if PERFORMANCE in runs and ACCURACY in runs:
        one, other = runs[PERFORMANCE], runs[ACCURACY]
        if one.elf_sha256 != other.elf_sha256:
            yield (
                f"performance (run {one.name}) and accuracy (run {other.name}) ran different images,"
                f" {one.elf_sha256[:12]} and {other.elf_sha256[:12]}; the rules ask for the same code"
            )
    if len({run.model_sha256 for run in runs.values()}) > 1:
        yield "its runs are of different models"
    if candidate.firmware is None:
        bench = next(iter(runs.values())).bench
        yield (
            f"the image that ran is no longer the build of {bench}, so its code cannot go with it;"
            " build it again and repeat the runs"
        )


def _model(candidate: Candidate) -> Iterator[str]:
    """The closed division runs the reference model: no pruning, no retraining, no other quantisation."""
    from models.registry import find

    run = next(iter(candidate.runs.values()))
    known = find(run.model_sha256)
    if known is None or known.source is None or known.source.repository != REFERENCE_SOURCE:
        yield (
            f"its model {run.model} (SHA-256 {run.model_sha256[:12]}) is not the reference model of"
            f" {REFERENCE_SOURCE}; other weights belong to the open division"
        )
    elif candidate.firmware is not None and known.bench != candidate.firmware.bench:
        yield f"its model {run.model} is the reference of {known.bench}, not of {candidate.firmware.bench}"
