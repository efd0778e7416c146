"""What translated code calls: memory accesses off its fast path, instruction fetches from flash, the next region.

Compiled by numba and cached (see the package), so that only the first start pays. They work on the array laid out in
``virtual.timing.state``. Module constants are frozen into the compiled code.
"""

from numba import carray, cfunc, njit, types

from virtual.timing import state as layout
from virtual.timing.native_call import call2, call3, call_region, load_raw, store_raw
from virtual.timing.state import Field, Leave

CYCLES = Field.CYCLES
STOP_AT = Field.STOP_AT
TIMED = Field.TIMED
EXIT = Field.EXIT
SITE = Field.SITE
FAULT_ADDRESS = Field.FAULT_ADDRESS
UNALIGNED_TRAP = Field.UNALIGNED_TRAP
WAIT_STATES = Field.WAIT_STATES
ICACHE_ON = Field.ICACHE_ON
DCACHE_ON = Field.DCACHE_ON
PREFETCH_ON = Field.PREFETCH_ON
UNIT_SHIFT = Field.UNIT_SHIFT
FLASH_SIZE = Field.FLASH_SIZE
LAST_CODE_UNIT = Field.LAST_CODE_UNIT
LAST_DATA_UNIT = Field.LAST_DATA_UNIT
PREFETCH_UNIT = Field.PREFETCH_UNIT
PREFETCH_READY = Field.PREFETCH_READY
CLOCK = Field.CLOCK
CODE_MISSES = Field.CODE_MISSES
DATA_MISSES = Field.DATA_MISSES
STALLS = Field.STALLS
UNALIGNED = Field.UNALIGNED
UNALIGNED_HALFWAY = Field.UNALIGNED_HALFWAY
UNALIGNED_ODD = Field.UNALIGNED_ODD
INSTRUCTION_MISS_EXTRA = Field.INSTRUCTION_MISS_EXTRA
DATA_MISS_EXTRA = Field.DATA_MISS_EXTRA
LOAD_USE = Field.LOAD_USE
MEMORY = Field.MEMORY
CODE_MAP = Field.CODE_MAP
READ = Field.READ
WRITE = Field.WRITE
CODE_WRITTEN = Field.CODE_WRITTEN
SPANS = Field.SPANS
ITSTATE = Field.ITSTATE
GUARDED, GUARD, PROGRAM = Field.GUARDED, Field.GUARD, Field.PROGRAM
LEAVE_PROTECTED = Leave.PROTECTED
LEAVE_UNTRANSLATED, LEAVE_UNALIGNED = Leave.UNTRANSLATED, Leave.UNALIGNED
LEAVE_READ_FAULT, LEAVE_WRITE_FAULT = Leave.READ_FAULT, Leave.WRITE_FAULT
ICACHE, DCACHE, LINE_SLOT = layout.ICACHE, layout.DCACHE, layout.LINE_SLOT
LINE_SHIFT = layout.LINE_SHIFT
ICACHE_LINES, DCACHE_LINES, CACHE_WORDS = layout.ICACHE_LINES, layout.DCACHE_LINES, layout.CACHE_WORDS
TABLE, TABLE_WORDS, TABLE_MASK = layout.TABLE, layout.TABLE_WORDS, (1 << layout.TABLE_BITS) - 1
PROGRAM_COUNTER, SCRATCH = layout.R0 + 15, layout.SCRATCH
SPAN, SPAN_WORDS = layout.SPAN, layout.SPAN_WORDS
TOTAL = layout.TOTAL
RAM, FLASH = int(layout.Kind.RAM), int(layout.Kind.FLASH)
SIZE_MASK = 7
RELIEVED, ALIGNED, PLAIN = int(layout.Access.RELIEVED), int(layout.Access.ALIGNED), int(layout.Access.PLAIN)
MULTIPLIER = 0x9E3779B1  # Knuth's multiplicative hash, 2^32 / golden ratio
FAILED, DONE = -1, 0


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


STATE = types.CPointer(types.int64)


@cfunc(types.void(STATE, types.int64, types.int64, types.int64), cache=True)
def on_fetch(memory, address, size, cycles):  # type: ignore[no-untyped-def]
    """Charge the flash reads of a block's code. Unit and line numbers count from the start of flash.

    ``cycles`` is the static cost of the block.
    """
    s = carray(memory, (TOTAL,))
    shift = s[UNIT_SHIFT]
    mask = s[FLASH_SIZE] - 1
    start = address & mask
    end = start + size
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
                    miss_code(s, unit, line, bit, cycles * into // size)
                s[LAST_CODE_UNIT] = unit
                unit += 1
        s[LAST_CODE_UNIT] = line_last
        unit = line_last + 1


@njit(cache=True)
def read_flash(s, address, relieved):  # type: ignore[no-untyped-def]
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
    if relieved != 0:
        s[CYCLES] -= s[LOAD_USE]


@njit(cache=True)
def find_span(s, address, size):  # type: ignore[no-untyped-def]
    """Place of the memory that holds an access, or 0."""
    for i in range(s[SPANS]):
        span = SPAN + i * SPAN_WORDS
        offset = address - s[span]
        if offset >= 0 and offset + size <= s[span + 1]:
            return span
    return 0


@njit(cache=True)
def charge_unaligned(s, address, size):  # type: ignore[no-untyped-def]
    odd_word = size == 4 and address & 1 != 0
    extra = s[UNALIGNED_ODD] if odd_word else s[UNALIGNED_HALFWAY]
    s[CYCLES] += extra
    s[UNALIGNED] += extra


@njit(cache=True)
def fail(s, leave, address, site):  # type: ignore[no-untyped-def]
    s[EXIT] = leave
    s[FAULT_ADDRESS] = address
    s[SITE] = site
    return FAILED


@njit(cache=True)
def load(s, address, access, site):  # type: ignore[no-untyped-def]
    """The unsigned value, or FAILED with the reason in the state."""
    size = access & SIZE_MASK
    unaligned = address & (size - 1) != 0
    if unaligned and (access & ALIGNED != 0 or s[UNALIGNED_TRAP] != 0):
        return fail(s, LEAVE_UNALIGNED, address, site)
    if s[GUARDED] != 0 and call2(s[GUARD], address, 0) != 0:
        return fail(s, LEAVE_PROTECTED, address, site)
    span = find_span(s, address, size)
    if span == 0:
        s[SITE] = site
        value = FAILED if unaligned else call2(s[READ], address, size)
        if value < 0:
            return fail(s, LEAVE_UNALIGNED if unaligned else LEAVE_READ_FAULT, address, site)
        return value
    if s[TIMED] != 0:
        if unaligned:
            charge_unaligned(s, address, size)
        if s[span + 3] == FLASH:
            read_flash(s, address, access & RELIEVED)
    host = s[MEMORY] + s[span + 2] + address - s[span]
    if size == 4:
        return load_raw(host, 4)
    return load_raw(host, 2) if size == 2 else load_raw(host, 1)


@njit(cache=True)
def store(s, address, value, access, site):  # type: ignore[no-untyped-def]
    """DONE, FAILED with the reason in the state, or what the callback says."""
    size = access & SIZE_MASK
    unaligned = address & (size - 1) != 0
    if unaligned and (access & ALIGNED != 0 or s[UNALIGNED_TRAP] != 0):
        return fail(s, LEAVE_UNALIGNED, address, site)
    if s[GUARDED] != 0 and call2(s[GUARD], address, 1) != 0:
        return fail(s, LEAVE_PROTECTED, address, site)
    span = find_span(s, address, size)
    if span == 0:
        s[SITE] = site
        done = FAILED if unaligned else call3(s[WRITE], address, access, value)
        if done < 0:
            return fail(s, LEAVE_UNALIGNED if unaligned else LEAVE_WRITE_FAULT, address, site)
        return done
    if s[span + 3] != RAM:
        s[SITE] = site
        if call3(s[PROGRAM], address, access, value) < 0:
            return fail(s, LEAVE_WRITE_FAULT, address, site)
        return DONE
    if unaligned and s[TIMED] != 0:
        charge_unaligned(s, address, size)
    offset = s[span + 2] + address - s[span]
    host = s[MEMORY] + offset
    if size == 4:
        store_raw(host, 4, value)
    elif size == 2:
        store_raw(host, 2, value)
    else:
        store_raw(host, 1, value)
    first, last = s[CODE_MAP] + (offset >> 2), s[CODE_MAP] + ((offset + size - 1) >> 2)
    if load_raw(first, 1) | load_raw(last, 1) != 0:
        call2(s[CODE_WRITTEN], offset, size)
    return DONE


@cfunc(types.int64(STATE, types.int64, types.int64, types.int64), cache=True)
def on_load(memory, address, access, site):  # type: ignore[no-untyped-def]
    return load(carray(memory, (TOTAL,)), address, access, site)


@cfunc(types.int64(STATE, types.int64, types.int64, types.int64, types.int64), cache=True)
def on_store(memory, address, value, access, site):  # type: ignore[no-untyped-def]
    return store(carray(memory, (TOTAL,)), address, value, access, site)


@cfunc(types.int64(STATE, types.int64, types.int64, types.int64), cache=True)
def on_load_multiple(memory, address, words, site):  # type: ignore[no-untyped-def]
    """Read words into the scratch words."""
    s = carray(memory, (TOTAL,))
    for i in range(words):
        value = load(s, (address + 4 * i) & 0xFFFFFFFF, 4 | ALIGNED, site)
        if value < 0:
            return value
        s[SCRATCH + i] = value
    return DONE


@cfunc(types.int64(STATE, types.int64, types.int64, types.int64), cache=True)
def on_store_multiple(memory, address, words, site):  # type: ignore[no-untyped-def]
    """Write the scratch words."""
    s = carray(memory, (TOTAL,))
    for i in range(words):
        done = store(s, (address + 4 * i) & 0xFFFFFFFF, s[SCRATCH + i], 4 | ALIGNED, site)
        if done < 0:
            return done
    return DONE


@njit(cache=True)
def find_entry(s, key):  # type: ignore[no-untyped-def]
    """The slot of the table that holds ``key``, or the free one for it. No key is 0."""
    slot = ((key * MULTIPLIER) >> 16) & TABLE_MASK
    while s[TABLE + slot * TABLE_WORDS] != 0 and s[TABLE + slot * TABLE_WORDS] != key:
        slot = (slot + 1) & TABLE_MASK
    return slot


@cfunc(types.void(STATE), cache=True)
def run_regions(memory):  # type: ignore[no-untyped-def]
    """Run translated code from the program counter until there is a reason to come back."""
    s = carray(memory, (TOTAL,))
    while s[EXIT] == 0:
        key = s[PROGRAM_COUNTER] | s[ITSTATE] << 32
        place = TABLE + find_entry(s, key) * TABLE_WORDS
        if s[place] != key:
            s[EXIT] = LEAVE_UNTRANSLATED
            return
        call_region(s[place + 1], s, s[place + 2])
