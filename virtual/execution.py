"""Running a board: code up to the next event, exceptions, sleep, and the reasons to stop."""

import enum
import time
from collections.abc import Callable

from virtual.cortex_m import CortexM, Lockup
from virtual.cortex_m.controller import BUS_FAULT, HARD_FAULT, MEMORY_FAULT, NMI, USAGE_FAULT
from virtual.cortex_m.fault_status import Fault
from virtual.engine import Engine, Exit, Outcome
from virtual.held_signals import HeldSignals
from virtual.inquest import Inquest
from virtual.polling import PollDetector
from virtual.timebase import Timebase
from virtual.timing.state import NEVER, Field

SLICE = 2_000_000  # cycles after which the code is looked at for an endless loop
QUIET = 50_000  # cycles without event that such a look needs
LONGEST_HANDLER = 10_000_000  # cycles that exceptions may take before a single step
BKPT_SIZE = 2
TIME = Exit.TIME
WFE, WFI = b"\x20\xbf", b"\x30\xbf"
FAULTS = {
    Exit.BREAKPOINT: Fault.BREAKPOINT,
    Exit.UNDEFINED: Fault.UNDEFINED,
    Exit.INVALID_STATE: Fault.INVALID_STATE,
    Exit.READ_FAULT: Fault.DATA,
    Exit.WRITE_FAULT: Fault.DATA,
    Exit.PROTECTED: Fault.PROTECTION,
    Exit.DIVISION: Fault.DIVISION,
    Exit.UNALIGNED: Fault.UNALIGNED,
    Exit.FP_DISABLED: Fault.NO_COPROCESSOR,
}
FAULT_HANDLERS = frozenset({NMI, HARD_FAULT, MEMORY_FAULT, BUS_FAULT, USAGE_FAULT})
NEVER_EXECUTED = (range(0x4000_0000, 0x6000_0000), range(0xA000_0000, 0x1_0000_0000))  # Arm DDI0403, B3.1


class StopReason(enum.Enum):
    """Why ``VirtualBoard.run`` returned."""

    OUTPUT = enum.auto()  # a byte was transmitted during this run, and no other follows it without a gap
    IDLE = enum.auto()  # waits, and nothing but new input can change that
    LIMIT = enum.auto()  # ``max_cycles`` passed
    LOCKUP = enum.auto()  # the core stopped for good; see ``VirtualBoard.lockup``
    BREAKPOINT = enum.auto()  # at one of ``VirtualBoard.breakpoints``, at BKPT with a debugger attached, or stepped


class Execution:
    """``reset`` does what the reset line does; ``resets_itself``: whether a watchdog runs.

    ``debugging``: whether BKPT halts the core, as with a debugger attached, instead of being a fault. ``sleep_cycles``:
    of those since power-on. ``lockup``: why the core stopped for good.
    """

    def __init__(
        self,
        engine: Engine,
        core: CortexM,
        timebase: Timebase,
        polls: PollDetector,
        inquest: Inquest,
        reset: Callable[[], None],
        resets_itself: Callable[[], bool],
    ) -> None:
        self._engine = engine
        self._core = core
        self._timebase = timebase
        self._polls = polls
        self._inquest = inquest
        self._warm_reset = reset
        self._resets_itself = resets_itself
        self._signals = HeldSignals(timebase.attend)
        self.debugging = False
        self._halted = False
        self._bkpt: int | None = None  # where BKPT halted the core
        self.power_on()

    def power_on(self) -> None:
        """Nothing has run yet."""
        self.host_seconds = 0.0
        self.sleep_cycles = 0
        self.start_afresh()

    def start_afresh(self) -> None:
        """After a reset there is nothing to be done."""
        self.reset_requested = self.new_output = self.code_changed = False
        self.lockup: str | None = None

    def request_reset(self) -> None:
        self.reset_requested = True
        self._timebase.attend()

    def note_code_change(self) -> None:
        self.code_changed = True
        self._timebase.attend()

    def note_output(self) -> None:
        self.new_output = True
        self._timebase.attend()

    @property
    def _cycles(self) -> int:
        return self._engine.state[Field.CYCLES]

    def run(self, max_cycles: int) -> StopReason:
        """See `VirtualBoard.run`."""
        return self._guarded(self._run, max_cycles)

    def step(self) -> StopReason:
        """See `VirtualBoard.step`."""
        return self._guarded(self._step, LONGEST_HANDLER)

    def _guarded(self, run: Callable[[], StopReason], max_cycles: int) -> StopReason:
        started = time.perf_counter()
        self.new_output = self._polls.stuck = self._halted = False
        self._polls.limit = min(self._cycles + max_cycles, NEVER)
        self._polls.forget()
        try:
            with self._signals:
                self._skip_bkpt()
                return run()
        except Lockup as stop:
            self.lockup = str(stop)
            self._inquest.dissect(f"lockup: {stop}")
            return StopReason.LOCKUP
        finally:
            self.host_seconds += time.perf_counter() - started

    def _run(self) -> StopReason:
        if self.lockup is not None:
            return StopReason.LOCKUP
        limit = self._polls.limit
        while True:
            if self._signals.noted:
                return StopReason.LIMIT  # the signal's handler runs next
            self._timebase.run_due()
            if self.code_changed:
                self.code_changed = False
                self._engine.forget_code()
            if self.reset_requested:
                self._warm_reset()
            if self.new_output:
                return StopReason.OUTPUT
            if self._halted:
                return StopReason.BREAKPOINT
            if self._polls.stuck and not self._core.has_work():
                self._inquest.check_wait()
                return StopReason.IDLE
            if self._cycles >= limit:
                return StopReason.LIMIT
            self._core.take_pending()
            if not self._advance(limit):
                return StopReason.IDLE

    def _advance(self, limit: int) -> bool:
        """Sleep or execute up to the next event; False when nothing wakes the core."""
        if self._core.asleep and not self._core.has_work():
            if self._timebase.next_cycle() is None:
                if FAULT_HANDLERS.intersection(self._core.controller.active):
                    self._inquest.dissect("asleep for good inside a fault handler")
                return False
            self._sleep(limit)
        else:
            self._core.asleep = False
            self._execute(limit)
        return True

    def _step(self) -> StopReason:
        if self.lockup is not None:
            return StopReason.LOCKUP
        limit, active = self._polls.limit, self._core.controller.active
        depth = len(active)
        while True:
            self._timebase.run_due()
            if self.reset_requested:
                self._warm_reset()
                return StopReason.BREAKPOINT
            self._core.take_pending()
            if len(active) <= depth and not (self._core.asleep and not self._core.has_work()):
                break
            if not self._advance(limit):
                return StopReason.IDLE
            if self._halted or self._cycles >= limit:
                return StopReason.BREAKPOINT
        self._core.asleep = False
        self._handle(self._engine.step())
        return StopReason.BREAKPOINT

    def _skip_bkpt(self) -> None:
        """Go on behind the BKPT that halted the core, as debug probes do."""
        at, self._bkpt = self._bkpt, None
        if at == self._pc and at not in self._engine.breakpoints:
            self._engine.write("PC", at + BKPT_SIZE | 1)

    @property
    def _pc(self) -> int:
        return self._engine.read("PC") & 0xFFFFFFFE

    def _sleep(self, limit: int) -> None:
        event = self._timebase.next_cycle()
        until = limit if event is None else min(limit, event)
        cycles = max(0, until - self._cycles)
        self._engine.advance(cycles)
        self._core.sleep_cycles += cycles
        self.sleep_cycles += cycles

    def _execute(self, limit: int) -> None:
        """Run code up to the next event."""
        if self._engine.breakpoints and self._pc in self._engine.breakpoints:
            self._halted = True
            return
        event = self._timebase.next_cycle()
        state = self._engine.state
        end = self._cycles + SLICE
        state[Field.PENDING] = int(bool(self._core.controller.pending))
        state[Field.STOP_AT] = min(end, limit, NEVER if event is None else event)
        accesses = self._polls.accesses
        self._engine.take_stored()
        outcome = self._engine.run()
        quiet = self._polls.accesses == accesses and not self._engine.take_stored()
        self._handle(outcome)
        self._inquest.look()
        if outcome.exit is TIME and self._cycles >= end and quiet and not self._core.controller.pending:
            event = self._timebase.next_cycle()
            if event is None or event > self._cycles + QUIET:
                late = self._polls.look_for_loop()
                if late is not None:
                    self._handle(late)
                elif self._core.above_all and self._polls.wait is not None and not self._resets_itself():
                    self._inquest.check_wait()

    def _handle(self, outcome: Outcome) -> None:
        core = self._core
        if outcome.exit is TIME:
            return
        if outcome.exit is Exit.BREAKPOINT_HIT:
            self._halted = True
        elif outcome.exit is Exit.BREAKPOINT and self.debugging:
            self._halted = True
            self._bkpt = outcome.pc
        elif outcome.exit is Exit.FETCH_FAULT:
            address = outcome.address
            never = self._engine.bars_execution(address) or any(address in region for region in NEVER_EXECUTED)
            core.fault(Fault.EXECUTE_NEVER if never else Fault.FETCH, outcome.pc, outcome.address)
        elif outcome.exit in FAULTS:
            core.fault(FAULTS[outcome.exit], outcome.pc, outcome.address)
        elif outcome.exit is Exit.SUPERVISOR_CALL:
            core.supervisor_call(outcome.pc)
        elif outcome.exit is Exit.EXCEPTION_RETURN:
            if core.controller.active:
                core.leave(outcome.address)
            else:
                core.fault(Fault.INVALID_STATE, outcome.pc)
        elif outcome.exit is Exit.SLEEP:
            self._fall_asleep(outcome.pc)

    def _fall_asleep(self, pc: int) -> None:
        """WFI sleeps; WFE only when no event was left since the last one."""
        last = self._engine.read_memory(pc - 2, 2)
        if last == WFE and self._core.event:
            self._core.event = False
        elif last in (WFE, WFI):  # else it was YIELD
            self._core.asleep, self._core.waits_for_event = True, last == WFE
