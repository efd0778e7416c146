"""The inputs of a performance run: windows of a data set in upstream's layout, or a synthetic set."""

import csv
import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray

from common.benchmark import Benchmark
from common.errors import UserError
from harness.wire import wire_dtype

COUNT = 5  # different inputs of a performance run
LABELS = "y_labels.csv"


@dataclass(frozen=True)
class Input:
    """What one inference is given: ``data`` exactly as it goes over the wire."""

    name: str
    data: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True)
class InputSet:
    """Different inputs of one benchmark. ``description`` is for people and results."""

    description: str
    synthetic: bool
    inputs: tuple[Input, ...]


@dataclass(frozen=True)
class _Source:
    path: Path
    stride: int  # bytes from one window to the next


def load_inputs(benchmark: Benchmark, data: Path | None, count: int = COUNT, *, fewer: bool = False) -> InputSet:
    """``count`` different inputs from the data sets in folder ``data``, or synthetic ones for None.

    Real ones are the first windows of successive files of `<data>/<model id>/y_labels.csv`; when there are fewer
    files than that, their second windows follow, and so on. ``fewer``: a data set may hold fewer inputs, at least one.

    Raises:
        UserError: the folder, its list or its files are missing or of the wrong size, or hold too few inputs.
    """
    if data is None:
        return synthetic_inputs(benchmark, count)
    folder = data / benchmark.model_id
    sources = _sources(benchmark, folder)
    inputs: dict[bytes, Input] = {}
    for item in _windows(benchmark, sources):
        inputs.setdefault(item.data, item)
        if len(inputs) == count:
            break
    else:
        if not fewer:
            raise UserError(f"{folder} holds only {len(inputs)} different inputs, {count} are needed; add files")
    files = len({item.name.partition("@")[0] for item in inputs.values()})
    description = f"{len(inputs)} inputs of {benchmark.model_id}"
    if files < len(inputs):
        description += f": windows of {files} file{'s' if files > 1 else ''}, as no more are there"
    return InputSet(description, False, tuple(inputs.values()))


def synthetic_inputs(benchmark: Benchmark, count: int = COUNT) -> InputSet:
    """The same ``count`` inputs on every computer, plausible in range but not recorded from anything."""
    random = RandomState(zlib.crc32(benchmark.name.encode()))  # its stream is frozen (NEP 19)
    inputs = tuple(Input(f"synthetic-{number}", _noise(random, benchmark)) for number in range(count))
    return InputSet(f"{count} synthetic inputs (no data set given)", True, inputs)


def _noise(random: RandomState, benchmark: Benchmark) -> bytes:
    parts = []
    for tensor in benchmark.inputs:
        low, high = number_range(benchmark, tensor.dtype)
        parts.append(in_type(random.uniform(low, high, tensor.elements), tensor.dtype).tobytes())
    return b"".join(parts)


def number_range(benchmark: Benchmark, dtype: str) -> tuple[float, float]:
    """Lowest and highest made-up number: the benchmark's, else all of 8 or 16 bits, -1 to 1, or 0 and 1.

    32-bit integers are indices or counts as a rule, of which only small ones are safe.
    """
    if benchmark.input_range is not None:
        return benchmark.input_range
    if dtype in ("int8", "uint8", "int16"):
        limits = np.iinfo(dtype)
        return float(limits.min), float(limits.max)
    return (-1.0, 1.0) if dtype == "float32" else (0.0, 1.0)


def in_type(values: NDArray[np.float64], dtype: str) -> NDArray[Any]:
    """Values as numbers on the wire: rounded and clamped for integers."""
    if dtype == "float32":
        return values.astype(wire_dtype(dtype))
    if dtype == "bool":
        return values >= 0.5
    limits = np.iinfo(dtype)
    return np.clip(np.rint(values), limits.min, limits.max).astype(wire_dtype(dtype))


def _sources(benchmark: Benchmark, folder: Path) -> list[_Source]:
    """The files that exist: those of the list in its order, or, if none of them does, every .bin file by name."""
    labels = folder / LABELS
    if not labels.is_file():
        raise UserError(f"no {labels}; --data takes the folder that holds {benchmark.model_id}/{LABELS}")
    try:
        with labels.open(newline="", encoding="utf-8-sig") as file:
            rows = [(number, row) for number, row in enumerate(csv.reader(file), 1) if any(map(str.strip, row))]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"cannot read {labels} ({error}); it must be upstream's comma-separated list") from error
    listed = [_source(benchmark, labels, number, row) for number, row in rows]
    existing = [source for source in listed if source.path.is_file()]
    if not existing:
        stride = listed[0].stride if listed else benchmark.input_bytes
        existing = [_Source(path, stride) for path in sorted(folder.glob("*.bin"))]
    if not existing:
        raise UserError(f"no .bin files in {folder}; copy the data set's files there")
    return existing


def _source(benchmark: Benchmark, labels: Path, number: int, row: list[str]) -> _Source:
    """One row: file, number of classes, class, and for windowed files bytes per window and stride."""
    where = f"{labels} line {number}"
    name, *fields = (field.strip() for field in row)
    if not name or Path(name).name != name or "\0" in name:
        raise UserError(f"{where}: '{name}' is not a file name; use upstream's list")
    if len(fields) < 4:
        return _Source(labels.parent / name, benchmark.input_bytes)
    if not all(field.isascii() and field.isdigit() and int(field[:9]) > 0 for field in fields[2:4]):
        raise UserError(f"{where}: bytes and stride must be whole numbers above 0, not '{fields[2]}', '{fields[3]}'")
    if int(fields[2]) != benchmark.input_bytes:
        raise UserError(f"{where}: {fields[2]} bytes to send, but {benchmark.name} takes {benchmark.input_bytes}")
    return _Source(labels.parent / name, int(fields[3]))


def _windows(benchmark: Benchmark, sources: list[_Source]) -> Iterator[Input]:
    """First windows of all files, then second windows of all files, until every file is used up."""
    number = 0
    while sources:
        longer = []
        for source in sources:
            item = _window(benchmark, source, number)
            if item is not None:
                yield item
                longer.append(source)
        sources = longer
        number += 1


def _window(benchmark: Benchmark, source: _Source, number: int) -> Input | None:
    size = benchmark.input_bytes
    try:
        content = source.path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {source.path} ({error.strerror}); check the file") from error
    if len(content) < size or (len(content) - size) % source.stride:
        raise UserError(
            f"{source.path} has {len(content)} bytes, not {size} plus a multiple of {source.stride}; copy it anew"
        )
    window = content[number * source.stride :][:size]
    if len(window) < size:
        return None
    if not _finite(benchmark, window):
        raise UserError(f"{source.path} window {number} holds a value that is no finite float32; copy it anew")
    return Input(f"{source.path.name}@{number}", window)


def _finite(benchmark: Benchmark, window: bytes) -> bool:
    start = 0
    for tensor in benchmark.inputs:
        values = np.frombuffer(window, wire_dtype(tensor.dtype), tensor.elements, start)
        start += tensor.bytes
        if not np.isfinite(values).all():
            return False
    return True
