"""Faults reach the firmware's own handlers with the right status, or stop the board with a message."""

import pytest

from tests.virtual.conftest import Boot, numbers, run_until_idle
from virtual import StopReason

HARD, BUS, USAGE = 3, 5, 6
FORCED, DEBUG = 1 << 30, 1 << 31
PRECISE, BFAR_VALID, FETCH = 1 << 9, 1 << 15, 1 << 8
UNDEFINED, STATE, NO_FPU = 1 << 16, 1 << 17, 1 << 19
NO_MEMORY = 0x7000_0000


def report(boot: Boot, fault: str, *flags: str) -> list[int]:
    board = boot("faults", f'-DFAULT="{fault}"', *flags)
    return numbers(run_until_idle(board))


@pytest.mark.parametrize(
    ("fault", "cfsr", "bfar", "where", "own"),
    [
        ("udf #1", UNDEFINED, None, 0, USAGE),
        (".word 0xffffffff", UNDEFINED, None, 0, USAGE),
        ("mov.w r0, #0x70000000\\n ldr r2, [r0]", PRECISE | BFAR_VALID, NO_MEMORY, 4, BUS),
        ("mov.w r0, #0x70000000\\n str r2, [r0, #8]", PRECISE | BFAR_VALID, NO_MEMORY + 8, 4, BUS),
        ("mov.w r0, #0x08000000\\n str r2, [r0]", PRECISE | BFAR_VALID, 0x0800_0000, 4, BUS),
    ],
)
def test_fault_is_reported(boot: Boot, fault: str, cfsr: int, bfar: int | None, where: int, own: int) -> None:
    """First as HardFault, then, enabled in SHCSR, to its own handler."""
    handler, status, hard, address, pc = report(boot, fault)
    assert (handler, status, hard, pc) == (HARD, cfsr, FORCED, where)
    assert bfar is None or address == bfar
    handler, status, hard, address, pc = report(boot, fault, "-DENABLED")
    assert (handler, status, hard, pc) == (own, cfsr, 0, where)


def test_jump_to_no_memory(boot: Boot) -> None:
    handler, status, hard, *_ = report(boot, "movw r0, #1\\n movt r0, #0x7000\\n bx r0")
    assert (handler, status, hard) == (HARD, FETCH, FORCED)


def test_jump_without_thumb_bit(boot: Boot) -> None:
    handler, status, hard, *_ = report(boot, "movw r0, #0x100\\n movt r0, #0x0800\\n bx r0")
    assert (handler, status, hard) == (HARD, STATE, FORCED)


def test_breakpoint_without_debugger(boot: Boot) -> None:
    handler, status, hard, _, pc = report(boot, "bkpt #1")
    assert (handler, status, hard, pc) == (HARD, 0, DEBUG, 0)


def test_floating_point_while_disabled(boot: Boot) -> None:
    handler, status, hard, _, pc = report(boot, "nop\\n vmov s0, r0", "-DNO_FPU")
    assert (handler, status, hard, pc) == (HARD, NO_FPU, FORCED, 2)


def test_fault_in_hard_fault_locks_up(boot: Boot) -> None:
    board = boot("faults", '-DFAULT="udf #1"', "-DAGAIN")
    assert board.run(10_000_000) is StopReason.LOCKUP
    assert board.lockup is not None
    assert "undefined instruction" in board.lockup
    assert board.run(10_000_000) is StopReason.LOCKUP
    assert any("lockup" in message for message in board.diagnostics)
    board.reset()
    assert board.lockup is None


def test_stack_outside_memory_locks_up(boot: Boot) -> None:
    board = boot("faults", '-DFAULT="nop"', "-DSTACK=0x10")
    assert board.run(10_000_000) is StopReason.LOCKUP
    assert board.post_mortem is not None
    assert "STKERR" in board.post_mortem
    assert "UNDEFINSTR" in board.post_mortem


DIAGNOSES = {
    "wait states": ("clock_120_mhz(1); FLASH_ACR = 4;", "4 wait states at 120 MHz"),
    "normal mode": ("clock_120_mhz(1); PWR_CR5 = 1u << 8;", "above the 80 MHz of voltage range 1 normal"),
    "too fast": ("clock_120_mhz(1); RCC_PLLCFGR = 1u | 62u << 8 | 1u << 24;", "124 MHz is above the 120 MHz"),
    "clock off": ("TIM_CNT(TIM2_BASE) = 1;", "TIM2: accessed while its clock is off"),
    "no supply for port G": (
        "clock_120_mhz(1); serial_start(120000000, 0, 115200, 0); PWR_CR2 = 0; put('x');",
        "TX pin is not switched to it or has no supply",
    ),
    "not ready": ("RCC_CFGR = 3;", "switch to source 3, which is not ready"),
    "no crystal": ("RCC_CR |= 1u << 16;", "no crystal"),
    "unmodelled": (
        "RCC_APB1ENR1 |= 1u << 21; REG(0x40005400) = 1;",
        "I2C1 CR1 at 0x40005400 written by pc 0x08000",
    ),
    "reserved": ("(void)REG(0x40018000);", "0x40018000 is reserved in the memory map; read by pc"),
    "wrong key": ("REG(0x40022008) = 1;", "FLASH: a wrong key"),
    "backup domain": ("RCC_APB1ENR1 |= 1u << 28; REG(0x40021090) = 1;", "BDCR was written while PWR_CR1.DBP"),
    "no 48 MHz": ("RCC_AHB2ENR |= 1u << 18; REG(0x50060800) = 4; (void)REG(0x50060804);", "RNG: it is on, but"),
    "debug register": ("REG(0xE0001028) = 5;", "DWT comparators"),
    "auxiliary control": (
        "REG(0xE000E008) = 2;",
        "ACTLR at 0xe000e008 is not modelled, it answers as plain memory; first by pc",
    ),
    "flush to zero": (
        'register uint32_t mode = 1u << 24; __asm volatile("vmsr fpscr, %0" ::"r"(mode));',
        "flush to zero",
    ),
}


@pytest.mark.parametrize("name", DIAGNOSES)
def test_mistakes_are_diagnosed(boot: Boot, name: str) -> None:
    code, expected = DIAGNOSES[name]
    board = boot("mistake", text=f'#include "chip.h"\nint main(void) {{ {code} return 0; }}')
    assert run_until_idle(board) == b""
    assert any(expected in message for message in board.diagnostics), board.diagnostics


def test_clock_off_reads_zero_and_ignores_writes(boot: Boot) -> None:
    code = """
    #include "chip.h"
    int main(void) {
        TIM_ARR(TIM2_BASE) = 77;
        uint32_t off = TIM_ARR(TIM2_BASE);
        RCC_APB1ENR1 |= 1;
        uint32_t on = TIM_ARR(TIM2_BASE);
        serial_start(4000000, 0, 9600, 0);
        print_hex(off);
        print_hex(on);
        return 0;
    }"""
    assert numbers(run_until_idle(boot("gated", text=code))) == [0, 0xFFFFFFFF]
