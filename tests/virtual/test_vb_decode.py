"""The instruction decoder against the assembler."""

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtual.timing.blocks import block_cost, decode
from virtual.timing.costs import CORTEX_M4
from virtual.timing.decode32 import is_plain_store
from virtual.timing.instruction import Instruction, Op

KINDS = {
    Op.ALU: """adds r0, r1, r2; subs r0, #3; movs r0, #1; mov r8, r1; mvns r0, r1; cmp r0, r1; tst r0, r1;
        lsls r0, r1, #3;
        asrs r0, r1; muls r0, r1; sxth r0, r1; rev r0, r1; add sp, #8; sub sp, #8; adr r0, 1f; add r0, sp, #4;
        add.w r0, r1, r2, lsl #3; mov.w r0, #0x100; movw r0, #0x1234; movt r0, #0x1234; addw r0, r1, #0x123;
        ubfx r0, r1, #3, #4; bfi r0, r1, #3, #4; ssat r0, #7, r1, asl #3; usat16 r0, #7, r1; pkhtb r0, r1, r2, asr #4;
        lsl.w r0, r1, r2; sxtab16 r0, r1, r2, ror #8; uxth.w r0, r1, ror #16; sadd8 r0, r1, r2; uhsub16 r0, r1, r2;
        qdadd r0, r1, r2; clz r0, r1; rbit r0, r1; sel r0, r1, r2; mul r0, r1, r9; mla r0, r1, r2, r3;
        mls r0, r1, r2, r3; smlabt r0, r1, r2, r3; smladx r0, r1, r2, r3; smlawb r0, r1, r2, r3; smlsd r0, r1, r2, r3;
        smmlar r0, r1, r2, r3; usada8 r0, r1, r2, r3; smull r0, r1, r2, r3; umlal r0, r1, r2, r3; smlald r0, r1, r2, r3;
        umaal r0, r1, r2, r3""",
    Op.ALU_PC: "mov pc, r0; add pc, r0",
    Op.DIVIDE: "udiv r0, r1, r2; sdiv r0, r1, r2",
    Op.LOAD: """ldr r0, [r1]; ldrb r0, [r1, r2]; ldrsh r0, [r1, r2]; ldrh r0, [r1, #2]; ldr r0, [sp, #4]; ldr r0, 1f;
        ldr.w r0, [r1, #0x100]; ldr.w r0, [r1, r2, lsl #2]; ldrsb.w r0, [r1, #-1]; ldr r0, [r1], #4;
        ldrh.w r0, [r1, #2]!;
        ldr.w r0, 1f; ldrsb r0, [r1, #200]""",
    Op.LOAD_PC: "ldr pc, [r0]; ldr pc, [sp], #4; ldr.w pc, 1f",
    Op.LOAD_DOUBLE: "ldrd r0, r1, [r2]; ldrd r0, r1, [r2], #8; ldrd r0, r1, [r2, #-8]!",
    Op.LOAD_MULTIPLE: "ldmia r0!, {r1, r2}; pop {r0, r1}; ldmdb r0, {r1, r2}; pop.w {r4, r8}",
    Op.LOAD_MULTIPLE_PC: "pop {r0, pc}; pop.w {r4, r8, pc}; ldmia.w r0, {r1, pc}",
    Op.STORE: "str r0, [r1]; strb r0, [r1, #1]; strh r0, [r1]; str r0, [sp, #4]; str.w r0, [r1, #8]; strb r0, [r1], #1",
    Op.STORE_REGISTER_OFFSET: "str r0, [r1, r2]; strh r0, [r1, r2]; strb.w r0, [r1, r2, lsl #1]",
    Op.STORE_DOUBLE: "strd r0, r1, [r2]; strd r0, r1, [r2, #8]!",
    Op.STORE_MULTIPLE: "push {r0, lr}; stmia r0!, {r1, r2}; push.w {r4, r8}; stmdb r0, {r1, r2}",
    Op.LOAD_EXCLUSIVE: "ldrex r0, [r1]; ldrexb r0, [r1]; ldrexh r0, [r1]",
    Op.STORE_EXCLUSIVE: "strex r0, r1, [r2]; strexb r0, r1, [r2]",
    Op.BRANCH: "b 1f; b.w 1f; bl 1f",
    Op.BRANCH_CONDITIONAL: "beq 1f; bne.w 1f; cbz r0, 1f; cbnz r1, 1f",
    Op.BRANCH_REGISTER: "bx lr; blx r3",
    Op.TABLE_BRANCH: "tbb [r0, r1]; tbh [pc, r1, lsl #1]",
    Op.STATUS_MOVE: "mrs r0, primask; mrs r0, psp",
    Op.STATUS_WRITE: "msr basepri, r0; msr control, r0",
    Op.CPS: "cpsid i; cpsie f",
    Op.BARRIER: "dsb; isb; dmb",
    Op.HINT: "nop; sev; nop.w; yield",
    Op.SLEEP: "wfi; wfe; wfi.w",
    Op.EXCEPTION: "svc #3; bkpt #0",
    Op.UNDEFINED: "udf #1; udf.w #1; .inst.w 0xffffffff",
    Op.FP_ALU: """vadd.f32 s0, s1, s2; vsub.f32 s0, s1, s2; vmul.f32 s0, s1, s2; vnmul.f32 s0, s1, s2; vabs.f32 s0, s1;
        vneg.f32 s0, s1; vmov.f32 s0, s1; vmov.f32 s0, #1.0; vcvt.s32.f32 s0, s1; vcvt.f32.u32 s0, s1; vcmp.f32 s0, s1;
        vcmpe.f32 s0, #0.0""",
    Op.FP_MAC: """vmla.f32 s0, s1, s2; vmls.f32 s0, s1, s2;
        vfma.f32 s0, s1, s2; vfnms.f32 s0, s1, s2; vnmla.f32 s0, s1, s2""",
    Op.FP_DIVIDE: "vdiv.f32 s0, s1, s2; vsqrt.f32 s0, s1",
    Op.FP_LOAD: "vldr s0, [r0]; vldr d3, [r0, #8]; vldr s5, 1f",
    Op.FP_STORE: "vstr s0, [r0]; vstr d3, [r0, #-8]",
    Op.FP_LOAD_MULTIPLE: "vldmia r0, {s0-s3}; vpop {d8}; vldmdb r0!, {s0, s1}",
    Op.FP_STORE_MULTIPLE: "vpush {s16-s17}; vstmia r0!, {d0-d3}",
    Op.FP_MOVE: "vmov s0, r0; vmov r0, s0; vmrs apsr_nzcv, fpscr; vmsr fpscr, r0; vmov s0, s1, r0, r1; vmov r0, r1, d0",
}  # fmt: skip


def assemble(text: str, folder: Path) -> bytes:
    if shutil.which("arm-none-eabi-as") is None:
        pytest.skip("arm-none-eabi-as is not installed")
    source, thing, binary = folder / "a.s", folder / "a.o", folder / "a.bin"
    source.write_text(f".syntax unified\n.cpu cortex-m4\n.fpu fpv4-sp-d16\n.thumb\n{text}\n")
    subprocess.run(["arm-none-eabi-as", str(source), "-o", str(thing)], check=True)
    subprocess.run(["arm-none-eabi-objcopy", "-O", "binary", str(thing), str(binary)], check=True)
    return binary.read_bytes()


@pytest.mark.parametrize("op", KINDS)
def test_kind_and_size(op: Op, tmp_path: Path) -> None:
    """Every instruction is recognised; a listing in the right order proves the sizes, too."""
    lines = [line.strip() for line in KINDS[op].split(";")]
    tail = "\nnop\n.balign 4\n1: nop\nnop"
    code = assemble("\n".join(lines) + tail, tmp_path)
    found = [instruction.op for _, instruction in decode(0, code)][: len(lines)]
    wrong = [(line, kind) for line, kind in zip(lines, found, strict=True) if kind is not op]
    assert not wrong


def one(text: str, folder: Path) -> Instruction:
    return next(decode(0, assemble(text, folder)))[1]


def mask(*registers: int) -> int:
    return sum(1 << register for register in registers)


@pytest.mark.parametrize(
    ("text", "results", "address", "shifted"),
    [
        ("ldr r3, [r1, r2]", mask(3), mask(1, 2), 0),
        ("ldr.w r9, [r10, r11, lsl #2]", mask(9), mask(10, 11), 0),
        ("ldr r0, [r1], #4", mask(0), mask(1), 0),
        ("ldr r7, [sp, #4]", mask(7), mask(13), 0),
        ("add.w r0, r1, r2, lsl #3", mask(0), 0, mask(2)),
        ("add.w r0, r1, r2", mask(0), 0, 0),
        ("sxtb16 r0, r5", mask(0), 0, mask(5)),
        ("sxtab r0, r1, r5", mask(0), 0, mask(5)),
        ("uxtb r0, r4", mask(0), 0, mask(4)),
        ("pkhbt r0, r1, r2", mask(0), 0, mask(1, 2)),
        ("smull r0, r1, r2, r3", mask(0, 1), 0, 0),
        ("ldrd r4, r5, [r6]", mask(4, 5), mask(6), 0),
        ("vadd.f32 s1, s2, s31", mask(16 + 1), 0, 0),
        ("vldr s3, [r2]", mask(16 + 3), mask(2), 0),
        ("vldr d3, [r2]", mask(16 + 6, 16 + 7), mask(2), 0),
    ],
)
def test_registers(text: str, results: int, address: int, shifted: int, tmp_path: Path) -> None:
    instruction = one(text, tmp_path)
    assert (instruction.results, instruction.address, instruction.shifted) == (results, address, shifted)


@pytest.mark.parametrize(
    ("text", "words"),
    [("push {r0-r3, lr}", 5), ("pop {r4, pc}", 2), ("ldmia.w r0, {r1-r4, r8, pc}", 6), ("vpush {d8-d15}", 16)],
)
def test_words_of_multiples(text: str, words: int, tmp_path: Path) -> None:
    assert one(text, tmp_path).words == words


@pytest.mark.parametrize(("text", "covered"), [("it eq", 1), ("ite eq", 2), ("itte ne", 3), ("iteee lt", 4)])
def test_it_covers(text: str, covered: int, tmp_path: Path) -> None:
    conditions = {"it eq": ["eq"], "ite eq": ["eq", "ne"], "itte ne": ["ne", "ne", "eq"]}
    body = "\n".join(f"mov{condition} r0, r1" for condition in conditions.get(text, ["lt", "ge", "ge", "ge"]))
    assert one(f"{text}\n{body}", tmp_path).covered == covered


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("str r0, [r1]", True),
        ("strb r0, [r1, r2]", True),
        ("str.w r0, [r1, #0x200]", True),
        ("str.w r0, [r1, r2, lsl #2]", True),
        ("str r0, [r1], #4", False),
        ("str r0, [r1, #4]!", False),
        ("strd r0, r1, [r2]", False),
        ("stmia r0!, {r1, r2}", False),
    ],
)
def test_plain_stores(text: str, plain: bool, tmp_path: Path) -> None:
    assert is_plain_store(assemble(text + "\nnop", tmp_path)[:4]) is plain


@given(st.binary(max_size=64), st.sampled_from([0x0800_0000, 0x0800_0002, 0x2000_0000]))
def test_any_bytes_have_a_cost(code: bytes, address: int) -> None:
    """Data behind code, or a wild jump, must not stop the board."""
    block = block_cost(CORTEX_M4, address, code[: len(code) & ~1])
    assert block.cycles >= 0
    assert len(block.before) == len(code) // 2
    cycles = [before[0] for before in block.before if before[1]]
    assert cycles == sorted(cycles)
