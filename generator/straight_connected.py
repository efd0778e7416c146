"""Straight code for fully connected layers of one input vector, with three multiplications for four units.

It is in firmware/kernels/fully_connected_s8_chained_m4.inc. As that of convolutions (`generator.straight`) it is for
one number of inputs, 26 bytes each, and takes weights that are half as large again. Each of these is read once an
inference, so they pay only from RAM, and where nothing else needs that.
"""

from collections import Counter
from collections.abc import Container
from dataclasses import dataclass, replace

import numpy as np

from generator.ops.fully_connected import APART, CHAINED, CLAMPED, EIGHT, FOUR, SHARED, SIGNED
from generator.program import Program, Step, Symbol, Value

EIGHT_CYCLES, FOUR_CYCLES, CHAINED_CYCLES = 19.1, 10.1, 14  # of a block of so many units, for a word of inputs
HEAD_BYTES = {APART: 524, SHARED: 440, CLAMPED: 340, SIGNED: 408}  # of code, at most
INPUT_BYTES = 26
NAMES = {APART: "apart", SHARED: "shared", CLAMPED: "clamped", SIGNED: "signed"}


@dataclass(frozen=True, order=True)
class ConnectedCode:
    """For a number of inputs, of which a word holds two, and a kind of rescaling, FULLY_CONNECTED_APART and so on."""

    words: int
    rescaling: int

    @property
    def name(self) -> str:
        return f"{CHAINED}_{NAMES[self.rescaling]}_{2 * self.words}"

    @property
    def bytes(self) -> int:
        """At most."""
        return HEAD_BYTES[self.rescaling] + 2 * INPUT_BYTES * self.words


@dataclass(frozen=True)
class Gain:
    """What a layer, by its name, saves in an inference with ``code``, and what its weights, ``blocks``, grow by."""

    layer: str
    code: ConnectedCode
    cycles: int
    growth: int
    blocks: str


def connected_gains(program: Program) -> list[Gain]:
    """Of all layers there is code for: those first whose code saves most per byte of it and of all its layers' weights,
    and of these those that save most."""
    gains = [
        Gain(step.name, code, _saved_cycles(step), _growth(step), step.constant_name("blocks"))
        for step in program.steps
        if (code := connected_code(step)) is not None
    ]
    cycles, growth = Counter[ConnectedCode](), Counter[ConnectedCode]()
    for gain in gains:
        cycles[gain.code] += gain.cycles
        growth[gain.code] += gain.growth
    per_byte = {code: cycles[code] / (code.bytes + growth[code]) for code in cycles}
    return sorted(gains, key=lambda gain: (-per_byte[gain.code], gain.code, -gain.cycles))


def with_connected(program: Program, layers: Container[str]) -> Program:
    """The program of which these layers call their straight code."""
    return replace(program, steps=tuple(_with_code(step) if step.name in layers else step for step in program.steps))


def connected_code(step: Step) -> ConnectedCode | None:
    """That for the step; None where there is none."""
    if step.chained is None:
        return None
    words, rescaling = step.chained["words"], step.chained["rescaling"]
    assert isinstance(words, int)
    assert isinstance(rescaling, int)
    return ConnectedCode(words, rescaling)


def _with_code(step: Step) -> Step:
    code = connected_code(step)
    assert code is not None
    assert step.chained is not None
    parameters: dict[str, Value] = {**step.chained, "code": Symbol(code.name, "FullyConnectedChainedCode")}
    return replace(
        step, kernel=CHAINED, header=f"kernels/{CHAINED}.h", struct="FullyConnectedChained", parameters=parameters
    )


def _saved_cycles(step: Step) -> int:
    """An estimate from the products alone."""
    words, units = step.integer("words"), step.integer("units")
    paired = units // EIGHT * EIGHT_CYCLES + -(-(units % EIGHT) // FOUR) * FOUR_CYCLES
    return int(words * (paired - -(-units // EIGHT) * CHAINED_CYCLES))


def _growth(step: Step) -> int:
    """Bytes by which the step's weights grow."""
    assert step.chained is not None
    small, large = step.parameters["blocks"], step.chained["blocks"]
    assert isinstance(small, np.ndarray)
    assert isinstance(large, np.ndarray)
    return large.nbytes - small.nbytes
