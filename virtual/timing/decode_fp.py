"""Decoder of the single-precision floating-point extension FPv4-SP (Arm DDI0403, A6.4 to A6.6)."""

from virtual.timing.instruction import FP_BASE, Instruction, Op

SINGLE, DOUBLE = 10, 11  # coprocessor numbers
VSQRT_OPCODE = 1


def s_bit(number: int) -> int:
    return 1 << (FP_BASE + (number & 31))


def span(first: int, count: int) -> int:
    """Mask of ``count`` single-precision registers from ``first``."""
    return ((1 << count) - 1) << (FP_BASE + first)


def decode_fp(high: int, low: int) -> Instruction:
    coprocessor = low >> 8 & 15
    if high & 0x1000 or coprocessor not in {SINGLE, DOUBLE}:
        return Instruction(Op.UNDEFINED, 4)
    if high & 0xFFE0 == 0xEC40:
        return pair_move(high, low)
    if high & 0xFE00 == 0xEC00:
        return transfer(high, low, coprocessor == DOUBLE)
    if high & 0xFF00 != 0xEE00:
        return Instruction(Op.UNDEFINED, 4)
    if low & 0x10:
        return register_move(high, low)
    return Instruction(Op.UNDEFINED, 4) if coprocessor == DOUBLE else arithmetic(high, low)


def pair_move(high: int, low: int) -> Instruction:
    core = 1 << (high & 15) | 1 << (low >> 12)
    first = (low & 15) << 1
    fp = span(first, 2) if low & 0x100 else span(first | (low >> 5 & 1), 2)
    return Instruction(Op.FP_MOVE, 4, core, fp) if high & 0x10 else Instruction(Op.FP_MOVE, 4, fp, core)


def transfer(high: int, low: int, double: bool) -> Instruction:
    base, top, extra = 1 << (high & 15), low >> 12, high >> 6 & 1
    first = (extra << 4 | top) << 1 if double else top << 1 | extra
    load, single = bool(high & 0x10), high & 0x0120 == 0x0100
    words = (2 if double else 1) if single else low & 0xFF
    registers = span(first, words)
    if load:
        op = Op.FP_LOAD if single else Op.FP_LOAD_MULTIPLE
        return Instruction(op, 4, registers, base, base, words=words, literal=base == 1 << 15)
    op = Op.FP_STORE if single else Op.FP_STORE_MULTIPLE
    return Instruction(op, 4, 0, registers | base, base, words=words)


def register_move(high: int, low: int) -> Instruction:
    core = 0 if low >> 12 == 15 else 1 << (low >> 12)
    status = high >> 5 & 7 == 7  # VMRS, VMSR
    fp = 0 if status else s_bit((high & 15) << 1 | low >> 7 & 1)
    return Instruction(Op.FP_MOVE, 4, core, fp) if high & 0x10 else Instruction(Op.FP_MOVE, 4, fp, core)


def arithmetic(high: int, low: int) -> Instruction:
    d = s_bit(low >> 12 << 1 | high >> 6 & 1)
    n = s_bit((high & 15) << 1 | low >> 7 & 1)
    m = s_bit((low & 15) << 1 | low >> 5 & 1)
    opcode = (high >> 7 & 1) << 2 | high >> 4 & 3
    if opcode in {0, 1, 5, 6}:  # VMLA/VMLS, VNMLA/VNMLS, VFNMA/VFNMS, VFMA/VFMS
        return Instruction(Op.FP_MAC, 4, d, d | n | m)
    if opcode in {2, 3}:  # VMUL/VNMUL, VADD/VSUB
        return Instruction(Op.FP_ALU, 4, d, n | m)
    if opcode == 4:
        return Instruction(Op.FP_DIVIDE, 4, d, n | m)
    return unary(high, low, d, m)


def unary(high: int, low: int, d: int, m: int) -> Instruction:
    kind = high & 15
    if not low & 0x40:  # VMOV immediate
        return Instruction(Op.FP_ALU, 4, d)
    if kind == VSQRT_OPCODE and low & 0x80:
        return Instruction(Op.FP_DIVIDE, 4, d, m)
    if kind in {4, 5}:  # VCMP with a register, with zero
        return Instruction(Op.FP_ALU, 4, 0, d | (m if kind == 4 else 0))
    return Instruction(Op.FP_ALU, 4, d, m)
