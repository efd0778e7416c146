"""How far a modelled time may be off: the honest interval of every modelled number.

The model was compared with 25 latencies published for this chip in earlier trials of its rules: RMS 2.6 %, nine of ten
images of the last set within 3 %, the worst 5.5 % off. Code that waits much for its own fetches, because it is larger
than the instruction cache, was not compared with anything and counts as 15 %, and so does all that runs on other chips.
Between the two the interval grows with the share of cycles that wait for code.
"""

from dataclasses import dataclass

from virtual.board import VirtualBoard

COMPARED_CHIP = "STM32L4R5"
TYPICAL_PERCENT = 3.0  # nine of ten images
WORST_PERCENT = 6.0  # the worst image seen
THRASHING_PERCENT = 15.0  # uncalibrated
FEW_MISSES = 0.03  # share of cycles that the compared images waited for code
MANY_MISSES = 0.23  # a loop larger than the cache costs 30 % more: 0.3 / 1.3 of its cycles


@dataclass(frozen=True)
class Interval:
    """Percent to either side of a modelled time. ``code_share``: of the cycles, waiting for code from flash."""

    typical_percent: float
    worst_percent: float
    code_share: float

    def __str__(self) -> str:
        return f"±{self.typical_percent:.0f} %, at worst ±{self.worst_percent:.0f} %"


def interval_of_share(code_share: float, mcu: str = COMPARED_CHIP) -> Interval:
    """The interval for a run that waits that share of its cycles for code."""
    share = code_share if mcu.startswith(COMPARED_CHIP) else MANY_MISSES
    thrashing = min(max((share - FEW_MISSES) / (MANY_MISSES - FEW_MISSES), 0.0), 1.0)
    worst = WORST_PERCENT + thrashing * (THRASHING_PERCENT - WORST_PERCENT)
    typical = TYPICAL_PERCENT + thrashing * (THRASHING_PERCENT - TYPICAL_PERCENT)
    return Interval(typical, worst, code_share)


def code_share(stalls: dict[str, int], cycles: int) -> float:
    """Share of ``cycles`` that waited for code, from differences of `VirtualBoard.stalls` over the same span."""
    return stalls["code_cycles"] / cycles if cycles > 0 else 0.0


def interval_of(board: VirtualBoard) -> Interval:
    """For all that ran on a board since power-on."""
    return interval_of_share(code_share(board.stalls(), board.cycles - board.sleep_cycles), board.board.mcu)
