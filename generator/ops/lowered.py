"""What lowering one operator yields, and the checks several operators share."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from generator.graph import Operator, Tensor
from generator.program import Constant


@dataclass(frozen=True)
class Lowered:
    """A call of ``kernel`` (C function) on the tensors ``inputs`` (indices) that writes the operator's first output.

    The kernel may read ``read_past`` bytes after the end of its inputs, whatever they hold.
    """

    kernel: str
    header: str
    inputs: tuple[int, ...]
    constants: tuple[Constant, ...]
    parameters: Mapping[str, Any]
    macs: int = 0
    read_past: int = 0


@dataclass(frozen=True)
class Alias:
    """The operator's output is its input: no work, no memory."""

    input: int


def constant_name(operator: Operator, what: str) -> str:
    return f"op{operator.index}_{what}"


def reject_unless_per_tensor_int8(tensor: Tensor, role: str) -> str | None:
    """Reason to refuse a tensor that is not int8 with one scale, or None."""
    if tensor.dtype != "int8":
        return f"{role} is {tensor.dtype}, supported is int8"
    if tensor.quantization is None:
        return f"{role} has no quantisation parameters"
    if tensor.quantization.per_channel:
        return f"{role} is quantised per channel, supported is per tensor"
    return None
