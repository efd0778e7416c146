"""Code of its own for the windows of first layers: those of three rows of three pixels of three channels.

It is in firmware/kernels/im2col_s8_paired_m4.inc, for neighbours 3 or 6 bytes apart; that for other windows needs half
as much time again.
"""

from dataclasses import replace

from generator.ops.conv_2d import PAIRED
from generator.program import Program, Step, Symbol

ROWS, ROW_BYTES, PIXEL_STEPS = 3, 9, (3, 6)


def with_gather(program: Program) -> Program:
    """The program whose convolutions call the code for their windows, where there is some."""
    return replace(program, steps=tuple(_with_gather(step) for step in program.steps))


def _with_gather(step: Step) -> Step:
    if step.kernel != PAIRED or (step.integer("filter_h"), step.integer("row_bytes")) != (ROWS, ROW_BYTES):
        return step
    pixel_step = step.integer("stride_w") * step.integer("input_channels")
    if pixel_step not in PIXEL_STEPS:
        return step
    name = f"im2col_s8_paired_nines_step{pixel_step}"
    return replace(step, parameters={**step.parameters, "gather": Symbol(name, "Conv2dS8Gather")})
