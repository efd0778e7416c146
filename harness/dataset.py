"""Labelled data sets in upstream's layout: read wholly and checked before a run, or a made-up one.

Layout (mlcommons/tiny, benchmark/runner/datasets.py): `<data>/<data set>/y_labels.csv` without a header, one line
`file, classes, class[, bytes to send, stride]` per file, the .bin files beside it.
"""

import csv
import hashlib
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.benchmark import Benchmark
from common.errors import UserError
from harness.wire import wire_dtype

LABELS = "y_labels.csv"
COLUMNS = ("file", "classes", "class", "bytes_to_send", "stride")  # upstream's names


@dataclass(frozen=True)
class Input:
    """What one inference is given: ``data`` exactly as it goes over the wire. ``row``: its file's line of the list."""

    name: str
    data: bytes
    row: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True)
class Row:
    """One line of the list. ``stride``: bytes from one window to the next. ``label``: None for none."""

    line: int
    file: str
    classes: int | None
    label: int | None
    stride: int
    fields: tuple[str, ...]


@dataclass(frozen=True)
class Sample:
    """One labelled file."""

    file: str
    label: int
    content: bytes
    stride: int
    fields: tuple[str, ...]

    def windows(self, size: int) -> list[Input]:
        """The file's inputs of ``size`` bytes, named `<file>@<number>`."""
        starts = range(0, len(self.content) - size + 1, self.stride)
        return [
            Input(f"{self.file}@{number}", self.content[start : start + size], self.fields)
            for number, start in enumerate(starts)
        ]


@dataclass(frozen=True)
class DataSet:
    """Labelled files. ``labels_sha256``: of the list; ``folder`` is None and ``synthetic`` True for a made-up one.

    ``listed``: how many files the whole set has; a subset has fewer samples.
    """

    description: str
    synthetic: bool
    folder: Path | None
    labels_sha256: str
    listed: int
    samples: tuple[Sample, ...]
    notes: tuple[str, ...] = ()

    @property
    def is_subset(self) -> bool:
        return len(self.samples) < self.listed

    @property
    def sha256(self) -> str:
        """Of names, labels and bytes of the samples, in their order."""
        digest = hashlib.sha256()
        for sample in self.samples:
            digest.update(f"{sample.file},{sample.label},{sample.stride},{len(sample.content)}\n".encode())
            digest.update(sample.content)
        return digest.hexdigest()


class DataSetError(UserError):
    """A data set that no run may use. ``problems`` names every one, by file and line."""

    def __init__(self, folder: Path, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        more = f" (and {len(problems) - 1} more problems, listed above)" if len(problems) > 1 else ""
        super().__init__(f"{problems[0]}{more}; correct the data set in {folder}, or copy it anew")


def read_list(benchmark: Benchmark, folder: Path) -> list[tuple[int, list[str]]]:
    """The non-blank lines of the list in ``folder``: number, fields.

    Raises:
        UserError: there is no list, or it is no comma-separated text.
    """
    labels = folder / LABELS
    if not labels.is_file():
        raise UserError(f"no {labels}; --data takes the folder that holds {benchmark.data_id}/{LABELS}")
    try:
        with labels.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.reader(file, strict=True)
            return [(rows.line_num, row) for row in rows if any(map(str.strip, row))]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"cannot read {labels} ({error}); it must be upstream's comma-separated list") from error


def parse_row(benchmark: Benchmark, labels: Path, line: int, fields: Sequence[str]) -> Row:
    """One line of the list. Its label, if any, is not checked.

    Raises:
        UserError: no file name, or a window that is not the benchmark's.
    """
    where = f"{labels} line {line}"
    name, *numbers = (field.strip() for field in fields)
    if not name or Path(name).name != name or "\0" in name:
        raise UserError(f"{where}: '{name}' is not a file name; use upstream's list")
    stride = benchmark.input_bytes
    if len(numbers) >= 4:
        if not all(map(_is_count, numbers[2:4])) or "0" in {number.strip("0") or "0" for number in numbers[2:4]}:
            raise UserError(
                f"{where}: bytes and stride must be whole numbers above 0, not '{numbers[2]}', '{numbers[3]}'"
            )
        if int(numbers[2]) != benchmark.input_bytes:
            raise UserError(f"{where}: {numbers[2]} bytes to send, but {benchmark.name} takes {benchmark.input_bytes}")
        stride = int(numbers[3])
    classes, label = (int(text) if _is_count(text) else None for text in (*numbers, "", "")[:2])
    return Row(line, name, classes, label, stride, (name, *numbers))


def load_dataset(benchmark: Benchmark, data: Path, count: int | None = None, seed: int = 0) -> DataSet:
    """The labelled files of `<data>/<data set>`, all of them checked; with ``count`` a subset that holds every class.

    Raises:
        DataSetError: names every file and line that is wrong.
        UserError: no list, or ``count`` is not possible.
    """
    folder = data / benchmark.data_id
    labels = folder / LABELS
    samples: list[Sample] = []
    problems: list[str] = []
    for line, fields in read_list(benchmark, folder):
        try:
            row = parse_row(benchmark, labels, line, fields)
            label = _label(benchmark, labels, row)
            content = read_file(benchmark, folder / row.file, row.stride, f" ({LABELS} line {line})")
        except UserError as error:
            problems.append(str(error))
            continue
        samples.append(Sample(row.file, label, content, row.stride, row.fields))
        if (number := unusable_window(benchmark, samples[-1].windows(benchmark.input_bytes))) is not None:
            problems.append(f"{folder / row.file} window {number} holds a value that is no finite float32")
    notes = _duplicates(labels, samples, problems)
    if not samples and not problems:
        problems.append(f"{labels} lists no files")
    if not problems:
        missing = sorted(set(range(benchmark.classes)) - {sample.label for sample in samples})
        if missing:
            names = ", ".join(class_name(benchmark, label) for label in missing)
            problems.append(f"{labels}: no file of class {names}; every class must occur, else there is no AUC")
    if problems:
        raise DataSetError(folder, problems)
    chosen = samples if count is None else subset(samples, count, seed)
    part = f"{len(chosen)} of " if len(chosen) < len(samples) else ""
    return DataSet(
        f"{part}{len(samples)} files of {benchmark.data_id}",
        False,
        folder,
        hashlib.sha256(labels.read_bytes()).hexdigest(),
        len(samples),
        tuple(chosen),
        notes,
    )


def subset(samples: Sequence[Sample], count: int, seed: int) -> list[Sample]:
    """``count`` samples, one class after the other as long as there are any, in the set's order.

    Raises:
        UserError: ``count`` is below 1 or above the number of samples.
    """
    if not 1 <= count <= len(samples):
        raise UserError(f"--count {count}: the data set has {len(samples)} files; take 1 to {len(samples)}")
    by_label: dict[int, list[int]] = defaultdict(list)
    for place in random.Random(seed).sample(range(len(samples)), len(samples)):
        by_label[samples[place].label].append(place)
    turns = sorted((turn, label, place) for label, places in by_label.items() for turn, place in enumerate(places))
    return [samples[place] for place in sorted(place for _, _, place in turns[:count])]


def class_name(benchmark: Benchmark, label: int) -> str:
    """The benchmark's name of a class, or its number."""
    return f"{label} ({benchmark.labels[label]})" if label < len(benchmark.labels) else str(label)


def read_file(benchmark: Benchmark, path: Path, stride: int, where: str = "") -> bytes:
    """A file's bytes: one window of the benchmark's input, or several, ``stride`` bytes apart.

    Raises:
        UserError: unreadable, or of another length.
    """
    size = benchmark.input_bytes
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}{where} ({error.strerror}); check the file") from error
    if len(content) < size or (len(content) - size) % stride:
        raise UserError(f"{path}{where} has {len(content)} bytes, not {size} plus a multiple of {stride}; copy it anew")
    return content


def unusable_window(benchmark: Benchmark, windows: Sequence[Input]) -> int | None:
    """The first window that holds a float32 that is not finite."""
    return next((number for number, window in enumerate(windows) if not is_finite(benchmark, window.data)), None)


def is_finite(benchmark: Benchmark, window: bytes) -> bool:
    """Whether every number of an input is one."""
    start = 0
    for tensor in benchmark.inputs:
        values = np.frombuffer(window, wire_dtype(tensor.dtype), tensor.elements, start)
        start += tensor.bytes
        if not np.isfinite(values).all():
            return False
    return True


def _label(benchmark: Benchmark, labels: Path, row: Row) -> int:
    where = f"{labels} line {row.line}"
    if len(row.fields) < 3:
        raise UserError(f"{where}: '{','.join(row.fields)}' has no class; a line is `file,classes,class`")
    if row.classes != benchmark.classes:
        raise UserError(f"{where}: {row.fields[1]!r} classes, but {benchmark.name} has {benchmark.classes}")
    if row.label is None or row.label >= benchmark.classes:
        raise UserError(f"{where}: class {row.fields[2]!r} is not one of 0 to {benchmark.classes - 1}")
    return row.label


def _duplicates(labels: Path, samples: Sequence[Sample], problems: list[str]) -> tuple[str, ...]:
    """Adds what is listed twice, or is two classes at once, to the problems; equal files of one class are notes."""
    names: set[str] = set()
    contents: dict[bytes, Sample] = {}
    notes = []
    for sample in samples:
        first = contents.setdefault(hashlib.sha256(sample.content).digest(), sample)
        if sample.file in names:
            problems.append(f"{labels}: {sample.file} is listed twice")
        elif first is not sample and first.label != sample.label:
            problems.append(
                f"{labels}: {first.file} and {sample.file} are the same bytes, "
                f"but of classes {first.label} and {sample.label}"
            )
        elif first is not sample:
            notes.append(f"{first.file} and {sample.file} are the same bytes")
        names.add(sample.file)
    return tuple(notes)


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


def inputs_of(benchmark: Benchmark, samples: Sequence[Sample]) -> Iterator[Input]:
    """Every window of every file, in order."""
    for sample in samples:
        yield from sample.windows(benchmark.input_bytes)
