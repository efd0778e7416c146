"""Cycles by function, sampled in virtual time."""

import pytest

from tests.virtual.conftest import Boot, run_until_idle
from virtual.sampling import function_cycles

TEXT = """
#include "chip.h"
__attribute__((noinline)) static void spin(unsigned turns) {
    for (volatile unsigned i = 0; i < turns; i++) {
    }
}
__attribute__((noinline)) void short_one(void) {
    spin(1000);
    __asm volatile("");
}
__attribute__((naked, noinline)) void lean(void) {
    __asm volatile("movw r0, #30000\\n 1: subs r0, #1\\n bne 1b\\n bx lr");
}
__attribute__((naked, noinline)) void rich(void) {
    __asm volatile("movw r0, #30000\\n 1: udiv r1, r0, r0\\n subs r0, #1\\n bne 1b\\n bx lr");
}
int main(void) {
    clock_120_mhz(1);
    serial_start(120000000, 0, 115200, 0);
    lean();
    rich();
    short_one();
    return 0;
}
"""


def test_shares_follow_the_cycles(boot: Boot) -> None:
    board = boot("sampled", text=TEXT)
    found = function_cycles(board, lambda: False, lambda: True)
    lean, rich = 30_000 * 3, 30_000 * 8  # dividing a number by itself takes five cycles
    assert found.cycles["lean"] == pytest.approx(lean, rel=0.02)
    assert found.cycles["rich"] == pytest.approx(rich, rel=0.02)
    assert next(iter(found.cycles)) == "rich"
    assert sum(found.cycles.values()) == pytest.approx(board.cycles, rel=0.02)
    assert found.lowest_stack > 0x2000_0000


def test_sampling_changes_no_count(boot: Boot) -> None:
    plain, sampled = boot("sampled", text=TEXT), boot("sampled", text=TEXT)
    run_until_idle(plain)
    function_cycles(sampled, lambda: False, lambda: True)
    assert (sampled.cycles, sampled.instructions) == (plain.cycles, plain.instructions)
