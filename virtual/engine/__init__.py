"""The CPU engine: translates Armv7E-M code to native code that counts the modelled cycles as it goes.

Guest code becomes LLVM IR region by region (`region`), machine code by llvmlite (`native`), and stays until the memory
it came from is written. Everything the translated code shares with Python lies in one array (`virtual.timing.state`).
"""

import ctypes
import enum
import mmap
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import numpy as np

from virtual.engine import native
from virtual.engine.control import READ_SPECIAL, WRITE_SPECIAL
from virtual.engine.region import Region as Translated
from virtual.engine.region import RegionTranslator, Settings
from virtual.engine.registers import CORE_REGISTERS, Registers
from virtual.engine.special import SpecialRegisters
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
    SPAN,
    SPAN_WORDS,
    TABLE,
    TABLE_BITS,
    TABLE_WORDS,
    Access,
    Field,
    Kind,
    Leave,
    address_of,
    clear_caches,
    new_state,
)

EXC_RETURN_FIRST = 0xFFFFFFE0
PC = R0 + 15
PLAIN = int(Access.PLAIN)
HOT = 8  # times that a region must be found running
MAX_ENTRIES = 1 << (TABLE_BITS - 1)


class Exit(enum.Enum):
    """Why the engine came back."""

    TIME = enum.auto()  # Field.STOP_AT reached, or a peripheral access made an exception ready
    UNMASKED = enum.auto()  # a block ran that may have unmasked a pending exception
    FP_DISABLED = enum.auto()  # an FP instruction while CPACR forbids them
    SLEEP = enum.auto()  # WFI, WFE
    SUPERVISOR_CALL = enum.auto()
    BREAKPOINT = enum.auto()  # BKPT
    BREAKPOINT_HIT = enum.auto()  # an address of ``Engine.breakpoints`` is next
    EXCEPTION_RETURN = enum.auto()
    UNDEFINED = enum.auto()
    INVALID_STATE = enum.auto()  # no Thumb bit
    UNALIGNED = enum.auto()
    READ_FAULT = enum.auto()
    WRITE_FAULT = enum.auto()
    FETCH_FAULT = enum.auto()
    PROTECTED = enum.auto()  # a data access in a guarded span
    DIVISION = enum.auto()  # by zero, with that trap on


EXITS = {
    Leave.TIME: Exit.TIME,
    Leave.UNMASKED: Exit.UNMASKED,
    Leave.FP_DISABLED: Exit.FP_DISABLED,
    Leave.SLEEP: Exit.SLEEP,
    Leave.SUPERVISOR_CALL: Exit.SUPERVISOR_CALL,
    Leave.BREAKPOINT: Exit.BREAKPOINT,
    Leave.UNDEFINED: Exit.UNDEFINED,
    Leave.READ_FAULT: Exit.READ_FAULT,
    Leave.WRITE_FAULT: Exit.WRITE_FAULT,
    Leave.UNALIGNED: Exit.UNALIGNED,
    Leave.BREAKPOINT_HIT: Exit.BREAKPOINT_HIT,
    Leave.STORED: Exit.TIME,
    Leave.PROTECTED: Exit.PROTECTED,
    Leave.DIVISION: Exit.DIVISION,
}
TIME = Exit.TIME
FALLEN_INTO = {Leave.UNMASKED, Leave.STORED}  # what is next is not entered by a jump
HAS_ADDRESS = {Exit.READ_FAULT, Exit.WRITE_FAULT, Exit.UNALIGNED, Exit.PROTECTED}


class Outcome(NamedTuple):
    """``pc`` is the next instruction, or the offending one of a fault; ``address`` is what it accessed."""

    exit: Exit
    pc: int
    address: int = 0


@dataclass(frozen=True)
class Region:
    """Memory at one or two addresses; ``system_bus`` memory is slow to fetch code from at its ``origin``."""

    origin: int
    size: int
    writable: bool
    alias: int | None = None
    system_bus: bool = False


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


class Bus(Protocol):
    """Where accesses outside the memories go; sizes are 1, 2 or 4 bytes."""

    def read(self, address: int, size: int) -> int: ...

    def write(self, address: int, size: int, value: int) -> None: ...

    def program(self, address: int, size: int, value: int) -> bool:
        """A store to memory that is not writable: whether it was taken care of, else it faults."""
        ...


def native_address(function: Any) -> int:
    return int(ctypes.cast(function, ctypes.c_void_p).value or 0)


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
        self._timed = timed
        self._words = new_state()
        self.state = self._words.data
        self._pointer = address_of(self._words)
        self._regions = memory
        self._peripherals = peripherals
        self._served: dict[int, bool] = {}  # by address accessed: whether a peripheral is there
        self._bus = bus
        self._in_access = False
        self.exception_ready: Callable[[], bool] = lambda: False  # whether the core could enter an exception now
        self._error: BaseException | None = None
        self._registers = Registers(self.state)
        self._special = SpecialRegisters(self._registers)
        self._flash = next(region for region in memory if not region.writable)
        self._watches: dict[int, list[Callable[[], None]]] = {}
        self.breakpoints: set[int] = set()
        self._armed: frozenset[int] = frozenset()
        self._barred: tuple[Span, ...] = ()
        self._violated: Callable[[int, bool], bool] = lambda _, __: False
        self._map_memory()
        self._settings = Settings(
            timed=timed,
            costs=costs,
            spans=self._spans,
            flash=tuple((span[0], span[1]) for span in self._spans if span[3] == Kind.FLASH),
            system_bus=tuple((region.origin, region.size) for region in memory if region.system_bus),
        )
        self._linker = native.Linker()
        self._cache = native.CodeCache()
        self._entries: dict[int, tuple[int, int]] = {}
        self._code: list[tuple[int, int, int]] = []  # (first offset, end, key) of translated blocks
        self._linked: dict[bytes, int] = {}
        self._quick: dict[int, int] = {}  # by function that may be optimised: how often it was found running
        self._set_up_state()

    # -- memory and registers -------------------------------------------------------------------------------------

    def _map_memory(self) -> None:
        """Neighbours in the address space are neighbours in one array; the largest RAM comes first."""
        size = sum(region.size for region in self._regions)
        self._memory = mmap.mmap(-1, size)
        self._bytes = np.frombuffer(self._memory, np.uint8)
        self._code_map = np.zeros(size // 4 + 16, np.uint8)
        self._code_words = self._code_map.data
        spans: list[tuple[int, int, int, int]] = []
        aliases: list[tuple[int, int, int, int]] = []
        offset = 0
        for region in sorted(self._regions, key=lambda region: region.origin):
            kind = Kind.RAM if region.writable else Kind.FLASH if region is self._flash else Kind.ROM
            last = spans[-1] if spans else (0, 0, 0, -1)
            if last[3] == kind and kind is Kind.RAM and last[0] + last[1] == region.origin:
                spans[-1] = (last[0], last[1] + region.size, last[2], kind)
            else:
                spans.append((region.origin, region.size, offset, kind))
            if region.alias is not None:
                aliases.append((region.alias, region.size, offset, kind))
            offset += region.size
        spans.sort(key=lambda span: (span[3] != Kind.RAM, -span[1]))
        self._spans = (*spans, *aliases)

    def _find(self, address: int, size: int) -> int | None:
        for origin, length, offset, _ in self._spans:
            if origin <= address and address + size <= origin + length:
                return offset + address - origin
        return None

    def read_memory(self, address: int, size: int) -> bytes:
        """Raises ValueError when the range is not memory."""
        offset = self._find(address, size)
        if offset is None:
            raise ValueError(f"{size} bytes at {address:#010x} are not memory")
        return self._memory[offset : offset + size]

    def write_memory(self, address: int, data: bytes) -> None:
        """Writes flash, too. Raises ValueError when the range is not memory."""
        offset = self._find(address, len(data))
        if offset is None:
            raise ValueError(f"{len(data)} bytes at {address:#010x} are not memory")
        self._memory[offset : offset + len(data)] = data
        if 1 in self._code_words[offset // 4 : (offset + len(data) + 3) // 4].tobytes():
            self._code_written(offset, len(data))

    def is_writable(self, address: int) -> bool:
        """Whether stores to the address reach memory."""
        return any(
            region.writable and origin is not None and origin <= address < origin + region.size
            for region in self._regions
            for origin in (region.origin, region.alias)
        )

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
        """Everything that decides how the core goes on, memory aside."""
        return (*self.state[R0 : R0 + 16].tolist(), self._registers.read("XPSR"))

    def guard(self, spans: Sequence[Span], violated: Callable[[int, bool], bool]) -> None:
        """Ask ``violated(address, write)`` about data accesses in spans; on True the run ends with PROTECTED.

        Where a span is not to be executed, fetches fail.
        """
        origin, size = self._spans[0][:2]
        asked = [span for span in spans if span.no_read or span.no_write]
        guarded = any(span.first < origin + size and origin <= span.last for span in asked)
        barred = tuple(span for span in spans if span.no_execute)
        if guarded != self._settings.guarded or barred != self._barred:
            self._settings, self._barred = replace(self._settings, guarded=guarded), barred
            self.forget_code()
            self.stop_no_later_than(0)
        self._violated = violated
        self.state[Field.GUARDS] = len(asked)
        for index, span in enumerate(asked):
            what = (ASK_READ if span.no_read else 0) | (ASK_WRITE if span.no_write else 0)
            place = GUARD_SPAN + index * GUARD_WORDS
            self._words[place : place + GUARD_WORDS] = (span.first, span.last, what)

    def _on_guarded(self, address: int, write: int) -> int:
        return int(self._violated(address, bool(write)))

    def set_traps(self, *, unaligned: bool, division: bool) -> None:
        """CCR's traps."""
        self.state[Field.UNALIGNED_TRAP], self.state[Field.DIVISION_TRAP] = int(unaligned), int(division)

    def clear_memory(self) -> None:
        for region in self._regions:
            if region.writable:
                self.write_memory(region.origin, bytes(region.size))

    # -- translations ---------------------------------------------------------------------------------------------

    def forget_code(self) -> None:
        """Drop translations, for new code in memory."""
        self._words[TABLE:] = 0
        self._entries.clear()
        self._code.clear()
        self._code_map[:] = 0

    def _code_written(self, offset: int, size: int) -> int:
        """Drop the translations of what was written; the code that runs now stops at its next block."""
        gone = {key for first, end, key in self._code if first < offset + size and offset < end}
        if gone:
            regions = {self._entries[key][0] for key in gone if key in self._entries}
            kept = {key: entry for key, entry in self._entries.items() if entry[0] not in regions}
            code = [block for block in self._code if block[2] in kept]
            self.forget_code()
            self._code = code
            for first, end, _ in code:
                self._code_map[first // 4 : (end + 3) // 4] = 1
            for key, (function, number) in kept.items():
                self._insert(key, function, number)
            self.stop_no_later_than(0)
        return 0

    def _fetch(self, address: int, size: int) -> bytes:
        """Code at an address: as much as there is and may be executed."""
        if self.bars_execution(address):
            return b""
        size = min([size, *(span.first - address for span in self._barred if span.first > address)])
        for origin, length, offset, _ in self._spans:
            if origin <= address < origin + length:
                start = offset + address - origin
                return self._memory[start : min(start + size, offset + length)]
        return b""

    def bars_execution(self, address: int) -> bool:
        """Whether a guarded span keeps code there from being executed."""
        return any(span.first <= address <= span.last for span in self._barred)

    def _insert(self, key: int, function: int, number: int) -> None:
        place = TABLE + int(runtime.find_entry(self._words, key)) * TABLE_WORDS
        self._words[place : place + TABLE_WORDS] = (key, function, number)
        self._entries[key] = (function, number)

    def _translate(self, pc: int, it: int) -> bool:
        """Translate at an address, quickly, what nobody has translated; False when there is no code."""
        known = {key & ~1 for key in self._entries}  # those inside IT blocks are no addresses, which does not matter
        compiled = self._compile(self._translator(known=known), pc, it, native.QUICK)
        if compiled is None:
            return False
        self._install(*compiled)
        self._quick[compiled[0]] = 0
        return True

    def _translator(self, *, known: Container[int] = (), loop: bool = False) -> RegionTranslator:
        return RegionTranslator(
            self._settings,
            self._fetch,
            watched=frozenset(self._watches),
            breakpoints=self._armed,
            known=known,
            loop=loop,
        )

    def _compile(self, translator: RegionTranslator, pc: int, it: int, level: int) -> "tuple[int, Translated] | None":
        """(function, region), the function from the cache if it was made before; None where there is no code."""
        region = translator.translate(pc, it)
        if region is None:
            return None
        code = self._cache.load(region.text, level)
        if code is None:
            code = native.compile_text(region.text, level)
            self._cache.save(region.text, level, code)
        function = self._linked.get(code)
        if function is None:
            function = self._linked[code] = self._linker.link(code)
        return function, region

    def _install(self, function: int, region: Translated) -> None:
        """Let the blocks of a region run from now on, instead of quick translations of them."""
        if len(self._entries) + len(region.entries) > MAX_ENTRIES:
            self.forget_code()
        for number, (where, state) in enumerate(region.entries):
            key = where | 1 | state << 32
            if key not in self._entries or self._entries[key][0] in self._quick:
                self._insert(key, function, number)
        for where, code in region.ranges:
            first = self._find(where, len(code))
            if first is not None:
                self._code.append((first, first + len(code), where | 1))
                self._code_map[first // 4 : (first + len(code) + 3) // 4] = 1

    def _sample(self, pc: int) -> None:
        """Time ran out at ``pc``. Regions in which that happens often are worth better code, with all around them."""
        entry = self._entries.get(pc)
        if entry is None or entry[0] not in self._quick:
            return
        self._quick[entry[0]] += 1
        if self._quick[entry[0]] < HOT:
            return
        self._quick[entry[0]] = 0
        compiled = self._compile(self._translator(loop=True), pc & ~1, 0, native.OPTIMISED)
        if compiled is not None:
            self._install(*compiled)

    # -- time -----------------------------------------------------------------------------------------------------

    @property
    def now(self) -> int:
        """The cycle; inside a peripheral access the one in which that instruction begins."""
        cycles = self.state[Field.CYCLES]
        if self._in_access:
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
        """Let time pass without running code."""
        self.state[Field.CYCLES] += cycles
        self.state[Field.INSTRUCTIONS] += instructions

    def restart(self) -> None:
        """Power on: time zero, cold caches, memory cleared, no code known."""
        self.clear_caches()
        self.forget_code()
        self.clear_memory()
        for field in (Field.CYCLES, Field.INSTRUCTIONS, Field.FLASH_FREE, *COUNTERS):
            self.state[field] = 0
        self.state[Field.JUMPED] = 1
        self.count_owners(self._settings.owners)

    def take_stored(self) -> bool:
        """Whether a block that stores ran since the last call."""
        stored = bool(self.state[Field.SEEN])
        self.state[Field.SEEN] = 0
        return stored

    def stop_no_later_than(self, cycle: int) -> None:
        self.state[Field.STOP_AT] = min(self.state[Field.STOP_AT], cycle)

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
            self._settings = replace(self._settings, unit_shift=shift)
            self.forget_code()
            self.stop_no_later_than(0)

    def clear_caches(self) -> None:
        clear_caches(self._words)

    # -- running --------------------------------------------------------------------------------------------------

    def watch(self, address: int, callback: Callable[[], None]) -> None:
        """Call back whenever the basic block that begins at ``address`` is about to run; time has come up to it."""
        self._watches.setdefault(address, []).append(callback)
        self.forget_code()

    def count_owners(self, starts: Sequence[int]) -> None:
        """Count the cycles of each function from now on; ``starts``: their first addresses, in ascending order."""
        self._words[OWNED : OWNED + MAX_OWNERS] = 0
        self.state[Field.OWNER], self.state[Field.OWNER_SINCE] = 0, self.state[Field.CYCLES]
        self._settings = replace(self._settings, owners=tuple(starts[: MAX_OWNERS - 1]))
        self.forget_code()

    def owned(self) -> list[int]:
        """Cycles by number of the function, up to now; the first are those of code before all functions."""
        state = self.state
        counts = state[OWNED : OWNED + 1 + len(self._settings.owners)].tolist()
        counts[state[Field.OWNER]] += state[Field.CYCLES] - state[Field.OWNER_SINCE]
        return counts

    def run(self) -> Outcome:
        """Run from PC to the first event; see ``Exit``. The last block is charged when this returns."""
        state = self.state
        if self._armed != self.breakpoints:
            self._armed = frozenset(self.breakpoints)
            self.forget_code()
        while True:
            blocked = self._blocked(state[PC])
            if blocked is not None:
                return blocked
            state[Field.EXIT] = Leave.NONE
            RUN_REGIONS(self._pointer)
            self._raise_error()
            if state[Field.EXIT] != Leave.UNTRANSLATED:
                if state[Field.EXIT] == Leave.TIME:
                    self._sample(state[PC])
                return self._outcome()
            pc = state[PC]
            if self._blocked(pc) is None and not self._translate(pc & ~1, int(state[Field.ITSTATE])):
                return Outcome(Exit.FETCH_FAULT, pc & ~1, pc & ~1)

    def step(self) -> Outcome:
        """Carry out one instruction, whatever the time and the breakpoints are: ``Exit.TIME``, or why it did not."""
        state = self.state
        pc = int(state[PC])
        blocked = self._blocked(pc)
        if blocked is not None:
            return blocked
        translator = RegionTranslator(self._settings, self._fetch, most=1, alone=True)
        compiled = self._compile(translator, pc & ~1, int(state[Field.ITSTATE]), native.QUICK)
        if compiled is None:
            return Outcome(Exit.FETCH_FAULT, pc & ~1, pc & ~1)
        state[Field.EXIT] = Leave.NONE
        native.call(compiled[0], self._pointer, 0)
        self._raise_error()
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

    def _raise_error(self) -> None:
        """What a callback raised goes on here: it cannot pass through native code."""
        error, self._error = self._error, None
        if error is not None:
            raise error

    # -- callbacks ------------------------------------------------------------------------------------------------

    def _set_up_state(self) -> None:
        state, costs = self.state, self.costs
        state[Field.TIMED] = int(self._timed)
        state[Field.INSTRUCTION_MISS_EXTRA] = costs.instruction_miss_extra
        state[Field.DATA_MISS_EXTRA] = costs.data_miss_extra
        state[Field.LOAD_USE] = costs.load_use_shift
        state[Field.UNALIGNED_HALFWAY], state[Field.UNALIGNED_ODD] = costs.unaligned_halfway, costs.unaligned_odd
        state[Field.FLASH_BASE], state[Field.FLASH_SIZE] = self._flash.origin, self._flash.size
        state[Field.UNIT_SHIFT] = 3
        state[Field.JUMPED] = 1
        state[PC] = 1
        state[Field.MEMORY] = self._bytes.ctypes.data
        state[Field.CODE_MAP] = self._code_map.ctypes.data
        state[Field.SPANS] = len(self._spans)
        for index, span in enumerate(self._spans):
            self._words[SPAN + index * SPAN_WORDS : SPAN + (index + 1) * SPAN_WORDS] = span
        for field, function in (
            (Field.ON_LOAD, runtime.on_load),
            (Field.ON_STORE, runtime.on_store),
            (Field.ON_LOAD_MULTIPLE, runtime.on_load_multiple),
            (Field.ON_STORE_MULTIPLE, runtime.on_store_multiple),
            (Field.ON_FETCH, runtime.on_fetch),
        ):
            state[field] = function.address
        self._callbacks = []
        number, pointer = ctypes.c_int64, ctypes.c_void_p
        callbacks: tuple[tuple[int, Callable[..., int], tuple[Any, ...]], ...] = (
            (Field.READ, self._on_read, (number, number)),
            (Field.WRITE, self._on_write, (number, number, number)),
            (Field.PROGRAM, self._on_program, (number, number, number)),
            (Field.GUARD, self._on_guarded, (number, number)),
            (Field.CODE_WRITTEN, self._code_written, (number, number)),
            (Field.SYSTEM, self._on_system, (pointer, number, number, number)),
            (Field.WATCH, self._on_watch, (pointer, number)),
        )
        for field, method, operands in callbacks:
            callback = ctypes.CFUNCTYPE(number, *operands)(self._guarded(method))
            self._callbacks.append(callback)
            state[field] = native_address(callback)

    def _guarded(self, method: Callable[..., int]) -> Callable[..., int]:
        def callback(*operands: int) -> int:
            try:
                return method(*operands)
            except BaseException as error:
                self._error = self._error or error
                self.stop_no_later_than(0)
                return 0

        return callback

    def _is_peripheral(self, address: int) -> bool:
        known = self._served.get(address)
        if known is None:
            known = self._served[address] = any(at <= address < at + size for at, size in self._peripherals)
        return known

    def _on_read(self, address: int, size: int) -> int:
        if not self._is_peripheral(address):
            return -1
        self._in_access = True
        try:
            return self._bus.read(address, size) & ((1 << 8 * size) - 1)
        finally:
            self._in_access = False

    def _on_write(self, address: int, access: int, value: int) -> int:
        """1 when an exception should be taken before the next instruction."""
        if not self._is_peripheral(address):
            return -1
        size = access & 7
        self._in_access = True
        try:
            self._bus.write(address, size, value & ((1 << 8 * size) - 1))
        finally:
            self._in_access = False
        return int(bool(access & PLAIN) and self.state[Field.STOP_AT] == 0 and self.exception_ready())

    def _on_program(self, address: int, access: int, value: int) -> int:
        """A store to memory that is not writable; -1: nobody takes it."""
        size = access & 7
        self._in_access = True
        try:
            return 0 if self._bus.program(address, size, value & ((1 << 8 * size) - 1)) else -1
        finally:
            self._in_access = False

    def _on_system(self, _: int, action: int, operand: int, __: int) -> int:
        if action == READ_SPECIAL:
            self.state[R0 + (operand >> 16)] = self._special.read(operand & 0xFF)
        elif action == WRITE_SPECIAL:
            self._special.write(operand & 0xFF, operand >> 10 & 3, int(self.state[R0 + (operand >> 16)]))
        else:
            self.event_sent()
        return 0

    event_sent: Callable[[], None] = staticmethod(lambda: None)  # SEV was executed

    def _on_watch(self, _: int, address: int) -> int:
        for callback in self._watches.get(address, ()):
            callback()
        return 0


RUN_REGIONS = ctypes.CFUNCTYPE(None, ctypes.c_int64)(runtime.run_regions.address)
__all__ = ["CORE_REGISTERS", "Bus", "Engine", "Exit", "Outcome", "Region"]
