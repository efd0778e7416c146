"""What to say about firmware that does not get on, or does what the model does not know."""

from collections.abc import Callable

from virtual.cortex_m import CortexM, Lockup
from virtual.engine import Engine
from virtual.image import Image
from virtual.polling import PollDetector
from virtual.postmortem import Scene, exception_name, post_mortem
from virtual.soc.diagnostics import Diagnostics
from virtual.timebase import Timebase
from virtual.timing.state import Field

STACK_LIMITS = ("__StackLimit", "__stack_limit", "_stack_limit", "_sstack", "__stack_start__")
FP_MODE_NAMES = {3 << 22: "rounding mode", 1 << 24: "flush to zero", 1 << 25: "default NaN"}  # of FPSCR
FP_MODES = sum(FP_MODE_NAMES)


class Inquest:
    """``post_mortem``: several lines about firmware that stopped for good. ``register_name`` names a peripheral's."""

    def __init__(
        self,
        engine: Engine,
        core: CortexM,
        timebase: Timebase,
        polls: PollDetector,
        image: Image,
        diagnostics: Diagnostics,
        register_name: Callable[[int], str],
    ) -> None:
        self._engine = engine
        self._core = core
        self._timebase = timebase
        self._polls = polls
        self._image = image
        self._diagnostics = diagnostics
        self._register_name = register_name
        self.post_mortem: str | None = None
        limits = (image.symbols[name] for name in STACK_LIMITS if name in image.symbols)
        self._stack_limit = next(limits, 0)

    def look(self) -> None:
        """Report what code has done that just ran."""
        self._check_stack()
        self._check_fp_modes()

    def _check_stack(self) -> None:
        if self._stack_limit:
            stack = self._engine.read("MSP")
            if stack < self._stack_limit:
                self._diagnostics.add_once(
                    "stack limit",
                    f"stack overflow: the main stack reached {stack:#010x}, {self._stack_limit - stack} bytes below "
                    f"its limit, in {self._image.describe(self._engine.read('PC'))}",
                )

    def _check_fp_modes(self) -> None:
        modes = self._engine.state[Field.FPSCR] & FP_MODES
        if modes:
            self._diagnostics.add_once(
                "FPSCR",
                f"FPSCR: {', '.join(name for bits, name in FP_MODE_NAMES.items() if modes & bits)} not modelled: the"
                f" model rounds to nearest and keeps subnormal numbers and NaNs; seen in"
                f" {self._image.describe(self._engine.read('PC'))}",
            )

    def check_wait(self) -> None:
        """Raise Lockup when the loop that has been found waits for what cannot come: in a handler that never ends."""
        wait, active = self._polls.wait, self._core.controller.active
        if wait is None or wait.address is not None or not active or self._polls.wait_is_over:
            return
        number = active[-1]
        raise Lockup(f"the handler of {exception_name(number)} never ends; it loops at {self._image.describe(wait.pc)}")

    def dissect(self, headline: str) -> None:
        """Write the post-mortem, once."""
        if self.post_mortem is not None:
            return
        registers, xpsr = self._core.snapshot(self._engine.read("PC") & ~1)
        scene = Scene(
            headline,
            self._timebase.seconds,
            registers,
            xpsr,
            tuple(self._core.controller.active),
            self._core.faults,
            self._core.fault_record,
        )
        self.post_mortem = post_mortem(scene, self._image, self._engine.read_memory)
        self._diagnostics.add(self.post_mortem)

    def situation(self) -> str:
        """What the firmware is doing, in one line."""
        pc = self._engine.read("PC") & ~1
        active = self._core.controller.active
        place = f" in the handler of {exception_name(active[-1])}" if active else ""
        if self._core.asleep:
            return f"the firmware sleeps (WFI or WFE) before {self._image.describe(pc)}{place}"
        wait = self._polls.wait
        if wait is not None and not self._polls.wait_is_over:
            seconds = (self._engine.state[Field.CYCLES] - wait.since) / self._timebase.hz
            polled = "" if wait.address is None else f", polling {self._register_name(wait.address)}"
            return f"the firmware loops at {self._image.describe(wait.pc)}{place} for {seconds:.3f} s{polled}"
        return f"the firmware runs at {self._image.describe(pc)}{place}"
