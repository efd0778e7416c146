"""The memory that translated code, the native runtime and Python share: one array of 64-bit words with named places.

Core and floating-point registers hold 32-bit unsigned values in 64-bit words. Translated code addresses it by the
constants below; so does Python.
"""

import enum
import itertools
from typing import Any

import numpy as np
import numpy.typing as npt

from virtual.timing.costs import CORTEX_M4

Words = npt.NDArray[np.int64]


class Field:
    """Single values, by position. Plain numbers: enumeration members cost half a microsecond to look up."""

    _next = itertools.count().__next__

    CYCLES = _next()  # charged so far: up to the start of the current block, plus the stalls inside it
    INSTRUCTIONS = _next()
    STOP_AT = _next()  # leave at the first block boundary at or after this cycle
    SEEN = _next()  # nonzero: a block that stores ran since Python cleared it
    PENDING = _next()  # an exception waits: stop after a block that may unmask it
    FP_ENABLED = _next()  # CPACR grants access
    UNALIGNED_TRAP = _next()  # CCR.UNALIGN_TRP
    DIVISION_TRAP = _next()  # CCR.DIV_0_TRP
    GUARDS = _next()  # number of guarded spans
    JUMPED = _next()  # the next block is entered by a taken branch
    EXIT = _next()  # why translated code came back: a Leave value
    SITE = _next()  # where in its block: see ``virtual.engine.region.site``
    FAULT_ADDRESS = _next()
    TIMED = _next()  # 0: cycles are instructions, no caches
    # flash interface
    WAIT_STATES = _next()
    ICACHE_ON = _next()
    DCACHE_ON = _next()
    PREFETCH_ON = _next()
    UNIT_SHIFT = _next()  # log2 of the bytes that one flash read delivers
    FLASH_BASE = _next()
    FLASH_ALIAS = _next()
    FLASH_SIZE = _next()
    LAST_CODE_UNIT = _next()
    LAST_DATA_UNIT = _next()
    PREFETCH_UNIT = _next()  # the unit in the prefetch buffer, or on its way there
    PREFETCH_READY = _next()  # the cycle in which it has come
    PREFETCH_NEXT = _next()  # the unit that is to be read as soon as the flash is free, or -1
    PREFETCH_SINCE = _next()  # the cycle in which that was asked for
    FLASH_FREE = _next()  # the cycle in which the latest read of the flash array ends
    CLOCK = _next()  # of the caches' least-recently-used order: counts changes from one unit of flash to another
    # counts
    CODE_MISSES = _next()  # changes from one unit of code in flash to another that the cache does not answer
    CODE_STALLS = _next()  # cycles they waited
    DATA_FETCHES = _next()  # changes from one unit of data in flash to another
    DATA_MISSES = _next()
    DATA_STALLS = _next()
    PREFETCH_WAITS = _next()  # of the cycles that data waited, those for a prefetch under way
    UNALIGNED = _next()  # cycles lost to unaligned accesses
    OWNER = _next()  # number of the function that runs, when cycles are counted by function
    OWNER_SINCE = _next()  # the cycle in which it took over
    # costs
    INSTRUCTION_MISS_EXTRA = _next()
    DATA_MISS_EXTRA = _next()
    LOAD_USE = _next()
    UNALIGNED_HALFWAY = _next()
    UNALIGNED_ODD = _next()
    # host addresses
    MEMORY = _next()  # of the array of all memories
    CODE_MAP = _next()  # one byte for each word of them: nonzero where translated code lies
    ON_LOAD = _next()  # functions: see ``virtual.engine.runtime``
    ON_STORE = _next()
    ON_LOAD_MULTIPLE = _next()
    ON_STORE_MULTIPLE = _next()
    ON_FETCH = _next()
    READ = _next()  # callbacks into Python
    WRITE = _next()
    SYSTEM = _next()
    WATCH = _next()
    CODE_WRITTEN = _next()
    PROGRAM = _next()
    GUARD = _next()
    SPANS = _next()  # number of memory spans
    ITSTATE = _next()  # of the next instruction; not zero only when a block ends inside an IT block
    EXCLUSIVE = _next()  # the local monitor is in its exclusive state
    # registers without a number
    N = _next()  # negative when its 32-bit value is
    Z = _next()  # set when the value is zero
    C = _next()  # 0 or 1
    V = _next()
    Q = _next()
    GE = _next()  # a mask: bytes of 0 or 255
    FPSCR = _next()
    FPCA = _next()  # CONTROL bits
    NPRIV = _next()
    SPSEL = _next()
    IPSR = _next()
    PRIMASK = _next()
    BASEPRI = _next()
    FAULTMASK = _next()
    OTHER_SP = _next()  # the stack pointer that is not in use


class Leave:
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


COUNTERS = (
    Field.CLOCK,
    Field.CODE_MISSES,
    Field.CODE_STALLS,
    Field.DATA_FETCHES,
    Field.DATA_MISSES,
    Field.DATA_STALLS,
    Field.PREFETCH_WAITS,
    Field.UNALIGNED,
)  # what power-on clears, beside the time
SITE_CYCLES, SITE_INSTRUCTIONS = 32, 48  # where the fields of a site begin: see ``virtual.engine.region.site``
SITE_MASK = 0xFFFF

R0 = 112  # R0 to R15; the lowest bit of R15 is the Thumb bit
S0 = R0 + 16
SCRATCH = S0 + 32  # words of multiple transfers
SPAN = SCRATCH + 16  # (origin, size, offset in MEMORY, kind) for each memory and alias
SPAN_WORDS = 4
MAX_SPANS = 16

GUARD_SPAN = SPAN + MAX_SPANS * SPAN_WORDS  # (first address, last, what must be asked about) of each guarded span
GUARD_WORDS = 3
MAX_GUARDS = 160  # eight regions of eight parts make fewer
ASK_READ, ASK_WRITE = 1, 2

OWNED = GUARD_SPAN + MAX_GUARDS * GUARD_WORDS  # cycles of each function by number; 0 is code without a name
MAX_OWNERS = 8192

LINE_SHIFT = CORTEX_M4.line_bytes.bit_length() - 1
ICACHE_LINES = CORTEX_M4.instruction_cache_lines
DCACHE_LINES = CORTEX_M4.data_cache_lines
CACHE_WORDS = 3  # line number, valid units, last use

ICACHE = OWNED + MAX_OWNERS
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
    state[Field.LAST_CODE_UNIT] = state[Field.LAST_DATA_UNIT] = -1
    state[Field.PREFETCH_UNIT] = state[Field.PREFETCH_NEXT] = -1


def address_of(state: Words) -> int:
    pointer: Any = state.ctypes.data
    return int(pointer)
