"""Flash wait states, instruction cache, data cache and prefetch."""

import pytest

from tests.virtual.conftest import Boot, numbers, run_until_idle
from virtual.timing.costs import CORTEX_M4

WAIT_STATES = 5
WALK = """
#include "chip.h"
#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)
__attribute__((aligned(1024), naked, noinline)) static void walk(void) {
    __asm volatile(".rept " TEXT(SIZE) " / 2 - 1\\n nop\\n .endr\\n bx lr");
}
int main(void) {
    clock_120_mhz(1);
    FLASH_ACR = ACR;
    serial_start(120000000, 0, 115200, 0);
    DEMCR |= 1u << 24;
    DWT_CTRL |= 1;
    for (int i = 0; i < 2; i++) {
        uint32_t start = DWT_CYCCNT;
        walk();
        print_hex(DWT_CYCCNT - start);
    }
    return 0;
}
"""
ICACHE, DCACHE, PREFETCH = 1 << 9, 1 << 10, 1 << 8
SLACK = 60  # cycles for the call and the fetches around it


def walk(boot: Boot, size: int, acr: int, read_bytes: int = 8, wait_states: int = WAIT_STATES) -> list[int]:
    """Cycles of running through ``size`` bytes of NOPs for the first and the second time."""
    board = boot(
        "walk", f"-DSIZE={size}", f"-DACR={acr | wait_states}", text=WALK, clock={"flash_read_bytes": read_bytes}
    )
    first, second = numbers(run_until_idle(board))
    return [first, second]


def missing(size: int, read_bytes: int) -> int:
    """Cycles when every flash read of the code waits."""
    return size // 2 + size // read_bytes * (WAIT_STATES + CORTEX_M4.instruction_miss_extra)


@pytest.mark.parametrize("read_bytes", [8, 16])
def test_first_run_misses_second_hits(boot: Boot, read_bytes: int) -> None:
    first, second = walk(boot, 512, ICACHE, read_bytes)
    assert first == pytest.approx(missing(512, read_bytes), abs=SLACK)
    assert second == pytest.approx(512 // 2, abs=SLACK)


@pytest.mark.parametrize("read_bytes", [8, 16])
def test_without_cache_every_read_waits(boot: Boot, read_bytes: int) -> None:
    for cycles in walk(boot, 512, 0, read_bytes):
        assert cycles == pytest.approx(missing(512, read_bytes), abs=SLACK)


def test_code_larger_than_the_cache_thrashes_it(boot: Boot) -> None:
    """Least recently used replacement evicts every line before it comes round again."""
    _, fits = walk(boot, 768, ICACHE)
    _, thrashes = walk(boot, 2048, ICACHE)
    assert fits == pytest.approx(768 // 2, abs=SLACK)
    assert thrashes == pytest.approx(missing(2048, 8), abs=SLACK)


def test_no_wait_states_no_stalls(boot: Boot) -> None:
    first, _ = walk(boot, 512, 0, wait_states=0)
    assert first == pytest.approx(512 // 2, abs=SLACK)


def test_prefetch_hides_part_of_the_wait(boot: Boot) -> None:
    """Eight bytes are four NOPs: the next read has begun four cycles ahead."""
    plain, _ = walk(boot, 512, ICACHE)
    prefetched, _ = walk(boot, 512, ICACHE | PREFETCH)
    hidden = 512 // 8 * 4
    assert hidden - SLACK < plain - prefetched < 512 // 8 * (WAIT_STATES + 2)


def test_reset_state(boot: Boot) -> None:
    """Both caches on, prefetch off, two banks (RM0432, FLASH_ACR and the factory's option bytes)."""
    board = boot("state", text='#include "chip.h"\nint main(void) { REG(0x20040000) = FLASH_ACR; return 0; }')
    run_until_idle(board)
    assert int.from_bytes(board.read_memory(0x2004_0000, 4), "little") == ICACHE | DCACHE


@pytest.mark.parametrize("read_bytes", [8, 16])
def test_instruction_cache_holds_1024_bytes(boot: Boot, read_bytes: int) -> None:
    """Less the lines of what calls."""
    _, fits = walk(boot, 1024 - 3 * 32, ICACHE, read_bytes)
    assert fits < (1024 - 3 * 32) // 2 + SLACK


LINES = """
#include "chip.h"
__attribute__((aligned(1024))) static const uint32_t table[1024] = {1};
__attribute__((section(".ramcode"), noinline)) static uint32_t timed(const volatile uint32_t *at) {
    uint32_t start = DWT_CYCCNT;
    (void)*at;
    return DWT_CYCCNT - start;
}
int main(void) {
    clock_120_mhz(1);
    FLASH_ACR = 5 | 1u << 9 | 1u << 10;
    serial_start(120000000, 0, 115200, 0);
    DEMCR |= 1u << 24;
    DWT_CTRL |= 1;
    static const unsigned order[] = {ORDER};
    uint32_t took[sizeof order / sizeof *order];
    uint32_t (*volatile run)(const volatile uint32_t *) = timed;
    for (unsigned i = 0; i < sizeof order / sizeof *order; i++) {
        __asm volatile("" ::: "memory");
        REG(0x20050000 + 4 * i) = order[i];
    }
    FLASH_ACR = 5 | 1u << 9;
    FLASH_ACR = 5 | 1u << 9 | 1u << 12;
    FLASH_ACR = 5 | 1u << 9 | 1u << 10;
    for (unsigned i = 0; i < sizeof order / sizeof *order; i++) {
        took[i] = run(&table[REG(0x20050000 + 4 * i) / 4]);
    }
    for (unsigned i = 0; i < sizeof order / sizeof *order; i++) {
        print_hex(took[i]);
    }
    return 0;
}
"""


def missed(boot: Boot, order: list[int], read_bytes: int) -> list[bool]:
    """Which of the reads at those byte offsets waited."""
    board = boot("lines", f"-DORDER={','.join(map(str, order))}", text=LINES, clock={"flash_read_bytes": read_bytes})
    took = numbers(run_until_idle(board))
    return [cycles > min(took) for cycles in took]


@pytest.mark.parametrize("read_bytes", [8, 16])
def test_a_line_is_filled_read_by_read(boot: Boot, read_bytes: int) -> None:
    """Within 32 bytes each unit misses once; the present one answers again, and so does the line later."""
    order = [0, 4, 8, 12, 16, 24, 0, 8, 20]
    units = [offset // read_bytes for offset in order]
    assert missed(boot, order, read_bytes) == [unit not in units[:place] for place, unit in enumerate(units)]


def test_the_least_recently_used_line_goes(boot: Boot) -> None:
    """Eight lines fit; the ninth replaces line 1, since line 0 has been used again."""
    eight = [32 * line for line in range(8)]
    order = [*eight, 0, 32 * 8, 0, 32 * 2, 32]
    assert missed(boot, order, 8) == [*[True] * 8, False, True, False, False, True]


LOOP = """
#include "chip.h"
#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)
__attribute__((aligned(64))) static const uint32_t table[4096] = {1};
__attribute__((PLACE, noinline, naked, aligned(64))) static void stream(
    const uint32_t *from __attribute__((unused)), unsigned count __attribute__((unused))) {
    __asm volatile("1: ldr r2, [r0], #16\\n .rept " TEXT(FILL) "\\n nop.w\\n .endr\\n subs r1, #1\\n bne 1b\\n bx lr");
}
int main(void) {
    clock_120_mhz(1);
    FLASH_ACR = 5 | 1u << 9 | 1u << 10 | PREFETCH_BIT;
    serial_start(120000000, 0, 115200, 0);
    DEMCR |= 1u << 24;
    DWT_CTRL |= 1;
    void (*volatile run)(const uint32_t *, unsigned) = stream;
    run(table, 8);
    uint32_t start = DWT_CYCCNT;
    run(table, 1000);
    print_hex(DWT_CYCCNT - start);
    return 0;
}
"""


def stream(boot: Boot, fill: int, prefetch: bool, place: str = "used") -> tuple[float, int]:
    """(cycles of a turn that reads another 16 bytes of flash, cycles that data waited for prefetches in all)."""
    flags = (f"-DFILL={fill}", f"-DPREFETCH_BIT={PREFETCH if prefetch else 0}", f"-DPLACE={place}")
    board = boot("stream_loop", *flags, text=LOOP, clock={"flash_read_bytes": 16})
    (cycles,) = numbers(run_until_idle(board))
    return cycles / 1000, board.stalls()["prefetch_wait_cycles"]


def test_data_waits_for_the_prefetch_under_way(boot: Boot) -> None:
    """A loop of four units in the cache: entering a unit asks for the next one, held or not.

    The read for data ends T - 1, T being the cycle in which its LDR does. The prefetches that the units entered T - 7,
    T + 3 and T + 7 ask for follow each other: T - 1 to T + 5, to T + 11; the one of T + 7 has not begun when the last
    unit, entered T + 11, asks for another, which takes until T + 17. The next LDR comes T + 16: it waits one cycle.
    """
    off, none = stream(boot, 13, prefetch=False)
    assert off == pytest.approx(2 + WAIT_STATES + 13 + 1 + 2, abs=0.1)
    assert none == 0
    on, waited = stream(boot, 13, prefetch=True)
    assert on - off == pytest.approx(1, abs=0.05)
    assert waited == pytest.approx(1000, abs=SLACK)


def test_no_prefetch_disturbs_a_loop_in_one_unit_or_in_ram(boot: Boot) -> None:
    """RM0432: a loop within the current line causes no access; code in RAM none either."""
    for place, fill in (("used", 1), ('section(".ramcode")', 13)):
        off, _ = stream(boot, fill, prefetch=False, place=place)
        on, waited = stream(boot, fill, prefetch=True, place=place)
        assert on == pytest.approx(off, abs=0.05)
        assert waited < SLACK


DATA = """
#include "chip.h"
__attribute__((aligned(64))) static const uint32_t table[1024] = {1};
__attribute__((section(".ramcode"), noinline, naked)) static void touch(void) {
    __asm volatile("1: ldr r2, [r0], #4\\n subs r1, #1\\n bne 1b\\n bx lr");
}
int main(void) {
    clock_120_mhz(1);
    FLASH_ACR = 5 | 1u << 9 | DCACHE_BIT;
    serial_start(120000000, 0, 115200, 0);
    DEMCR |= 1u << 24;
    DWT_CTRL |= 1;
    for (int i = 0; i < 3; i++) {
        void (*volatile run)(const uint32_t *, unsigned) = (void (*)(const uint32_t *, unsigned))touch;
        const uint32_t *from = i < 2 ? table : (const uint32_t *)0x20050000;
        uint32_t start = DWT_CYCCNT;
        run(from, WORDS);
        print_hex(DWT_CYCCNT - start);
    }
    return 0;
}
"""


def touch(boot: Boot, words: int, dcache: bool, read_bytes: int = 8) -> tuple[int, int]:
    """Additional cycles of reading words from flash instead of SRAM, first and second time."""
    flags = (f"-DWORDS={words}", f"-DDCACHE_BIT={DCACHE if dcache else 0}")
    board = boot("touch", *flags, text=DATA, clock={"flash_read_bytes": read_bytes})
    first, second, ram = numbers(run_until_idle(board))
    return first - ram, second - ram


@pytest.mark.parametrize("read_bytes", [8, 16])
def test_data_cache(boot: Boot, read_bytes: int) -> None:
    first, second = touch(boot, 32, dcache=True, read_bytes=read_bytes)
    assert first == pytest.approx(32 * 4 // read_bytes * WAIT_STATES, abs=SLACK)
    assert second < SLACK


def test_data_cache_holds_256_bytes(boot: Boot) -> None:
    _, second = touch(boot, 128, dcache=True)
    assert second == pytest.approx(128 // 2 * WAIT_STATES, abs=SLACK)


def test_without_data_cache_the_current_unit_is_kept(boot: Boot) -> None:
    for extra in touch(boot, 32, dcache=False):
        assert extra == pytest.approx(32 // 2 * WAIT_STATES, abs=SLACK)


def test_load_use_stall_only_for_values_from_ram(boot: Boot) -> None:
    """The same code stalls on a shifted operand from SRAM and not on one from flash."""
    text = DATA.replace("ldr r2, [r0], #4", "ldr.w r2, [r0]\\n add r3, r3, r2, lsl #2")
    board = boot("stall", "-DWORDS=400", f"-DDCACHE_BIT={DCACHE}", text=text)
    _, flash, ram = numbers(run_until_idle(board))
    assert ram - flash == pytest.approx(400, abs=SLACK)
