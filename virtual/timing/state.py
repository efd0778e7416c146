"""The memory that native hooks and Python share: one array of 64-bit integers with named places.

Native code indexes it by the constants below; Python does the same. Tables that grow at run time have fixed capacity;
when one is full the block tables are emptied and filled again.
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
    STOP_AT = enum.auto()  # leave the engine at the first block boundary at or after this cycle
    CURRENT = enum.auto()  # offset of the record of the block being executed; 0: none
    BLOCK_START = enum.auto()  # cycles when the current block began, fetch stalls included
    SEEN = enum.auto()  # flags of all blocks executed since Python cleared it
    PENDING = enum.auto()  # an exception waits: stop after a block that may unmask it
    FP_ENABLED = enum.auto()  # CPACR grants access
    RESUMED = enum.auto()  # 1 or 2: left at a block boundary that was reached by falling through or by a jump
    STOPPED = enum.auto()  # why the hook left the engine: a Stop value
    TIMED = enum.auto()  # 0: cycles are instructions, no caches
    ACCESS_PC = enum.auto()  # instruction of the latest peripheral access
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
    # native functions, as addresses
    EMU_STOP = enum.auto()
    REG_READ = enum.auto()
    REG_WRITE = enum.auto()
    DECODE = enum.auto()  # called back for a block without record
    REGISTER_PC = enum.auto()  # the engine's number of PC
    REGISTER_EPSR = enum.auto()
    SCRATCH = enum.auto()  # operand of REG_READ and REG_WRITE
    # fill of the growing tables
    RECORDS = enum.auto()  # next free word
    BEFORE = enum.auto()


class Stop(enum.IntEnum):
    """Why the block hook left the engine."""

    NONE = 0
    TIME = 1
    UNMASKED = 2
    FP_DISABLED = 3


class Flag(enum.IntFlag):
    """Of a block."""

    FLASH = 1  # lies in flash
    IT = 2
    FP = 4
    STORE = 8
    UNMASK = 16
    RELIEF = 32  # some load-use stall vanishes when the load reads flash


class Record(enum.IntEnum):
    """One block, by position in its record."""

    KEY = 0
    CYCLES = enum.auto()
    TAKEN = enum.auto()
    INSTRUCTIONS = enum.auto()
    FLAGS = enum.auto()
    BEFORE = enum.auto()  # where its words in the table of what comes before each halfword start
    ADDRESS = enum.auto()
    END = enum.auto()
    TARGET = enum.auto()  # penalty when entered by a taken branch


RECORD_WORDS = 9
# A word of the "before" table: cycles, number of instructions, and a flag.
BEFORE_CYCLES = 0xFFFF
BEFORE_INDEX_SHIFT = 16
RELIEVED = 1 << 32  # this load's stall vanishes with a value from flash

LINE_SHIFT = CORTEX_M4.line_bytes.bit_length() - 1
ICACHE_LINES = CORTEX_M4.instruction_cache_lines
DCACHE_LINES = CORTEX_M4.data_cache_lines
CACHE_WORDS = 3  # line number, valid units, last use

ICACHE = 64
DCACHE = ICACHE + ICACHE_LINES * CACHE_WORDS
LINE_SLOT = 256  # for each line of flash, 1 + its place in the instruction cache
FLASH_LINES = 1 << 17  # room for 4 MiB
HASH = LINE_SLOT + FLASH_LINES
HASH_BITS = 17
RECORDS = HASH + (1 << HASH_BITS)
MAX_BLOCKS = 1 << 16
BEFORE = RECORDS + MAX_BLOCKS * RECORD_WORDS
BEFORE_WORDS = 1 << 20
TOTAL = BEFORE + BEFORE_WORDS

NEVER = 1 << 62


def new_state() -> Words:
    state: Words = np.zeros(TOTAL, dtype=np.int64)
    state[Field.STOP_AT] = NEVER
    clear_caches(state)
    clear_blocks(state)
    return state


def clear_caches(state: Words) -> None:
    state[ICACHE:HASH] = 0
    state[ICACHE : ICACHE + ICACHE_LINES * CACHE_WORDS : CACHE_WORDS] = -1
    state[DCACHE : DCACHE + DCACHE_LINES * CACHE_WORDS : CACHE_WORDS] = -1
    state[Field.LAST_CODE_UNIT] = state[Field.LAST_DATA_UNIT] = state[Field.PREFETCH_UNIT] = -1


def clear_blocks(state: Words) -> None:
    state[HASH:RECORDS] = 0
    state[Field.RECORDS] = RECORDS
    state[Field.BEFORE] = BEFORE
    state[Field.CURRENT] = 0


def address_of(state: Words) -> int:
    pointer: Any = state.ctypes.data
    return int(pointer)
