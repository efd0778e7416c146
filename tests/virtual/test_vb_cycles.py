"""Cycle counts of hand-counted sequences, read by the firmware from CYCCNT."""

import pytest

from tests.virtual.conftest import Boot, numbers, run_until_idle
from virtual.timing.costs import CORTEX_M4

# Runs ``BODY`` between two reads of CYCCNT, in SRAM2 on the code bus, where no fetch ever waits. r4 holds CYCCNT's
# address, r7 a word-aligned buffer; r0..r3, r5, r6 and s0..s3 are free.
TEMPLATE = """
#include "chip.h"
__attribute__((aligned(4))) static uint32_t buffer[64];
__attribute__((naked, noinline, aligned(16))) static void sequence(void) {
    __asm volatile(
        "push {r4-r7, lr}\\n mov r7, r0\\n movw r4, #0x1004\\n movt r4, #0xE000\\n movs r1, #1\\n movs r2, #2\\n"
        "movs r3, #3\\n mov r5, r7\\n movs r6, #0\\n .balign 4\\n"
        "ldr r0, [r4]\\n push {r0}\\n .balign 4\\n"
        BODY
        "\\n ldr r0, [r4]\\n pop {r1}\\n subs r0, r0, r1\\n pop {r4-r7, pc}\\n .ltorg\\n");
}
int main(void) {
    serial_start(4000000, 0, 9600, 0);
    DEMCR |= 1u << 24;
    DWT_CTRL |= 1;
    uint32_t *code = (uint32_t *)0x10000100;
    for (int i = 0; i < 512; i++) {
        code[i] = ((uint32_t *)((uint32_t)sequence & ~1u))[i];
    }
    uint32_t (*copy)(uint32_t *) = (uint32_t (*)(uint32_t *))0x10000101;
    print_hex(copy(buffer));
    return 0;
}
"""
OVERHEAD = 2 + 2  # LDR of the counter, PUSH of one register


def measure(boot: Boot, *lines: str) -> int:
    body = '"' + "\\n ".join(lines) + '"'
    board = boot("sequence", f"-DBODY={body}" if body != '""' else '-DBODY=""', text=TEMPLATE)
    (cycles,) = numbers(run_until_idle(board))
    return cycles - OVERHEAD


CASES = {
    "nothing": ((), 0),
    "alu": (("adds r1, r1, r2", "eors r1, r2", "lsls r3, r1, #2"), 3),
    "multiplies": (("mul r1, r2, r3", "smull r0, r1, r2, r3", "smlad r0, r1, r2, r3", "umlal r0, r1, r2, r3"), 4),
    "saturation": (("ssat r0, #8, r1", "qadd r1, r2, r3", "sxtb16 r0, r1", "pkhbt r0, r1, r2"), 4),
    "more multiplies": (
        ("umull r0, r1, r2, r3", "smlal r0, r1, r2, r3", "smmul r1, r2, r3", "smlabt r0, r1, r2, r3"),
        4,
    ),
    "more saturation": (
        ("usat r0, #8, r1", "qsub r1, r2, r3", "uxtb16 r0, r1", "pkhtb r0, r1, r2", "smuadx r0, r1, r2"),
        5,
    ),
    "divide, quotient 0": (("movs r2, #1", "movs r3, #2", "udiv r1, r2, r3"), 2 + 2),
    "divide by zero": (("movs r2, #1", "movs r3, #0", "udiv r1, r2, r3"), 2 + 2),
    "divide, short quotient": (("movs r2, #9", "movs r3, #3", "udiv r1, r2, r3"), 2 + 2 + 2 + 1),
    "divide, longest quotient": (("mov.w r2, #-1", "movs r3, #1", "udiv r1, r2, r3"), 2 + 12),
    "divide, signed": (("mvn.w r2, #99", "movs r3, #3", "sdiv r1, r2, r3"), 2 + 2 + 2 + 2),
    "one load": (("ldr r0, [r7]", "nop"), 3),
    "three loads pipeline": (("ldr r0, [r7]", "ldr r1, [r7, #4]", "ldrb r2, [r7, #8]", "nop"), 5),
    "load of a loaded address": (("ldr r0, [r5]", "ldr r1, [r0, r6]", "nop"), 5),
    "load behind a base write-back": (("ldr r0, [r5], #4", "ldr r1, [r5]", "nop"), 2 + 1 + 1),
    "load behind a multiple load": (("ldmia.w r7, {r0, r1}", "ldr r2, [r5]", "nop"), 3 + 2 + 1),
    "load behind a store": (("str r1, [r7]", "ldr r0, [r7]", "nop"), 1 + 2 + 1),
    "store to an address from the ALU": (("adds r5, r7, #4", "str r1, [r5]", "nop"), 1 + 1 + 1 + 1),
    "store with an offset from the ALU": (("adds r6, r6, #4", "str.w r1, [r7, r6]", "nop"), 1 + 1 + 2 + 1),
    "address from the ALU": (("adds r5, r7, #4", "ldr r0, [r5]", "nop"), 5),
    "address older than one instruction": (("adds r5, r7, #4", "nop", "ldr r0, [r5]", "nop"), 5),
    "stores": (("str r1, [r7]", "strb r1, [r7, #4]", "str r1, [r7, r6]"), 4),
    "doubles": (("ldrd r0, r1, [r7]", "strd r0, r1, [r7]"), 6),
    "multiples": (("ldmia r7, {r0-r3}", "stmia.w r5, {r0-r3}", "push {r0, r1}", "pop {r0, r1}"), 5 + 5 + 3 + 3),
    "load used shifted": (("ldr.w r0, [r7]", "add.w r1, r2, r0, lsl #2"), 4),
    "load used extended": (("ldr.w r0, [r7]", "sxtb16 r1, r0"), 4),
    "short load used extended": (("ldr r0, [r7]", "sxtb16 r1, r0"), 3),
    "load used packed": (("ldr.w r0, [r7]", "pkhbt r1, r0, r2"), 2 + 1 + 1),
    "load used rotated": (("ldr.w r0, [r7]", "sxtb16 r1, r0, ror #8"), 2 + 1 + 1),
    "load used by a short extension": (("ldr.w r0, [r7]", "uxtb r1, r0"), 2 + 1 + 1),
    "load used shifted, one instruction later": (("ldr.w r0, [r7]", "nop", "add.w r1, r2, r0, lsl #2"), 2 + 1 + 1),
    "load used in a dual multiply": (("ldr.w r0, [r7]", "smlad r1, r0, r2, r3"), 2 + 1),
    "load used plainly": (("ldr.w r0, [r7]", "add.w r1, r2, r0"), 3),
    "branch": (("b 1f", "nop", ".balign 4", "1: nop"), 3),
    "branch to a wide instruction, aligned": (("b 1f", "nop", "1: mov.w r0, #1"), 3),
    "branch to a wide instruction, unaligned": (("b 1f", "nop", "nop", "1: mov.w r0, #1"), 4),
    "conditional, taken": (("cmp r1, r1", "beq 1f", "nop", "nop", "1: nop"), 4),
    "conditional, not taken": (("cmp r1, r1", "bne 1f", "nop", "nop", "1: nop"), 5),
    "compare and branch": (("cbz r6, 1f", "nop", "nop", "1: cbnz r6, 2f", "nop", "2: nop"), 2 + 1 + 1 + 1),
    "call and return": (("bl 1f", "b 2f", "1: bx lr", "2: nop"), 2 + 3 + 2 + 1),
    "table branch": (("tbb [pc, r6]", ".byte 1, 1", "1: nop"), 7),
    "table branch of halfwords": (("tbh [pc, r6, lsl #1]", ".short 2, 2", "1: nop"), 7),
    "return by POP": (
        ("adr.w r0, 1f", "orr.w r0, r0, #1", "push {r0}", "pop {pc}", ".balign 4", "1: nop"),
        2 + 2 + (1 + 1 + 3) + 1,
    ),
    "jump by LDR": (
        ("adr.w r0, 1f", "orr.w r0, r0, #1", "str.w r0, [r7]", "ldr.w pc, [r7]", ".balign 4", "1: nop"),
        2 + 1 + (2 + 3) + 1,
    ),
    "jump by MOV": (("adr.w r0, 1f", "mov pc, r0", ".balign 4", "1: nop"), 1 + (1 + 2) + 1),
    "loop of ten": (("movs r0, #10", "1: subs r0, r0, #1", "bne 1b"), 1 + 10 * 2 + 9),
    "folded IT": (("cmp r1, r1", "it eq", "moveq r0, r2"), 2),
    "IT after a wide instruction": (("cmp.w r1, r1", "it eq", "moveq r0, r2"), 3),
    "counter read behind an IT block": (("cmp r1, r2", "ite ne", "ldrne r0, [r7]", "moveq r0, r1"), 4),
    "run of odd wide instructions": (("nop", "mov.w r0, #1", "mov.w r1, #1", "mov.w r2, #1", "nop"), 6),
    "run of two odd wide instructions": (("nop", "mov.w r0, #1", "mov.w r1, #1", "nop"), 4),
    "longer run of odd wide instructions": (("nop", *(f"mov.w r{n}, #1" for n in (0, 1, 2, 3, 6)), "nop"), 8),
    "run of even wide instructions": (("mov.w r0, #1", "mov.w r1, #1", "mov.w r2, #1", "nop"), 4),
    "floating point": (("vadd.f32 s0, s1, s2", "vmul.f32 s3, s1, s2", "vdiv.f32 s4, s1, s2"), 16),
    "floating point, dependent": (("vadd.f32 s0, s1, s2", "vmul.f32 s3, s0, s2"), 3),
    "multiply-accumulate": (("vfma.f32 s0, s1, s2", "vmla.f32 s3, s4, s5"), 6),
    "square root": (("vsqrt.f32 s0, s1",), 14),
    "FP result moved": (("vadd.f32 s0, s1, s2", "vmov r0, s0"), 3),
    "FP load of a double register": (("vldr d0, [r7]", "nop"), 4),
    "FP loads": (("vldr s0, [r7]", "vldr s1, [r7, #4]", "vldmia r5, {s0-s3}"), 2 + 1 + 5),
    "unaligned halfword": (("ldrh r0, [r7, #1]", "nop"), 4),
    "unaligned word, halfway": (("ldr.w r0, [r7, #2]", "nop"), 4),
    "unaligned word, odd": (("ldr.w r0, [r7, #1]", "nop"), 5),
    "unaligned store": (("str.w r0, [r7, #2]", "nop"), 3),
    "status": (("mrs r0, primask", "cpsid i", "cpsie i"), 4),
}


BOTH_READS = """
#include "chip.h"
#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)
__attribute__((aligned(1024), naked, noinline)) static uint32_t twice(uint32_t counter __attribute__((unused))) {
    __asm volatile("ldr r1, [r0]\\n .rept " TEXT(NOPS) "\\n nop\\n .endr\\n ldr r2, [r0]\\n subs r0, r2, r1\\n"
                   ".rept 64\\n nop\\n .endr\\n bx lr");
}
int main(void) {
    clock_120_mhz(1);
    FLASH_ACR = 5 | 1u << 9 | 1u << 10;
    serial_start(120000000, 0, 115200, 0);
    DEMCR |= 1u << 24;
    DWT_CTRL |= 1;
    print_hex(twice(0xE0001004));
    print_hex(twice(0xE0001004));
    return 0;
}
"""


@pytest.mark.parametrize("nops", [2, 3, 11, 100])
def test_the_counter_sees_the_waits_before_it_and_no_others(boot: Boot, nops: int) -> None:
    """Two reads in a straight run of cold code: what lies between waits, what follows does not count yet."""
    board = boot("twice", f"-DNOPS={nops}", text=BOTH_READS)
    cold, warm = numbers(run_until_idle(board))
    units = (2 + 2 * nops) // 8  # beyond the one with the first read, up to the one with the second
    assert warm == 2 + nops
    assert cold == warm + units * (5 + CORTEX_M4.instruction_miss_extra)


@pytest.mark.parametrize("name", CASES)
def test_hand_counted(boot: Boot, name: str) -> None:
    lines, expected = CASES[name]
    assert measure(boot, *lines) == expected


def test_code_on_the_system_bus_is_slower(boot: Boot) -> None:
    """The same loop, in SRAM1 and in SRAM2's alias on the code bus."""
    text = TEMPLATE.replace("0x10000100", "ADDRESS").replace("0x10000101", "(ADDRESS + 1)")
    body = '-DBODY="movs r0, #50\\n 1: ldr r1, [r7]\\n subs r0, r0, #1\\n bne 1b"'
    counts = []
    for address in ("0x10000100", "0x20020000"):
        board = boot("bus", body, f"-DADDRESS={address}", text=text)
        counts += numbers(run_until_idle(board))
    assert counts[1] > counts[0] + 50


def test_counts_are_the_same_every_time(boot: Boot) -> None:
    counts = set()
    board = boot("echo")
    for _ in range(2):
        output = run_until_idle(board)
        board.send(b"hello t")
        output += run_until_idle(board)
        counts.add((output, board.cycles, board.instructions, tuple(board.stalls().items())))
        board.reset()
    assert len(counts) == 1


def test_slicing_changes_nothing(boot: Boot) -> None:
    """How often the host looks is not part of the model."""
    whole, sliced = boot("echo"), boot("echo")
    run_until_idle(whole)
    while sliced.output_queued < len(b"ready\n"):
        sliced.run(777)
    run_until_idle(sliced)
    assert (sliced.cycles, sliced.instructions) == (whole.cycles, whole.instructions)
