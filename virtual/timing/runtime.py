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
PREFETCH_NEXT = Field.PREFETCH_NEXT
PREFETCH_SINCE = Field.PREFETCH_SINCE
FLASH_FREE = Field.FLASH_FREE
CLOCK = Field.CLOCK
CODE_MISSES, CODE_STALLS = Field.CODE_MISSES, Field.CODE_STALLS
DATA_FETCHES, DATA_MISSES, DATA_STALLS = Field.DATA_FETCHES, Field.DATA_MISSES, Field.DATA_STALLS
PREFETCH_WAITS = Field.PREFETCH_WAITS
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
GUARDS, GUARD, PROGRAM = Field.GUARDS, Field.GUARD, Field.PROGRAM
GUARD_SPAN, GUARD_WORDS = layout.GUARD_SPAN, layout.GUARD_WORDS
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
SITE_CYCLES, SITE_MASK = layout.SITE_CYCLES, layout.SITE_MASK
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
def start_prefetch(s, now):  # type: ignore[no-untyped-def]
    """Let the prefetch that has been asked for begin, if the flash has been free for it before ``now``."""
    if s[PREFETCH_NEXT] >= 0:
        begin = max(s[PREFETCH_SINCE], s[FLASH_FREE])
        if begin < now:
            s[PREFETCH_UNIT] = s[PREFETCH_NEXT]
            s[PREFETCH_NEXT] = -1
            s[FLASH_FREE] = s[PREFETCH_READY] = begin + s[WAIT_STATES] + 1


@njit(cache=True)
def occupy_flash(s, now):  # type: ignore[no-untyped-def]
    """Read the flash array as soon as the read in progress, which nothing breaks off, has ended; returns the wait."""
    begin = max(s[FLASH_FREE], now)
    s[FLASH_FREE] = begin + s[WAIT_STATES] + 1
    return begin - now


@njit(cache=True)
def read_code(s, unit, now):  # type: ignore[no-untyped-def]
    """Cycles that a fetch waits for a unit that the instruction cache does not hold."""
    if s[WAIT_STATES] == 0:
        return 0
    if unit == s[PREFETCH_UNIT]:
        return max(s[PREFETCH_READY] - now, 0)
    s[PREFETCH_NEXT] = -1
    return occupy_flash(s, now) + s[WAIT_STATES] + s[INSTRUCTION_MISS_EXTRA]


@njit(cache=True)
def keep_code(s, place, bit):  # type: ignore[no-untyped-def]
    """Put a unit into the instruction cache, in place of the least recently used line if need be."""
    word = s[place]
    if word == 0:
        word = victim(s, ICACHE, ICACHE_LINES)
        if s[word] >= 0:
            s[LINE_SLOT + s[word]] = 0
        s[word] = place - LINE_SLOT
        s[word + 1] = 0
        s[place] = word
    s[word + 1] |= bit
    s[word + 2] = s[CLOCK]


STATE = types.CPointer(types.int64)


@cfunc(types.void(STATE, types.int64, types.int64, types.int64, types.int64), cache=True)
def on_fetch(memory, unit, place, bit, cycles):  # type: ignore[no-untyped-def]
    """Fetch a unit of code other than the present one, ``cycles`` after its block began.

    Units count from the start of flash; ``place`` is the word of its line in LINE_SLOT, ``bit`` its bit in that line.
    With prefetch on, the next unit is asked for at each of them, whether or not the cache holds that already.
    """
    s = carray(memory, (TOTAL,))
    s[LAST_CODE_UNIT] = unit
    s[CLOCK] += 1
    slot = s[place]
    prefetch = s[PREFETCH_ON] != 0
    now = s[CYCLES] + cycles
    if prefetch:
        start_prefetch(s, now)
    if slot != 0 and s[slot + 1] & bit != 0 and s[ICACHE_ON] != 0:
        s[slot + 2] = s[CLOCK]
    else:
        stall = read_code(s, unit, now)
        s[CODE_MISSES] += 1
        s[CODE_STALLS] += stall
        s[CYCLES] += stall
        now += stall
        if s[ICACHE_ON] != 0:
            keep_code(s, place, bit)
    if prefetch and unit + 1 != s[PREFETCH_UNIT]:
        s[PREFETCH_NEXT] = unit + 1
        s[PREFETCH_SINCE] = now


@njit(cache=True)
def read_flash(s, address, site):  # type: ignore[no-untyped-def]
    """Charge one data read of flash through the data cache. It goes before a prefetch that has not begun."""
    unit = (address & (s[FLASH_SIZE] - 1)) >> s[UNIT_SHIFT]
    if unit == s[LAST_DATA_UNIT]:
        return
    s[LAST_DATA_UNIT] = unit
    s[DATA_FETCHES] += 1
    s[CLOCK] += 1
    per_line = LINE_SHIFT - s[UNIT_SHIFT]
    line = unit >> per_line
    bit = 1 << (unit & ((1 << per_line) - 1))
    word = -1
    for i in range(DCACHE_LINES):
        if s[DCACHE + i * CACHE_WORDS] == line:
            word = DCACHE + i * CACHE_WORDS
    if s[DCACHE_ON] != 0 and word >= 0 and s[word + 1] & bit != 0:
        s[word + 2] = s[CLOCK]
        return
    s[DATA_MISSES] += 1
    if s[WAIT_STATES] != 0:
        now = s[CYCLES] + (site >> SITE_CYCLES & SITE_MASK)
        start_prefetch(s, now)
        wait = occupy_flash(s, now)
        stall = wait + s[WAIT_STATES] + s[DATA_MISS_EXTRA]
        s[PREFETCH_WAITS] += wait
        s[DATA_STALLS] += stall
        s[CYCLES] += stall
    if s[DCACHE_ON] != 0:
        if word < 0:
            word = victim(s, DCACHE, DCACHE_LINES)
            s[word] = line
            s[word + 1] = 0
        s[word + 1] |= bit
        s[word + 2] = s[CLOCK]


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
def objection(s, address, access, write):  # type: ignore[no-untyped-def]
    """Why an access may not take place: a ``Leave``, or 0. ``write`` is 0 or 1."""
    if address & ((access & SIZE_MASK) - 1) != 0 and (access & ALIGNED != 0 or s[UNALIGNED_TRAP] != 0):
        return LEAVE_UNALIGNED
    for i in range(s[GUARDS]):
        span = GUARD_SPAN + i * GUARD_WORDS
        if s[span] <= address <= s[span + 1] and s[span + 2] >> write & 1 != 0 and call2(s[GUARD], address, write) != 0:
            return LEAVE_PROTECTED
    return 0


@njit(cache=True)
def load(s, address, access, site):  # type: ignore[no-untyped-def]
    """The unsigned value, or FAILED with the reason in the state."""
    reason = objection(s, address, access, 0)
    if reason != 0:
        return fail(s, reason, address, site)
    size = access & SIZE_MASK
    unaligned = address & (size - 1) != 0
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
            read_flash(s, address, site)
            if unaligned:
                read_flash(s, address + size - 1, site + (1 << SITE_CYCLES))
            if access & RELIEVED != 0:
                s[CYCLES] -= s[LOAD_USE]
    host = s[MEMORY] + s[span + 2] + address - s[span]
    if size == 4:
        return load_raw(host, 4)
    return load_raw(host, 2) if size == 2 else load_raw(host, 1)


@njit(cache=True)
def store(s, address, value, access, site):  # type: ignore[no-untyped-def]
    """DONE, FAILED with the reason in the state, or what the callback says."""
    reason = objection(s, address, access, 1)
    if reason != 0:
        return fail(s, reason, address, site)
    size = access & SIZE_MASK
    unaligned = address & (size - 1) != 0
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
    """Read words into the scratch words, one in a cycle."""
    s = carray(memory, (TOTAL,))
    for i in range(words):
        value = load(s, (address + 4 * i) & 0xFFFFFFFF, 4 | ALIGNED, site + (i << SITE_CYCLES))
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
