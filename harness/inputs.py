"""The inputs of a performance run: windows of a data set in upstream's layout, or a synthetic set."""

import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray

from common.benchmark import MSE, Benchmark
from common.errors import UserError
from harness.dataset import LABELS, DataSet, Input, Sample, is_finite, parse_row, read_file, read_list
from harness.wire import wire_dtype

COUNT = 5  # different inputs of a performance run
WINDOWS, WINDOW_STRIDE = 6, 512  # of a synthetic file for anomaly detection; upstream's have 196 windows


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
    fields: tuple[str, ...]


def load_inputs(benchmark: Benchmark, data: Path | None, count: int = COUNT, *, fewer: bool = False) -> InputSet:
    """``count`` different inputs from the data sets in folder ``data``, or synthetic ones for None.

    Real ones are the first windows of successive files of `<data>/<data set>/y_labels.csv`; when there are fewer
    files than that, their second windows follow, and so on. ``fewer``: a data set may hold fewer inputs, at least one.

    Raises:
        UserError: the folder, its list or its files are missing or of the wrong size, or hold too few inputs.
    """
    if data is None:
        return synthetic_inputs(benchmark, count)
    folder = data / benchmark.data_id
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
    description = f"{len(inputs)} inputs of {benchmark.data_id}"
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
    rows = [parse_row(benchmark, labels, line, fields) for line, fields in read_list(benchmark, folder)]
    existing = [_Source(folder / row.file, row.stride, row.fields) for row in rows if (folder / row.file).is_file()]
    if not existing:
        stride = rows[0].stride if rows else benchmark.input_bytes
        existing = [_Source(path, stride, (path.name,)) for path in sorted(folder.glob("*.bin"))]
    if not existing:
        raise UserError(f"no .bin files in {folder}; copy the data set's files there")
    return existing


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
    content = read_file(benchmark, source.path, source.stride)
    window = content[number * source.stride :][: benchmark.input_bytes]
    if len(window) < benchmark.input_bytes:
        return None
    if not is_finite(benchmark, window):
        raise UserError(f"{source.path} window {number} holds a value that is no finite float32; copy it anew")
    return Input(f"{source.path.name}@{number}", window, source.fields)


def synthetic_dataset(benchmark: Benchmark) -> DataSet:
    """A labelled set that is nothing but noise: two files of each class, of `WINDOWS` windows where windows overlap."""
    size = benchmark.input_bytes
    windows, stride = (WINDOWS, WINDOW_STRIDE) if benchmark.results == MSE else (1, size)
    count = 2 * benchmark.classes
    noise = b"".join(item.data for item in synthetic_inputs(benchmark, 2 * count).inputs)
    samples = []
    for number in range(count):
        content = noise[2 * number * size :][: size + (windows - 1) * stride]
        name, label = f"synthetic-{number}", number % benchmark.classes
        fields = (name, str(benchmark.classes), str(label), str(size), str(stride))
        samples.append(Sample(name, label, content, stride, fields[: 5 if windows > 1 else 3]))
    text = "".join(",".join(sample.fields) + "\n" for sample in samples)
    description = f"{count} synthetic files (no data set given)"
    digest = hashlib.sha256(text.encode()).hexdigest()
    return DataSet(description, True, None, digest, count, tuple(samples))
