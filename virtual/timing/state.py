"""The memory that translated code, the native runtime and Python share: one array of 64-bit words with named places.

Core and floating-point registers hold 32-bit unsigned values in 64-bit words. Translated code addresses it by the
constants below; so does Python.
"""

import enum
from typing import Any

import numpy as np
import numpy.typing as npt

from virtual.timing.costs import CORTEX_M4

Words = npt.NDArray[np.int64]


class Field(enum.IntEnum):
    """Single values, by position."""

    CYCLES = 0  # charged so far: up to the start of the current block, plus the stalls inside it
    INSTRUCTIONS = enum.auto()
    STOP_AT = enum.auto()  # leave at the first block boundary at or after this cycle
    SEEN = enum.auto()  # nonzero: a block that stores ran since Python cleared it
    PENDING = enum.auto()  # an exception waits: stop after a block that may unmask it
    FP_ENABLED = enum.auto()  # CPACR grants access
    UNALIGNED_TRAP = enum.auto()  # CCR.UNALIGN_TRP
    DIVISION_TRAP = enum.auto()  # CCR.DIV_0_TRP
    GUARDED = enum.auto()  # data accesses must be asked about
    JUMPED = enum.auto()  # the next block is entered by a taken branch
    EXIT = enum.auto()  # why translated code came back: a Leave value
    SITE = enum.auto()  # where in its block: see ``virtual.engine.region.site``
    FAULT_ADDRESS = enum.auto()
    TIMED = enum.auto()  # 0: cycles are instructions, no caches
    # flash interface
    WAIT_STATES = enum.auto()
    ICACHE_ON = enum.auto()
    DCACHE_ON = enum.auto()
    PREFETCH_ON = enum.auto()
    UNIT_SHIFT = enum.auto()  # log2 of the bytes that one flash read delivers
    FLASH_BASE = enum.auto()
    FLASH_ALIAS = enum.auto()
    FLASH_SIZE = enum.auto()
    LAST_CODE_UNIT = enum.auto()
    LAST_DATA_UNIT = enum.auto()
    PREFETCH_UNIT = enum.auto()
    PREFETCH_READY = enum.auto()
    CLOCK = enum.auto()  # of the caches' least-recently-used order
    # counts
    CODE_MISSES = enum.auto()
    DATA_MISSES = enum.auto()
    STALLS = enum.auto()  # cycles lost to flash
    UNALIGNED = enum.auto()  # cycles lost to unaligned accesses
    # costs
    INSTRUCTION_MISS_EXTRA = enum.auto()
    DATA_MISS_EXTRA = enum.auto()
    LOAD_USE = enum.auto()
    UNALIGNED_HALFWAY = enum.auto()
    UNALIGNED_ODD = enum.auto()
    # host addresses
    MEMORY = enum.auto()  # of the array of all memories
    CODE_MAP = enum.auto()  # one byte for each word of them: nonzero where translated code lies
    ON_LOAD = enum.auto()  # functions: see ``virtual.engine.runtime``
    ON_STORE = enum.auto()
    ON_LOAD_MULTIPLE = enum.auto()
    ON_STORE_MULTIPLE = enum.auto()
    ON_FETCH = enum.auto()
    READ = enum.auto()  # callbacks into Python
    WRITE = enum.auto()
    SYSTEM = enum.auto()
    WATCH = enum.auto()
    CODE_WRITTEN = enum.auto()
    PROGRAM = enum.auto()
    GUARD = enum.auto()
    SPANS = enum.auto()  # number of memory spans
    ITSTATE = enum.auto()  # of the next instruction; not zero only when a block ends inside an IT block
    EXCLUSIVE = enum.auto()  # the local monitor is in its exclusive state
    # registers without a number
    N = enum.auto()  # negative when its 32-bit value is
    Z = enum.auto()  # set when the value is zero
    C = enum.auto()  # 0 or 1
    V = enum.auto()
    Q = enum.auto()
    GE = enum.auto()  # a mask: bytes of 0 or 255
    FPSCR = enum.auto()
    FPCA = enum.auto()  # CONTROL bits
    NPRIV = enum.auto()
    SPSEL = enum.auto()
    IPSR = enum.auto()
    PRIMASK = enum.auto()
    BASEPRI = enum.auto()
    FAULTMASK = enum.auto()
    OTHER_SP = enum.auto()  # the stack pointer that is not in use


class Leave(enum.IntEnum):
    """Why translated code came back."""

    NONE = 0
    UNTRANSLATED = 1
    TIME = 2
    UNMASKED = 3
    FP_DISABLED = 4
    SLEEP = 5
    SUPERVISOR_CALL = 6
    BREAKPOINT = 7
    UNDEFINED = 8
    READ_FAULT = 9
    WRITE_FAULT = 10
    UNALIGNED = 11
    BREAKPOINT_HIT = 12
    STORED = 13  # a store made an exception ready
    PROTECTED = 14
    DIVISION = 15


class Flag(enum.IntFlag):
    """What ran."""

    STORE = 1


class Kind(enum.IntEnum):
    """Of a memory span."""

    RAM = 0
    FLASH = 1
    ROM = 2


class Access(enum.IntFlag):
    """Beside the size in bytes, which takes the lowest three bits."""

    RELIEVED = 8  # this load's load-use stall vanishes with a value from flash
    ALIGNED = 16  # an unaligned address is a fault
    PLAIN = 32  # a store after which an exception may be taken: single, no write-back, not in an IT block


R0 = 96  # R0 to R15; the lowest bit of R15 is the Thumb bit
S0 = R0 + 16
SCRATCH = S0 + 32  # words of multiple transfers
SPAN = SCRATCH + 16  # (origin, size, offset in MEMORY, kind) for each memory and alias
SPAN_WORDS = 4
MAX_SPANS = 16

LINE_SHIFT = CORTEX_M4.line_bytes.bit_length() - 1
ICACHE_LINES = CORTEX_M4.instruction_cache_lines
DCACHE_LINES = CORTEX_M4.data_cache_lines
CACHE_WORDS = 3  # line number, valid units, last use

ICACHE = SPAN + MAX_SPANS * SPAN_WORDS
DCACHE = ICACHE + ICACHE_LINES * CACHE_WORDS
LINE_SLOT = DCACHE + DCACHE_LINES * CACHE_WORDS  # for each line of flash, its place in the instruction cache or 0
FLASH_LINES = 1 << 17  # room for 4 MiB
TABLE = LINE_SLOT + FLASH_LINES  # entry points: (key, function, number of the entry)
TABLE_WORDS = 3
TABLE_BITS = 16
TOTAL = TABLE + (TABLE_WORDS << TABLE_BITS)

NEVER = 1 << 62


def new_state() -> Words:
    state: Words = np.zeros(TOTAL, dtype=np.int64)
    state[Field.STOP_AT] = NEVER
    clear_caches(state)
    return state


def clear_caches(state: Words) -> None:
    state[ICACHE:TABLE] = 0
    state[ICACHE : ICACHE + ICACHE_LINES * CACHE_WORDS : CACHE_WORDS] = -1
    state[DCACHE : DCACHE + DCACHE_LINES * CACHE_WORDS : CACHE_WORDS] = -1
    state[Field.LAST_CODE_UNIT] = state[Field.LAST_DATA_UNIT] = state[Field.PREFETCH_UNIT] = -1


def address_of(state: Words) -> int:
    pointer: Any = state.ctypes.data
    return int(pointer)
