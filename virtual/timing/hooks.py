"""Native callbacks of the engine: they charge every basic block and every flash or unaligned access.

Compiled by numba and cached (see the package), so that only the first start pays. They work on the array laid out in
``virtual.timing.state``. Module constants are frozen into the compiled code.
"""

from numba import carray, cfunc, njit, types

from virtual.timing import state as layout
from virtual.timing.native_call import call1, call3, decode_block
from virtual.timing.state import Field, Flag, Record, Stop

# numba freezes plain integers, not enumerations
CYCLES, INSTRUCTIONS, STOP_AT = int(Field.CYCLES), int(Field.INSTRUCTIONS), int(Field.STOP_AT)
CURRENT, BLOCK_START, SEEN, PENDING = int(Field.CURRENT), int(Field.BLOCK_START), int(Field.SEEN), int(Field.PENDING)
FP_ENABLED, RESUMED, STOPPED, TIMED, ACCESS_PC = (
    int(Field.FP_ENABLED),
    int(Field.RESUMED),
    int(Field.STOPPED),
    int(Field.TIMED),
    int(Field.ACCESS_PC),
)
WAIT_STATES, ICACHE_ON, DCACHE_ON = int(Field.WAIT_STATES), int(Field.ICACHE_ON), int(Field.DCACHE_ON)
PREFETCH_ON, UNIT_SHIFT = int(Field.PREFETCH_ON), int(Field.UNIT_SHIFT)
FLASH_BASE, FLASH_ALIAS, FLASH_SIZE = int(Field.FLASH_BASE), int(Field.FLASH_ALIAS), int(Field.FLASH_SIZE)
LAST_CODE_UNIT, LAST_DATA_UNIT = int(Field.LAST_CODE_UNIT), int(Field.LAST_DATA_UNIT)
PREFETCH_UNIT, PREFETCH_READY, CLOCK = int(Field.PREFETCH_UNIT), int(Field.PREFETCH_READY), int(Field.CLOCK)
CODE_MISSES, DATA_MISSES, STALLS = int(Field.CODE_MISSES), int(Field.DATA_MISSES), int(Field.STALLS)
UNALIGNED, UNALIGNED_HALFWAY, UNALIGNED_ODD = (
    int(Field.UNALIGNED),
    int(Field.UNALIGNED_HALFWAY),
    int(Field.UNALIGNED_ODD),
)
INSTRUCTION_MISS_EXTRA, DATA_MISS_EXTRA = int(Field.INSTRUCTION_MISS_EXTRA), int(Field.DATA_MISS_EXTRA)
LOAD_USE, EMU_STOP, REG_READ, REG_WRITE = (
    int(Field.LOAD_USE),
    int(Field.EMU_STOP),
    int(Field.REG_READ),
    int(Field.REG_WRITE),
)
DECODE, REGISTER_PC, REGISTER_EPSR, SCRATCH = (
    int(Field.DECODE),
    int(Field.REGISTER_PC),
    int(Field.REGISTER_EPSR),
    int(Field.SCRATCH),
)
F_FLASH, F_IT, F_FP, F_UNMASK, F_RELIEF = (
    int(Flag.FLASH),
    int(Flag.IT),
    int(Flag.FP),
    int(Flag.UNMASK),
    int(Flag.RELIEF),
)
R_KEY, R_CYCLES, R_TAKEN, R_INSTRUCTIONS = (
    int(Record.KEY),
    int(Record.CYCLES),
    int(Record.TAKEN),
    int(Record.INSTRUCTIONS),
)
R_FLAGS, R_BEFORE, R_ADDRESS, R_END, R_TARGET = (
    int(Record.FLAGS),
    int(Record.BEFORE),
    int(Record.ADDRESS),
    int(Record.END),
    int(Record.TARGET),
)
STOP_TIME, STOP_UNMASKED, STOP_FP = int(Stop.TIME), int(Stop.UNMASKED), int(Stop.FP_DISABLED)
ICACHE, DCACHE, LINE_SLOT = layout.ICACHE, layout.DCACHE, layout.LINE_SLOT
LINE_SHIFT = layout.LINE_SHIFT
ICACHE_LINES, DCACHE_LINES, CACHE_WORDS = layout.ICACHE_LINES, layout.DCACHE_LINES, layout.CACHE_WORDS
HASH, HASH_MASK, TOTAL = layout.HASH, (1 << layout.HASH_BITS) - 1, layout.TOTAL
RELIEVED = layout.RELIEVED
EPSR_THUMB = 0x01000000
PERIPHERALS = 0x40000000  # memories lie below
READ = 16  # the engine's code for a read access
MULTIPLIER = 0x9E3779B1  # Knuth's multiplicative hash, 2^32 / golden ratio


@njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def hash_slot(key: int) -> int:
    return ((key * MULTIPLIER) >> 16) & HASH_MASK


@njit(cache=True)
def find(s, key):  # type: ignore[no-untyped-def]
    """Offset of the record of a block, or 0."""
    slot = hash_slot(key)
    while True:
        record = s[HASH + slot]
        if record == 0 or s[record + R_KEY] == key:
            return record
        slot = (slot + 1) & HASH_MASK


@njit(cache=True)
def insert(s, key, record):  # type: ignore[no-untyped-def]
    slot = hash_slot(key)
    while s[HASH + slot] != 0:
        slot = (slot + 1) & HASH_MASK
    s[HASH + slot] = record


@njit(cache=True)
def victim(s, cache, lines):  # type: ignore[no-untyped-def]
    """Word of the least recently used line."""
    best = cache
    for i in range(1, lines):
        word = cache + i * CACHE_WORDS
        if s[word + 2] < s[best + 2]:
            best = word
    return best


@njit(cache=True)
def miss_code(s, unit, line, bit, elapsed):  # type: ignore[no-untyped-def]
    """Read one unit of code from flash; ``elapsed`` estimates the cycles since the block began."""
    now = s[CYCLES] + elapsed
    wait = s[WAIT_STATES]
    if unit == s[PREFETCH_UNIT]:
        stall = max(s[PREFETCH_READY] - now, 0)
    else:
        stall = wait + s[INSTRUCTION_MISS_EXTRA] if wait > 0 else 0
    s[CODE_MISSES] += 1
    s[STALLS] += stall
    s[CYCLES] += stall
    if s[PREFETCH_ON] != 0:
        s[PREFETCH_UNIT] = unit + 1
        s[PREFETCH_READY] = now + stall + wait + 1
    if s[ICACHE_ON] != 0:
        slot = s[LINE_SLOT + line]
        if slot == 0:
            word = victim(s, ICACHE, ICACHE_LINES)
            if s[word] >= 0:
                s[LINE_SLOT + s[word]] = 0
            s[word] = line
            s[word + 1] = bit
            s[LINE_SLOT + line] = word
        else:
            word = slot
            s[word + 1] |= bit
        s[word + 2] = s[CLOCK]


@njit(cache=True)
def fetch(s, record):  # type: ignore[no-untyped-def]
    """Charge the flash reads that the code of a block needs. Unit and line numbers count from the start of flash."""
    shift = s[UNIT_SHIFT]
    mask = s[FLASH_SIZE] - 1
    start = s[record + R_ADDRESS] & mask
    end = start + s[record + R_END] - s[record + R_ADDRESS]
    last = (end - 1) >> shift
    unit = start >> shift
    per_line = LINE_SHIFT - shift
    s[CLOCK] += 1
    while unit <= last:
        line = unit >> per_line
        line_last = min(((line + 1) << per_line) - 1, last)
        slot = s[LINE_SLOT + line]
        base = line << per_line
        need = ((2 << (line_last - base)) - 1) & ~((1 << (unit - base)) - 1)
        if slot != 0 and s[slot + 1] & need == need and s[ICACHE_ON] != 0:
            s[slot + 2] = s[CLOCK]
        else:
            while unit <= line_last:
                bit = 1 << (unit - base)
                slot = s[LINE_SLOT + line]
                if slot != 0 and s[slot + 1] & bit != 0 and s[ICACHE_ON] != 0:
                    s[slot + 2] = s[CLOCK]
                elif unit != s[LAST_CODE_UNIT]:
                    into = max((unit << shift) - start, 0)
                    miss_code(s, unit, line, bit, s[record + R_CYCLES] * into // (end - start))
                s[LAST_CODE_UNIT] = unit
                unit += 1
        s[LAST_CODE_UNIT] = line_last
        unit = line_last + 1


@cfunc(types.void(types.int64, types.uint64, types.uint32, types.CPointer(types.int64)), cache=True)
def on_block(uc, address, size, memory):  # type: ignore[no-untyped-def]
    """A block is about to run: charge the one before, leave if it is time, else pay for this one's fetch."""
    s = carray(memory, (TOTAL,))
    begin = types.int64(address)
    key = (begin << 16) | types.int64(size)
    current = s[CURRENT]
    jumped = True
    if current != 0:
        s[CURRENT] = 0
        jumped = begin != s[current + R_END]
        s[CYCLES] += s[current + R_CYCLES]
        s[INSTRUCTIONS] += s[current + R_INSTRUCTIONS]
        if jumped:
            s[CYCLES] += s[current + R_TAKEN]
        if s[PENDING] != 0 and s[current + R_FLAGS] & F_UNMASK != 0:
            s[RESUMED] = 2 if jumped else 1
            s[STOPPED] = STOP_UNMASKED
            call1(s[EMU_STOP], uc)
            return
    elif s[RESUMED] != 0:
        jumped = s[RESUMED] == 2
    if s[CYCLES] >= s[STOP_AT]:
        s[RESUMED] = 2 if jumped else 1
        s[STOPPED] = STOP_TIME
        call1(s[EMU_STOP], uc)
        return
    record = find(s, key)
    if record == 0:
        record = decode_block(s[DECODE], begin, types.int64(size))
    flags = s[record + R_FLAGS]
    if flags & F_FP != 0 and s[FP_ENABLED] == 0:
        s[STOPPED] = STOP_FP
        call1(s[EMU_STOP], uc)
        return
    s[SEEN] |= flags
    s[RESUMED] = 0
    if s[TIMED] != 0:
        if jumped:
            s[CYCLES] += s[record + R_TARGET]
        if flags & F_FLASH != 0:
            fetch(s, record)
    s[BLOCK_START] = s[CYCLES]
    s[CURRENT] = record


@njit(cache=True)
def repair_it(s, uc):  # type: ignore[no-untyped-def]
    """Unicorn 2.1.4 leaks IT state into the next block when a memory hook runs inside an IT block."""
    current = s[CURRENT]
    if current != 0 and s[current + R_FLAGS] & F_IT != 0:
        s[SCRATCH] = EPSR_THUMB
        call3(s[REG_WRITE], uc, s[REGISTER_EPSR], SCRATCH, s)


@njit(cache=True)
def access_pc(s, uc):  # type: ignore[no-untyped-def]
    s[SCRATCH] = 0
    call3(s[REG_READ], uc, s[REGISTER_PC], SCRATCH, s)
    return s[SCRATCH] & 0xFFFFFFFE


@njit(cache=True)
def read_flash(s, uc, address):  # type: ignore[no-untyped-def]
    """Charge one data read of flash through the data cache."""
    unit = (address & (s[FLASH_SIZE] - 1)) >> s[UNIT_SHIFT]
    if unit != s[LAST_DATA_UNIT]:
        s[LAST_DATA_UNIT] = unit
        per_line = LINE_SHIFT - s[UNIT_SHIFT]
        line = unit >> per_line
        bit = 1 << (unit & ((1 << per_line) - 1))
        s[CLOCK] += 1
        word = -1
        for i in range(DCACHE_LINES):
            if s[DCACHE + i * CACHE_WORDS] == line:
                word = DCACHE + i * CACHE_WORDS
        if s[DCACHE_ON] != 0 and word >= 0 and s[word + 1] & bit != 0:
            s[word + 2] = s[CLOCK]
        else:
            stall = s[WAIT_STATES] + s[DATA_MISS_EXTRA]
            s[DATA_MISSES] += 1
            s[STALLS] += stall
            s[CYCLES] += stall
            s[PREFETCH_READY] += stall
            if s[DCACHE_ON] != 0:
                if word < 0:
                    word = victim(s, DCACHE, DCACHE_LINES)
                    s[word] = line
                    s[word + 1] = 0
                s[word + 1] |= bit
                s[word + 2] = s[CLOCK]
    current = s[CURRENT]
    if current != 0 and s[current + R_FLAGS] & F_RELIEF != 0:
        offset = access_pc(s, uc) - s[current + R_ADDRESS]
        if s[s[current + R_BEFORE] + (offset >> 1)] & RELIEVED != 0:
            s[CYCLES] -= s[LOAD_USE]


MEMORY_HOOK = types.void(types.int64, types.int32, types.uint64, types.int32, types.int64, types.CPointer(types.int64))


@cfunc(MEMORY_HOOK, cache=True)
def on_memory(uc, kind, address, size, value, memory):  # type: ignore[no-untyped-def]
    """Any data access. One hook for all: the engine asks every hook about every access."""
    s = carray(memory, (TOTAL,))
    where = types.int64(address)
    if where >= PERIPHERALS:
        s[ACCESS_PC] = access_pc(s, uc)  # tells the time of the access
        repair_it(s, uc)
        return
    low = where & 3
    if low != 0 and size > 1:
        extra = 0
        if size == 2:
            extra = s[UNALIGNED_HALFWAY] if low & 1 else 0
        elif low == 2:
            extra = s[UNALIGNED_HALFWAY]
        else:
            extra = s[UNALIGNED_ODD]
        s[CYCLES] += extra
        s[UNALIGNED] += extra
    if kind == READ and (
        (where >= s[FLASH_BASE] and where < s[FLASH_BASE] + s[FLASH_SIZE])
        or (where >= s[FLASH_ALIAS] and where < s[FLASH_ALIAS] + s[FLASH_SIZE])
    ):
        read_flash(s, uc, where)
    repair_it(s, uc)
