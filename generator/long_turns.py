"""Longer turns of the unrolled loop of the paired fully connected layer, where its inputs are whole ones.

As straight code (`generator.straight`) they pay where kernels run from RAM: from flash they would not fit the
instruction cache. The code is in firmware/kernels/fully_connected_s8_paired_m4.inc.
"""

from collections import Counter
from dataclasses import dataclass, replace

from generator.ops.fully_connected import CLAMPED, EIGHT, PAIRED, SHARED, SIGNED
from generator.program import Program, Step, Symbol

SHORT, LONG = 8, 64  # words of inputs in a turn
TURN_CYCLES = 5  # beside the products
CODE_BYTES = 4656  # at most
NAMES = {SHARED: "shared", CLAMPED: "clamped", SIGNED: "signed"}


@dataclass(frozen=True, order=True)
class LongTurns:
    """Code for the blocks of layers whose units share one rescaling, FULLY_CONNECTED_SHARED and so on. ``single``: for
    layers of a single turn."""

    rescaling: int
    single: bool

    @property
    def name(self) -> str:
        return f"{PAIRED}_{NAMES[self.rescaling]}_{'single' if self.single else 'long'}"

    @property
    def words(self) -> int:
        return LONG


def choose_long_turns(program: Program, room: int, least: float) -> frozenset[LongTurns]:
    """The code that saves ``least`` cycles of an inference for each of its bytes, if it fits ``room`` bytes: that which
    saves most first."""
    saved: Counter[LongTurns] = Counter()
    for step in program.steps:
        if (code := _code(step)) is not None:
            words = step.integer("words")
            saved[code] += step.integer("units") // EIGHT * TURN_CYCLES * (words // SHORT - words // LONG)
    paying = [
        code for code in sorted(saved, key=lambda code: (-saved[code], code)) if saved[code] >= least * CODE_BYTES
    ]
    return frozenset(paying[: room // CODE_BYTES])


def with_long_turns(program: Program, chosen: frozenset[LongTurns]) -> Program:
    """The program whose layers call the code for them, if it was ``chosen``."""
    return replace(program, steps=tuple(_with_code(step, chosen) for step in program.steps))


def _with_code(step: Step, chosen: frozenset[LongTurns]) -> Step:
    code = _code(step)
    if code is None or code not in chosen:
        return step
    return replace(step, parameters={**step.parameters, "eights": Symbol(code.name, "FullyConnectedBlocks")})


def _code(step: Step) -> LongTurns | None:
    """None: there is no such code for the step."""
    if not step.kernel.startswith(PAIRED):
        return None
    words, rescaling = step.integer("words"), step.integer("rescaling")
    return LongTurns(rescaling, words == LONG) if rescaling in NAMES and words % LONG == 0 else None
