"""The accuracy run: every file of a labelled data set, journalled, and judged as MLCommons' runner judges."""

import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from common.artifact import Firmware
from common.benchmark import AUC, Benchmark
from common.board import Board
from common.console import say
from common.errors import UserError
from common.files import write_atomic
from datasets.registry import known_list
from harness.accuracy_console import accuracy_table, counting
from harness.dataset import LABELS, DataSet, DataSetError, Input, class_name, load_dataset
from harness.inputs import synthetic_dataset
from harness.journal import Answer, Journal
from harness.options import Options
from harness.ports import PortChoice, find_port
from harness.results import ACCURACY, FAILED_LOG, ModeRun, Setup, VirtualHost
from harness.runner_files import accuracy_text, entry
from harness.scores import Scores, file_scores, score
from harness.session import Target, heading
from harness.shards import by_cluster, by_one, by_processes, processors
from harness.worker import Identity, Job, Report, Worker, make_worker

JOURNALS = "journals"
NO_MEANING = "the data set is synthetic: its accuracy means nothing"


@dataclass(frozen=True)
class AccuracyResult:
    """A judged run. ``resumed``: how many answers an interrupted run had left. ``host_seconds``: of this run alone."""

    dataset: DataSet
    benchmark: Benchmark
    scores: Scores
    inferences: int
    resumed: int
    host_seconds: float
    workers: int
    incidents: tuple[str, ...]

    @property
    def value(self) -> float | None:
        """What the quality target is about."""
        return self.scores.auc if self.benchmark.quality_metric == AUC else self.scores.top1

    @property
    def reservations(self) -> tuple[str, ...]:
        """Why this accuracy would not do for a submission."""
        found = []
        listed, official = self.dataset.listed, self.benchmark.dataset_files
        if self.dataset.synthetic:
            found.append(NO_MEANING)
        elif official and listed not in official:
            found.append(f"the data set has {listed} files, the official one {' or '.join(map(str, official))}")
        elif (known := known_list(self.benchmark.data_id)) and known != self.dataset.labels_sha256:
            found.append(f"its {LABELS} is not the official list that is known here")
        if self.dataset.is_subset:
            found.append(f"a subset: {len(self.dataset.samples)} of {listed} files")
        return tuple(found)

    @property
    def passed(self) -> bool | None:
        """Whether the quality target is met; None where there is none, or where the set cannot tell."""
        if self.benchmark.quality_target is None or self.value is None or self.reservations:
            return None
        return self.value >= self.benchmark.quality_target


def run_accuracy(firmware: Firmware, board: Board, options: Options, console: Console, when: datetime) -> ModeRun:
    """Have every file of the data set answered and score the answers.

    A run that was killed goes on where it stopped: its answers are in a journal beside the firmware, which belongs to
    this very image and data set.

    Raises:
        UserError: the data set is wrong, no device, another firmware, or it keeps failing.
    """
    benchmark = firmware.benchmark
    dataset = _dataset(benchmark, options, console)
    target = Target(firmware.elf, board, benchmark)
    choice = None if options.dask else find_port(board, options.port, firmware.baud)
    if choice is not None and choice.notice:
        say(f"note: {choice.notice}", console)
    say(f"data: {dataset.description}", console)
    windows = {sample.file: sample.windows(benchmark.input_bytes) for sample in dataset.samples}
    inputs = [item for items in windows.values() for item in items]
    key = {"bench": firmware.bench, "elf_sha256": firmware.elf_sha256, "data_sha256": dataset.sha256}
    path = firmware.folder / JOURNALS / f"accuracy-{key['elf_sha256'][:12]}-{key['data_sha256'][:12]}.jsonl"
    began = time.monotonic()
    with Journal(path, key, restart=options.restart) as journal:
        resumed = len(journal.answers)
        pending = [item for item in inputs if item.name not in journal.answers]
        if resumed:
            say(f"going on: {resumed} of {len(inputs)} answers are in {path} (--restart discards them)", console)
        # With all answers there one more is asked for, as somebody must say who gives them.
        gathering = Gathering()
        worker = (
            None
            if choice is None or choice.is_virtual
            else make_worker(target, choice, options.read_back, options.full)
        )
        reports = _reports(firmware, target, choice, worker, options, pending or inputs[:1])
        with closing(reports), counting(console, f"{firmware.bench}: accuracy", len(inputs), resumed) as advance:
            try:
                for report in reports:
                    journal.add(report.answers)
                    gathering.add(report)
                    advance(len(report.answers) if pending else 0)
            except UserError:
                _save_transcript(firmware, worker, console)
                raise
        answers = journal.answers
    identity = gathering.identity
    per_file = np.array([_file_scores(benchmark, answers, windows[sample.file]) for sample in dataset.samples])
    result = AccuracyResult(
        dataset,
        benchmark,
        score(per_file, [sample.label for sample in dataset.samples], benchmark.classes),
        len(inputs),
        resumed,
        time.monotonic() - began,
        gathering.workers,
        tuple(gathering.incidents),
    )
    port = identity.choice
    if choice is None:
        port = replace(port, spec=options.dask or "", description=f"{gathering.workers} Dask workers")
    setup = Setup(firmware, board, port, identity.profile, gathering.virtual)
    console.print(accuracy_table(result, setup))
    for incident in result.incidents:
        say(f"recovered: {incident}", console)
    return ModeRun(
        ACCURACY,
        setup,
        accuracy_section(result),
        _log(setup, result, inputs, answers),
        accuracy_text(result.scores.runner_top1, result.scores.auc, when),
        [_entry(answers[item.name], item, len(items)) for items in windows.values() for item in items],
        scratch=(path,),
    )


class Gathering:
    """What the reports of a run have in common."""

    def __init__(self) -> None:
        self.incidents: list[str] = []
        self._identity: Identity | None = None
        self._virtual: dict[str, VirtualHost | None] = {}

    def add(self, report: Report) -> None:
        self.incidents += report.incidents
        self._identity = self._identity or report.identity
        self._virtual[report.worker] = report.virtual

    @property
    def identity(self) -> Identity:
        assert self._identity is not None, "no report"
        return self._identity

    @property
    def workers(self) -> int:
        return len(self._virtual)

    @property
    def virtual(self) -> VirtualHost | None:
        """All virtual boards together; None when there was none."""
        hosts = [host for host in self._virtual.values() if host is not None]
        if not hosts:
            return None
        return VirtualHost(
            sum(host.instructions for host in hosts),
            sum(host.host_seconds for host in hosts),
            tuple(dict.fromkeys(text for host in hosts for text in host.diagnostics)),
        )


def accuracy_section(result: AccuracyResult) -> dict[str, Any]:
    """The section `accuracy` of `results.json`. Percents, AUC from 0 to 1."""
    benchmark, dataset, scores = result.benchmark, result.dataset, result.scores
    return {
        "top1": scores.top1,
        "auc": scores.auc,
        "samples": len(dataset.samples),
        "metric": benchmark.quality_metric,
        "target": benchmark.quality_target,
        "passed": result.passed,
        "subset": dataset.is_subset,
        "reservations": list(result.reservations),
        "per_class": [
            {
                "class": item.label,
                "name": class_name(benchmark, item.label),
                "samples": item.samples,
                "correct": item.correct,
                "percent": item.percent,
            }
            for item in scores.per_class
        ],
        "confusion": scores.confusion.tolist() if scores.confusion is not None else None,
        "runner_top1": scores.runner_top1,
        "inferences": result.inferences,
        "resumed": result.resumed,
        "host_seconds": result.host_seconds,
        "workers": result.workers,
        "incidents": list(result.incidents),
        "data": {
            "path": str(dataset.folder) if dataset.folder else None,
            "sha256": dataset.labels_sha256,
            "content_sha256": dataset.sha256,
            "synthetic": dataset.synthetic,
            "listed": dataset.listed,
            "description": dataset.description,
        },
    }


def _dataset(benchmark: Benchmark, options: Options, console: Console) -> DataSet:
    if options.data is None:
        say(f"note: no data set given (--data): {NO_MEANING}", console)
        return synthetic_dataset(benchmark)
    try:
        dataset = load_dataset(benchmark, options.data, options.count, options.seed)
    except DataSetError as error:
        for problem in error.problems[1:]:
            say(f"data set: {problem}", console)
        raise
    for note in dataset.notes:
        say(f"note: {note}", console)
    return dataset


def _reports(
    firmware: Firmware,
    target: Target,
    choice: PortChoice | None,
    worker: Worker | None,
    options: Options,
    inputs: Sequence[Input],
) -> Generator[Report, None, None]:
    if worker is not None:
        return by_one(worker, inputs)
    if choice is None:
        job = Job(target, options.port, options.read_back, options.full, firmware.elf.read_bytes())
        return by_cluster(job, inputs, options.dask or "")
    return by_processes(Job(target, choice.spec, False, options.full), inputs, options.jobs or processors())


def _file_scores(benchmark: Benchmark, answers: Mapping[str, Answer], windows: Sequence[Input]) -> NDArray[np.float64]:
    rows = [answers[item.name].results for item in windows]
    return file_scores(np.array(rows, np.float64))


def _entry(answer: Answer, item: Input, windows: int) -> dict[str, Any]:
    times: dict[str, int | None] = {"start_time": answer.start_us, "end_time": answer.end_us, "elapsed_time": None}
    if answer.start_us is not None and answer.end_us is not None:
        times["elapsed_time"] = (answer.end_us - answer.start_us) % (1 << 32)
    several = windows if windows > 1 else None
    return entry(item, "a", iterations=1, warmups=0, results=answer.results, times=times, windows=several)


def _log(setup: Setup, result: AccuracyResult, inputs: Sequence[Input], answers: Mapping[str, Answer]) -> str:
    """Every answer as the device printed it; the bytes sent are the data set's."""
    profile = setup.profile
    lines = [
        f"# {heading(setup.port, setup.firmware)}",
        f"# image {setup.firmware.elf_sha256}",
        f"# data {result.dataset.description}, sha256 {result.dataset.sha256}",
        f"m-name-dut-[{profile.vendor}]",
        f"m-profile-[{profile.firmware}]",
        f"m-model-[{profile.model}]",
        *(f"# {incident}" for incident in result.incidents),
        *(f"{item.name} m-results-[{answers[item.name].listed}]" for item in inputs),
    ]
    return "".join(f"{line}\n" for line in lines)


def _save_transcript(firmware: Firmware, worker: Worker | None, console: Console) -> None:
    if worker is not None and worker.transcript:
        path = firmware.folder / FAILED_LOG
        write_atomic(path, worker.transcript)
        say(f"transcript of the failed exchange: {path}", console)
