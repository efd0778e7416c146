"""FPv4-SP: single-precision arithmetic with Arm's rules for NaNs (Arm DDI0403, A2.5, A6.4 to A6.7, A7.7).

Rounding is to nearest; FPSCR's other rounding modes, flush-to-zero, default NaN and cumulative exception bits are kept
as written, without effect.
"""

from virtual.engine.context import PC, Context, UndefinedInstruction
from virtual.engine.emitter import BITS, Value, constant
from virtual.engine.memory import added, load, load_words, store, store_words
from virtual.timing.state import Field, Leave

DEFAULT_NAN, QUIET, SIGN = 0x7FC0_0000, 0x0040_0000, 0x8000_0000
FPSCR_FLAGS = 0xF000_0000
LONGEST = 16  # words that the runtime moves at once


def translate(t: Context, high: int, low: int) -> None:
    coprocessor = low >> 8 & 15
    if high & 0x1000 or coprocessor not in {10, 11}:
        raise UndefinedInstruction
    if high & 0xFE00 != 0xEC00 and high & 0xFF00 != 0xEE00:
        raise UndefinedInstruction
    check_enabled(t)
    if high & 0xFFE0 == 0xEC40:
        _pair_move(t, high, low)
    elif high & 0xFE00 == 0xEC00:
        _transfer(t, high, low, double=coprocessor == 11)
    elif low & 0x10:
        _register_move(t, high, low)
    elif coprocessor == 11:
        raise UndefinedInstruction
    else:
        _arithmetic(t, high, low)


def check_enabled(t: Context) -> None:
    """The first FP instruction of a block looks at CPACR and makes the context an FP one."""
    if t.fp_checked:
        return
    e = t.e
    disabled = e.compare("eq", e.load_field(Field.FP_ENABLED), "0", "i64")
    t.way_out(disabled, lambda: t.leave(Leave.FP_DISABLED, t.pc, t.site, t.fault_state))
    e.store_field(Field.FPCA, "1")
    t.fp_checked = not t.covered


def s(t: Context, number: int) -> Value:
    return t.e.read(f"s{number & 31}")


def set_s(t: Context, number: int, value: Value) -> None:
    t.e.write(f"s{number & 31}", value)


def to_float(t: Context, bits: Value) -> Value:
    return t.e.cast("bitcast", bits, "i32", "float")


def to_bits(t: Context, value: Value) -> Value:
    return t.e.cast("bitcast", value, "float", "i32")


def negated(t: Context, bits: Value) -> Value:
    return t.e.two("xor", bits, constant(SIGN))


def is_nan(t: Context, bits: Value) -> Value:
    e = t.e
    return e.compare("ugt", e.two("and", bits, constant(0x7FFFFFFF)), constant(0x7F800000))


def with_nan_rules(t: Context, result: Value, operands: list[Value], invalid: Value | None = None) -> Value:
    """``result`` unless it is a NaN: then the first signalling, else the first quiet operand, else the default NaN.

    ``invalid``: an i1 that makes it the default NaN although an operand is quiet.
    """
    e = t.e
    rare, join = e.new_label("nan"), e.new_label("number")
    number = to_bits(t, result)
    before = e.label
    e.branch(is_nan(t, number), rare, join, unlikely=True)
    with e.aside():
        e.start(rare)
        chosen = constant(DEFAULT_NAN)
        for bits in reversed(operands):
            chosen = e.select(is_nan(t, bits), e.two("or", bits, constant(QUIET)), chosen)
        if invalid is not None:
            chosen = e.select(invalid, constant(DEFAULT_NAN), chosen)
        for bits in reversed(operands):
            signalling = e.two("and", is_nan(t, bits), e.compare("eq", e.two("and", bits, constant(QUIET)), "0"), "i1")
            chosen = e.select(signalling, e.two("or", bits, constant(QUIET)), chosen)
        e.jump(join)
    e.start(join)
    return e.op(f"phi i32 [ {number}, %{before} ], [ {chosen}, %{rare} ]")


def binary(t: Context, operation: str, a: Value, b: Value) -> Value:
    return with_nan_rules(t, t.e.two(operation, to_float(t, a), to_float(t, b), "float"), [a, b])


def fused(t: Context, addend: Value, a: Value, b: Value) -> Value:
    e = t.e
    result = e.call("fma", "float", to_float(t, a), to_float(t, b), to_float(t, addend))
    product = e.two("fmul", to_float(t, a), to_float(t, b), "float")
    made = e.op(f"fcmp uno float {product}, 0.0")
    own = e.two("or", is_nan(t, a), is_nan(t, b), "i1")
    invalid = e.two("and", made, e.two("xor", own, "true", "i1"), "i1")
    return with_nan_rules(t, result, [addend, a, b], invalid)


def _arithmetic(t: Context, high: int, low: int) -> None:
    d = low >> 12 << 1 | high >> 6 & 1
    n, m = s(t, (high & 15) << 1 | low >> 7 & 1), s(t, (low & 15) << 1 | low >> 5 & 1)
    opcode, other = (high >> 7 & 1) << 2 | high >> 4 & 3, bool(low & 0x40)
    if opcode in {0, 1}:
        product = binary(t, "fmul", n, m)
        if other:
            product = negated(t, product)
        base = negated(t, s(t, d)) if opcode == 1 else s(t, d)
        result = binary(t, "fadd", base, product)
    elif opcode == 2:
        result = binary(t, "fmul", n, m)
        result = negated(t, result) if other else result
    elif opcode == 3:
        result = binary(t, "fsub" if other else "fadd", n, m)
    elif opcode == 4:
        if other:
            raise UndefinedInstruction
        result = binary(t, "fdiv", n, m)
    elif opcode in {5, 6}:
        base = negated(t, s(t, d)) if opcode == 5 else s(t, d)
        result = fused(t, base, negated(t, n) if other else n, m)
    else:
        _unary(t, high, low, d, m)
        return
    set_s(t, d, result)


def _unary(t: Context, high: int, low: int, d: int, m: Value) -> None:
    e, kind, second = t.e, high & 15, bool(low & 0x80)
    if not low & 0x40:
        if low & 0xA0:
            raise UndefinedInstruction
        set_s(t, d, constant(expand_float(kind << 4 | low & 15)))
    elif kind == 0:
        set_s(t, d, e.two("and", m, constant(0x7FFFFFFF)) if second else m)
    elif kind == 1:
        root = e.call("sqrt", "float", to_float(t, m))
        set_s(t, d, with_nan_rules(t, root, [m]) if second else negated(t, m))
    elif kind in {2, 3}:
        _half_precision(t, d, m, to_half=kind == 3, top=second)
    elif kind in {4, 5}:
        _compare(t, s(t, d), m if kind == 4 else "0")
    elif kind == 8:
        set_s(t, d, to_bits(t, e.cast("sitofp" if second else "uitofp", m, "i32", "float")))
    elif kind in {12, 13}:
        value = to_float(t, m)
        if not second:
            value = e.call("roundeven", "float", value)
        set_s(t, d, to_integer(t, value, 32, signed=kind == 13))
    elif kind in {10, 11, 14, 15}:
        _fixed_point(t, d, low, signed=kind in {10, 14}, to_fixed=kind >= 14)
    else:
        raise UndefinedInstruction


def expand_float(code: int) -> int:
    """VFPExpandImm for single precision."""
    exponent = (0x7C if code & 0x40 else 0x80) | code >> 4 & 3
    return (code >> 7) << 31 | exponent << 23 | (code & 15) << 19


def to_integer(t: Context, value: Value, bits: int, *, signed: bool) -> Value:
    """Toward zero, saturating, NaN to 0; extended to a word."""
    e, name = t.e, "fptosi" if signed else "fptoui"
    result = e.op(f"call i{bits} @llvm.{name}.sat.i{bits}.f32(float {value})")
    return result if bits == 32 else e.cast("sext" if signed else "zext", result, f"i{bits}", "i32")


def _fixed_point(t: Context, d: int, low: int, *, signed: bool, to_fixed: bool) -> None:
    e = t.e
    bits = 32 if low & 0x80 else 16
    fraction = bits - ((low & 15) << 1 | low >> 5 & 1)
    if fraction < 0:
        raise UndefinedInstruction
    value = s(t, d)
    if to_fixed:
        scaled = e.two("fmul", to_float(t, value), f"{float(1 << fraction):e}", "float")
        set_s(t, d, to_integer(t, scaled, bits, signed=signed))
        return
    if bits == 16:
        value = e.cast("sext" if signed else "zext", e.cast("trunc", value, "i32", "i16"), "i16", "i32")
    number = e.cast("sitofp" if signed else "uitofp", value, "i32", "float")
    factor = to_float(t, constant((127 - fraction) << 23))
    set_s(t, d, to_bits(t, e.two("fmul", number, factor, "float")))


def _half_precision(t: Context, d: int, m: Value, *, to_half: bool, top: bool) -> None:
    e = t.e
    if to_half:
        bits = e.cast("bitcast", e.cast("fptrunc", to_float(t, m), "float", "half"), "half", "i16")
        word = e.cast("zext", bits, "i16", "i32")
        kept = e.two("and", s(t, d), constant(0xFFFF if top else 0xFFFF0000))
        set_s(t, d, e.two("or", kept, e.two("shl", word, "16") if top else word))
        return
    word = e.two("lshr", m, "16") if top else m
    number = e.cast("bitcast", e.cast("trunc", word, "i32", "i16"), "i16", "half")
    set_s(t, d, to_bits(t, e.cast("fpext", number, "half", "float")))


def _compare(t: Context, a: Value, b: Value) -> None:
    e = t.e
    x, y = to_float(t, a), to_float(t, b)
    flags = constant(0x30000000)
    for predicate, value in (("ogt", 0x20000000), ("oeq", 0x60000000), ("olt", 0x80000000)):
        flags = e.select(e.op(f"fcmp {predicate} float {x}, {y}"), constant(value), flags)
    rest = e.two("and", e.read("fpscr"), constant(~FPSCR_FLAGS))
    e.write("fpscr", e.two("or", rest, flags))


def _register_move(t: Context, high: int, low: int) -> None:
    register, to_core = low >> 12, bool(high & 0x10)
    if high >> 5 & 7 == 7:
        if high & 15 != 1 or low & 0xF00 != 0xA00:
            raise UndefinedInstruction
        _status(t, register, to_core=to_core)
        return
    single = low & 0xF00 == 0xA00
    if single and high >> 5 & 7:
        raise UndefinedInstruction
    number = (high & 15) << 1 | low >> 7 & 1
    if not single:  # VMOV of one half of a double register
        number = ((high & 15) | (low >> 7 & 1) << 4) << 1 | high >> 5 & 1
        if high >> 5 & 6 or low & 0x60 or number > 31:
            raise UndefinedInstruction
    if to_core:
        t.set_r(register, s(t, number))
    else:
        set_s(t, number, t.r(register))


def _status(t: Context, register: int, *, to_core: bool) -> None:
    e = t.e
    if not to_core:
        e.write("fpscr", e.two("and", t.r(register), constant(0xF7C0009F)))
        t.ends_block = True
    elif register == PC:
        flags = e.read("fpscr")
        e.write("n", flags)
        e.write("z", e.two("xor", e.two("and", flags, str(1 << 30)), str(1 << 30)))
        for name, position in (("c", 29), ("v", 28)):
            e.write(name, e.cast("trunc", e.two("lshr", flags, str(position)), "i32", "i1"))
        assert {"c", "v"} <= BITS
    else:
        e.set_r(register, e.read("fpscr"))


def _pair_move(t: Context, high: int, low: int) -> None:
    first, second = low >> 12, high & 15
    number = (low & 15) << 1 | (0 if low & 0x100 else low >> 5 & 1)
    if low & 0xD0 != 0x10 or number > 30 or (low & 0x100 and low & 0x20):
        raise UndefinedInstruction
    if high & 0x10:
        t.set_r(first, s(t, number))
        t.set_r(second, s(t, number + 1))
    else:
        set_s(t, number, t.r(first))
        set_s(t, number + 1, t.r(second))


def _transfer(t: Context, high: int, low: int, *, double: bool) -> None:
    e, n, offset = t.e, high & 15, (low & 0xFF) << 2
    top, extra = low >> 12, high >> 6 & 1
    first = (extra << 4 | top) << 1 if double else top << 1 | extra
    before, up, write_back = bool(high & 0x100), bool(high & 0x80), bool(high & 0x20)
    single = before and not write_back
    words = (2 if double else 1) if single else low & 0xFF & (0xFE if double else 0xFF)
    if first + words > 32 or words == 0 or (not single and before == up):
        raise UndefinedInstruction
    base = constant(t.aligned_pc) if n == PC else e.r(n)
    moved_base = added(t, base, offset if up else -offset)
    where = base if up and not single else moved_base
    if high & 0x10:
        values: list[Value] = []
        for start in range(0, words, LONGEST):
            count = min(LONGEST, words - start)
            moved = added(t, where, 4 * start)
            values += [load(t, moved, 4, aligned=True)] if count == 1 else load_words(t, moved, count)
        for index, value in enumerate(values):
            set_s(t, first + index, value)
    else:
        for start in range(0, words, LONGEST):
            chunk = [s(t, first + start + index) for index in range(min(LONGEST, words - start))]
            moved = added(t, where, 4 * start)
            if len(chunk) == 1:
                store(t, moved, chunk[0], 4, aligned=True)
            else:
                store_words(t, moved, chunk)
    if write_back and not single:
        t.set_r(n, moved_base)
