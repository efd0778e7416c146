"""Straight code instead of loops for the inner part of the paired convolution.

It is in firmware/kernels/conv_2d_s8_chained_m4.inc, takes three multiplications for four filters and, for that, larger
weights. Each number of inputs has its own code, 22 bytes an input. It pays where kernels run from RAM, which is as fast
for long code as for short; from flash it would not fit the instruction cache.
"""

from collections import Counter
from dataclasses import replace

import numpy as np

from generator.ops import conv_2d_planes
from generator.ops.conv_2d import PAIRED, PAIRED_LANES
from generator.ops.packing import CHAINED_TAIL, PAIRED_FILTERS
from generator.program import Program, Step, Symbol

CHAINED = "conv_2d_s8_chained"
MOST_INPUTS = 128
SAVED_CYCLES, SAVED_INPUT_CYCLES = 16, 1.5  # at least, for a pair of pixels and a block of filters, and each input
HEAD_BYTES, INPUT_BYTES = 284, 22  # of code


def straight_bytes(inputs: int) -> int:
    """Of the code for a number of inputs."""
    return HEAD_BYTES + INPUT_BYTES * inputs


def choose_straight(program: Program, room: int, weights_room: int, least: float) -> frozenset[int]:
    """The numbers of inputs whose code saves ``least`` cycles of an inference for each of the bytes that it and its
    larger weights take: those that save most per byte first, as far as there are ``room`` bytes for code and
    ``weights_room`` bytes for what weights grow by."""
    saved: Counter[int] = Counter()
    growth: Counter[int] = Counter()
    for step in program.steps:
        if (inputs := straight_inputs(step)) is not None:
            saved[inputs] += int(_blocks(step) * saved_cycles(inputs))
            growth[inputs] += _growth(step)
    size = {inputs: straight_bytes(inputs) + growth[inputs] for inputs in saved}
    chosen = set()
    for inputs in sorted(saved, key=lambda inputs: (-saved[inputs] / size[inputs], inputs)):
        fits = straight_bytes(inputs) <= room and growth[inputs] <= weights_room
        if saved[inputs] >= least * size[inputs] and fits:
            chosen.add(inputs)
            room -= straight_bytes(inputs)
            weights_room -= growth[inputs]
    return frozenset(chosen)


def saved_cycles(inputs: int) -> float:
    """Of a pair of pixels and a block of filters."""
    return SAVED_CYCLES + SAVED_INPUT_CYCLES * inputs


def with_straight(program: Program, chosen: frozenset[int]) -> Program:
    """The program whose convolutions call the code for their numbers of inputs, if it was ``chosen``."""
    return replace(program, steps=tuple(_with_block(step, chosen) for step in program.steps))


def straight_inputs(step: Step) -> int | None:
    """The number of inputs that code for the step is for; None where there is no such code."""
    if step.kernel not in (PAIRED, conv_2d_planes.KERNEL) or step.straight_blocks is None:
        return None
    inputs = PAIRED_LANES * step.integer("words")
    return inputs if inputs <= MOST_INPUTS else None


def _with_block(step: Step, chosen: frozenset[int]) -> Step:
    inputs = straight_inputs(step)
    if inputs is None or inputs not in chosen:
        return step
    changes = {
        "blocks": step.straight_blocks,
        "block": Symbol(f"{CHAINED}_{inputs}", "Conv2dS8Block"),
        "block_words": inputs // 2 * (PAIRED_FILTERS - 1) + CHAINED_TAIL,
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
