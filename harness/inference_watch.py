"""One inference on the virtual board, followed from outside: when its kernels were entered, and what it took."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from common.artifact import Firmware

if TYPE_CHECKING:
    from virtual import VirtualBoard

START = "model_infer"  # the function that all firmware runs an inference with


@dataclass(frozen=True)
class Drive:
    """The last inference of ``command`` counts; ``end``: what the firmware calls after it.

    ``warm_up``: a command before it, whose inference warms the caches.
    """

    command: str
    end: str
    warm_up: str = ""


CLASSIC = Drive("infer 1 1", "th_post")
STREAM = Drive("extract_uart_stream", "soc_microseconds", "extract_uart_stream")


def drive_of(firmware: Firmware) -> Drive:
    """How to run one inference of a firmware."""
    return STREAM if firmware.benchmark.front_end else CLASSIC


@dataclass(frozen=True)
class Mark:
    """A function was entered: when, and the board's stall counts so far."""

    function: str
    cycles: int
    stalls: dict[str, int]


class InferenceWatch:
    """``last``: the marks of the last inference that ended, from `START` to the drive's end."""

    def __init__(self, machine: "VirtualBoard", firmware: Firmware, drive: Drive) -> None:
        """Raises UserError when the image lacks one of the functions."""
        self.inside = False
        self.last: list[Mark] = []
        self.instructions = 0
        self.at_start: Callable[[], None] = lambda: None
        self.at_end: Callable[[], None] = lambda: None
        self._machine = machine
        self._marks: list[Mark] = []
        self._begun = 0
        machine.watch(START, self._start)
        for kernel in {step.kernel for step in firmware.steps}:
            machine.watch(kernel, self._entry_of(kernel))
        machine.watch(drive.end, lambda: self._end(drive.end))

    def _mark(self, function: str) -> None:
        self._marks.append(Mark(function, self._machine.cycles, self._machine.stalls()))

    def _entry_of(self, kernel: str) -> Callable[[], None]:
        return lambda: self._mark(kernel) if self.inside else None

    def _start(self) -> None:
        self.inside = True
        self._marks = []
        self._mark(START)
        self._begun = self._machine.instructions
        self.at_start()

    def _end(self, function: str) -> None:
        if not self.inside:
            return
        self.inside = False
        self._mark(function)
        self.last = self._marks
        self.instructions = self._machine.instructions - self._begun
        self.at_end()

    @property
    def cycles(self) -> int:
        """Of the last inference, 0 before any."""
        return self.last[-1].cycles - self.last[0].cycles if self.last else 0
