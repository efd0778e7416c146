"""Branches, IT, status registers, exceptions, hints and barriers."""

from virtual.engine.context import PC, Branch, Context, UndefinedInstruction
from virtual.engine.emitter import FLAG_SLOTS, constant
from virtual.engine.memory import call_runtime
from virtual.timing.state import R0, Field, Leave

LR = 14
APSR_FLAGS = ("n", "z", "c", "v", "q", "ge")


def signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) & 1 else value


def branch_conditional16(t: Context, code: int) -> None:
    t.branch = Branch(t.pc + 4 + 2 * signed(code & 0xFF, 8), t.e.condition(code >> 8 & 15))


def branch16(t: Context, code: int) -> None:
    t.branch = Branch(t.pc + 4 + 2 * signed(code & 0x7FF, 11))


def compare_branch(t: Context, code: int) -> None:
    offset = (code >> 9 & 1) << 6 | (code >> 3 & 31) << 1
    t.branch = Branch(t.pc + 4 + offset, t.e.compare("ne" if code & 0x800 else "eq", t.e.r(code & 7), "0"))


def branch_register(t: Context, code: int) -> None:
    target = t.r(code >> 3 & 15)
    if code & 0x80:
        t.e.set_r(LR, constant(t.pc + 2 | 1))
    t.jump_to(target, interworking=True)


def it(t: Context, code: int) -> None:
    if t.covered or code >> 4 & 15 == 15 or (code >> 4 & 15 == 14 and (code & 15).bit_count() != 1):
        raise UndefinedInstruction
    t.it = code & 0xFF


def hint16(t: Context, code: int) -> None:
    if code & 15:
        it(t, code)
    else:
        hint(t, code >> 4 & 15)


def hint(t: Context, number: int) -> None:
    """WFE and WFI leave; SEV and YIELD take no effect here beyond ending the block as the others do."""
    if number in {2, 3}:
        t.leave_after = Leave.SLEEP
    elif number == 4:
        call_system(t, SEND_EVENT, 0)
    elif number == 1:
        t.ends_block = True


def exception(t: Context, code: int) -> None:
    if code >> 8 == 0xDF:
        t.leave_after = Leave.SUPERVISOR_CALL
    else:
        t.leave(Leave.BREAKPOINT, t.pc, t.site, t.fault_state)
        t.branch = Branch(None)


def undefined(t: Context, *_: int) -> None:
    raise UndefinedInstruction


# -- status registers: Python knows them ------------------------------------------------------------------------------

READ_SPECIAL, WRITE_SPECIAL, SEND_EVENT = range(3)


def call_system(t: Context, action: int, operand: int) -> None:
    """Let Python act on the state; registers it may have changed are read again."""
    e = t.e
    e.flush()
    call_runtime(t, Field.SYSTEM, str(action), str(operand), str(t.site))
    if action == WRITE_SPECIAL:
        for name in FLAG_SLOTS:
            e.forget(name)
        e.write("r13", e.load_field(R0 + 13, "i32"))


def change_state(t: Context, code: int) -> None:
    """CPSIE and CPSID, which do nothing in unprivileged code (Arm DDI0403, B5.2.1)."""
    e = t.e
    privileged = e.two(
        "or",
        e.compare("eq", e.load_field(Field.NPRIV), "0", "i64"),
        e.compare("ne", e.load_field(Field.IPSR), "0", "i64"),
        "i1",
    )
    for bit, field in ((2, Field.PRIMASK), (1, Field.FAULTMASK)):
        if code & bit:
            e.store_field(field, e.select(privileged, str(code >> 4 & 1), e.load_field(field), "i64"))
    t.ends_block = True


def control(t: Context, high: int, low: int) -> None:
    kind = high >> 4 & 0x7F
    if kind == 0x38 and low & 0xC000 == 0x8000:
        n = high & 15
        t.r(n)
        call_system(t, WRITE_SPECIAL, n << 16 | low & 0xFFF)
        t.ends_block = True
    elif kind == 0x3E and high & 15 == 15:
        d = low >> 8 & 15
        if d in {13, PC}:
            raise UndefinedInstruction
        call_system(t, READ_SPECIAL, d << 16 | low & 0xFF)
        t.e.write(f"r{d}", t.e.load_field(R0 + d, "i32"))
    elif kind == 0x3A and low & 0x0700 == 0:
        hint(t, low & 0xFF)
    elif kind == 0x3B and low >> 4 & 15 in {2, 4, 5, 6}:
        if low >> 4 & 15 == 2:
            t.e.store_field(Field.EXCLUSIVE, "0")
        t.ends_block = low >> 4 & 15 == 6
    else:
        raise UndefinedInstruction


def branch_or_control(t: Context, high: int, low: int) -> None:
    s, j1, j2 = high >> 10 & 1, low >> 13 & 1, low >> 11 & 1
    if low & 0x1000:
        i1, i2 = 1 - (j1 ^ s), 1 - (j2 ^ s)
        offset = signed(s << 24 | i1 << 23 | i2 << 22 | (high & 0x3FF) << 12 | (low & 0x7FF) << 1, 25)
        if low & 0x4000:
            t.e.set_r(LR, constant(t.pc + 4 | 1))
        t.branch = Branch(t.pc + 4 + offset & 0xFFFFFFFF)
    elif low & 0x4000:
        raise UndefinedInstruction
    elif high >> 7 & 7 != 7:
        offset = signed(s << 20 | j2 << 19 | j1 << 18 | (high & 0x3F) << 12 | (low & 0x7FF) << 1, 21)
        t.branch = Branch(t.pc + 4 + offset & 0xFFFFFFFF, t.e.condition(high >> 6 & 15))
    else:
        control(t, high, low)
