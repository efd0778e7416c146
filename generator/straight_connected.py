"""Straight code for fully connected layers of one input vector, with three multiplications for four units.

It is in firmware/kernels/fully_connected_s8_chained_m4.inc. As that of convolutions (`generator.straight`) it is for
one number of inputs, 26 bytes each, and takes weights that are half as large again. Each of these is read once an
inference, so they pay only from RAM, and where nothing else needs that.
"""

from collections.abc import Iterator
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
    """What layers that call ``code`` save in an inference, and what their weights grow by; ``blocks`` names these."""

    code: ConnectedCode
    cycles: float
    growth: int
    blocks: frozenset[str]

    @property
    def per_byte(self) -> float:
        return self.cycles / (self.code.bytes + self.growth)


def connected_gains(program: Program) -> Iterator[Gain]:
    """Of all code there is for the program's layers, those that save most per byte of code and weights first."""
    steps: dict[ConnectedCode, list[Step]] = {}
    for step in program.steps:
        if (code := connected_code(step)) is not None:
            steps.setdefault(code, []).append(step)
    gains = [
        Gain(
            code,
            sum(map(_saved_cycles, layers)),
            sum(map(_growth, layers)),
            frozenset(step.constant_name("blocks") for step in layers),
        )
        for code, layers in steps.items()
    ]
    yield from sorted(gains, key=lambda gain: (-gain.per_byte, gain.code))


def with_connected(program: Program, chosen: frozenset[ConnectedCode]) -> Program:
    """The program whose fully connected layers call the code for them, if it was ``chosen``."""
    return replace(program, steps=tuple(_with_code(step, chosen) for step in program.steps))


def connected_code(step: Step) -> ConnectedCode | None:
    """That for the step; None where there is none."""
    if step.chained is None:
        return None
    words, rescaling = step.chained["words"], step.chained["rescaling"]
    assert isinstance(words, int)
    assert isinstance(rescaling, int)
    return ConnectedCode(words, rescaling)


def _with_code(step: Step, chosen: frozenset[ConnectedCode]) -> Step:
    code = connected_code(step)
    if code is None or code not in chosen:
        return step
    assert step.chained is not None
    parameters: dict[str, Value] = {**step.chained, "code": Symbol(code.name, "FullyConnectedChainedCode")}
    return replace(
        step, kernel=CHAINED, header=f"kernels/{CHAINED}.h", struct="FullyConnectedChained", parameters=parameters
    )


def _saved_cycles(step: Step) -> float:
    """An estimate from the products alone."""
    words, units = step.integer("words"), step.integer("units")
    paired = units // EIGHT * EIGHT_CYCLES + -(-(units % EIGHT) // FOUR) * FOUR_CYCLES
    return words * (paired - -(-units // EIGHT) * CHAINED_CYCLES)


def _growth(step: Step) -> int:
    """Bytes by which the step's weights grow."""
    assert step.chained is not None
    small, large = step.parameters["blocks"], step.chained["blocks"]
    assert isinstance(small, np.ndarray)
    assert isinstance(large, np.ndarray)
    return large.nbytes - small.nbytes
