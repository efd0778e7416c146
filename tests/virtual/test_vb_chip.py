"""Peripherals and exceptions, each proved by a firmware that uses it."""

from itertools import pairwise

import pytest

from tests.virtual.conftest import Boot, numbers, run_until_idle

US = 120  # cycles in a microsecond
BIT = 120_000_000 / 115_200


def ask(boot: Boot, command: bytes, *flags: str) -> list[int]:
    board = boot("chip_tour", *flags)
    assert run_until_idle(board) == b"ready\n"
    board.send(command)
    return numbers(run_until_idle(board))


@pytest.mark.parametrize("divisor", [1, 2, 4, 16])
def test_timer_follows_the_clock_tree(boot: Boot, divisor: int) -> None:
    """1 MHz from the timer clock, which is twice APB1's when that is divided."""
    (cycles,) = ask(boot, b"t", f"-DAPB1={divisor}")
    assert cycles == pytest.approx(1000 * US, abs=60)


@pytest.mark.parametrize(("selector", "baud"), [(0, 115200), (1, 921600), (2, 115200), (0, 921600)])
def test_serial_clock_selection(boot: Boot, selector: int, baud: int) -> None:
    board = boot("chip_tour", f"-DSELECTOR={selector}", f"-DBAUD={baud}", "-DAPB1=2")
    assert run_until_idle(board) == b"ready\n"
    assert board.baud == pytest.approx(baud, rel=0.01)
    assert board.hz == 120_000_000
    assert not board.diagnostics


def test_bytes_arrive_ten_bits_apart(boot: Boot) -> None:
    gaps = ask(boot, b"a12345")
    assert gaps == [pytest.approx(10 * BIT, abs=30)] * 4


def test_transmission_takes_ten_bits_a_byte(boot: Boot) -> None:
    board = boot("chip_tour")
    moments: list[int] = []
    while len(moments) < 6:
        board.run(max_cycles=100)
        moments += [board.cycles] * len(board.receive())
    gaps = [later - earlier for earlier, later in pairwise(moments[1:])]
    assert gaps == [pytest.approx(10 * BIT, abs=200)] * len(gaps)


def test_overrun_loses_bytes(boot: Boot) -> None:
    """Without FIFO one byte waits, the others are lost and ORE tells; ICR clears it."""
    status, first, cleared = ask(boot, b"oABC")
    assert status & 1 << 3
    assert status & 1 << 5
    assert (first, cleared) == (ord("A"), 0)


def test_fifo_keeps_eight(boot: Boot) -> None:
    status, *rest = ask(boot, b"oABCDEFGH", "-DCR1_EXTRA=(1<<29)")
    assert not status & 1 << 3
    assert rest == [*b"ABCDEFGH", 0]
    status, *rest = ask(boot, b"oABCDEFGHI", "-DCR1_EXTRA=(1<<29)")
    assert status & 1 << 3
    assert rest == [*b"ABCDEFGH", 0]


def test_interrupts_nest_by_priority(boot: Boot) -> None:
    """TIM3 pends PendSV (runs after it), which pends TIM2 (interrupts it)."""
    assert ask(boot, b"n") == [1, 0x1234]


def test_systick_counts_core_cycles(boot: Boot) -> None:
    (cycles,) = ask(boot, b"s")
    assert cycles == pytest.approx(10 * 12_000, abs=80)


def test_masks_hold_interrupts_back(boot: Boot) -> None:
    assert ask(boot, b"m") == [0x0112]


def test_floating_point_survives_an_interrupt(boot: Boot) -> None:
    assert ask(boot, b"f") == [1225 + 7250]


def test_supervisor_call(boot: Boot) -> None:
    assert ask(boot, b"v") == [0x5C]


CONDITIONAL = """
#include "chip.h"
static volatile uint32_t calls, faults;
void on_svc(void) {
    calls++;
}
__attribute__((used)) static void skip(uint32_t *frame) {
    faults++;
    frame[6] += 2;
}
__attribute__((naked)) void on_hard_fault(void) {
    __asm volatile("mov r0, sp\\n b skip");
}
int main(void) {
    serial_start(4000000, 0, 9600, 0);
    register uint32_t after __asm("r5") = 0;
    __asm volatile("cmp r5, #0\\n itet eq\\n addeq r5, #1\\n svcne #1\\n addeq r5, #2\\n"
                   "cmp r5, r5\\n ite eq\\n svceq #1\\n addne r5, #4\\n"
                   "cmp r5, r5\\n it ne\\n wfine\\n"
                   "cmp r5, r5\\n itt ne\\n bkpt #0\\n addne r5, #8\\n nop"
                   : "+r"(after)::"cc", "memory");
    print_hex(after);
    print_hex(calls);
    print_hex(faults);
    return 0;
}
"""


def test_calls_and_sleep_under_a_condition(boot: Boot) -> None:
    """The IT block goes on behind a call; BKPT knows no condition, and who skips it skips no place of the block."""
    assert numbers(run_until_idle(boot("conditional", text=CONDITIONAL))) == [3, 1, 1]


def test_process_stack(boot: Boot) -> None:
    """An exception from a thread on PSP returns to it, with SPSEL set."""
    assert ask(boot, b"p") == [2]


def test_crc_unit(boot: Boot) -> None:
    """The CRC-32 of one word, most significant bit first (polynomial 0x04C11DB7, no reflection)."""
    crc = 0xFFFFFFFF
    for bit in range(31, -1, -1):
        feedback = (crc >> 31) ^ (0x12345678 >> bit & 1)
        crc = (crc << 1 & 0xFFFFFFFF) ^ (0x04C11DB7 if feedback else 0)
    assert ask(boot, b"c") == [crc]


def test_bit_band(boot: Boot) -> None:
    assert ask(boot, b"b") == [1 << 5]


def test_system_reset_request(boot: Boot) -> None:
    board = boot("chip_tour")
    run_until_idle(board)
    before = board.seconds
    board.send(b"r")
    assert run_until_idle(board) == b"ready\n"
    assert board.seconds > before


def test_sleep_takes_no_host_time(boot: Boot) -> None:
    """A timer interrupt 10 s of virtual time ahead ends WFI at once, and on the microsecond."""
    text = """
    #include "chip.h"
    void on_tim5(void) { TIM_SR(TIM5_BASE) = 0; }
    int main(void) {
        clock_120_mhz(1);
        serial_start(120000000, 0, 115200, 0);
        RCC_APB1ENR1 |= 1u << 3;
        TIM_PSC(TIM5_BASE) = 119;
        TIM_EGR(TIM5_BASE) = 1;
        TIM_SR(TIM5_BASE) = 0;
        TIM_ARR(TIM5_BASE) = 9999999;
        TIM_DIER(TIM5_BASE) = 1;
        enable_irq(IRQ_TIM5);
        TIM_CR1(TIM5_BASE) = 9;
        __asm volatile("wfi");
        print_hex(TIM_CNT(TIM5_BASE));
        return 0;
    }"""
    board = boot("sleep", text=text)
    assert numbers(run_until_idle(board, cycles=2_000_000_000)) == [0]
    assert board.seconds == pytest.approx(10, abs=0.01)
    assert board.host_seconds < 5


def test_without_timing_results_are_the_same(boot: Boot) -> None:
    board = boot("chip_tour", timing=False)
    assert run_until_idle(board) == b"ready\n"
    for command, expected in ((b"f", 8475), (b"v", 0x5C), (b"p", 2), (b"b", 1 << 5)):
        board.send(command)
        assert numbers(run_until_idle(board)) == [expected]
