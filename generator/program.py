"""The lowered program: every operator bound to one kernel with packed weights and derived constants."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from generator.graph import Quantization
from generator.quantization import Rescale


@dataclass(frozen=True)
class Symbol:
    """A function of the image that a field points to, and its C type."""

    name: str
    type: str


# A field of a kernel's parameter struct. Arrays and tuples of `Rescale` become constants of the image and the field
# points to them; tuples of int are arrays inside the struct; None is a null pointer.
Value = int | bool | np.float32 | Rescale | tuple[int, ...] | tuple[Rescale, ...] | NDArray[Any] | Symbol | None


@dataclass(frozen=True)
class Constant:
    """A read-only array of the image."""

    name: str
    values: NDArray[Any] | tuple[Rescale, ...]

    @property
    def elements(self) -> int:
        return len(self.values) if isinstance(self.values, tuple) else self.values.size

    @property
    def bytes(self) -> int:
        return 8 * len(self.values) if isinstance(self.values, tuple) else self.values.nbytes


@dataclass(frozen=True)
class Buffer:
    """A tensor in the arena, written by one step (or by the host) and read by later ones."""

    name: str
    bytes: int


@dataclass(frozen=True)
class State:
    """A buffer that keeps its value from one inference to the next.

    Before the first it holds ``initial``, or ``fill`` in every byte without that. A reset to this leaves the first
    ``kept`` bytes as they are; after power-up those are 0.
    """

    buffer: str
    fill: int
    initial: Constant | None = None
    kept: int = 0


@dataclass(frozen=True)
class Prime:
    """How states get their values before the first inference: from ``runs`` of the steps from ``first`` on.

    Before each of them the ``bytes`` of ``buffer`` are 0, as the input of the same model that takes all steps of a
    signal at once is before it has got any.
    """

    runs: int
    buffer: str
    bytes: int
    first: int = 0


@dataclass(frozen=True)
class Step:
    """One call ``kernel(&parameters, inputs..., outputs..., scratch)``.

    ``inputs`` name buffers or constants of the program, None a null pointer. ``lead`` maps a position in ``inputs`` to
    bytes: the first output may overlay that input if it starts at least so many bytes before it, or, for positions
    ``in_place``, at the same byte. ``constant_reads``: how often an inference reads the constants from end to end.
    ``straight_blocks``: what the field ``blocks`` becomes where the kernel calls straight code. ``chained``: parameters
    of the kernel for straight code of `generator.straight_connected`.
    """

    operator: int
    operator_name: str
    kernel: str
    header: str
    struct: str
    parameters: Mapping[str, Value]
    inputs: tuple[str | None, ...]
    outputs: tuple[str, ...]
    scratch: str | None = None
    lead: Mapping[int, int] = field(default_factory=dict)
    in_place: frozenset[int] = frozenset()
    macs: int = 0
    constant_reads: int = 1
    part: int = 0  # of the operator, where it takes several calls
    straight_blocks: NDArray[np.int32] | None = None
    chained: Mapping[str, Value] | None = None

    def integer(self, parameter: str) -> int:
        """A parameter that is a single integer."""
        value = self.parameters[parameter]
        assert isinstance(value, int)
        return value

    @property
    def name(self) -> str:
        """The C name of the parameter struct."""
        return f"op{self.operator}" + (f"_{self.part}" if self.part else "")

    def constant_name(self, parameter: str) -> str:
        return f"{self.name}_{parameter}"

    @property
    def constants(self) -> tuple[Constant, ...]:
        """The constants that ``parameters`` point to."""
        return tuple(
            Constant(self.constant_name(name), value) for name, value in self.parameters.items() if is_constant(value)
        )

    @property
    def arguments(self) -> tuple[str | None, ...]:
        return (*self.inputs, *self.outputs, *([self.scratch] if self.scratch else []))


def is_constant(value: Value) -> TypeGuard[NDArray[Any] | tuple[Rescale, ...]]:
    """Whether the value is kept as an array of its own that the struct points to."""
    return isinstance(value, np.ndarray) or (isinstance(value, tuple) and bool(value) and isinstance(value[0], Rescale))


@dataclass(frozen=True)
class Port:
    """One input or output of the model as the submitter API sees it."""

    buffer: str
    dtype: str
    shape: tuple[int, ...]
    quantization: Quantization | None

    @property
    def elements(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))


@dataclass(frozen=True)
class Program:
    buffers: tuple[Buffer, ...]
    steps: tuple[Step, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    tensors: tuple[Constant, ...] = ()  # constant tensors that steps take as inputs
    states: tuple[State, ...] = ()
    prime: Prime | None = None

    @property
    def constants(self) -> tuple[Constant, ...]:
        initial = tuple(state.initial for state in self.states if state.initial is not None)
        return self.tensors + initial + tuple(constant for step in self.steps for constant in step.constants)

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        """Each of those that parameters name."""
        values = (value for step in self.steps for value in step.parameters.values())
        return tuple(dict.fromkeys(value for value in values if isinstance(value, Symbol)))

    @property
    def constant_bytes(self) -> int:
        return sum(constant.bytes for constant in self.constants)

    @property
    def macs(self) -> int:
        return sum(step.macs for step in self.steps)
