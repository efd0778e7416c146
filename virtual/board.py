"""A board that runs firmware: the same ELF as the real one, in virtual time."""

import enum
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from common.board import SYSTEM_BUS, Board
from common.errors import UserError
from virtual.bus import ALIAS_RANGES, PRIVATE_RANGE, SystemBus
from virtual.cortex_m import CortexM, Lockup, PrivateBus
from virtual.cortex_m.controller import BUS_FAULT, HARD_FAULT, MEMORY_FAULT, NMI, USAGE_FAULT
from virtual.cortex_m.fault_status import Fault
from virtual.debug import DebugPort
from virtual.elf import load_image
from virtual.engine import Engine, Exit, Outcome, Region
from virtual.held_signals import HeldSignals
from virtual.image import UNKNOWN, Function, functions_and_gaps
from virtual.panel import Panel
from virtual.polling import PollDetector
from virtual.postmortem import Scene, exception_name, post_mortem
from virtual.soc import chip_family
from virtual.soc.chip import Pin, Surroundings
from virtual.soc.diagnostics import Diagnostics
from virtual.timebase import Ticker, Timebase
from virtual.timing.costs import CORTEX_M4, Costs
from virtual.timing.state import NEVER, Field

SYSTEM_MEMORY, SYSTEM_MEMORY_SIZE = 0x1FFF_0000, 0x1_0000
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
COUNTED = {
    "code_misses": Field.CODE_MISSES,
    "code_cycles": Field.CODE_STALLS,
    "data_reads": Field.DATA_FETCHES,
    "data_misses": Field.DATA_MISSES,
    "data_cycles": Field.DATA_STALLS,
    "prefetch_wait_cycles": Field.PREFETCH_WAITS,
    "unaligned_cycles": Field.UNALIGNED,
}
FP_MODE_NAMES = {3 << 22: "rounding mode", 1 << 24: "flush to zero", 1 << 25: "default NaN"}  # of FPSCR
FP_MODES = sum(FP_MODE_NAMES)
STACK_LIMITS = ("__StackLimit", "__stack_limit", "_stack_limit", "_sstack", "__stack_start__")
ERASED = b"\xff"


class StopReason(enum.Enum):
    """Why ``VirtualBoard.run`` returned."""

    OUTPUT = enum.auto()  # a byte was transmitted during this run, and no other follows it without a gap
    IDLE = enum.auto()  # waits, and nothing but new input can change that
    LIMIT = enum.auto()  # ``max_cycles`` passed
    LOCKUP = enum.auto()  # the core stopped for good; see ``VirtualBoard.lockup``
    BREAKPOINT = enum.auto()  # at one of ``VirtualBoard.breakpoints``, at BKPT with a debugger attached, or stepped


class VirtualBoard:
    """One board with one firmware image in its flash. Not thread-safe."""

    def __init__(self, elf: Path, board: Board, *, timing: bool = True, costs: Costs = CORTEX_M4) -> None:
        """Load the image and power on.

        Without ``timing`` cycles are instructions, several times faster to run: for results, not for time. ``costs``:
        the constants of the cycle model.

        Raises:
            UserError: the image is unreadable, not for Arm or does not fit; or the board's chip has no model.
        """
        self.board = board
        self.timing = timing
        self._image = load_image(elf, board)
        self._elf = elf
        family = chip_family(board)
        self._bus = SystemBus()
        self._engine = Engine(
            tuple(self._regions()),
            (*family.RANGES, *ALIAS_RANGES, PRIVATE_RANGE),
            self._bus,
            timed=timing,
            costs=costs,
        )
        for address, content in family.SYSTEM_MEMORY:
            self._engine.write_memory(address, content)
        self._diagnostics = Diagnostics()
        self._timebase = Timebase(self._engine, hz=1)
        self._core = CortexM(self._engine, family.IRQS, self._timebase.attend)
        self._private = PrivateBus(self._core, self._timebase, self._request_reset, self._report)
        self._code_changed = False
        surroundings = Surroundings(
            self._engine,
            self._core,
            self._timebase,
            self._diagnostics,
            request_reset=self._request_reset,
            code_changed=self._note_code_change,
            locate=self._locate,
        )
        self._chip = family.create(board, surroundings)
        self._polls = PollDetector(self._engine, self._timebase)
        self._bus.connect(self._engine, self._private, self._chip, self._timebase, self._polls)
        self._chip.serial.on_transmit = self._transmitted
        self._output: list[tuple[int, float]] = []
        self._signals = HeldSignals(self._timebase.attend)
        self.panel = Panel(board, self._chip, self._timebase)
        self.debug = DebugPort(self._engine, self._private, self._chip, self._diagnostics, family.RANGES)
        self.debugging = False  # whether BKPT halts the core, as with a debugger attached, instead of being a fault
        self._counted: tuple[Function, ...] = ()
        self._halted = False
        self._bkpt: int | None = None  # where BKPT halted the core
        self._tickers: list[Ticker] = []
        self.host_seconds = 0.0
        self.sleep_cycles = 0  # of those since power-on
        self.lockup: str | None = None
        self.post_mortem: str | None = None  # several lines about firmware that stopped for good
        limits = (self._image.symbols[name] for name in STACK_LIMITS if name in self._image.symbols)
        self._stack_limit = next(limits, 0)
        self.reset()

    def _regions(self) -> list[Region]:
        regions = []
        for memory in sorted(self.board.memories, key=lambda memory: memory.kind != "flash"):
            flash = memory.kind == "flash"
            alias = 0 if flash and memory.alias is None else memory.alias
            regions.append(Region(memory.origin, memory.size, not flash, alias, memory.origin >= SYSTEM_BUS))
        regions.append(Region(SYSTEM_MEMORY, SYSTEM_MEMORY_SIZE, writable=False))
        return regions

    # -- life -----------------------------------------------------------------------------------------------------

    def reset(self) -> None:
        """Power-on reset: time zero, RAM cleared, image loaded, no diagnostics, no output."""
        self._engine.restart()
        self._timebase.power_on()
        self._diagnostics.clear()
        self._output.clear()
        self.host_seconds = 0.0
        self.sleep_cycles = 0
        self._chip.power_on()
        self._engine.write_memory(self.board.flash.origin, ERASED * self.board.flash.size)
        for segment in self._image.segments:
            self._engine.write_memory(segment.address, segment.data)
        self._warm_reset()

    def _warm_reset(self) -> None:
        """What the reset line does: registers and peripherals, not memory or time."""
        self._reset_requested = self._new_output = False
        self.lockup = self.post_mortem = None
        self._code_changed = False
        self._engine.forget_code()
        self._private.reset()
        self._chip.reset()
        self.panel.reset()
        for ticker in self._tickers:
            ticker.restart()
        self._polls.forget()
        try:
            self._core.reset(vector_table=0)
        except Lockup as stop:
            raise UserError(f"{self._elf} does not start: {stop}") from None

    def _request_reset(self) -> None:
        self._reset_requested = True
        self._timebase.attend()

    def _locate(self) -> str:
        """The instruction of the latest access to a peripheral."""
        return f"pc {self._image.describe(self._engine.access_pc)}"

    def _report(self, message: str) -> None:
        self._diagnostics.add_once(message, f"{message}; first by {self._locate()}")

    def _note_code_change(self) -> None:
        self._code_changed = True
        self._timebase.attend()

    def run(self, max_cycles: int = NEVER) -> StopReason:
        """Run until the firmware has transmitted bytes, waits for input, locks up, or ``max_cycles`` have passed.

        A run ends at the first basic block after its limit, and at once at one of ``breakpoints``.
        """
        return self._guarded(self._run, max_cycles)

    def step(self) -> StopReason:
        """Run one instruction, breakpoint or not; interrupts that are due run to their end before it.

        Returns BREAKPOINT, or IDLE when the core sleeps and nothing but new input can wake it, or LOCKUP. A handler
        that a breakpoint stops, or that takes very long, is where the step ends.
        """
        return self._guarded(self._step, LONGEST_HANDLER)

    def _guarded(self, run: Callable[[], StopReason], max_cycles: int) -> StopReason:
        started = time.perf_counter()
        self._new_output = self._polls.stuck = self._halted = False
        self._polls.limit = min(self.cycles + max_cycles, NEVER)
        self._polls.forget()
        try:
            with self._signals:
                self._skip_bkpt()
                return run()
        except Lockup as stop:
            self.lockup = str(stop)
            self._dissect(f"lockup: {stop}")
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
            if self._code_changed:
                self._code_changed = False
                self._engine.forget_code()
            if self._reset_requested:
                self._warm_reset()
            if self._new_output:
                return StopReason.OUTPUT
            if self._halted:
                return StopReason.BREAKPOINT
            if self._polls.stuck and not self._core.has_work():
                self._check_wait()
                return StopReason.IDLE
            if self.cycles >= limit:
                return StopReason.LIMIT
            self._core.take_pending()
            if not self._advance(limit):
                return StopReason.IDLE

    def _advance(self, limit: int) -> bool:
        """Sleep or execute up to the next event; False when nothing wakes the core."""
        if self._core.asleep and not self._core.has_work():
            if self._timebase.next_cycle() is None:
                if FAULT_HANDLERS.intersection(self._core.controller.active):
                    self._dissect("asleep for good inside a fault handler")
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
            if self._reset_requested:
                self._warm_reset()
                return StopReason.BREAKPOINT
            self._core.take_pending()
            if len(active) <= depth and not (self._core.asleep and not self._core.has_work()):
                break
            if not self._advance(limit):
                return StopReason.IDLE
            if self._halted or self.cycles >= limit:
                return StopReason.BREAKPOINT
        self._core.asleep = False
        self._handle(self._engine.step())
        return StopReason.BREAKPOINT

    def _skip_bkpt(self) -> None:
        """Go on behind the BKPT that halted the core, as debug probes do."""
        at, self._bkpt = self._bkpt, None
        if at == self._pc and at not in self.breakpoints:
            self._engine.write("PC", at + BKPT_SIZE | 1)

    @property
    def _pc(self) -> int:
        return self._engine.read("PC") & 0xFFFFFFFE

    def _sleep(self, limit: int) -> None:
        event = self._timebase.next_cycle()
        until = limit if event is None else min(limit, event)
        cycles = max(0, until - self.cycles)
        self._engine.advance(cycles)
        self._core.sleep_cycles += cycles
        self.sleep_cycles += cycles

    def _execute(self, limit: int) -> None:
        """Run code up to the next event."""
        if self.breakpoints and self._pc in self.breakpoints:
            self._halted = True
            return
        event = self._timebase.next_cycle()
        state = self._engine.state
        end = self.cycles + SLICE
        state[Field.PENDING] = int(bool(self._core.controller.pending))
        state[Field.STOP_AT] = min(end, limit, NEVER if event is None else event)
        accesses = self._polls.accesses
        self._engine.take_stored()
        outcome = self._engine.run()
        quiet = self._polls.accesses == accesses and not self._engine.take_stored()
        self._handle(outcome)
        self._check_stack()
        self._check_fp_modes()
        if outcome.exit is TIME and self.cycles >= end and quiet and not self._core.controller.pending:
            event = self._timebase.next_cycle()
            if event is None or event > self.cycles + QUIET:
                late = self._polls.look_for_loop()
                if late is not None:
                    self._handle(late)
                elif self._core.above_all and self._polls.wait is not None and not self._chip.resets_itself:
                    self._check_wait()

    def _check_wait(self) -> None:
        """Raise Lockup when the loop that has been found waits for what cannot come: in a handler that never ends."""
        wait, active = self._polls.wait, self._core.controller.active
        if wait is None or wait.address is not None or not active or self._polls.wait_is_over:
            return
        number = active[-1]
        raise Lockup(f"the handler of {exception_name(number)} never ends; it loops at {self._image.describe(wait.pc)}")

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

    # -- what a person and a debugger do --------------------------------------------------------------------------

    def press_reset(self) -> None:
        """The reset button: registers and peripherals start afresh, memory and time go on.

        Raises:
            UserError: what lies in flash does not start.
        """
        self._warm_reset()

    def idle(self, seconds: float) -> None:
        """Let virtual time pass after a run that ended with IDLE."""
        self._engine.advance(max(0, round(seconds * self.hz)))

    @property
    def breakpoints(self) -> set[int]:
        """Addresses before which a run stops. Change it at will between runs."""
        return self._engine.breakpoints

    # -- serial ---------------------------------------------------------------------------------------------------

    def send(self, data: bytes, baud: float | None = None) -> None:
        """Put bytes on the line to the firmware, behind those on their way; None is the rate the firmware has set."""
        self._chip.serial.receive(data, baud)

    def receive(self) -> bytes:
        """What the firmware has transmitted since the last call."""
        return bytes(value for value, _ in self.take_output())

    def take_output(self) -> list[tuple[int, float]]:
        """Like ``receive``, each byte with the baud rate it was sent at."""
        output, self._output = self._output, []
        return output

    def _transmitted(self, value: int, baud: float) -> None:
        self._output.append((value, baud))
        if not self._chip.serial.sends_on:
            self._new_output = True
            self._timebase.attend()

    @property
    def input_queued(self) -> int:
        """Bytes sent that the firmware's receiver has not got yet."""
        return self._chip.serial.queued

    @property
    def output_queued(self) -> int:
        """Bytes transmitted that nobody has taken yet."""
        return len(self._output)

    def discard_input(self) -> None:
        self._chip.serial.discard()

    @property
    def baud(self) -> float | None:
        """What the firmware has set its serial port to; None while it is off."""
        return self._chip.serial.baud

    # -- firmware that does not get on ---------------------------------------------------------------------------

    def _dissect(self, headline: str) -> None:
        """Write the post-mortem, once."""
        if self.post_mortem is not None:
            return
        registers, xpsr = self._core.snapshot(self._engine.read("PC") & ~1)
        scene = Scene(
            headline,
            self.seconds,
            registers,
            xpsr,
            tuple(self._core.controller.active),
            self._core.faults,
            self._core.fault_record,
        )
        self.post_mortem = post_mortem(scene, self._image, self._engine.read_memory)
        self._diagnostics.add(self.post_mortem)

    def situation(self) -> str:
        """What the firmware is doing, in one line: for messages about a device that does not answer."""
        if self.lockup is not None:
            return f"the firmware is locked up: {self.lockup}"
        pc = self._engine.read("PC") & ~1
        active = self._core.controller.active
        place = f" in the handler of {exception_name(active[-1])}" if active else ""
        if self._core.asleep:
            return f"the firmware sleeps (WFI or WFE) before {self._image.describe(pc)}{place}"
        wait = self._polls.wait
        if wait is not None and not self._polls.wait_is_over:
            seconds = (self.cycles - wait.since) / self.hz
            polled = "" if wait.address is None else f", polling {self._chip.register_name(wait.address)}"
            return f"the firmware loops at {self._image.describe(wait.pc)}{place} for {seconds:.3f} s{polled}"
        return f"the firmware runs at {self._image.describe(pc)}{place}"

    def function_at(self, address: int) -> Function | None:
        """The function that an address lies in; None where the image does not say."""
        return self._image.function_at(address)

    # -- what a person does ---------------------------------------------------------------------------------------

    def connect(self, pin: str, level: int | None) -> None:
        """Drive a pin, "C13", from outside; None lets go of it. Raises UserError when there is no such pin."""
        self._chip.connect(pin, level)
        self._timebase.attend()

    def play(self, frames: Sequence[tuple[int, int]], rate_hz: float) -> None:
        """Send sound to the chip's I2S input: int16 pairs, left and right; what was sent before ends, as at a reset.

        Until it is over, `run` does not return IDLE: there always is something to come.
        """
        self._chip.play(frames, rate_hz)
        self._timebase.attend()

    def watch_pin(self, pin: str, changed: Callable[[bool], None]) -> None:
        """Call back at each change of a pin's level, with `seconds` come up to it; a reset of the chip is none.

        Raises:
            UserError: there is no such pin.
        """
        self._chip.watch_pin(pin, changed)

    def pins(self) -> tuple[Pin, ...]:
        """All pins of the chip as they are."""
        return self._chip.pins()

    # -- state ----------------------------------------------------------------------------------------------------

    @property
    def cycles(self) -> int:
        """Core cycles since power-on."""
        return self._engine.state[Field.CYCLES]

    @property
    def instructions(self) -> int:
        return self._engine.instructions

    @property
    def seconds(self) -> float:
        """Virtual time since power-on."""
        return self._timebase.seconds

    @property
    def hz(self) -> int:
        """The core clock as the firmware has set it."""
        return self._timebase.hz

    @property
    def asleep(self) -> bool:
        """Whether the core waits in sleep mode."""
        return self._core.asleep

    @property
    def supply_mode(self) -> str:
        """The voltage range and mode that the firmware has set, in the chip manual's words."""
        return self._chip.supply_mode

    @property
    def diagnostics(self) -> tuple[str, ...]:
        """What real hardware would not forgive and what the model does not know, in order of appearance."""
        return self._diagnostics.messages

    def symbol(self, name: str) -> int:
        """Address of a symbol.

        Raises:
            UserError: the image has no such symbol.
        """
        if name not in self._image.symbols:
            raise UserError(f"{self._elf} has no symbol '{name}'; was it stripped, or is the name misspelled?")
        return self._image.symbols[name]

    def register(self, name: str) -> int:
        """A core register: R0 to R12, SP, LR, PC."""
        return self._engine.read(name)

    def watch(self, function: str, callback: Callable[[], None]) -> None:
        """Call back each time the function is entered, with `cycles` come up to it.

        Raises:
            UserError: the image has no such symbol.
        """
        self._engine.watch(self.symbol(function) & ~1, callback)

    def count_functions(self) -> None:
        """Count cycles by function from now on, exactly and without a trace in the firmware; see `function_cycles`."""
        self._counted = functions_and_gaps(self._image)
        self._engine.count_owners([function.address for function in self._counted])

    def function_cycles(self) -> dict[str, int]:
        """Cycles of each function that ran since `count_functions`; they add up to all.

        A function's own, not those of what it calls; interrupts' entries and sleep belong to the function they found.
        """
        names = (UNKNOWN, *(function.name for function in self._counted))
        found: dict[str, int] = {}
        for name, cycles in zip(names, self._engine.owned(), strict=True):
            if cycles:
                found[name] = found.get(name, 0) + cycles
        return found

    def every(self, seconds: float, action: Callable[[], None]) -> Callable[[], None]:
        """Call back at regular intervals of virtual time, through resets, until the returned function is called.

        Meanwhile `run` does not return IDLE: there always is something to come.
        """
        ticker = Ticker(self._timebase, seconds, action)
        self._tickers.append(ticker)

        def end() -> None:
            ticker.stop()
            self._tickers.remove(ticker)

        return end

    def read_memory(self, address: int, size: int) -> bytes:
        """Raises ValueError when the range is not memory."""
        return self._engine.read_memory(address, size)

    def write_memory(self, address: int, data: bytes) -> None:
        """Writes flash, too. Raises ValueError when the range is not memory."""
        self._engine.write_memory(address, data)

    def stalls(self) -> dict[str, int]:
        """Counts behind the cycles.

        ``code_reads`` and ``data_reads``: how often code and data of another unit of flash than the latest were asked
        for; ``_misses``: of them, those that the cache did not hold; ``_cycles``: the cycles waited for those, which
        ``flash_cycles`` adds up. ``prefetch_wait_cycles``: of ``data_cycles``, waiting for a prefetch to end.
        """
        counts = {name: self._engine.state[field] for name, field in COUNTED.items()}
        counts["code_reads"] = self._engine.state[Field.CLOCK] - counts["data_reads"]
        return {**counts, "flash_cycles": counts["code_cycles"] + counts["data_cycles"]}
