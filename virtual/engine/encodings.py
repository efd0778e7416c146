"""Encoding tables of Armv7E-M (Arm DDI0403, A5.2 and A5.3): which function translates an instruction."""

from virtual.engine import alu, control, floating, media, memory
from virtual.engine.context import Context, UndefinedInstruction

FIRST_32BIT = 0xE800

# (mask, value, translation); the first match counts.
ROWS16 = (
    (0xF800, 0x1800, alu.add_subtract),
    (0xE000, 0x0000, alu.shift_immediate),
    (0xE000, 0x2000, alu.immediate8),
    (0xFC00, 0x4000, alu.data_processing),
    (0xFF00, 0x4700, control.branch_register),
    (0xFC00, 0x4400, alu.high_registers),
    (0xF800, 0x4800, memory.load_literal),
    (0xF000, 0x5000, memory.register_offset),
    (0xE000, 0x6000, memory.immediate_offset),
    (0xF000, 0x8000, memory.immediate_offset),
    (0xF000, 0x9000, memory.stack_offset),
    (0xF000, 0xA000, alu.address),
    (0xFF00, 0xB000, alu.adjust_stack),
    (0xF500, 0xB100, control.compare_branch),
    (0xFF00, 0xB200, alu.extend16),
    (0xFE00, 0xB400, memory.push),
    (0xFFE8, 0xB660, control.change_state),
    (0xFFC0, 0xBA80, control.undefined),
    (0xFF00, 0xBA00, alu.reverse16),
    (0xFE00, 0xBC00, memory.pop),
    (0xFF00, 0xBE00, control.exception),
    (0xFF00, 0xBF00, control.hint16),
    (0xF000, 0xC000, memory.multiple16),
    (0xFF00, 0xDE00, control.undefined),
    (0xFF00, 0xDF00, control.exception),
    (0xF000, 0xD000, control.branch_conditional16),
    (0xF800, 0xE000, control.branch16),
)

# (mask, value) of the first halfword, (mask, value) of the second, translation.
ROWS32 = (
    (0xFE40, 0xE800, 0, 0, memory.multiple32),
    (0xFE40, 0xE840, 0, 0, memory.dual_or_exclusive),
    (0xFE00, 0xEA00, 0, 0, alu.shifted_register),
    (0xFC00, 0xEC00, 0, 0, floating.translate),
    (0xFA00, 0xF000, 0x8000, 0, alu.modified_immediate),
    (0xFA00, 0xF200, 0x8000, 0, alu.plain_immediate),
    (0xF800, 0xF000, 0x8000, 0x8000, control.branch_or_control),
    (0xFE00, 0xF800, 0, 0, memory.single_transfer),
    (0xFF00, 0xFA00, 0xF000, 0xF000, alu.register_operation),
    (0xFF80, 0xFB00, 0, 0, media.multiply),
    (0xFF80, 0xFB80, 0, 0, media.multiply_long),
)


def translate(t: Context, first: int, second: int) -> None:
    """Emit one instruction; ``second`` is the other halfword of a 32-bit one.

    Raises:
        UndefinedInstruction: there is no such one. Text may have been emitted, but no way out of the block.
    """
    if first < FIRST_32BIT:
        for mask, value, translation in ROWS16:
            if first & mask == value:
                translation(t, first)
                return
    else:
        for mask, value, mask2, value2, translation32 in ROWS32:
            if first & mask == value and second & mask2 == value2:
                translation32(t, first, second)
                return
    raise UndefinedInstruction
