"""A board that runs firmware: the same ELF as the real one, in virtual time."""

from collections.abc import Callable, Sequence
from pathlib import Path

from common.board import SYSTEM_BUS, Board
from common.errors import UserError
from virtual.bus import ALIAS_RANGES, PRIVATE_RANGE, SystemBus
from virtual.cortex_m import CortexM, Lockup, PrivateBus
from virtual.debug import DebugPort
from virtual.elf import load_image
from virtual.engine import Engine, Region
from virtual.execution import Execution, StopReason
from virtual.image import UNKNOWN, Function, functions_and_gaps
from virtual.inquest import Inquest
from virtual.panel import Panel
from virtual.polling import PollDetector
from virtual.soc import chip_family
from virtual.soc.chip import Pin, Surroundings
from virtual.soc.diagnostics import Diagnostics
from virtual.timebase import Ticker, Timebase
from virtual.timing.costs import CORTEX_M4, Costs
from virtual.timing.state import NEVER, Field

SYSTEM_MEMORY, SYSTEM_MEMORY_SIZE = 0x1FFF_0000, 0x1_0000
COUNTED = {
    "code_misses": Field.CODE_MISSES,
    "code_cycles": Field.CODE_STALLS,
    "data_reads": Field.DATA_FETCHES,
    "data_misses": Field.DATA_MISSES,
    "data_cycles": Field.DATA_STALLS,
    "prefetch_wait_cycles": Field.PREFETCH_WAITS,
    "unaligned_cycles": Field.UNALIGNED,
}
ERASED = b"\xff"


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
        self._inquest = Inquest(
            self._engine,
            self._core,
            self._timebase,
            self._polls,
            self._image,
            self._diagnostics,
            self._chip.register_name,
        )
        self._execution = Execution(
            self._engine,
            self._core,
            self._timebase,
            self._polls,
            self._inquest,
            self._warm_reset,
            lambda: self._chip.resets_itself,
        )
        self.panel = Panel(board, self._chip, self._timebase)
        self.debug = DebugPort(self._engine, self._private, self._chip, self._diagnostics, family.RANGES)
        self._counted: tuple[Function, ...] = ()
        self._tickers: list[Ticker] = []
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
        self._execution.power_on()
        self._chip.power_on()
        self._engine.write_memory(self.board.flash.origin, ERASED * self.board.flash.size)
        for segment in self._image.segments:
            self._engine.write_memory(segment.address, segment.data)
        self._warm_reset()

    def _warm_reset(self) -> None:
        """What the reset line does: registers and peripherals, not memory or time."""
        self._execution.start_afresh()
        self._inquest.post_mortem = None
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
        self._execution.request_reset()

    def _note_code_change(self) -> None:
        self._execution.note_code_change()

    def _locate(self) -> str:
        """The instruction of the latest access to a peripheral."""
        return f"pc {self._image.describe(self._engine.access_pc)}"

    def _report(self, message: str) -> None:
        self._diagnostics.add_once(message, f"{message}; first by {self._locate()}")

    def run(self, max_cycles: int = NEVER) -> StopReason:
        """Run until the firmware has transmitted bytes, waits for input, locks up, or ``max_cycles`` have passed.

        A run ends at the first basic block after its limit, and at once at one of ``breakpoints``.
        """
        return self._execution.run(max_cycles)

    def step(self) -> StopReason:
        """Run one instruction, breakpoint or not; interrupts that are due run to their end before it.

        Returns BREAKPOINT, or IDLE when the core sleeps and nothing but new input can wake it, or LOCKUP. A handler
        that a breakpoint stops, or that takes very long, is where the step ends.
        """
        return self._execution.step()

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
    def debugging(self) -> bool:
        """Whether BKPT halts the core, as with a debugger attached, instead of being a fault."""
        return self._execution.debugging

    @debugging.setter
    def debugging(self, attached: bool) -> None:
        self._execution.debugging = attached

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
            self._execution.note_output()

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

    def situation(self) -> str:
        """What the firmware is doing, in one line: for messages about a device that does not answer."""
        if self.lockup is not None:
            return f"the firmware is locked up: {self.lockup}"
        return self._inquest.situation()

    @property
    def lockup(self) -> str | None:
        """Why the core stopped for good; None while it has not."""
        return self._execution.lockup

    @property
    def post_mortem(self) -> str | None:
        """Several lines about firmware that stopped for good."""
        return self._inquest.post_mortem

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
    def sleep_cycles(self) -> int:
        """Of the cycles since power-on, those that the core slept."""
        return self._execution.sleep_cycles

    @property
    def host_seconds(self) -> float:
        """What running took on this computer since power-on."""
        return self._execution.host_seconds

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
