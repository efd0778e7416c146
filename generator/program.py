"""The lowered program: every operator bound to one kernel with packed weights and derived constants."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from generator.graph import Quantization
from generator.quantization import Rescale


@dataclass(frozen=True)
class Constant:
    """A read-only array of the image. ``values`` is int8, int32 or a tuple of `Rescale`."""

    name: str
    values: NDArray[Any] | tuple[Rescale, ...]

    @property
    def bytes(self) -> int:
        return 8 * len(self.values) if isinstance(self.values, tuple) else self.values.nbytes


@dataclass(frozen=True)
class Buffer:
    """A tensor in the arena, written by one step (or by the host) and read by later ones."""

    name: str
    bytes: int


@dataclass(frozen=True)
class Step:
    """One kernel call. ``kernel`` names the C function, its header and its template."""

    operator: int
    operator_name: str
    kernel: str
    header: str
    inputs: tuple[str, ...]  # buffer names
    output: str
    constants: tuple[Constant, ...]
    parameters: Mapping[str, Any]
    macs: int


@dataclass(frozen=True)
class Port:
    """The model's input or output as the submitter API sees it."""

    buffer: str
    dtype: str
    elements: int
    quantization: Quantization | None


@dataclass(frozen=True)
class Program:
    buffers: tuple[Buffer, ...]
    steps: tuple[Step, ...]
    input: Port
    output: Port

    @property
    def constant_bytes(self) -> int:
        return sum(constant.bytes for step in self.steps for constant in step.constants)

    @property
    def macs(self) -> int:
        return sum(step.macs for step in self.steps)
