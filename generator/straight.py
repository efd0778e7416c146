"""Straight code instead of loops for the inner part of the paired convolution.

It is in firmware/kernels/conv_2d_s8_chained_m4.inc, takes three multiplications for four filters and, for that, larger
weights. Each number of inputs has its own code, 22 bytes an input. It pays where kernels run from RAM, which is as fast
for long code as for short; from flash it would not fit the instruction cache.
"""

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from generator.ops import conv_2d_planes
from generator.ops.conv_2d import PAIRED, PAIRED_LANES
from generator.ops.packing import MOST_CHAINED, PAIRED_FILTERS
from generator.program import Program, Step, Symbol

SAVED_CYCLES, SAVED_INPUT_CYCLES = 16, 1.5  # at least, for a pair of pixels and a block of filters, and each input
INPUT_BYTES = 22  # of code


@dataclass(frozen=True, order=True)
class StraightCode:
    """For ``inputs`` of a pixel; ``fixed``: layers with a fixed shift."""

    inputs: int
    fixed: bool

    @property
    def name(self) -> str:
        return f"conv_2d_s8_chained_{'fixed_' if self.fixed else ''}{self.inputs}"

    @property
    def bytes(self) -> int:
        return (284 if self.fixed else 424) + INPUT_BYTES * self.inputs

    @property
    def block_words(self) -> int:
        """Of a block of filters: weights, biases and what rescaling takes."""
        return (PAIRED_FILTERS - 1) * self.inputs // 2 + PAIRED_FILTERS * (2 if self.fixed else 4)

    @property
    def saved_cycles(self) -> float:
        """Of a pair of pixels and a block of filters."""
        return SAVED_CYCLES + SAVED_INPUT_CYCLES * self.inputs


def choose_straight(program: Program, room: int, weights_room: int, least: float) -> frozenset[StraightCode]:
    """The code that saves ``least`` cycles of an inference for each of the bytes that it and its larger weights take:
    that which saves most per byte first, as far as there are ``room`` bytes for code and ``weights_room`` bytes for
    what weights grow by."""
    saved: Counter[StraightCode] = Counter()
    growth: Counter[StraightCode] = Counter()
    for step in program.steps:
        if (code := straight_code(step)) is not None:
            saved[code] += int(_blocks(step) * code.saved_cycles)
            growth[code] += _growth(step)
    size = {code: code.bytes + growth[code] for code in saved}
    chosen = set()
    for code in sorted(saved, key=lambda code: (-saved[code] / size[code], code)):
        if saved[code] >= least * size[code] and code.bytes <= room and growth[code] <= weights_room:
            chosen.add(code)
            room -= code.bytes
            weights_room -= growth[code]
    return frozenset(chosen)


def with_straight(program: Program, chosen: frozenset[StraightCode]) -> Program:
    """The program whose convolutions call the code for them, if it was ``chosen``."""
    return replace(program, steps=tuple(_with_block(step, chosen) for step in program.steps))


def straight_code(step: Step) -> StraightCode | None:
    """That for the step; None where there is none."""
    if step.kernel not in (PAIRED, conv_2d_planes.KERNEL) or step.straight_blocks is None:
        return None
    code = StraightCode(PAIRED_LANES * step.integer("words"), bool(step.parameters["fixed_shift"]))
    return code if code.inputs <= MOST_CHAINED else None


def _with_block(step: Step, chosen: frozenset[StraightCode]) -> Step:
    code = straight_code(step)
    if code is None or code not in chosen:
        return step
    changes = {
        "blocks": step.straight_blocks,
        "block": Symbol(code.name, "Conv2dS8Block"),
        "block_words": code.block_words,
    }
    return replace(step, parameters={**step.parameters, **changes})


def _growth(step: Step) -> int:
    """Bytes by which the step's weights grow."""
    blocks = step.parameters["blocks"]
    assert isinstance(blocks, np.ndarray)
    assert step.straight_blocks is not None
    return step.straight_blocks.nbytes - blocks.nbytes


def _blocks(step: Step) -> int:
    """Of pairs of pixels by filters, that an inference computes."""
    if step.kernel == conv_2d_planes.KERNEL:
        return -(-step.integer("length") * step.integer("lines") // PAIRED_LANES) * step.integer("output_blocks")
    return -(-step.integer("pixels") // PAIRED_LANES) * -(-step.integer("output_channels") // PAIRED_FILTERS)
