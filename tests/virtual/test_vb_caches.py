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
