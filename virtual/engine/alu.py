"""Data processing: moves, arithmetic, logic, shifts, bit fields (Arm DDI0403, A7.7)."""

from virtual.engine.context import PC, Context, UndefinedInstruction
from virtual.engine.emitter import Lazy, Value, constant

LSL, LSR, ASR, ROR = range(4)


def shifted(t: Context, value: Value, kind: int, amount: int) -> tuple[Value, Lazy | None]:
    """A register shifted by an immediate as encoded: (result, carry out; None leaves it as it is)."""
    e = t.e
    if kind == LSL and amount == 0:
        return value, None
    if kind == ROR and amount == 0:  # RRX
        top = e.two("shl", e.cast("zext", e.read("c"), "i1", "i32"), "31")
        result = e.two("or", top, e.two("lshr", value, "1"))
        return result, lambda: e.cast("trunc", value, "i32", "i1")
    amount = amount or 32
    if kind == LSL:
        return e.two("shl", value, str(amount)), lambda: bit_of(t, value, 32 - amount)
    if kind == ROR:
        return e.funnel("fshr", value, str(amount)), lambda: bit_of(t, value, amount - 1)
    if kind == LSR:
        result = "0" if amount == 32 else e.two("lshr", value, str(amount))
    else:
        result = e.two("ashr", value, str(min(amount, 31)))
    return result, lambda: bit_of(t, value, amount - 1)


def bit_of(t: Context, value: Value, number: int) -> Value:
    return t.e.cast("trunc", t.e.two("lshr", value, str(number)) if number else value, "i32", "i1")


def shifted_by_register(t: Context, kind: int, value: Value, amount: Value, *, flags: bool) -> Value:
    """Shift by the lowest byte of a register."""
    e = t.e
    count = e.two("and", amount, "255")
    if kind == ROR:
        moved, top = e.funnel("fshr", value, count), 31
        result, width = moved, "i32"
    else:
        width = "i64"
        wide = e.cast("zext", e.call("umin", "i32", count, "63"), "i32", "i64")
        start = e.cast("sext" if kind == ASR else "zext", value, "i32", "i64")
        if kind == LSL:
            moved, top = e.two("shl", start, wide, "i64"), 32
            result = e.cast("trunc", moved, "i64", "i32")
        else:
            moved, top = e.two("ashr" if kind == ASR else "lshr", e.two("shl", start, "32", "i64"), wide, "i64"), 31
            result = e.cast("trunc", e.two("lshr", moved, "32", "i64"), "i64", "i32")

    def carry() -> Value:
        return e.cast("trunc", e.two("lshr", moved, str(top), width), width, "i1")

    if flags:
        old = e.read("c")
        e.set_nz(result)
        e.write("c", lambda: e.select(e.compare("eq", count, "0"), old, carry(), "i1"))
    return result


def expand_immediate(t: Context, code: int) -> tuple[Value, Lazy | None]:
    """ThumbExpandImm_C of the 12 bits i:imm3:imm8."""
    byte = code & 0xFF
    if code >> 10 == 0:
        copies = (1, 0x10001, 0x1000100, 0x1010101)[code >> 8 & 3]
        return constant(byte * copies), None
    rotation, byte = code >> 7, byte & 0x7F | 0x80
    value = (byte >> rotation | byte << (32 - rotation)) & 0xFFFFFFFF
    return constant(value), "true" if value >> 31 else "false"


def process(t: Context, op: int, d: int, n: int, second: Value, carry: Lazy | None, *, flags: bool) -> None:
    """One of the sixteen operations of A5.3.1; register 15 stands for "none" as that table says."""
    e = t.e
    if op in {0, 1, 2, 3, 4}:
        _logic(t, op, d, n, second, carry, flags=flags)
        return
    if n == PC or (d == PC and not (op in {8, 13} and flags)):
        raise UndefinedInstruction
    first = e.r(n)
    if op in {10, 11}:
        result = e.add_with_carry(first, e.two("xor", second, "-1") if op == 11 else second, flags=flags)
    elif op == 8:
        result = e.two("add", first, second)
        if flags:
            e.set_add(first, second, result)
    elif op in {13, 14}:
        first, second = (second, first) if op == 14 else (first, second)
        result = e.two("sub", first, second)
        if flags:
            e.set_subtract(first, second, result)
    else:
        raise UndefinedInstruction
    if d != PC:
        e.set_r(d, result)


def _logic(t: Context, op: int, d: int, n: int, second: Value, carry: Lazy | None, *, flags: bool) -> None:
    e = t.e
    if op in {1, 3}:
        second = e.two("xor", second, "-1")
    if n == PC and op in {2, 3}:
        result = second
    elif n == PC:
        raise UndefinedInstruction
    else:
        result = e.two({0: "and", 1: "and", 2: "or", 3: "or", 4: "xor"}[op], e.r(n), second)
    if flags:
        e.set_nz(result)
        e.set_carry(carry)
    if d != PC:
        e.set_r(d, result)
    elif not (flags and op in {0, 4}):
        raise UndefinedInstruction


# -- 16-bit encodings ---------------------------------------------------------------------------------------------


def shift_immediate(t: Context, code: int) -> None:
    e = t.e
    result, carry = shifted(t, e.r(code >> 3 & 7), code >> 11 & 3, code >> 6 & 31)
    if not t.covered:
        e.set_nz(result)
        e.set_carry(carry)
    e.set_r(code & 7, result)


def add_subtract(t: Context, code: int) -> None:
    second = constant(code >> 6 & 7) if code & 0x400 else t.e.r(code >> 6 & 7)
    process(t, 13 if code & 0x200 else 8, code & 7, code >> 3 & 7, second, None, flags=not t.covered)


def immediate8(t: Context, code: int) -> None:
    kind, register, value = code >> 11 & 3, code >> 8 & 7, constant(code & 0xFF)
    if kind == 0:
        process(t, 2, register, PC, value, None, flags=not t.covered)
    elif kind == 1:
        process(t, 13, PC, register, value, None, flags=True)
    else:
        process(t, 8 if kind == 2 else 13, register, register, value, None, flags=not t.covered)


def data_processing(t: Context, code: int) -> None:
    e, kind, d, m = t.e, code >> 6 & 15, code & 7, code >> 3 & 7
    flags = not t.covered
    if kind in {2, 3, 4, 7}:
        e.set_r(d, shifted_by_register(t, {2: LSL, 3: LSR, 4: ASR, 7: ROR}[kind], e.r(d), e.r(m), flags=flags))
    elif kind == 9:
        process(t, 14, d, m, "0", None, flags=flags)
    elif kind == 13:
        result = e.two("mul", e.r(d), e.r(m))
        if flags:
            e.set_nz(result)
        e.set_r(d, result)
    elif kind in {8, 10, 11}:
        process(t, {8: 0, 10: 13, 11: 8}[kind], PC, d, e.r(m), None, flags=True)
    else:
        op, n = {0: (0, d), 1: (4, d), 5: (10, d), 6: (11, d), 12: (2, d), 14: (1, d), 15: (3, PC)}[kind]
        process(t, op, d, n, e.r(m), None, flags=flags)


def high_registers(t: Context, code: int) -> None:
    e, kind = t.e, code >> 8 & 3
    d, m = code & 7 | code >> 4 & 8, code >> 3 & 15
    if kind == 1:
        process(t, 13, PC, d, t.r(m), None, flags=True)
        return
    result = t.r(m) if kind == 2 else e.two("add", t.r(d), t.r(m))
    if d == PC:
        t.jump_to(result, interworking=False)
    else:
        e.set_r(d, result)


def address(t: Context, code: int) -> None:
    offset = (code & 0xFF) << 2
    base = t.e.r(13) if code & 0x0800 else constant(t.aligned_pc)
    t.e.set_r(code >> 8 & 7, t.e.two("add", base, str(offset)))


def adjust_stack(t: Context, code: int) -> None:
    t.e.set_r(13, t.e.two("sub" if code & 0x80 else "add", t.e.r(13), str((code & 0x7F) << 2)))


def extend16(t: Context, code: int) -> None:
    t.e.set_r(code & 7, extended(t, t.e.r(code >> 3 & 7), signed=code >> 7 & 1 == 0, bits=8 if code & 0x40 else 16))


def reverse16(t: Context, code: int) -> None:
    t.e.set_r(code & 7, reversed_bytes(t, t.e.r(code >> 3 & 7), code >> 6 & 3))


def extended(t: Context, value: Value, *, signed: bool, bits: int) -> Value:
    if not signed:
        return t.e.two("and", value, str((1 << bits) - 1))
    return t.e.cast("sext", t.e.cast("trunc", value, "i32", f"i{bits}"), f"i{bits}", "i32")


def reversed_bytes(t: Context, value: Value, kind: int) -> Value:
    """REV, REV16, RBIT (as encoded in 32 bits), REVSH."""
    e = t.e
    if kind == 2:
        return e.call("bitreverse", "i32", value)
    swapped = e.call("bswap", "i32", value)
    if kind == 0:
        return swapped
    return e.funnel("fshr", swapped, "16") if kind == 1 else e.two("ashr", swapped, "16")


# -- 32-bit encodings ---------------------------------------------------------------------------------------------


def shifted_register(t: Context, high: int, low: int) -> None:
    e, op = t.e, high >> 5 & 15
    amount, kind, m = low >> 10 & 0x1C | low >> 6 & 3, low >> 4 & 3, low & 15
    if m == PC or low & 0x8000:
        raise UndefinedInstruction
    if op == 6:
        _pack(t, high, low, amount)
        return
    second, carry = shifted(t, e.r(m), kind, amount)
    process(t, op, low >> 8 & 15, high & 15, second, carry, flags=bool(high & 0x10))


def _pack(t: Context, high: int, low: int, amount: int) -> None:
    e = t.e
    if high & 0x10 or low & 0x10:
        raise UndefinedInstruction
    first = t.r(high & 15)
    if low & 0x20:
        second, _ = shifted(t, e.r(low & 15), ASR, amount)
        result = e.two("or", e.two("and", first, constant(0xFFFF0000)), e.two("and", second, "65535"))
    else:
        second, _ = shifted(t, e.r(low & 15), LSL, amount)
        result = e.two("or", e.two("and", second, constant(0xFFFF0000)), e.two("and", first, "65535"))
    t.set_r(low >> 8 & 15, result)


def modified_immediate(t: Context, high: int, low: int) -> None:
    code = (high >> 10 & 1) << 11 | (low >> 12 & 7) << 8 | low & 0xFF
    second, carry = expand_immediate(t, code)
    process(t, high >> 5 & 15, low >> 8 & 15, high & 15, second, carry, flags=bool(high & 0x10))


def plain_immediate(t: Context, high: int, low: int) -> None:
    e, kind, n, d = t.e, high >> 4 & 31, high & 15, low >> 8 & 15
    immediate = (high >> 10 & 1) << 11 | (low >> 12 & 7) << 8 | low & 0xFF
    if kind >= 16 and (low & 0x20 or high & 0x400):
        raise UndefinedInstruction
    if kind in {0, 10}:
        base = constant(t.aligned_pc) if n == PC else e.r(n)
        t.set_r(d, e.two("sub" if kind == 10 else "add", base, str(immediate)))
    elif kind == 4:
        t.set_r(d, constant(n << 12 | immediate))
    elif kind == 12:
        t.set_r(d, e.two("or", e.two("and", t.r(d), "65535"), constant((n << 12 | immediate) << 16)))
    elif kind in {16, 18, 24, 26}:
        _saturate(t, high, low)
    elif kind in {20, 28}:
        start, width = low >> 10 & 0x1C | low >> 6 & 3, (low & 31) + 1
        if start + width > 32:
            raise UndefinedInstruction
        left = e.two("shl", t.r(n), str(32 - start - width)) if start + width < 32 else t.r(n)
        t.set_r(d, e.two("ashr" if kind == 20 else "lshr", left, str(32 - width)))
    elif kind == 22:
        start, last = low >> 10 & 0x1C | low >> 6 & 3, low & 31
        if last < start:
            raise UndefinedInstruction
        mask = (2 << last) - (1 << start)
        source = "0" if n == PC else e.two("and", e.two("shl", e.r(n), str(start)), constant(mask))
        t.set_r(d, e.two("or", e.two("and", t.r(d), constant(~mask)), source))
    else:
        raise UndefinedInstruction


def _saturate(t: Context, high: int, low: int) -> None:
    e = t.e
    unsigned, asr = bool(high & 0x80), bool(high & 0x20)
    amount, width = low >> 10 & 0x1C | low >> 6 & 3, low & 31
    top = (1 << width) - 1
    bottom = 0 if unsigned else -(1 << width)
    value = t.r(high & 15)
    if asr and amount == 0:
        if low & 0x30:
            raise UndefinedInstruction
        width &= 15
        top = (1 << width) - 1
        bottom = 0 if unsigned else -(1 << width)
        halves = []
        for half in (e.cast("trunc", value, "i32", "i16"), e.cast("trunc", e.two("lshr", value, "16"), "i32", "i16")):
            wide = e.cast("sext", half, "i16", "i32")
            limited = e.call("smin", "i32", e.call("smax", "i32", wide, str(bottom)), str(top))
            e.saturated(e.compare("ne", wide, limited))
            halves.append(e.two("and", limited, "65535"))
        t.set_r(low >> 8 & 15, e.two("or", halves[0], e.two("shl", halves[1], "16")))
        return
    if amount:
        value = e.two("ashr" if asr else "shl", value, str(amount))
    limited = e.call("smin", "i32", e.call("smax", "i32", value, str(bottom)), str(top))
    e.saturated(e.compare("ne", value, limited))
    t.set_r(low >> 8 & 15, limited)


def register_operation(t: Context, high: int, low: int) -> None:
    from virtual.engine import media

    e, kind, n, d, m = t.e, high >> 4 & 15, high & 15, low >> 8 & 15, low & 15
    second = low >> 4 & 15
    if kind < 8 and second == 0:
        flags = bool(high & 0x10)
        t.set_r(d, shifted_by_register(t, high >> 5 & 3, t.r(n), t.r(m), flags=flags))
    elif kind < 6 and second & 12 == 8:
        media.extend(t, high, low)
    elif kind >= 8 and second < 8:
        media.parallel(t, kind & 7, second, t.r(n), t.r(m), d)
    elif kind == 8 and second < 12:
        media.saturating(t, second & 3, t.r(m), t.r(n), d)
    elif kind == 9 and second < 12:
        if n != m:
            raise UndefinedInstruction
        t.set_r(d, reversed_bytes(t, t.r(m), second & 3))
    elif kind == 10 and second == 8:
        ge = e.read("ge")
        chosen = e.two("and", t.r(n), ge), e.two("and", t.r(m), e.two("xor", ge, "-1"))
        t.set_r(d, e.two("or", *chosen))
    elif kind == 11 and second == 8:
        t.set_r(d, e.op(f"call i32 @llvm.ctlz.i32(i32 {t.r(m)}, i1 false)"))
    else:
        raise UndefinedInstruction
