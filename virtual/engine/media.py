"""The DSP extension and multiplication: A5.3.12 to A5.3.17 of Arm DDI0403."""

from virtual.engine.context import PC, Context, UndefinedInstruction
from virtual.engine.emitter import Value
from virtual.timing.state import Field, Leave

SIGNED, SATURATING, SIGNED_HALVING, _, UNSIGNED, UNSIGNED_SATURATING, UNSIGNED_HALVING = range(7)


def lane(t: Context, value: Value, start: int, bits: int, *, signed: bool) -> Value:
    e = t.e
    moved = e.two("lshr", value, str(start)) if start else value
    return e.cast("sext" if signed else "zext", e.cast("trunc", moved, "i32", f"i{bits}"), f"i{bits}", "i32")


def joined(t: Context, lanes: list[Value], bits: int) -> Value:
    """Put lanes side by side, the first one lowest."""
    e = t.e
    result = ""
    for index, value in enumerate(lanes):
        part = e.two("and", value, str((1 << bits) - 1))
        part = e.two("shl", part, str(index * bits)) if index else part
        result = e.two("or", result, part) if result else part
    return result


def extend(t: Context, high: int, low: int) -> None:
    """SXTAH to UXTAB: with Rn = 15 without the addition."""
    e, kind, n = t.e, high >> 4 & 7, high & 15
    value = t.r(low & 15)
    rotation = (low >> 4 & 3) * 8
    if rotation:
        value = e.funnel("fshr", value, str(rotation))
    signed, base = kind & 1 == 0, None if n == PC else e.r(n)
    if kind in {2, 3}:
        lanes = [lane(t, value, start, 8, signed=signed) for start in (0, 16)]
        if base is not None:
            lanes = [e.two("add", lane(t, base, 16 * i, 16, signed=False), part) for i, part in enumerate(lanes)]
        result = joined(t, lanes, 16)
    else:
        result = lane(t, value, 0, 16 if kind < 2 else 8, signed=signed)
        if base is not None:
            result = e.two("add", base, result)
    t.set_r(low >> 8 & 15, result)


def parallel(t: Context, operation: int, prefix: int, a: Value, b: Value, d: int) -> None:
    """ADD8, ADD16, ASX, SUB8, SUB16, SAX in all six families."""
    if prefix not in {0, 1, 2, 4, 5, 6} or operation not in {0, 1, 2, 4, 5, 6}:
        raise UndefinedInstruction
    e, bits = t.e, 8 if operation in {0, 4} else 16
    signed = prefix < 4
    lanes, greater = [], []
    for index in range(32 // bits):
        crossed = operation in {2, 6}
        subtract = operation in {4, 5} or (crossed and (index == 0) == (operation == 2))
        x = lane(t, a, index * bits, bits, signed=signed)
        y = lane(t, b, (1 - index if crossed else index) * bits, bits, signed=signed)
        value = e.two("sub" if subtract else "add", x, y)
        if prefix in {SIGNED, UNSIGNED}:
            limit = str(1 << bits) if prefix == UNSIGNED and not subtract else "0"
            greater.append(e.cast("sext", e.compare("sge", value, limit), "i1", "i32"))
        elif prefix in {SIGNED_HALVING, UNSIGNED_HALVING}:
            value = e.two("ashr", value, "1")
        else:
            bottom, top = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
            value = e.call("smin", "i32", e.call("smax", "i32", value, str(bottom)), str(top))
        lanes.append(value)
    if greater:
        e.write("ge", joined(t, greater, bits))
    t.set_r(d, joined(t, lanes, bits))


def saturating(t: Context, kind: int, m: Value, n: Value, d: int) -> None:
    """QADD, QDADD, QSUB, QDSUB."""
    e = t.e
    if kind & 1:
        doubled = e.call("sadd.sat", "i32", n, n)
        e.saturated(e.compare("ne", doubled, e.two("shl", n, "1")))
        n = doubled
    operation = "sub" if kind & 2 else "add"
    result = e.call(f"s{operation}.sat", "i32", m, n)
    e.saturated(e.compare("ne", result, e.two(operation, m, n)))
    t.set_r(d, result)


def half(t: Context, value: Value, top: bool) -> Value:
    """A signed halfword as 32 bits."""
    if top:
        return t.e.two("ashr", value, "16")
    return t.e.cast("sext", t.e.cast("trunc", value, "i32", "i16"), "i16", "i32")


def wide(t: Context, value: Value, *, signed: bool = True) -> Value:
    return t.e.cast("sext" if signed else "zext", value, "i32", "i64")


def narrow(t: Context, value: Value, shift: int = 0) -> Value:
    e = t.e
    return e.cast("trunc", e.two("lshr", value, str(shift), "i64") if shift else value, "i64", "i32")


def checked_sum(t: Context, *terms: Value) -> Value:
    """The sum of 64-bit terms modulo 2^32; Q is set when it does not fit."""
    e = t.e
    total = terms[0]
    for term in terms[1:]:
        total = e.two("add", total, term, "i64")
    result = narrow(t, total)
    e.saturated(e.compare("ne", wide(t, result), total, "i64"))
    return result


def multiply(t: Context, high: int, low: int) -> None:
    e, kind, second = t.e, high >> 4 & 7, low >> 4 & 15
    n, m, a, d = t.r(high & 15), t.r(low & 15), low >> 12, low >> 8 & 15
    if second > 3 or (second > 1 and kind != 1) or (second and kind == 7):
        raise UndefinedInstruction
    if kind == 0:
        product = e.two("mul", n, m)
        added = product if a == PC else e.two("add", e.r(a), product)
        result = e.two("sub", t.r(a), product) if second == 1 else added
    elif kind == 1:
        product = e.two("mul", half(t, n, bool(second & 2)), half(t, m, bool(second & 1)))
        result = product if a == PC else checked_sum(t, wide(t, product), wide(t, e.r(a)))
    elif kind in {2, 4}:
        first, other = dual_products(t, n, m, swap=bool(second))
        if kind == 4:
            other = e.two("sub", "0", other, "i64")
        result = checked_sum(t, first, other, *([] if a == PC else [wide(t, e.r(a))]))
    elif kind == 3:
        product = e.two("mul", wide(t, n), wide(t, half(t, m, bool(second))), "i64")
        product = e.two("ashr", product, "16", "i64")
        result = narrow(t, product) if a == PC else checked_sum(t, product, wide(t, e.r(a)))
    elif kind in {5, 6}:
        product = e.two("mul", wide(t, n), wide(t, m), "i64")
        base = "0" if a == PC else e.two("shl", wide(t, e.r(a)), "32", "i64")
        if kind == 6 and a == PC:
            raise UndefinedInstruction
        total = e.two("add" if kind == 5 else "sub", base, product, "i64")
        result = narrow(t, e.two("add", total, str(1 << 31), "i64") if second else total, 32)
    else:
        differences = [
            _distance(t, lane(t, n, start, 8, signed=False), lane(t, m, start, 8, signed=False))
            for start in (0, 8, 16, 24)
        ]
        result = "0" if a == PC else e.r(a)
        for difference in differences:
            result = e.two("add", result, difference)
    t.set_r(d, result)


def _distance(t: Context, x: Value, y: Value) -> Value:
    e = t.e
    return e.two("sub", e.call("umax", "i32", x, y), e.call("umin", "i32", x, y))


def dual_products(t: Context, n: Value, m: Value, *, swap: bool) -> tuple[Value, Value]:
    """The products of the low halves of ``n`` and the other halves, in 64 bits."""
    e = t.e
    low = e.two("mul", half(t, n, False), half(t, m, swap))
    top = e.two("mul", half(t, n, True), half(t, m, not swap))
    return wide(t, low), wide(t, top)


def multiply_long(t: Context, high: int, low: int) -> None:
    e, kind, second = t.e, high >> 4 & 7, low >> 4 & 15
    n, m, d_low, d_high = t.r(high & 15), t.r(low & 15), low >> 12, low >> 8 & 15
    if kind in {1, 3}:
        if second != 15 or d_low != 15:
            raise UndefinedInstruction
        divide(t, n, m, d_high, signed=kind == 1)
        return
    if kind in {0, 2} and second == 0:
        total = e.two("mul", wide(t, n, signed=kind == 0), wide(t, m, signed=kind == 0), "i64")
    elif kind in {4, 5} and second >= 8:
        if kind == 4 and second < 12:
            total = wide(t, e.two("mul", half(t, n, bool(second & 2)), half(t, m, bool(second & 1))))
        elif second in {12, 13}:
            first, other = dual_products(t, n, m, swap=bool(second & 1))
            total = e.two("add" if kind == 4 else "sub", first, other, "i64")
        else:
            raise UndefinedInstruction
        total = e.two("add", accumulator(t, d_low, d_high), total, "i64")
    elif kind in {4, 6} and second == 0:
        product = e.two("mul", wide(t, n, signed=kind == 4), wide(t, m, signed=kind == 4), "i64")
        total = e.two("add", accumulator(t, d_low, d_high), product, "i64")
    elif kind == 6 and second == 6:
        product = e.two("mul", wide(t, n, signed=False), wide(t, m, signed=False), "i64")
        for addend in (d_low, d_high):
            product = e.two("add", product, wide(t, t.r(addend), signed=False), "i64")
        total = product
    else:
        raise UndefinedInstruction
    t.set_r(d_low, narrow(t, total))
    t.set_r(d_high, narrow(t, total, 32))


def accumulator(t: Context, low: int, high: int) -> Value:
    e = t.e
    return e.two(
        "or", e.two("shl", wide(t, t.r(high), signed=False), "32", "i64"), wide(t, t.r(low), signed=False), "i64"
    )


def divide(t: Context, n: Value, m: Value, d: int, *, signed: bool) -> None:
    """By zero gives zero unless CCR.DIV_0_TRP is set; in 64 bits nothing overflows."""
    e = t.e
    zero = e.compare("eq", m, "0")
    trap = e.two("and", zero, e.compare("ne", e.load_field(Field.DIVISION_TRAP), "0", "i64"), "i1")
    t.way_out(trap, lambda: t.leave(Leave.DIVISION, t.pc, t.site, t.fault_state))
    if t.timed:
        charge_quotient(t, n, m, zero, signed=signed)
    divisor = e.select(zero, "1", m)
    quotient = e.two("sdiv" if signed else "udiv", wide(t, n, signed=signed), wide(t, divisor, signed=signed), "i64")
    t.set_r(d, e.select(zero, "0", narrow(t, quotient)))


def charge_quotient(t: Context, n: Value, m: Value, zero: Value, *, signed: bool) -> None:
    """Cycles beyond the shortest division, by the bits that the quotient has at most; see ``Costs.divide_bits``."""
    e = t.e
    lengths = []
    for value in (n, m):
        size = value
        if signed:
            size = e.select(e.compare("slt", value, "0"), e.two("sub", "0", value), value)
        lengths.append(e.op(f"call i32 @llvm.ctlz.i32(i32 {size}, i1 false)"))
    bits = e.two("add", e.two("sub", lengths[1], lengths[0]), "1")
    steps = e.two("udiv", e.two("add", bits, str(t.costs.divide_bits - 1)), str(max(1, t.costs.divide_bits)))
    none = e.two("or", zero, e.compare("slt", bits, "1"), "i1")
    extra = e.select(none, "0", e.two("add", steps, str(t.costs.divide_start)))
    cycles = e.two("add", e.load_field(Field.CYCLES), e.cast("zext", extra, "i32", "i64"), "i64")
    e.store_field(Field.CYCLES, cycles)
