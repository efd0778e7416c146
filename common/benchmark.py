"""Benchmarks as data: what goes over the wire, and how it becomes tensors and results.

A benchmark is a file ``benchmarks/<name>.toml``, or a custom one: a file of the same fields beside a model, completed
by what the model's own tensors say (`describe_model`).
"""

import dataclasses
import math
import re
import struct
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from common.errors import UserError
from common.paths import BENCHMARKS, BUILD, MODELS

ELEMENT_BYTES = {"bool": 1, "float32": 4, "int16": 2, "int32": 4, "int8": 1, "uint8": 1}
RAW = "raw"  # the input tensors' own bytes
FORMATS = ("int8", "uint8", "int16", "float32", RAW)
LOG_MEL = "log_mel"
FRONT_ENDS = (LOG_MEL,)
MSE = "mse"
RESULTS = ("values", "truncated", MSE)
TOP1, AUC = "top1", "auc"
METRICS = (TOP1, AUC)
UNTRAINED = "untrained:"  # before the name of an architecture, instead of a model file
DEFAULT_BAUD = 115200
LARGEST_INPUT = 1 << 24


@dataclass(frozen=True)
class WireTensor:
    """One input of the model as it goes over the wire: little-endian numbers in index order."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        return self.elements * ELEMENT_BYTES[self.dtype]


@dataclass(frozen=True)
class Benchmark:
    """One use case. A number b on the wire stands for (b - input_zero_point) * input_scale, a float32 for itself.

    ``results``: what `m-results` lists: "values", the outputs to three decimals; "truncated", the same cut off instead
    of rounded; "mse", the mean squared difference between output and float32 input. ``input_range``: lowest and highest
    number of synthetic inputs. ``quality_metric``: what must reach ``quality_target`` in the closed division, "top1" in
    percent or "auc"; None for no target. ``dataset_files``: how many files the official data set has, in each of its
    versions. ``streaming``: the axis of the model's input along which it takes one step at a time, None for all of it.
    ``front_end``: what makes such a step from the samples on the wire, empty for nothing; such a benchmark speaks the
    streaming command set. ``untrained``: the architecture that ``model`` is made of, empty for a model file.
    """

    name: str
    title: str
    model_id: str  # answered by `profile`; upstream's TH_MODEL_VERSION
    data_id: str  # names the data set folder
    max_input_bytes: int  # upstream's MAX_DB_INPUT_SIZE
    inputs: tuple[WireTensor, ...]
    input_scale: float
    input_zero_point: int
    input_range: tuple[float, float] | None
    results: str
    trailing_comma: bool
    output_shapes: tuple[tuple[int, ...], ...]
    labels: tuple[str, ...]  # what the outputs stand for; empty for no classes
    quality_metric: str
    quality_target: float | None
    dataset_files: tuple[int, ...]
    baud: int
    model: Path  # what runs by default
    untrained: str = ""
    streaming: int | None = None
    front_end: str = ""

    @property
    def input_bytes(self) -> int:
        """What the host sends for one inference."""
        return sum(tensor.bytes for tensor in self.inputs)

    @property
    def element_bytes(self) -> int:
        """Bytes of one number on the wire; 1 where they differ."""
        sizes = {ELEMENT_BYTES[tensor.dtype] for tensor in self.inputs}
        return sizes.pop() if len(sizes) == 1 else 1

    @property
    def classes(self) -> int:
        """How many classes its data set tells apart: the outputs', or normal and anomalous for an error."""
        return 2 if self.results == MSE else self.result_count

    @property
    def result_count(self) -> int:
        """How many numbers `m-results` lists."""
        return 1 if self.results == MSE else sum(math.prod(shape) for shape in self.output_shapes)

    def to_json(self) -> dict[str, Any]:
        """All that the firmware depends on: not what runs by default."""
        return {name: value for name, value in dataclasses.asdict(self).items() if name not in ("model", "untrained")}

    @classmethod
    def from_json(cls, data: Mapping[str, Any], model: Path) -> "Benchmark":
        """Raises KeyError, TypeError or ValueError when ``data`` is not what `to_json` gave."""
        low_high = data["input_range"]
        return cls(
            **{
                **data,
                "inputs": tuple(WireTensor(item["dtype"], tuple(item["shape"])) for item in data["inputs"]),
                "input_range": tuple(low_high) if low_high is not None else None,
                "output_shapes": tuple(tuple(shape) for shape in data["output_shapes"]),
                "labels": tuple(data["labels"]),
                "dataset_files": tuple(data["dataset_files"]),
                "model": model,
            }
        )


class ModelTensor(Protocol):
    """What a custom benchmark needs to know of a model's input or output."""

    @property
    def dtype(self) -> str: ...

    @property
    def shape(self) -> tuple[int, ...]: ...


def benchmark_names() -> list[str]:
    return sorted(path.stem for path in BENCHMARKS.glob("*.toml"))


def load_benchmark(name: str) -> Benchmark:
    """Read one of ``benchmarks/``.

    Raises:
        UserError: no such benchmark; the message lists the ones there are.
    """
    if name not in benchmark_names():
        raise UserError(f"unknown benchmark '{name}'; benchmarks are: {', '.join(benchmark_names())}")
    fields = read_fields(BENCHMARKS / f"{name}.toml")
    source: str = fields["model"]
    untrained = source.removeprefix(UNTRAINED) if source.startswith(UNTRAINED) else ""
    return _benchmark(
        name,
        fields,
        inputs=(WireTensor(fields["input_format"], tuple(fields["input_shape"])),),
        output_shapes=(tuple(fields["output_shape"]),),
        model=BUILD / "models" / f"{untrained}_untrained_int8.tflite" if untrained else MODELS / source,
        untrained=untrained,
    )


def describe_model(
    model: Path, description: Path | None, inputs: Sequence[ModelTensor], outputs: Sequence[ModelTensor]
) -> Benchmark:
    """A custom benchmark for a model with these inputs and outputs.

    ``description``: a file with the fields of ``benchmarks/*.toml``, all optional. Without it the wire carries the
    input tensors' own bytes one after another, and the results are all outputs, dequantised.

    Raises:
        UserError: the description is wrong or does not fit the model, or the model has an input or output of a type
            that cannot be sent or printed.
    """
    for side, tensors in (("input", inputs), ("output", outputs)):
        for index, tensor in enumerate(tensors):
            if tensor.dtype not in ELEMENT_BYTES:
                supported = ", ".join(ELEMENT_BYTES)
                raise UserError(f"{model}: its {side} {index} is {tensor.dtype}; supported are {supported}")
    fields = read_fields(description) if description else {}
    _check_description(description, fields, inputs, outputs)
    wire = fields.get("input_format", RAW)
    name = custom_name(model)
    return _benchmark(
        name,
        {"title": model.stem, "model_id": name} | fields,
        inputs=tuple(WireTensor(tensor.dtype if wire == RAW else wire, tensor.shape) for tensor in inputs),
        output_shapes=tuple(tensor.shape for tensor in outputs),
        model=model,
    )


def custom_name(model: Path) -> str:
    """A name for folders and wire strings, from the file's: letters, digits and underscores, no shipped benchmark's."""
    name = re.sub(r"[^a-z0-9]+", "_", model.stem.lower()).strip("_")[:32].strip("_") or "model"
    return f"{name}_model" if name in benchmark_names() else name


def read_fields(path: Path) -> dict[str, Any]:
    """The fields of a benchmark's TOML file, each of its type.

    Raises:
        UserError: names the file, the field, its value and what is possible instead.
    """
    try:
        fields = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not TOML: {error}") from error
    for name, value in fields.items():
        if name not in _FIELDS:
            raise UserError(f"{path}: unknown field '{name}'; fields are: {', '.join(_FIELDS)}")
        fits, wanted = _FIELDS[name]
        if not fits(value):
            raise UserError(f"{path}: {name} is {value!r}; it must be {wanted}")
    return fields


def _benchmark(
    name: str,
    fields: Mapping[str, Any],
    *,
    inputs: tuple[WireTensor, ...],
    output_shapes: tuple[tuple[int, ...], ...],
    model: Path,
    untrained: str = "",
) -> Benchmark:
    low_high = fields.get("input_range")
    return Benchmark(
        name=name,
        title=fields["title"],
        model_id=fields["model_id"],
        data_id=fields.get("data_id", fields["model_id"]),
        max_input_bytes=fields.get("max_input_bytes", max(1, sum(tensor.bytes for tensor in inputs))),
        inputs=inputs,
        input_scale=_float32(fields.get("input_scale", 1.0)),
        input_zero_point=fields.get("input_zero_point", 0),
        input_range=(float(low_high[0]), float(low_high[1])) if low_high is not None else None,
        results=fields.get("results", "values"),
        trailing_comma=fields.get("trailing_comma", False),
        output_shapes=output_shapes,
        labels=tuple(fields.get("labels", ())),
        quality_metric=fields.get("quality_metric", AUC if fields.get("results") == MSE else TOP1),
        quality_target=fields.get("quality_target"),
        dataset_files=tuple(fields.get("dataset_files", ())),
        baud=fields.get("baud", DEFAULT_BAUD),
        model=model,
        untrained=untrained,
        streaming=fields.get("streaming"),
        front_end=fields.get("front_end", ""),
    )


def _check_description(
    path: Path | None, fields: Mapping[str, Any], inputs: Sequence[ModelTensor], outputs: Sequence[ModelTensor]
) -> None:
    """Refuse what contradicts the model."""
    if "model" in fields:
        raise UserError(f"{path}: the model is the file beside it; leave out the field 'model'")
    for name, tensors in (("input_shape", inputs), ("output_shape", outputs)):
        shapes = [list(tensor.shape) for tensor in tensors]
        if name in fields and [fields[name]] != shapes:
            raise UserError(f"{path}: {name} is {fields[name]}, the model's is {', '.join(map(str, shapes))}")
    elements = sum(math.prod(tensor.shape) for tensor in outputs)
    if "labels" in fields and len(fields["labels"]) != elements:
        raise UserError(f"{path}: there are {len(fields['labels'])} labels for {elements} output elements")
    wire = fields.get("input_format", RAW)
    if "max_input_bytes" in fields:
        needed = sum(WireTensor(t.dtype if wire == RAW else wire, t.shape).bytes for t in inputs)
        if fields["max_input_bytes"] < needed:
            raise UserError(f"{path}: max_input_bytes is {fields['max_input_bytes']}, an input has {needed} bytes")


def _float32(value: float) -> float:
    return float(struct.unpack("<f", struct.pack("<f", value))[0])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e38


def _whole(low: int, high: int) -> tuple[Callable[[Any], bool], str]:
    return (
        lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high,
        f"a whole number from {low} to {high}",
    )


def _one_of(choices: Sequence[str]) -> tuple[Callable[[Any], bool], str]:
    return lambda value: isinstance(value, str) and value in choices, f"one of: {', '.join(choices)}"


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 80 and value.isprintable()


def _is_shape(value: Any) -> bool:
    return isinstance(value, list) and all(type(size) is int and 0 < size < LARGEST_INPUT for size in value)


def _is_range(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_number, value)) and value[0] <= value[1]


_SHAPE: tuple[Callable[[Any], bool], str] = (_is_shape, "a list of whole numbers above 0")
_ID: tuple[Callable[[Any], bool], str] = (
    lambda value: isinstance(value, str) and bool(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.]{0,31}", value)),
    "1 to 32 letters, digits, '_' or '.'",
)
_FIELDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "title": (_is_text, "a text of one line, at most 80 characters"),
    "model_id": _ID,
    "data_id": _ID,
    "max_input_bytes": _whole(1, LARGEST_INPUT),
    "input_format": _one_of(FORMATS),
    "input_scale": (lambda value: _is_number(value) and value > 1e-30, "a number above 0"),
    "input_zero_point": _whole(-128, 255),
    "input_range": (_is_range, "two numbers, the lower one first"),
    "input_shape": _SHAPE,
    "results": _one_of(RESULTS),
    "trailing_comma": (lambda value: isinstance(value, bool), "true or false"),
    "output_shape": _SHAPE,
    "labels": (lambda value: isinstance(value, list) and all(map(_is_text, value)), "a list of texts"),
    "quality_metric": _one_of(METRICS),
    "quality_target": (_is_number, "a number: percent for top1, 0 to 1 for auc"),
    "dataset_files": _SHAPE,
    "baud": _whole(1200, 1_000_000),
    "streaming": _whole(1, 3),
    "front_end": _one_of(FRONT_ENDS),
    "model": (_is_text, f"a file below models/ or '{UNTRAINED}' and an architecture"),
}
