"""Code for the windows of the 3x3 depthwise convolution over planes of a certain size.

Distances of lines, as part of addresses, take no register, so that there are enough for two windows at a time; windows
over the ends of lines and reads of padding are left out. As straight code (`generator.straight`) it pays where
kernels run from RAM: from flash it would not fit the instruction cache. It is in
firmware/kernels/depthwise_conv_2d_s8_3x3_m4.inc.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import gcd

from generator.ops.depthwise_conv_2d import CHANNELS, STRUCT, TAPS
from generator.program import Program, Step, Symbol

SIDES = ("above", "below", "left", "right")
LEAST, DEARER = 0.05, 1.25  # how the price of a byte rises while there is too little room
MOST_OFFSET = 4095 - 16  # of a load from the first of the places that a turn reads
HEAD_BYTES, LOOP_BYTES = 180, 24  # of code
TURN_BYTES, TURN_OF_TWO_BYTES = {1: 100, 2: 136}, {1: 72, 2: 92}  # of two windows, by stride; of two rows
START_BYTES = {1: 100, 2: 24}  # of the first windows after a jump


@dataclass(frozen=True, order=True)
class Lines:
    """Of a plane or of a band of it: what there is code for.

    ``line``: bytes from a line, with stride 2 from a pair of lines, to the next; ``outputs``: of a line; ``lines``: of
    outputs; ``above``, ``below``, ``left``, ``right``: where there is a row or a column of padding, which holds
    ``zero_point``, and which is not read.
    """

    stride: int
    line: int
    outputs: int
    lines: int
    above: bool
    below: bool
    left: bool
    right: bool
    zero_point: int

    @property
    def name(self) -> str:
        size = f"{self.line}_{self.outputs}x{self.lines}"
        sides = "".join(name[0] for name, there in zip(SIDES, self.sides, strict=True) if there)
        padding = f"_{sides}_{self.zero_point & 0xFF}" if sides else ""
        return f"depthwise_3x3_stride{self.stride}_{size}{padding}"

    @property
    def bare(self) -> "Lines":
        """The same, but rows of padding are read."""
        return replace(self, above=False, below=False)

    @property
    def pitch(self) -> int:
        """Windows from a line to the next."""
        return self.line // (CHANNELS * self.stride**2)

    @property
    def inner(self) -> int:
        """Lines without rows of padding that are left out."""
        return self.lines - self.above - self.below

    @property
    def unit(self) -> int:
        """Turns or, with stride 2, lines after which the code may repeat."""
        return self.pitch // gcd(self.pitch, 2) if self.stride == 1 else 1

    @property
    def units(self) -> int:
        """Turns of the inner lines, or these."""
        return -(-(self.inner * self.pitch - (self.pitch - self.outputs)) // 2) if self.stride == 1 else self.inner

    @property
    def sides(self) -> tuple[int, int, int, int]:
        """Rows and columns of padding that are not read, as `SIDES`."""
        return int(self.above), int(self.below), int(self.left), int(self.right)

    @property
    def macro(self) -> str:
        """How the assembler's macro of this stride takes it."""
        numbers = (self.line, self.outputs, self.lines, *self.sides, self.zero_point)
        return f"stride{self.stride} {self.name}, " + ", ".join(map(str, numbers))

    @property
    def cycles(self) -> float:
        """Of a channel, about, without loops."""
        two = self.outputs * (9.5 if self.stride == 1 else 13) + 8
        inner = (
            27 * self.units - 8 * (self.inner - 1) + 16 if self.stride == 1 else self.inner * (18.5 * self.outputs + 6)
        )
        return 30 + inner + two * (self.above + self.below)

    @property
    def other_cycles(self) -> float:
        """Those of the code for any lines."""
        windows = (self.lines - 1) * self.pitch + self.outputs
        return 70 + (14.25 if self.stride == 1 else 19.5) * windows


@dataclass(frozen=True, order=True)
class Run:
    """Code with ``loops`` of so many of ``lines.units`` each, and for those that are left."""

    lines: Lines
    length: int
    loops: int

    @property
    def source(self) -> str:
        return f"{self.lines.macro}, {self.length}, {self.loops}"

    @property
    def bytes(self) -> int:
        """At most."""
        lines, stride = self.lines, self.lines.stride
        turns = (lines.outputs + 1) // 2
        units = lines.units - (self.loops - 1) * self.length
        inner = TURN_BYTES[stride] * (units if stride == 1 else units * turns) + START_BYTES[stride] * (
            1 if stride == 1 else units
        )
        edges = (lines.above + lines.below) * (TURN_OF_TWO_BYTES[stride] * (turns + 1))
        return HEAD_BYTES + inner + edges + (LOOP_BYTES if self.loops > 1 else 0)

    @property
    def saved(self) -> float:
        """Cycles of a channel, about."""
        return self.lines.other_cycles - self.lines.cycles - (4 * self.loops if self.loops > 1 else 0)


def choose_runs(program: Program, room: int, least: float) -> frozenset[Run]:
    """The code that saves ``least`` cycles of an inference for each of its bytes, in loops as long as pays by the same
    measure, or by the least one with which it fits ``room`` bytes."""
    channels: Counter[Lines] = Counter()
    for step in program.steps:
        if (lines := _lines(step)) is not None:
            bands = step.integer("output_lines") // lines.lines
            channels[lines] += step.integer("batches") * step.integer("channels") * bands
    while True:
        chosen = [run for lines, count in channels.items() if (run := _paying(lines, count, least)) is not None]
        if not chosen or sum(run.bytes for run in chosen) <= room:
            return frozenset(chosen)
        least = max(least, LEAST) * DEARER


def with_runs(program: Program, chosen: frozenset[Run]) -> Program:
    """The program whose depthwise convolutions call the code for their lines, if it was ``chosen``."""
    lines = {run.lines for run in chosen}
    return replace(program, steps=tuple(_with_run(step, lines) for step in program.steps))


def _with_run(step: Step, chosen: set[Lines]) -> Step:
    lines = _lines(step)
    if lines is not None and lines not in chosen:
        lines = lines.bare
    if lines is None or lines not in chosen:
        return step
    run = Symbol(lines.name, "DepthwiseConv2dS83x3Run")
    return replace(step, parameters={**step.parameters, "run": run, "padding_is_read": _padding(step) != lines.sides})


def _lines(step: Step) -> Lines | None:
    """Of whole bands; None: there is no such code for the step."""
    if step.struct != STRUCT or not step.parameters["fixed_shift"]:
        return None
    stride, band, outputs = (step.integer(name) for name in ("stride", "band", "outputs"))
    line = CHANNELS * stride * step.integer("length")
    if TAPS * line > MOST_OFFSET:
        return None
    above, below, left, right = (min(places, 1) == 1 for places in _padding(step))
    whole = band == step.integer("output_lines") and band > 2
    above, below = above and whole and stride == 1, below and whole
    left, right = left and outputs > 1 and stride == 1, right and outputs > 1
    point = step.integer("input_zero_point") if above or below or left or right else 0
    return Lines(stride, line, outputs, band, above, below, left, right, point)


def _padding(step: Step) -> tuple[int, int, int, int]:
    """Rows above and below and columns on the left and right that windows of three taps reach over."""
    stride, outputs, lines = (step.integer(name) for name in ("stride", "outputs", "output_lines"))
    left, inside = step.integer("pad"), step.integer("inside")
    above, lines_inside = step.integer("lines_pad"), step.integer("lines_inside")
    below = (lines - 1) * stride + TAPS - above - lines_inside
    return above, below, left, (outputs - 1) * stride + TAPS - left - inside


def _candidates(lines: Lines) -> Iterator[Run]:
    for variant in dict.fromkeys((lines, lines.bare)):
        yield Run(variant, variant.units, 1)
        for length in range(variant.unit, variant.units // 2 + 1, variant.unit):
            yield Run(variant, length, variant.units // length)


def _paying(lines: Lines, channels: int, least: float) -> Run | None:
    """The best loop, if any saves enough."""
    gained = {run: channels * run.saved - least * run.bytes for run in _candidates(lines)}
    best = max(gained, key=lambda run: gained[run])
    return best if gained[best] >= 0 else None
