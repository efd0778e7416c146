"""What lowering one operator yields, and the checks several operators share."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from generator.graph import Tensor
from generator.program import Value


@dataclass(frozen=True)
class Lowered:
    """A call ``kernel(&parameters, inputs..., outputs..., scratch)`` that computes the tensors ``outputs``.

    ``outputs`` None stands for all of the operator's. An operator may need several calls, each of which writes an
    output or a part of one.

    ``struct`` is the C type of the parameters, declared with the kernel in ``header``. ``inputs`` are tensor indices,
    None for an absent optional one; constant tensors and variable ones may be among them (a variable one is passed as
    memory that keeps its content between inferences and that the kernel may write).
    The kernel may read ``read_past`` bytes after the end of its inputs, whatever they hold. With ``scratch_bytes`` > 0
    it gets a last argument: so many bytes, 4-byte aligned, of any content. ``lead`` maps a position in ``inputs`` to
    bytes: the first output may overlay that input if it starts at least so many bytes before it (0 for an elementwise
    kernel whose elements keep their size or shrink). Of those positions it may start at the same byte as the inputs
    ``in_place`` too, if not between. With ``over``, a tensor, the one output is written into that one's memory, which
    the call gets as its output and reads, too. The first output's buffer has ``output_bytes``, if they are given.
    ``constant_reads`` says about how often an inference reads the constants from end to end. ``straight_blocks``: what
    the field ``blocks`` becomes where the kernel calls straight code. ``chained``: parameters of the kernel for
    straight code of `generator.straight_connected`.
    """

    kernel: str
    header: str
    struct: str
    parameters: Mapping[str, Value]
    inputs: tuple[int | None, ...]
    macs: int = 0
    read_past: int = 0
    scratch_bytes: int = 0
    lead: Mapping[int, int] = field(default_factory=dict)
    in_place: frozenset[int] = frozenset()
    over: int | None = None
    output_bytes: int = 0
    outputs: tuple[int, ...] | None = None
    constant_reads: int = 1
    straight_blocks: NDArray[np.int32] | None = None
    chained: Mapping[str, Value] | None = None

    def integer(self, parameter: str) -> int:
        """A parameter that is a single integer."""
        value = self.parameters[parameter]
        assert isinstance(value, int)
        return value


@dataclass(frozen=True)
class Alias:
    """The operator's output is its input: no work, no memory."""

    input: int


def reject_unless_per_tensor(tensor: Tensor, role: str, *dtypes: str) -> str | None:
    """Reason to refuse a tensor that is not of one of ``dtypes``, or is quantised and has no single scale; or None."""
    if tensor.dtype not in dtypes:
        return f"{role} is {tensor.dtype}, supported is {' or '.join(dtypes)}"
    if tensor.dtype in ("int8", "int16", "uint8"):
        if tensor.quantization is None:
            return f"{role} has no quantisation parameters"
        if tensor.quantization.per_channel:
            return f"{role} is quantised per channel, supported is per tensor"
    return None
