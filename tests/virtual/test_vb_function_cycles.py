"""Cycles by function, counted by the translated code."""

import pytest

from tests.virtual.conftest import Boot, run_until_idle

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


def test_every_cycle_is_some_functions(boot: Boot) -> None:
    board = boot("counted", text=TEXT)
    board.count_functions()
    run_until_idle(board)
    found = board.function_cycles()
    lean, rich = 30_000 * 3, 30_000 * 8  # dividing a number by itself takes five cycles
    assert found["lean"] == pytest.approx(lean, abs=40)  # and what the fetches from flash wait
    assert found["rich"] == pytest.approx(rich, abs=40)
    assert sum(found.values()) == board.cycles
    assert {"main", "short_one", "reset"} <= set(found)


def test_counting_changes_no_count(boot: Boot) -> None:
    plain, counted = boot("counted", text=TEXT), boot("counted", text=TEXT)
    run_until_idle(plain)
    counted.count_functions()
    run_until_idle(counted)
    assert (counted.cycles, counted.instructions) == (plain.cycles, plain.instructions)
    counted.reset()
    run_until_idle(counted)
    assert sum(counted.function_cycles().values()) == counted.cycles
