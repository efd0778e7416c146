"""Decoder of 32-bit Thumb instructions, by the encoding tables of the Armv7-M architecture manual (Arm DDI0403, A5.3).

Fields are named as there: ``n`` base or first operand, ``d`` destination, ``t`` transferred register, ``m`` second
operand, ``a`` accumulator.
"""

from virtual.timing.decode_fp import decode_fp
from virtual.timing.instruction import PC, Instruction, Op

NO_REGISTER = 15


def bit(register: int) -> int:
    """Mask of one register; 15 encodes "none" wherever this is used."""
    return 0 if register == NO_REGISTER else 1 << register


def multiple(high: int, low: int) -> Instruction:
    base, words = 1 << (high & 15), low.bit_count()
    if not high & 0x10:
        return Instruction(Op.STORE_MULTIPLE, 4, 0, low | base, base, words=words)
    op = Op.LOAD_MULTIPLE_PC if low & 0x8000 else Op.LOAD_MULTIPLE
    return Instruction(op, 4, low & 0x7FFF, base, base, words=words)


def dual_or_exclusive(high: int, low: int) -> Instruction:
    base, load, t = bit(high & 15), bool(high & 0x10), bit(low >> 12)
    if high & 0x0120:
        pair = t | bit(low >> 8 & 15)
        if load:
            return Instruction(Op.LOAD_DOUBLE, 4, pair, base, base, literal=not base)
        return Instruction(Op.STORE_DOUBLE, 4, 0, pair | base, base)
    if high & 0x0080 and low & 0xE0 == 0:
        index = bit(low & 15)
        return Instruction(Op.TABLE_BRANCH, 4, 0, base | index, base | index)
    if load:
        return Instruction(Op.LOAD_EXCLUSIVE, 4, t, base, base)
    status = bit(low & 15 if high & 0x0080 else low >> 8 & 15)
    return Instruction(Op.STORE_EXCLUSIVE, 4, status, t | base, base)


def shifted_register(high: int, low: int) -> Instruction:
    kind, n, d, m = high >> 5 & 15, high & 15, low >> 8 & 15, low & 15
    pack = kind == 6
    shifted = bit(m) if pack or low & 0x70F0 else 0
    return Instruction(Op.ALU, 4, bit(d), bit(n) | bit(m), shifted=shifted | (bit(n) if pack else 0))


def modified_immediate(high: int, low: int) -> Instruction:
    return Instruction(Op.ALU, 4, bit(low >> 8 & 15), bit(high & 15))


def plain_immediate(high: int, low: int) -> Instruction:
    kind, n, d = high >> 4 & 31, bit(high & 15), bit(low >> 8 & 15)
    if kind == 4:  # MOVW: the field of Rn is part of the immediate
        return Instruction(Op.ALU, 4, d)
    if kind == 12:  # MOVT
        return Instruction(Op.ALU, 4, d, d)
    shifted = n if kind in {16, 18, 20, 24, 26, 28} and low & 0x70C0 else 0
    return Instruction(Op.ALU, 4, d, n | d if kind == 22 else n, shifted=shifted)


def branch_or_control(high: int, low: int) -> Instruction:
    if low & 0x4000:
        return Instruction(Op.BRANCH, 4, results=1 << 14) if low & 0x1000 else Instruction(Op.UNDEFINED, 4)
    if low & 0x1000:
        return Instruction(Op.BRANCH, 4)
    if high >> 7 & 7 != 7:
        return Instruction(Op.BRANCH_CONDITIONAL, 4)
    return control(high, low)


def control(high: int, low: int) -> Instruction:
    kind = high >> 4 & 0x7F
    if kind in {0x38, 0x39}:
        return Instruction(Op.STATUS_WRITE, 4, operands=bit(high & 15))
    if kind in {0x3E, 0x3F}:
        return Instruction(Op.STATUS_MOVE, 4, results=bit(low >> 8 & 15))
    if kind == 0x3A:
        if low & 0x0700:
            return Instruction(Op.CPS, 4)
        return Instruction(Op.SLEEP if low & 0xFF in {2, 3} else Op.HINT, 4)
    return Instruction(Op.BARRIER if kind == 0x3B else Op.UNDEFINED, 4)


def single_transfer(high: int, low: int) -> Instruction:
    n, t, width = high & 15, low >> 12, high >> 5 & 3
    load, immediate12 = bool(high & 0x10), bool(high & 0x80)
    literal = load and n == PC
    indexed = not immediate12 and not literal and not low & 0x0800
    address = bit(n) | (bit(low & 15) if indexed else 0)
    if not load:
        op = Op.STORE_REGISTER_OFFSET if indexed else Op.STORE
        return Instruction(op, 4, 0, bit(t) | address, address)
    if t == PC:
        return Instruction(Op.LOAD_PC if width == 2 else Op.HINT, 4, 0, address, address, literal=literal)
    return Instruction(Op.LOAD, 4, bit(t), address, address, literal=literal)


def register_operation(high: int, low: int) -> Instruction:
    n, m, d, kind = bit(high & 15), bit(low & 15), bit(low >> 8 & 15), high >> 4 & 15
    if kind < 8:
        extend = bool(low & 0x80)
        return Instruction(Op.ALU, 4, d, n | m, shifted=m if extend else n)
    if low & 0xC0 == 0x80 and kind in {9, 11}:  # reversal, CLZ: one operand, encoded twice
        return Instruction(Op.ALU, 4, d, m)
    return Instruction(Op.ALU, 4, d, n | m)


def multiply(high: int, low: int) -> Instruction:
    return Instruction(Op.ALU, 4, bit(low >> 8 & 15), bit(high & 15) | bit(low & 15) | bit(low >> 12))


def multiply_long(high: int, low: int) -> Instruction:
    n, m, low_result, high_result = bit(high & 15), bit(low & 15), bit(low >> 12), bit(low >> 8 & 15)
    kind = high >> 4 & 7
    if kind in {1, 3}:
        return Instruction(Op.DIVIDE, 4, high_result, n | m)
    accumulate = low_result | high_result if kind >= 4 else 0
    return Instruction(Op.ALU, 4, low_result | high_result, n | m | accumulate)


# (mask, value) of the first halfword, (mask, value) of the second, decoder; the first match counts.
ROWS = (
    (0xFE40, 0xE800, 0, 0, multiple),
    (0xFE40, 0xE840, 0, 0, dual_or_exclusive),
    (0xFE00, 0xEA00, 0, 0, shifted_register),
    (0xFC00, 0xEC00, 0, 0, decode_fp),
    (0xFA00, 0xF000, 0x8000, 0, modified_immediate),
    (0xFA00, 0xF200, 0x8000, 0, plain_immediate),
    (0xF800, 0xF000, 0x8000, 0x8000, branch_or_control),
    (0xFE00, 0xF800, 0, 0, single_transfer),
    (0xFF00, 0xFA00, 0xF000, 0xF000, register_operation),
    (0xFF80, 0xFB00, 0, 0, multiply),
    (0xFF80, 0xFB80, 0, 0, multiply_long),
)


def decode32(high: int, low: int) -> Instruction:
    """Decode the two halfwords of one instruction, the one at the lower address first."""
    for mask, value, mask2, value2, decoder in ROWS:
        if high & mask == value and low & mask2 == value2:
            return decoder(high, low)
    return Instruction(Op.UNDEFINED, 4)


def is_plain_store(code: bytes) -> bool:
    """Whether the four bytes start with a single store that does not write its base register back."""
    high, low = int.from_bytes(code[:2], "little"), int.from_bytes(code[2:4], "little")
    narrow = high >> 12 in {5, 6, 7, 8, 9}
    immediate12 = high & 0xFF90 == 0xF880
    register_offset = high & 0xFF90 == 0xF800 and low & 0x0FC0 == 0
    return narrow or immediate12 or register_offset
