"""Constants of which only the first part is copied to RAM: what is left of it then does not lie idle.

The convolution by tiles takes its transformed filters in two pieces, each of whole blocks of filters.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.ops import winograd
from generator.program import Program, Step, Value

WHOLE, REST, FILTERS_BEFORE = "weights", "more_weights", "filters_before"


def divisible(program: Program) -> dict[str, int]:
    """Constants that may be split, and the bytes of one block of each."""
    return {step.constant_name(WHOLE): _block_bytes(step) for step in program.steps if step.kernel in winograd.KERNELS}


def with_split(program: Program, first_bytes: Mapping[str, int]) -> Program:
    """The program with constants, by their names, in two pieces. ``first_bytes``: of the first, whole blocks."""
    return replace(program, steps=tuple(_with_pieces(step, first_bytes) for step in program.steps))


def _with_pieces(step: Step, first_bytes: Mapping[str, int]) -> Step:
    size = first_bytes.get(step.constant_name(WHOLE))
    if size is None:
        return step
    weights = _weights(step)
    first, rest = np.split(weights, [size // weights.itemsize])
    filters = size // _block_bytes(step) * winograd.FILTERS
    pieces: dict[str, Value] = {WHOLE: first, REST: rest, FILTERS_BEFORE: filters}
    return replace(step, parameters={**step.parameters, **pieces})


def _block_bytes(step: Step) -> int:
    return _weights(step).nbytes // -(-step.integer("output_channels") // winograd.FILTERS)


def _weights(step: Step) -> NDArray[Any]:
    weights = step.parameters[WHOLE]
    assert isinstance(weights, np.ndarray)
    return weights
