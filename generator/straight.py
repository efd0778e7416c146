"""Straight code instead of loops for the inner part of the paired convolution.

It is in firmware/kernels/conv_2d_s8_paired_m4.inc. Each number of inputs has its own code, 28 bytes an input. It pays
where kernels run from RAM, which is as fast for long code as for short; from flash it would not fit the instruction
cache.
"""

from collections import Counter
from dataclasses import replace

from generator.ops import conv_2d_planes
from generator.ops.conv_2d import PAIRED, PAIRED_LANES
from generator.ops.packing import PAIRED_FILTERS
from generator.program import Program, Step, Symbol

MOST_INPUTS = 128
SAVED_CYCLES = 20  # at least, for a pair of pixels and a block of filters
HEAD_BYTES, INPUT_BYTES = 280, 28  # of code


def straight_bytes(inputs: int) -> int:
    """Of the code for a number of inputs."""
    return HEAD_BYTES + INPUT_BYTES * inputs


def choose_straight(program: Program, room: int, least: float) -> frozenset[int]:
    """The numbers of inputs whose code saves ``least`` cycles of an inference for each of its bytes, if it fits
    ``room`` bytes: those that save most per byte first."""
    saved: Counter[int] = Counter()
    for step in program.steps:
        if (inputs := straight_inputs(step)) is not None:
            saved[inputs] += _blocks(step) * SAVED_CYCLES
    chosen = set()
    for inputs in sorted(saved, key=lambda inputs: (-saved[inputs] / straight_bytes(inputs), inputs)):
        size = straight_bytes(inputs)
        if saved[inputs] >= least * size and size <= room:
            chosen.add(inputs)
            room -= size
    return frozenset(chosen)


def with_straight(program: Program, chosen: frozenset[int]) -> Program:
    """The program whose convolutions call the code for their numbers of inputs, if it was ``chosen``."""
    return replace(program, steps=tuple(_with_block(step, chosen) for step in program.steps))


def straight_inputs(step: Step) -> int | None:
    """The number of inputs that code for the step is for; None where there is no such code."""
    if step.kernel not in (PAIRED, conv_2d_planes.KERNEL) or not step.parameters["fixed_shift"]:
        return None
    inputs = 2 * step.integer("words")
    return inputs if inputs <= MOST_INPUTS else None


def _with_block(step: Step, chosen: frozenset[int]) -> Step:
    inputs = straight_inputs(step)
    if inputs not in chosen:
        return step
    return replace(step, parameters={**step.parameters, "block": Symbol(f"{PAIRED}_fixed_{inputs}", "Conv2dS8Block")})


def _blocks(step: Step) -> int:
    """Of pairs of pixels by filters, that an inference computes."""
    if step.kernel == conv_2d_planes.KERNEL:
        return -(-step.integer("length") * step.integer("lines") // PAIRED_LANES) * step.integer("output_blocks")
    return -(-step.integer("pixels") // PAIRED_LANES) * -(-step.integer("output_channels") // PAIRED_FILTERS)
