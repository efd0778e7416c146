"""Benchmarks as data: ``benchmarks/<name>.toml`` read into a frozen dataclass."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.paths import BENCHMARKS, MODELS


@dataclass(frozen=True)
class Benchmark:
    """One MLPerf Tiny use case: what goes over the wire and which model runs by default."""

    name: str
    title: str
    model_id: str  # upstream's TH_MODEL_VERSION, e.g. "ad01"
    max_input_bytes: int
    input_bytes: int  # sent by the host for one inference
    input_format: str  # "float32": quantised on the device
    results: str  # "mse": one value
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    baud: int
    model: Path  # the shipped model


def benchmark_names() -> list[str]:
    return sorted(path.stem for path in BENCHMARKS.glob("*.toml"))


def load_benchmark(name: str) -> Benchmark:
    """Read one benchmark.

    Raises:
        UserError: no such benchmark; the message lists the ones there are.
    """
    if name not in benchmark_names():
        raise UserError(f"unknown benchmark '{name}'; benchmarks are: {', '.join(benchmark_names())}")
    data: dict[str, Any] = tomllib.loads((BENCHMARKS / f"{name}.toml").read_text())
    data["model"] = MODELS / data["model"]
    data["input_shape"] = tuple(data["input_shape"])
    data["output_shape"] = tuple(data["output_shape"])
    return Benchmark(name=name, **data)
