"""Decoder of 16-bit Thumb instructions, by the encoding tables of Armv7-M (Arm DDI0403, A5.2)."""

from collections.abc import Callable

from virtual.timing.instruction import PC, Instruction, Op

Row = tuple[int, int, Callable[[int], Instruction]]

SP_BIT = 1 << 13
LR_BIT = 1 << 14


def low(code: int, shift: int) -> int:
    """Mask of the low register in three bits of the code."""
    return 1 << (code >> shift & 7)


def shift_immediate(code: int) -> Instruction:
    source = low(code, 3)
    moved = code & 0xFFC0 == 0
    return Instruction(Op.ALU, 2, results=low(code, 0), operands=source, shifted=0 if moved else source)


def add_subtract(code: int) -> Instruction:
    operands = low(code, 3) | (0 if code & 0x0400 else low(code, 6))
    return Instruction(Op.ALU, 2, results=low(code, 0), operands=operands)


def immediate8(code: int) -> Instruction:
    register = low(code, 8)
    kind = code >> 11 & 3
    return Instruction(Op.ALU, 2, results=0 if kind == 1 else register, operands=0 if kind == 0 else register)


def data_processing(code: int) -> Instruction:
    kind = code >> 6 & 15
    destination, other = low(code, 0), low(code, 3)
    operands = other if kind in {9, 15} else destination | other
    shifted = destination if kind in {2, 3, 4, 7} else 0
    return Instruction(Op.ALU, 2, 0 if kind in {8, 10, 11} else destination, operands, shifted=shifted)


def high_registers(code: int) -> Instruction:
    kind = code >> 8 & 3
    destination = (code & 7) | (code >> 4 & 8)
    source = 1 << (code >> 3 & 15)
    if kind == 3:
        return Instruction(Op.BRANCH_REGISTER, 2, results=LR_BIT if code & 0x80 else 0, operands=source)
    operands = source if kind == 2 else source | 1 << destination
    if kind != 1 and destination == PC:
        return Instruction(Op.ALU_PC, 2, operands=operands)
    return Instruction(Op.ALU, 2, results=0 if kind == 1 else 1 << destination, operands=operands)


def load_literal(code: int) -> Instruction:
    return Instruction(Op.LOAD, 2, results=low(code, 8), literal=True)


def register_offset(code: int) -> Instruction:
    address = low(code, 3) | low(code, 6)
    if code >> 9 & 7 < 3:
        return Instruction(Op.STORE_REGISTER_OFFSET, 2, operands=low(code, 0) | address, address=address)
    return Instruction(Op.LOAD, 2, results=low(code, 0), operands=address, address=address)


def transfer(load: bool, register: int, base: int) -> Instruction:
    if load:
        return Instruction(Op.LOAD, 2, results=register, operands=base, address=base)
    return Instruction(Op.STORE, 2, operands=register | base, address=base)


def immediate_offset(code: int) -> Instruction:
    return transfer(bool(code & 0x0800), low(code, 0), low(code, 3))


def stack_offset(code: int) -> Instruction:
    return transfer(bool(code & 0x0800), low(code, 8), SP_BIT)


def address(code: int) -> Instruction:
    return Instruction(Op.ALU, 2, results=low(code, 8), operands=SP_BIT if code & 0x0800 else 0)


def adjust_stack(_: int) -> Instruction:
    return Instruction(Op.ALU, 2, results=SP_BIT, operands=SP_BIT)


def compare_branch(code: int) -> Instruction:
    return Instruction(Op.BRANCH_CONDITIONAL, 2, operands=low(code, 0))


def extend(code: int) -> Instruction:
    source = low(code, 3)
    return Instruction(Op.ALU, 2, results=low(code, 0), operands=source, shifted=source)


def reverse(code: int) -> Instruction:
    return Instruction(Op.ALU, 2, results=low(code, 0), operands=low(code, 3))


def push(code: int) -> Instruction:
    registers = (code & 0xFF) | (LR_BIT if code & 0x100 else 0)
    return Instruction(Op.STORE_MULTIPLE, 2, 0, registers | SP_BIT, SP_BIT, words=registers.bit_count())


def pop(code: int) -> Instruction:
    op = Op.LOAD_MULTIPLE_PC if code & 0x100 else Op.LOAD_MULTIPLE
    return Instruction(op, 2, code & 0xFF, SP_BIT, SP_BIT, words=(code & 0x1FF).bit_count())


def multiple(code: int) -> Instruction:
    base, registers = low(code, 8), code & 0xFF
    if code & 0x0800:
        return Instruction(Op.LOAD_MULTIPLE, 2, registers, base, base, words=registers.bit_count())
    return Instruction(Op.STORE_MULTIPLE, 2, 0, registers | base, base, words=registers.bit_count())


def hint_or_it(code: int) -> Instruction:
    mask = code & 15
    if mask:
        trailing_zeros = (mask & -mask).bit_length() - 1
        return Instruction(Op.IT, 2, covered=4 - trailing_zeros)
    return Instruction(Op.SLEEP if code >> 4 & 15 in {2, 3} else Op.HINT, 2)


def of(op: Op) -> Callable[[int], Instruction]:
    """A row whose instruction has no operands of interest."""
    instruction = Instruction(op, 2)
    return lambda _: instruction


# (mask, value, decoder); the first match counts.
ROWS: tuple[Row, ...] = (
    (0xF800, 0x1800, add_subtract),
    (0xE000, 0x0000, shift_immediate),
    (0xE000, 0x2000, immediate8),
    (0xFC00, 0x4000, data_processing),
    (0xFC00, 0x4400, high_registers),
    (0xF800, 0x4800, load_literal),
    (0xF000, 0x5000, register_offset),
    (0xE000, 0x6000, immediate_offset),
    (0xF000, 0x8000, immediate_offset),
    (0xF000, 0x9000, stack_offset),
    (0xF000, 0xA000, address),
    (0xFF00, 0xB000, adjust_stack),
    (0xF500, 0xB100, compare_branch),
    (0xFF00, 0xB200, extend),
    (0xFE00, 0xB400, push),
    (0xFFE8, 0xB660, of(Op.CPS)),
    (0xFFC0, 0xBA80, of(Op.UNDEFINED)),
    (0xFF00, 0xBA00, reverse),
    (0xFE00, 0xBC00, pop),
    (0xFF00, 0xBE00, of(Op.EXCEPTION)),
    (0xFF00, 0xBF00, hint_or_it),
    (0xF000, 0xC000, multiple),
    (0xFF00, 0xDE00, of(Op.UNDEFINED)),
    (0xFF00, 0xDF00, of(Op.EXCEPTION)),
    (0xF000, 0xD000, of(Op.BRANCH_CONDITIONAL)),
    (0xF800, 0xE000, of(Op.BRANCH)),
)


def decode16(code: int) -> Instruction:
    for mask, value, decoder in ROWS:
        if code & mask == value:
            return decoder(code)
    return Instruction(Op.UNDEFINED, 2)
