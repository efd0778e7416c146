"""The model as the importer leaves it: typed tensors and operators, nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

NUMPY_TYPES = (
    *("bool", "complex64", "float16", "float32", "float64"),
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
)


@dataclass(frozen=True)
class Quantization:
    """Affine quantisation: real = scale x (q - zero_point), one pair or one per index of ``axis``."""

    scales: NDArray[np.float32]
    zero_points: NDArray[np.int64]
    axis: int

    @property
    def per_channel(self) -> bool:
        return len(self.scales) > 1

    @property
    def scale(self) -> np.float32:
        return np.float32(self.scales[0])

    @property
    def zero_point(self) -> int:
        return int(self.zero_points[0])


@dataclass(frozen=True)
class Tensor:
    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str  # numpy's name where it has one, else TFLite's in lower case
    quantization: Quantization | None
    data: NDArray[Any] | None  # constants only
    variable: bool = False  # keeps its value from one inference to the next
    initial: NDArray[Any] | None = None  # a variable's value before the first inference; None: TFLM's default

    @property
    def elements(self) -> int:
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        """Elements that are smaller than a byte, or of no fixed size, count as one."""
        return self.elements * (np.dtype(self.dtype).itemsize if self.dtype in NUMPY_TYPES else 1)

    @property
    def label(self) -> str:
        return f"tensor {self.index} '{self.name}'"

    def __str__(self) -> str:
        return f"{self.dtype}{list(self.shape)}"


@dataclass(frozen=True)
class Operator:
    """One operator. ``inputs`` holds -1 for an absent optional tensor; ``options`` are the flatbuffer's fields."""

    index: int
    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        return f"operator {self.index} {self.name}"


@dataclass(frozen=True)
class Graph:
    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    subgraphs: Mapping[int, "Graph"] = field(default_factory=dict)  # of a main graph: those it calls, by their number

    def input(self, operator: Operator, position: int) -> Tensor | None:
        """The operator's input tensor at ``position``, or None where it has none."""
        if position >= len(operator.inputs) or operator.inputs[position] < 0:
            return None
        return self.tensors[operator.inputs[position]]

    def output(self, operator: Operator, position: int = 0) -> Tensor:
        return self.tensors[operator.outputs[position]]
