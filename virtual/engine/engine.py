"""The CPU engine: translates Armv7E-M code to native code that counts the modelled cycles as it goes.

Guest code becomes LLVM IR region by region (`region`), machine code by llvmlite (`native`), and stays (`translations`)
until the memory it came from is written. Everything the translated code shares with Python lies in one array
(`virtual.timing.state`).
"""

import ctypes
from collections.abc import Callable, Sequence
from typing import Protocol

from virtual.engine import native
from virtual.engine.callbacks import Bus, Callbacks
from virtual.engine.memories import Memories, Region
from virtual.engine.outcome import EXITS, FALLEN_INTO, HAS_ADDRESS, TIME, Exit, Outcome
from virtual.engine.region import Settings
from virtual.engine.registers import Registers
from virtual.engine.special import SpecialRegisters
from virtual.engine.translations import Translations
from virtual.timing import runtime
from virtual.timing.costs import CORTEX_M4, Costs
from virtual.timing.state import (
    ASK_READ,
    ASK_WRITE,
    COUNTERS,
    GUARD_SPAN,
    GUARD_WORDS,
    MAX_OWNERS,
    OWNED,
    R0,
    S0,
    SITE_CYCLES,
    SITE_INSTRUCTIONS,
    SITE_MASK,
    Field,
    Kind,
    Leave,
    address_of,
    clear_caches,
    new_state,
)

EXC_RETURN_FIRST = 0xFFFFFFE0
PC = R0 + 15
FLASH_TIMES = (Field.FLASH_FREE, Field.PREFETCH_READY, Field.PREFETCH_SINCE)
LONGEST_READ = 32  # cycles, more than the most wait states; what lies further back decides nothing


class Span(Protocol):
    """Addresses whose accesses are to be asked about."""

    @property
    def first(self) -> int: ...
    @property
    def last(self) -> int: ...
    @property
    def no_read(self) -> bool: ...
    @property
    def no_write(self) -> bool: ...
    @property
    def no_execute(self) -> bool: ...


class Engine:
    """One Cortex-M4F. Time is ``state[Field.CYCLES]``.

    ``breakpoints``: addresses before which ``run`` comes back. It does so even when one of them is where it starts: to
    go on from there, ``step`` first.
    """

    def __init__(
        self,
        memory: tuple[Region, ...],
        peripherals: tuple[tuple[int, int], ...],
        bus: Bus,
        *,
        timed: bool,
        costs: Costs = CORTEX_M4,
    ) -> None:
        """Map ``memory`` and, as (origin, size), the ``peripherals`` that ``bus`` serves."""
        self.costs = costs
        self._words = new_state()
        self.state = self._words.data
        self._pointer = address_of(self._words)
        self._registers = Registers(self.state)
        self._memories = memories = Memories(memory)
        settings = Settings(
            timed=timed,
            costs=costs,
            spans=memories.spans,
            flash=tuple((span[0], span[1]) for span in memories.spans if span[3] == Kind.FLASH),
            system_bus=tuple((region.origin, region.size) for region in memory if region.system_bus),
        )
        self._translations = Translations(self._words, memories, settings, self._stop)
        self._callbacks = Callbacks(
            self.state,
            peripherals,
            bus,
            SpecialRegisters(self._registers),
            self._translations.watches,
            stop=self._stop,
            code_written=self._translations.written,
        )
        self.breakpoints: set[int] = set()
        self._set_up_state(timed)

    def _set_up_state(self, timed: bool) -> None:
        state, costs, flash = self.state, self.costs, self._memories.flash
        self._memories.show(self._words)
        state[Field.TIMED] = int(timed)
        state[Field.INSTRUCTION_MISS_EXTRA] = costs.instruction_miss_extra
        state[Field.DATA_MISS_EXTRA] = costs.data_miss_extra
        state[Field.LOAD_USE] = costs.load_use_shift
        state[Field.UNALIGNED_HALFWAY], state[Field.UNALIGNED_ODD] = costs.unaligned_halfway, costs.unaligned_odd
        state[Field.FLASH_BASE], state[Field.FLASH_SIZE] = flash.origin, flash.size
        state[Field.UNIT_SHIFT] = 3
        state[Field.JUMPED] = 1
        state[PC] = 1
        for field, function in (
            (Field.ON_LOAD, runtime.on_load),
            (Field.ON_STORE, runtime.on_store),
            (Field.ON_LOAD_MULTIPLE, runtime.on_load_multiple),
            (Field.ON_STORE_MULTIPLE, runtime.on_store_multiple),
            (Field.ON_FETCH, runtime.on_fetch),
        ):
            state[field] = function.address

    def on_exceptions(self, ready: Callable[[], bool], event_sent: Callable[[], None]) -> None:
        """``ready`` tells whether the core could enter an exception now; ``event_sent`` is called at SEV."""
        self._callbacks.exception_ready, self._callbacks.event_sent = ready, event_sent

    # -- memory and registers -------------------------------------------------------------------------------------

    def read_memory(self, address: int, size: int) -> bytes:
        """Raises ValueError when the range is not memory."""
        return self._memories.read(address, size)

    def write_memory(self, address: int, data: bytes) -> None:
        """Writes flash, too. Raises ValueError when the range is not memory."""
        changed = self._memories.write(address, data)
        if changed is not None:
            self._translations.written(*changed)

    def is_writable(self, address: int) -> bool:
        """Whether stores to the address reach memory."""
        return self._memories.is_writable(address)

    def read(self, register: str) -> int:
        return self._registers.read(register)

    def write(self, register: str, value: int) -> None:
        if register == "PC":
            self.state[Field.JUMPED] = 1
        self._registers.write(register, value)

    def read_all(self, registers: tuple[str, ...]) -> tuple[int, ...]:
        return tuple(map(self._registers.read, registers))

    def masks(self) -> tuple[int, int, int]:
        """PRIMASK, BASEPRI, FAULTMASK."""
        state = self.state
        return state[Field.PRIMASK], state[Field.BASEPRI], state[Field.FAULTMASK]

    def caller_saved(self) -> list[int]:
        """R0 to R3, R12, LR: what exception entry saves."""
        return [*self.state[R0 : R0 + 4].tolist(), self.state[R0 + 12], self.state[R0 + 14]]

    def restore_caller_saved(self, words: Sequence[int]) -> None:
        self._words[R0 : R0 + 4] = words[:4]
        self.state[R0 + 12], self.state[R0 + 14] = words[4:6]

    def fp_caller_saved(self) -> list[int]:
        """S0 to S15, FPSCR."""
        return [*self.state[S0 : S0 + 16].tolist(), self.state[Field.FPSCR]]

    def restore_fp_caller_saved(self, words: Sequence[int]) -> None:
        self._words[S0 : S0 + 16] = words[:16]
        self.state[Field.FPSCR] = words[16]

    def registers(self) -> tuple[int, ...]:
        """Everything that decides how the core goes on, memory and caches aside: the flash's reads under way, too."""
        state = self.state
        core = (*state[R0 : R0 + 16].tolist(), self._registers.read("XPSR"))
        if not state[Field.PREFETCH_ON]:
            return core
        now = self.now
        reads = (max(state[field] - now, -LONGEST_READ) for field in FLASH_TIMES)
        return (*core, state[Field.PREFETCH_UNIT], state[Field.PREFETCH_NEXT], *reads)

    def guard(self, spans: Sequence[Span], violated: Callable[[int, bool], bool]) -> None:
        """Ask ``violated(address, write)`` about data accesses in spans; on True the run ends with PROTECTED.

        Where a span is not to be executed, fetches fail.
        """
        origin, size = self._memories.spans[0][:2]
        asked = [span for span in spans if span.no_read or span.no_write]
        guarded = any(span.first < origin + size and origin <= span.last for span in asked)
        self._translations.change(guarded=guarded)
        self._translations.bar(tuple((span.first, span.last) for span in spans if span.no_execute))
        self._callbacks.violated = violated
        self.state[Field.GUARDS] = len(asked)
        for index, span in enumerate(asked):
            what = (ASK_READ if span.no_read else 0) | (ASK_WRITE if span.no_write else 0)
            place = GUARD_SPAN + index * GUARD_WORDS
            self._words[place : place + GUARD_WORDS] = (span.first, span.last, what)

    def bars_execution(self, address: int) -> bool:
        """Whether a guarded span keeps code there from being executed."""
        return self._translations.bars(address)

    def set_traps(self, *, unaligned: bool, division: bool) -> None:
        """CCR's traps."""
        self.state[Field.UNALIGNED_TRAP], self.state[Field.DIVISION_TRAP] = int(unaligned), int(division)

    def clear_memory(self) -> None:
        for region in self._memories.regions:
            if region.writable:
                self.write_memory(region.origin, bytes(region.size))

    def forget_code(self) -> None:
        """Drop translations, for new code in memory."""
        self._translations.forget()

    # -- time -----------------------------------------------------------------------------------------------------

    @property
    def now(self) -> int:
        """The cycle; inside a peripheral access the one in which that instruction begins."""
        cycles = self.state[Field.CYCLES]
        if self._callbacks.in_access:
            cycles += self.state[Field.SITE] >> SITE_CYCLES & SITE_MASK
        return cycles

    @property
    def access_pc(self) -> int:
        """The instruction of the latest peripheral access."""
        return self.state[Field.SITE] & 0xFFFFFFFF

    @property
    def instructions(self) -> int:
        return self.state[Field.INSTRUCTIONS]

    def advance(self, cycles: int, instructions: int = 0) -> None:
        """Let time pass without running code. A read of the flash goes on meanwhile."""
        self.state[Field.CYCLES] += cycles
        self.state[Field.INSTRUCTIONS] += instructions

    def skip(self, cycles: int, instructions: int) -> None:
        """Let time pass as if code had run that leaves everything as it is; the flash is as busy then as now."""
        self.advance(cycles, instructions)
        for field in FLASH_TIMES:
            self.state[field] += cycles

    def restart(self) -> None:
        """Power on: time zero, cold caches, memory cleared, no code known."""
        self.clear_caches()
        self.forget_code()
        self.clear_memory()
        for field in (Field.CYCLES, Field.INSTRUCTIONS, Field.FLASH_FREE, *COUNTERS):
            self.state[field] = 0
        self.state[Field.JUMPED] = 1
        self.count_owners(self._translations.settings.owners)

    def take_stored(self) -> bool:
        """Whether a block that stores ran since the last call."""
        stored = bool(self.state[Field.SEEN])
        self.state[Field.SEEN] = 0
        return stored

    def stop_no_later_than(self, cycle: int) -> None:
        self.state[Field.STOP_AT] = min(self.state[Field.STOP_AT], cycle)

    def _stop(self) -> None:
        """End the run at the next block."""
        self.stop_no_later_than(0)

    def set_flash(self, *, wait_states: int, icache: bool, dcache: bool, prefetch: bool, read_bytes: int) -> None:
        state = self.state
        state[Field.WAIT_STATES] = wait_states
        state[Field.ICACHE_ON], state[Field.DCACHE_ON] = int(icache), int(dcache)
        state[Field.PREFETCH_ON] = int(prefetch)
        if not prefetch:
            state[Field.PREFETCH_UNIT] = state[Field.PREFETCH_NEXT] = -1
        shift = read_bytes.bit_length() - 1
        if shift != state[Field.UNIT_SHIFT]:
            state[Field.UNIT_SHIFT] = shift
            self.clear_caches()
            self._translations.change(unit_shift=shift)

    def clear_caches(self) -> None:
        clear_caches(self._words)

    # -- running --------------------------------------------------------------------------------------------------

    def watch(self, address: int, callback: Callable[[], None]) -> None:
        """Call back whenever the basic block that begins at ``address`` is about to run; time has come up to it."""
        self._translations.watches.setdefault(address, []).append(callback)
        self.forget_code()

    def count_owners(self, starts: Sequence[int]) -> None:
        """Count the cycles of each function from now on; ``starts``: their first addresses, in ascending order."""
        self._words[OWNED : OWNED + MAX_OWNERS] = 0
        self.state[Field.OWNER], self.state[Field.OWNER_SINCE] = 0, self.state[Field.CYCLES]
        self._translations.change(owners=tuple(starts[: MAX_OWNERS - 1]))

    def owned(self) -> list[int]:
        """Cycles by number of the function, up to now; the first are those of code before all functions."""
        state = self.state
        counts = state[OWNED : OWNED + 1 + len(self._translations.settings.owners)].tolist()
        counts[state[Field.OWNER]] += state[Field.CYCLES] - state[Field.OWNER_SINCE]
        return counts

    def run(self) -> Outcome:
        """Run from PC to the first event; see ``Exit``. The last block is charged when this returns."""
        state = self.state
        translations = self._translations
        if translations.armed != self.breakpoints:
            translations.armed = frozenset(self.breakpoints)
            translations.forget()
        while True:
            blocked = self._blocked(state[PC])
            if blocked is not None:
                return blocked
            state[Field.EXIT] = Leave.NONE
            RUN_REGIONS(self._pointer)
            self._callbacks.raise_error()
            if state[Field.EXIT] != Leave.UNTRANSLATED:
                if state[Field.EXIT] == Leave.TIME:
                    translations.found_running(state[PC])
                return self._outcome()
            pc = state[PC]
            if self._blocked(pc) is None and not translations.translate(pc & ~1, int(state[Field.ITSTATE])):
                return Outcome(Exit.FETCH_FAULT, pc & ~1, pc & ~1)

    def step(self) -> Outcome:
        """Carry out one instruction, whatever the time and the breakpoints are: ``Exit.TIME``, or why it did not."""
        state = self.state
        pc = int(state[PC])
        blocked = self._blocked(pc)
        if blocked is not None:
            return blocked
        function = self._translations.alone(pc & ~1, int(state[Field.ITSTATE]))
        if function is None:
            return Outcome(Exit.FETCH_FAULT, pc & ~1, pc & ~1)
        state[Field.EXIT] = Leave.NONE
        native.call(function, self._pointer, 0)
        self._callbacks.raise_error()
        if state[Field.EXIT] != Leave.NONE:
            return self._outcome()
        return self._blocked(int(state[PC])) or Outcome(Exit.TIME, int(state[PC]) & ~1)

    def _blocked(self, pc: int) -> Outcome | None:
        """What keeps code at ``pc``, with its Thumb bit, from running."""
        address = pc & ~1
        if pc >= EXC_RETURN_FIRST:
            return Outcome(Exit.EXCEPTION_RETURN, address, pc | 1)
        if not pc & 1:
            return Outcome(Exit.INVALID_STATE, address)
        return None

    def _outcome(self) -> Outcome:
        """Charge what was executed of the current block, and tell why it ended."""
        state = self.state
        leave = state[Field.EXIT]
        pc = state[PC] & ~1
        if leave == Leave.TIME:
            return Outcome(TIME, pc)
        site = state[Field.SITE]
        state[Field.CYCLES] += site >> SITE_CYCLES & SITE_MASK
        state[Field.INSTRUCTIONS] += site >> SITE_INSTRUCTIONS & SITE_MASK
        if leave != Leave.BREAKPOINT_HIT:
            state[Field.JUMPED] = int(leave not in FALLEN_INTO)
        exit_ = EXITS[leave]
        return Outcome(exit_, pc, state[Field.FAULT_ADDRESS] if exit_ in HAS_ADDRESS else 0)


RUN_REGIONS = ctypes.CFUNCTYPE(None, ctypes.c_int64)(runtime.run_regions.address)
