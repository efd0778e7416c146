"""The CPU engine: Unicorn with native timing hooks. Only this package knows Unicorn.

Unicorn is licensed under the GPL version 2; it is an installed dependency and nothing of it is part of this project.
"""

import ctypes
import enum
import mmap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from unicorn import Uc, UcError, arm_const, unicorn_const
from unicorn.unicorn_py3.unicorn import uclib

from virtual.engine.registers import CORE_REGISTERS, REGISTERS, Registers
from virtual.timing import hooks
from virtual.timing.block_table import BlockTable
from virtual.timing.blocks import block_cost, decode
from virtual.timing.costs import CORTEX_M4, Costs
from virtual.timing.decode32 import is_plain_store
from virtual.timing.state import Field, Flag, Record, Stop, address_of, clear_blocks, clear_caches, new_state

NOWHERE = 0xFFFFFFFE  # no code runs here: emulation never ends by reaching it
EXC_RETURN_FIRST = 0xFFFFFFE0
THUMB = 1 << 24  # in XPSR
SLEEPERS = (b"\x20\xbf", b"\x30\xbf")  # WFE, WFI
HINTS = (b"\x20\xbf", b"\x10\xbf")  # WFE, YIELD
SWI, BREAKPOINT = 2, 7  # interrupt numbers of the engine
WRITE_ACCESSES = frozenset({unicorn_const.UC_MEM_WRITE_UNMAPPED, unicorn_const.UC_MEM_WRITE_PROT})
FETCH_ACCESSES = frozenset({unicorn_const.UC_MEM_FETCH_UNMAPPED, unicorn_const.UC_MEM_FETCH_PROT})


class Exit(enum.Enum):
    """Why the engine came back."""

    TIME = enum.auto()  # Field.STOP_AT reached, or a peripheral access made an exception ready
    UNMASKED = enum.auto()  # a block ran that may have unmasked a pending exception
    FP_DISABLED = enum.auto()  # the next block holds FP instructions and CPACR forbids them
    SLEEP = enum.auto()  # WFI, WFE
    SUPERVISOR_CALL = enum.auto()
    BREAKPOINT = enum.auto()  # the instruction BKPT
    BREAKPOINT_HIT = enum.auto()  # the next instruction's address is one of ``Engine.breakpoints``
    EXCEPTION_RETURN = enum.auto()
    UNDEFINED = enum.auto()
    INVALID_STATE = enum.auto()  # no Thumb bit
    READ_FAULT = enum.auto()
    WRITE_FAULT = enum.auto()
    FETCH_FAULT = enum.auto()
    PROTECTED = enum.auto()  # a data access in a guarded span
    DIVISION = enum.auto()  # by zero, with that trap on
    UNALIGNED = enum.auto()  # an access that must be aligned, or any with that trap on


@dataclass(frozen=True)
class Outcome:
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
    """One Cortex-M4F. Time is ``state[Field.CYCLES]``."""

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
        self.state = new_state()
        self._regions = memory
        self._bus = bus
        self._in_access = self._stopped_in_access = False
        self.exception_ready: Callable[[], bool] = lambda: False  # whether the core could enter an exception now
        self.breakpoints: set[int] = set()  # addresses before which ``run`` stops, also when it begins there
        self._armed: frozenset[int] = frozenset()
        self._interrupt: int | None = None
        self._fault: tuple[int, int] | None = None
        self._guards: list[int] = []
        self._violation: tuple[int, int] | None = None
        self._uc = Uc(unicorn_const.UC_ARCH_ARM, unicorn_const.UC_MODE_THUMB)
        self._uc.ctl_set_cpu_model(arm_const.UC_CPU_ARM_CORTEX_M4)
        self._registers = Registers(self._uc._uch)
        self._buffers: list[mmap.mmap] = []
        self._flash = next(region for region in memory if not region.writable)
        self._map_memory()
        for origin, size in peripherals:
            self._uc.mmio_map(origin, size, self._on_read, origin, self._on_write, origin)
        spans = ((self._flash.origin, self._flash.size), (self._flash.alias, self._flash.size))
        self._blocks = BlockTable(self.state, tuple((first, size) for first, size in spans if first is not None))
        self._set_up_state()
        self._add_hooks()

    # -- memory and registers -------------------------------------------------------------------------------------

    def _map_memory(self) -> None:
        for region in self._regions:
            buffer = mmap.mmap(-1, region.size)
            self._buffers.append(buffer)
            pointer = ctypes.addressof(ctypes.c_char.from_buffer(buffer))
            access = unicorn_const.UC_PROT_READ | unicorn_const.UC_PROT_EXEC
            if region.writable:
                access |= unicorn_const.UC_PROT_WRITE
            for origin in (region.origin, region.alias):
                if origin is not None:
                    self._uc.mem_map_ptr(origin, region.size, access, pointer)

    def read_memory(self, address: int, size: int) -> bytes:
        """Raises ValueError when the range is not memory."""
        try:
            return bytes(self._uc.mem_read(address, size))
        except UcError as error:
            raise ValueError(f"{size} bytes at {address:#010x} are not memory") from error

    def write_memory(self, address: int, data: bytes) -> None:
        """Writes flash, too. Raises ValueError when the range is not memory."""
        try:
            self._uc.mem_write(address, data)
        except UcError as error:
            raise ValueError(f"{len(data)} bytes at {address:#010x} are not memory") from error

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
            self.state[Field.RESUMED] = 0
        self._registers.write(register, value)

    def read_all(self, registers: tuple[str, ...]) -> tuple[int, ...]:
        return self._registers.read_all(registers)

    def write_all(self, registers: tuple[str, ...], values: tuple[int, ...]) -> None:
        """Not for PC."""
        self._registers.write_all(registers, values)

    def registers(self) -> tuple[int, ...]:
        """Everything that decides how the core goes on, memory aside."""
        return self._registers.read_all((*CORE_REGISTERS, "XPSR"))

    def guard(self, spans: Sequence[Span], violated: Callable[[int, bool], bool]) -> None:
        """Ask ``violated(address, write)`` about data accesses in spans; on True the run ends with PROTECTED."""
        for handle in self._guards:
            self._uc.hook_del(handle)

        def on_access(uc: Any, kind: int, address: int, _: int, __: int, ___: Any) -> None:
            if violated(address, kind == unicorn_const.UC_MEM_WRITE) and self._violation is None:
                self._violation = (self.read("PC"), address)
                uc.emu_stop()

        self._guards = []
        for span in spans:
            kinds = unicorn_const.UC_HOOK_MEM_READ * span.no_read | unicorn_const.UC_HOOK_MEM_WRITE * span.no_write
            self._guards.append(self._uc.hook_add(kinds, on_access, begin=span.first, end=span.last))

    def set_traps(self, *, unaligned: bool, division: bool) -> None:
        """CCR's traps, which this engine does not have."""

    def clear_memory(self) -> None:
        for region in self._regions:
            if region.writable:
                self._uc.mem_write(region.origin, bytes(region.size))

    def forget_code(self) -> None:
        """Drop translations and block costs, for new code in memory."""
        self._uc.ctl_flush_tb()
        clear_blocks(self.state)

    # -- time -----------------------------------------------------------------------------------------------------

    @property
    def now(self) -> int:
        """The cycle; inside a peripheral access the one in which that instruction begins."""
        cycles = int(self.state[Field.CYCLES])
        record = int(self.state[Field.CURRENT])
        if self._in_access and record and self._timed:
            cycles += self._blocks.before(record, int(self.state[Field.ACCESS_PC]))[0]
        return cycles

    @property
    def access_pc(self) -> int:
        """The instruction of the latest peripheral access; without timing its block."""
        return int(self.state[Field.ACCESS_PC]) if self._timed else self.read("PC")

    @property
    def instructions(self) -> int:
        return int(self.state[Field.INSTRUCTIONS])

    def advance(self, cycles: int, instructions: int = 0) -> None:
        """Let time pass without running code."""
        self.state[Field.CYCLES] += cycles
        self.state[Field.INSTRUCTIONS] += instructions

    def restart(self) -> None:
        """Power on: time zero, cold caches, memory cleared, no code known."""
        self.clear_caches()
        self.forget_code()
        self.clear_memory()
        for field in (Field.CYCLES, Field.INSTRUCTIONS, Field.CODE_MISSES, Field.DATA_MISSES, Field.STALLS):
            self.state[field] = 0
        self.state[Field.UNALIGNED] = self.state[Field.RESUMED] = 0

    def take_seen(self) -> Flag:
        """Flags of all blocks that ran since the last call."""
        seen = Flag(int(self.state[Field.SEEN]))
        self.state[Field.SEEN] = 0
        return seen

    def stop_no_later_than(self, cycle: int) -> None:
        self.state[Field.STOP_AT] = min(self.state[Field.STOP_AT], cycle)

    def set_flash(self, *, wait_states: int, icache: bool, dcache: bool, prefetch: bool, read_bytes: int) -> None:
        state = self.state
        state[Field.WAIT_STATES] = wait_states
        state[Field.ICACHE_ON], state[Field.DCACHE_ON] = int(icache), int(dcache)
        state[Field.PREFETCH_ON] = int(prefetch)
        shift = read_bytes.bit_length() - 1
        if shift != state[Field.UNIT_SHIFT]:
            state[Field.UNIT_SHIFT] = shift
            self.clear_caches()

    def clear_caches(self) -> None:
        clear_caches(self.state)

    def _settle(self, pc: int) -> None:
        """Charge what was executed of the current block when the engine left it with ``pc`` next."""
        state = self.state
        record = int(state[Field.CURRENT])
        if not record:
            return
        state[Field.CURRENT] = 0
        address, end = int(state[record + Record.ADDRESS]), int(state[record + Record.END])
        if address <= pc < end:
            cycles, instructions = self._blocks.before(record, pc)
            state[Field.CYCLES] += cycles
            state[Field.INSTRUCTIONS] += instructions
            return
        state[Field.CYCLES] += state[record + Record.CYCLES] + (0 if pc == end else state[record + Record.TAKEN])
        state[Field.INSTRUCTIONS] += state[record + Record.INSTRUCTIONS]

    # -- running --------------------------------------------------------------------------------------------------

    def run(self, until: int = NOWHERE) -> Outcome:
        """Run from PC to the first event; see ``Exit``. The last block is charged when this returns.

        Getting to the address ``until`` looks like ``Exit.SLEEP`` there.
        """
        self._arm(frozenset({*self.breakpoints, until} if self.breakpoints else ()))
        outcome = self._run(until)
        if outcome.exit is Exit.SLEEP and outcome.pc in self.breakpoints:
            return Outcome(Exit.BREAKPOINT_HIT, outcome.pc)
        return outcome

    def step(self) -> Outcome:
        """Run exactly one instruction, at a breakpoint, too. ``Exit.TIME`` says that nothing came of it."""
        pc = self.read("PC") & 0xFFFFFFFE
        try:
            size = next(decode(pc, self.read_memory(pc, 4)))[1].size
        except ValueError:
            return Outcome(Exit.FETCH_FAULT, pc, pc)
        self._arm(frozenset({pc + size}))
        self.state[Field.STOP_AT] = self.state[Field.CYCLES] + 1  # a branch ends at the block it leads to
        outcome = self._run(NOWHERE)
        if outcome.exit is Exit.SLEEP and self.read_memory(pc, size) not in SLEEPERS:
            return Outcome(Exit.TIME, outcome.pc)
        return outcome

    def _arm(self, exits: frozenset[int]) -> None:
        """Have translated code end at these addresses; at none: at the one that it is started with."""
        if exits != self._armed:
            self._armed = exits
            self._uc.ctl_exits_enabled(bool(exits))
            if exits:
                self._uc.ctl_set_exits(list(exits))
            self.forget_code()

    def _run(self, until: int) -> Outcome:
        self.state[Field.STOPPED] = Stop.NONE
        self._interrupt = self._fault = self._violation = None
        self._stopped_in_access = undefined = False
        start = self.read("PC") | 1
        try:
            self._uc.emu_start(start, until)
        except UcError as error:
            if error.errno in {unicorn_const.UC_ERR_INSN_INVALID, unicorn_const.UC_ERR_EXCEPTION}:
                undefined = True
            elif self._fault is None:
                raise
        if self._violation is not None:
            self.write("PC", self._violation[0] | 1)
        pc = self.read("PC") & 0xFFFFFFFE
        if undefined and pc != start & 0xFFFFFFFE and self._is_hint(pc - 2):
            undefined = False  # WFE and YIELD end emulation like that, with PC behind them
        if self._stopped_in_access:
            pc = self._skip_store(pc)
        self._settle(pc)
        return self._outcome(pc, undefined)

    def _is_hint(self, pc: int) -> bool:
        try:
            return self.read_memory(pc, 2) in HINTS
        except ValueError:
            return False

    def _skip_store(self, pc: int) -> int:
        """Go behind the store that stopped the engine; its access has been carried out."""
        self.write("PC", (pc + next(decode(pc, self.read_memory(pc, 4)))[1].size) | 1)
        self.state[Field.RESUMED] = 1
        return self.read("PC") & 0xFFFFFFFE

    def _outcome(self, pc: int, undefined: bool) -> Outcome:
        if self._violation is not None:
            return Outcome(Exit.PROTECTED, pc, self._violation[1])
        if self._fault is not None:
            kind, address = self._fault
            if kind in FETCH_ACCESSES:
                return Outcome(Exit.FETCH_FAULT, address, address)
            return Outcome(Exit.WRITE_FAULT if kind in WRITE_ACCESSES else Exit.READ_FAULT, pc, address)
        if undefined:
            return Outcome(Exit.UNDEFINED if self.read("XPSR") & THUMB else Exit.INVALID_STATE, pc)
        if self._interrupt is not None:
            if self._interrupt == SWI:
                return Outcome(Exit.SUPERVISOR_CALL, pc)
            if self._interrupt == BREAKPOINT:
                return Outcome(Exit.BREAKPOINT, pc)
            if pc >= EXC_RETURN_FIRST:
                return Outcome(Exit.EXCEPTION_RETURN, pc, pc | 1)
            return Outcome(Exit.FETCH_FAULT, pc, pc)
        if self._stopped_in_access:
            return Outcome(Exit.TIME, pc)
        stops = {
            Stop.TIME: Exit.TIME,
            Stop.UNMASKED: Exit.UNMASKED,
            Stop.FP_DISABLED: Exit.FP_DISABLED,
            Stop.NONE: Exit.SLEEP,
        }
        return Outcome(stops[Stop(int(self.state[Field.STOPPED]))], pc)

    # -- hooks ----------------------------------------------------------------------------------------------------

    def _set_up_state(self) -> None:
        state, costs = self.state, self.costs
        state[Field.TIMED] = int(self._timed)
        state[Field.INSTRUCTION_MISS_EXTRA] = costs.instruction_miss_extra
        state[Field.DATA_MISS_EXTRA] = costs.data_miss_extra
        state[Field.LOAD_USE] = costs.load_use_shift
        state[Field.UNALIGNED_HALFWAY], state[Field.UNALIGNED_ODD] = costs.unaligned_halfway, costs.unaligned_odd
        state[Field.FLASH_BASE], state[Field.FLASH_SIZE] = self._flash.origin, self._flash.size
        state[Field.FLASH_ALIAS] = self._flash.origin if self._flash.alias is None else self._flash.alias
        state[Field.UNIT_SHIFT] = 3
        state[Field.EMU_STOP] = native_address(uclib.uc_emu_stop)
        state[Field.REG_READ] = native_address(uclib.uc_reg_read)
        state[Field.REG_WRITE] = native_address(uclib.uc_reg_write)
        state[Field.REGISTER_PC], state[Field.REGISTER_EPSR] = REGISTERS["PC"], REGISTERS["EPSR"]
        self._decode_callback = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)(self._decode)
        state[Field.DECODE] = native_address(self._decode_callback)

    def _decode(self, address: int, size: int) -> int:
        """Called by the block hook: cost the block and return the offset of its new record."""
        code = bytes(self._uc.mem_read(address, size))
        on_system_bus = any(
            region.system_bus and region.origin <= address < region.origin + region.size for region in self._regions
        )
        return self._blocks.add(block_cost(self.costs, address, code, on_system_bus))

    def _add_hooks(self) -> None:
        access = unicorn_const.UC_HOOK_MEM_READ | unicorn_const.UC_HOOK_MEM_WRITE
        self._add_native(unicorn_const.UC_HOOK_BLOCK, hooks.on_block.address, 1, 0)
        if self._timed:  # any memory hook takes the engine off its fast path for all loads and stores
            self._add_native(access, hooks.on_memory.address, 1, 0)
        self._uc.hook_add(unicorn_const.UC_HOOK_INTR, self._on_interrupt)
        self._uc.hook_add(unicorn_const.UC_HOOK_MEM_INVALID, self._on_invalid)

    def watch(self, address: int, callback: Callable[[], None]) -> None:
        """Call back whenever the basic block that begins at ``address`` is about to run; time has come up to it."""

        def on_entry(_: Any, __: int, ___: int, ____: Any) -> None:
            if self.state[Field.STOPPED] == Stop.NONE:  # else it only runs after the engine has been away
                callback()

        self._uc.hook_add(unicorn_const.UC_HOOK_BLOCK, on_entry, begin=address, end=address)

    def _add_native(self, kind: int, function: int, begin: int, end: int) -> None:
        handle = ctypes.c_size_t()
        status = uclib.uc_hook_add(
            self._uc._uch,
            ctypes.byref(handle),
            kind,
            ctypes.c_void_p(function),
            ctypes.c_void_p(address_of(self.state)),
            ctypes.c_uint64(begin),
            ctypes.c_uint64(end),
        )
        if status != unicorn_const.UC_ERR_OK:
            raise UcError(status)

    def _on_interrupt(self, uc: Any, number: int, _: Any) -> None:
        self._interrupt = number
        uc.emu_stop()

    def _on_invalid(self, _: Any, kind: int, address: int, size: int, value: int, __: Any) -> bool:
        if kind == unicorn_const.UC_MEM_WRITE_PROT and self._program(address, size, value & (1 << 8 * size) - 1):
            return True  # the engine drops the store and goes on
        self._fault = (kind, address)
        return False

    def _program(self, address: int, size: int, value: int) -> bool:
        self.state[Field.ACCESS_PC] = self.read("PC")
        self._in_access = True
        try:
            return self._bus.program(address, size, value)
        finally:
            self._in_access = False

    def _on_read(self, _: Any, offset: int, size: int, origin: int) -> int:
        self._in_access = True
        try:
            return self._bus.read(origin + offset, size)
        finally:
            self._in_access = False

    def _on_write(self, _: Any, offset: int, size: int, value: int, origin: int) -> None:
        self._in_access = True
        try:
            self._bus.write(origin + offset, size, value)
        finally:
            self._in_access = False
        if self.state[Field.STOP_AT] == 0 and self._may_stop_here() and self.exception_ready():
            self._stopped_in_access = True
            self._uc.emu_stop()  # takes effect at once: the engine goes back to before this instruction

    def _may_stop_here(self) -> bool:
        """Whether the present store may be the last instruction before an exception.

        Not without timing, when PC is not known; not in a block with IT, whose state would be lost (see
        ``hooks.repair_it``); not if the store does more than store. The exception then waits for the block's end.
        """
        record = int(self.state[Field.CURRENT])
        if not self._timed or not record or self.state[record + Record.FLAGS] & Flag.IT:
            return False
        return is_plain_store(bytes(self._uc.mem_read(self.access_pc, 4)))
