"""Loads and stores. The fast path is inline: an aligned access to the RAM; the rest is up to ``timing.runtime``."""

from virtual.engine.context import PC, Context, UndefinedInstruction
from virtual.engine.emitter import Value, constant
from virtual.timing.state import R0, SCRATCH, Access, Field, Kind, Leave


def in_ram(t: Context, address: Value, size: int, words: int, *, aligned: bool) -> tuple[Value, Value]:
    """(whether the access may go straight to the RAM, its offset there)."""
    e = t.e
    origin, length, _ = t.ram
    if not length:
        return "false", "0"
    offset = e.two("sub", address, constant(origin))
    if size == 1:
        return e.compare("ult", offset, str(length)), offset
    if not aligned:
        return e.compare("ult", offset, str(length - size + 1)), offset
    unit = e.funnel("fshr", offset, "1" if size == 2 else "2")  # misaligned bits make it huge
    return e.compare("ult", unit, str(length // size - words + 1)), offset


def host(t: Context, base: str, offset: Value, shift: int = 0) -> Value:
    e = t.e
    if shift:
        offset = e.two("lshr", offset, str(shift))
    return e.op(f"getelementptr i8, ptr {base}, i64 {e.cast('zext', offset, 'i32', 'i64')}")


def constant_place(t: Context, address: int, size: int) -> int | None:
    """Offset in the memories of an aligned constant address that costs nothing to read."""
    if address % size:
        return None
    for origin, length, offset, kind in t.spans:
        if origin <= address and address + size <= origin + length and (kind != Kind.FLASH or not t.timed):
            return offset + address - origin
    return None


def fault(t: Context) -> None:
    """Leave because an access failed; the runtime has said why."""
    e = t.e
    e.store_field(R0 + PC, str(t.pc | 1))
    e.store_field(Field.ITSTATE, str(t.fault_state))
    e.line("ret void")


def call_runtime(t: Context, field: int, *operands: Value) -> Value:
    e = t.e
    function = e.op(f"inttoptr i64 {e.load_field(field)} to ptr")
    text = ", ".join(f"i64 {operand}" for operand in operands)
    return e.op(f"call i64 {function}(ptr %state, {text}) #1")


def load(t: Context, address: Value, size: int, *, signed: bool = False, aligned: bool = False) -> Value:
    """Read 1, 2 or 4 bytes, extended to a word."""
    e = t.e
    kind = f"i{8 * size}"
    if address.lstrip("-").isdigit():
        place = constant_place(t, int(address) & 0xFFFFFFFF, size)
        if place is not None:
            pointer = e.op(f"getelementptr i8, ptr %memory, i64 {place}")
            return widened(t, e.op(f"load {kind}, ptr {pointer}, !tbaa !3"), size, signed=signed)
    good, offset = in_ram(t, address, size, 1, aligned=aligned or t.timed)
    fast, slow, failed, slow_good, join = (e.new_label(hint) for hint in ("fast", "slow", "bad", "good", "join"))
    e.branch(e.two("xor", good, "true", "i1"), slow, fast, unlikely=True)
    e.start(fast)
    quick = widened(t, e.op(f"load {kind}, ptr {host(t, '%ram', offset)}, align 1, !tbaa !3"), size, signed=signed)
    e.jump(join)
    with e.aside():
        e.start(slow)
        e.flush()
        flags = size | (Access.RELIEVED if t.relieved else 0) | (Access.ALIGNED if aligned else 0)
        wide_address = e.cast("zext", address, "i32", "i64")
        value = call_runtime(t, Field.ON_LOAD, wide_address, str(int(flags)), str(t.site))
        e.branch(e.compare("slt", value, "0", "i64"), failed, slow_good, unlikely=True)
        e.start(failed)
        fault(t)
        e.start(slow_good)
        late = e.cast("trunc", value, "i64", kind)
        late = widened(t, late, size, signed=signed)
        e.jump(join)
    e.start(join)
    return e.op(f"phi i32 [ {quick}, %{fast} ], [ {late}, %{slow_good} ]")


def widened(t: Context, value: Value, size: int, *, signed: bool) -> Value:
    if size == 4:
        return value
    return t.e.cast("sext" if signed else "zext", value, f"i{8 * size}", "i32")


def store(t: Context, address: Value, value: Value, size: int, *, aligned: bool = False, plain: bool = False) -> None:
    e = t.e
    kind = f"i{8 * size}"
    good, offset = in_ram(t, address, size, 1, aligned=True)
    check, fast, slow, failed, slow_good, join = (
        e.new_label(hint) for hint in ("check", "fast", "slow", "bad", "good", "join")
    )
    e.branch(e.two("xor", good, "true", "i1"), slow, check, unlikely=True)
    e.start(check)
    code = e.op(f"load i8, ptr {host(t, '%map', offset, 2)}, !tbaa !2")
    e.branch(e.compare("ne", code, "0", "i8"), slow, fast, unlikely=True)
    e.start(fast)
    short = e.cast("trunc", value, "i32", kind) if size < 4 else value
    e.line(f"store {kind} {short}, ptr {host(t, '%ram', offset)}, align 1, !tbaa !3")
    e.jump(join)
    with e.aside():
        e.start(slow)
        e.flush()
        flags = size | (Access.ALIGNED if aligned else 0) | (Access.PLAIN if plain and not t.covered else 0)
        operands = (e.cast("zext", address, "i32", "i64"), e.cast("zext", value, "i32", "i64"))
        done = call_runtime(t, Field.ON_STORE, *operands, str(int(flags)), str(t.site))
        e.branch(e.compare("slt", done, "0", "i64"), failed, slow_good, unlikely=True)
        e.start(failed)
        fault(t)
        e.start(slow_good)
        if plain and not t.covered:
            leave = e.new_label("leave")
            e.branch(e.compare("eq", done, "0", "i64"), join, leave)
            e.start(leave)
            t.leave(Leave.STORED, t.pc + t.size, t.after)
        else:
            e.jump(join)
    e.start(join)


def load_words(t: Context, address: Value, count: int) -> list[Value]:
    e = t.e
    good, offset = in_ram(t, address, 4, count, aligned=True)
    fast, slow, failed, slow_good, join = (e.new_label(hint) for hint in ("fast", "slow", "bad", "good", "join"))
    e.branch(e.two("xor", good, "true", "i1"), slow, fast, unlikely=True)
    e.start(fast)
    base = host(t, "%ram", offset)
    quick = []
    for index in range(count):
        pointer = e.op(f"getelementptr i32, ptr {base}, i64 {index}")
        quick.append(e.op(f"load i32, ptr {pointer}, align 1, !tbaa !3"))
    e.jump(join)
    with e.aside():
        e.start(slow)
        e.flush()
        wide_address = e.cast("zext", address, "i32", "i64")
        done = call_runtime(t, Field.ON_LOAD_MULTIPLE, wide_address, str(count), str(t.site))
        e.branch(e.compare("slt", done, "0", "i64"), failed, slow_good, unlikely=True)
        e.start(failed)
        fault(t)
        e.start(slow_good)
        late = [e.load_field(SCRATCH + index, "i32") for index in range(count)]
        e.jump(join)
    e.start(join)
    return [e.op(f"phi i32 [ {a}, %{fast} ], [ {b}, %{slow_good} ]") for a, b in zip(quick, late, strict=True)]


def store_words(t: Context, address: Value, values: list[Value]) -> None:
    e, count = t.e, len(values)
    good, offset = in_ram(t, address, 4, count, aligned=True)
    check, fast, slow, failed, join = (e.new_label(hint) for hint in ("check", "fast", "slow", "bad", "join"))
    e.branch(e.two("xor", good, "true", "i1"), slow, check, unlikely=True)
    e.start(check)
    kind = f"i{8 * count}"
    code = e.op(f"load {kind}, ptr {host(t, '%map', offset, 2)}, align 1, !tbaa !2")
    e.branch(e.compare("ne", code, "0", kind), slow, fast, unlikely=True)
    e.start(fast)
    base = host(t, "%ram", offset)
    for index, value in enumerate(values):
        pointer = e.op(f"getelementptr i32, ptr {base}, i64 {index}")
        e.line(f"store i32 {value}, ptr {pointer}, align 1, !tbaa !3")
    e.jump(join)
    with e.aside():
        e.start(slow)
        e.flush()
        for index, value in enumerate(values):
            e.store_field(SCRATCH + index, e.cast("zext", value, "i32", "i64"))
        wide_address = e.cast("zext", address, "i32", "i64")
        done = call_runtime(t, Field.ON_STORE_MULTIPLE, wide_address, str(count), str(t.site))
        e.branch(e.compare("slt", done, "0", "i64"), failed, join, unlikely=True)
        e.start(failed)
        fault(t)
    e.start(join)


def added(t: Context, base: Value, offset: int) -> Value:
    return t.e.two("add", base, constant(offset)) if offset else base


# -- 16-bit encodings ---------------------------------------------------------------------------------------------


def load_literal(t: Context, code: int) -> None:
    t.e.set_r(code >> 8 & 7, load(t, constant(t.aligned_pc + ((code & 0xFF) << 2)), 4))


def register_offset(t: Context, code: int) -> None:
    e, kind, register = t.e, code >> 9 & 7, code & 7
    where = e.two("add", e.r(code >> 3 & 7), e.r(code >> 6 & 7))
    if kind < 3:
        store(t, where, e.r(register), (4, 2, 1)[kind], plain=True)
        return
    size, signed = {3: (1, True), 4: (4, False), 5: (2, False), 6: (1, False), 7: (2, True)}[kind]
    e.set_r(register, load(t, where, size, signed=signed))


def immediate_offset(t: Context, code: int) -> None:
    size = {6: 4, 7: 1, 8: 2}[code >> 12]
    transfer16(t, code, code & 7, code >> 3 & 7, (code >> 6 & 31) * size, size)


def stack_offset(t: Context, code: int) -> None:
    transfer16(t, code, code >> 8 & 7, 13, (code & 0xFF) * 4, 4)


def transfer16(t: Context, code: int, register: int, base: int, offset: int, size: int) -> None:
    where = added(t, t.e.r(base), offset)
    if code & 0x0800:
        t.e.set_r(register, load(t, where, size))
    else:
        store(t, where, t.e.r(register), size, plain=True)


def push(t: Context, code: int) -> None:
    registers = [n for n in range(8) if code >> n & 1] + ([14] if code & 0x100 else [])
    store_multiple(t, 13, registers, before=True, write_back=True)


def pop(t: Context, code: int) -> None:
    registers = [n for n in range(8) if code >> n & 1] + ([15] if code & 0x100 else [])
    load_multiple(t, 13, registers, before=False, write_back=True)


def multiple16(t: Context, code: int) -> None:
    base = code >> 8 & 7
    registers = [n for n in range(8) if code >> n & 1]
    if code & 0x0800:
        load_multiple(t, base, registers, before=False, write_back=base not in registers)
    else:
        store_multiple(t, base, registers, before=False, write_back=True)


def load_multiple(t: Context, base: int, registers: list[int], *, before: bool, write_back: bool) -> None:
    e = t.e
    if not registers:
        raise UndefinedInstruction
    start = e.r(base)
    where = added(t, start, -4 * len(registers)) if before else start
    values = load_words(t, where, len(registers))
    if write_back:
        e.set_r(base, where if before else added(t, start, 4 * len(registers)))
    for register, value in zip(registers, values, strict=True):
        if register == PC:
            t.jump_to(value, interworking=True)
        else:
            e.set_r(register, value)


def store_multiple(t: Context, base: int, registers: list[int], *, before: bool, write_back: bool) -> None:
    e = t.e
    if not registers:
        raise UndefinedInstruction
    start = e.r(base)
    where = added(t, start, -4 * len(registers)) if before else start
    store_words(t, where, [t.r(register) for register in registers])
    if write_back:
        e.set_r(base, where if before else added(t, start, 4 * len(registers)))


# -- 32-bit encodings ---------------------------------------------------------------------------------------------


def multiple32(t: Context, high: int, low: int) -> None:
    base, operation, load_bit = high & 15, high >> 7 & 3, bool(high & 0x10)
    registers = [n for n in range(16) if low >> n & 1]
    if operation not in {1, 2} or base == PC or 13 in registers or (15 in registers and not load_bit):
        raise UndefinedInstruction
    action = load_multiple if load_bit else store_multiple
    action(t, base, registers, before=operation == 2, write_back=bool(high & 0x20))


def dual_or_exclusive(t: Context, high: int, low: int) -> None:
    e = t.e
    n, first, second, offset = high & 15, low >> 12, low >> 8 & 15, (low & 0xFF) * 4
    if high & 0x0120:
        base = constant(t.aligned_pc) if n == PC else e.r(n)
        moved = added(t, base, offset if high & 0x80 else -offset)
        where = moved if high & 0x100 else base
        if high & 0x10:
            values = load_words(t, where, 2)
            if high & 0x20:
                e.set_r(n, moved)
            for register, value in zip((first, second), values, strict=True):
                t.set_r(register, value)
        else:
            store_words(t, where, [t.r(first), t.r(second)])
            if high & 0x20:
                e.set_r(n, moved)
    elif high & 0x0080 and low & 0xE0 == 0:
        _table_branch(t, high, low)
    elif high & 0x0080:
        if low >> 4 & 15 not in {4, 5}:
            raise UndefinedInstruction
        _exclusive(t, bool(high & 0x10), first, low & 15, e.r(n), 1 if low >> 4 & 15 == 4 else 2)
    else:
        _exclusive(t, bool(high & 0x10), first, second, added(t, t.r(n), offset), 4)


def _table_branch(t: Context, high: int, low: int) -> None:
    e = t.e
    base, index = t.r(high & 15), t.r(low & 15)
    size = 2 if low & 0x10 else 1
    where = e.two("add", base, e.two("shl", index, "1") if size == 2 else index)
    entry = load(t, where, size)
    t.jump_to(e.two("add", constant(t.pc + 4), e.two("shl", entry, "1")), interworking=False)


def _exclusive(t: Context, loading: bool, register: int, status: int, where: Value, size: int) -> None:
    """The local monitor is a single bit: set by a load, cleared by a store and by exceptions."""
    e = t.e
    if loading:
        t.set_r(register, load(t, where, size, aligned=True))
        e.store_field(Field.EXCLUSIVE, "1")
        return
    value = t.r(register)
    owned = e.compare("ne", e.load_field(Field.EXCLUSIVE), "0", "i64")
    with e.only_if(owned):
        store(t, where, value, size, aligned=True)
    e.store_field(Field.EXCLUSIVE, "0")
    t.set_r(status, e.select(owned, "0", "1"))


def single_transfer(t: Context, high: int, low: int) -> None:  # noqa: PLR0912, one branch for each addressing mode
    e, n, register = t.e, high & 15, low >> 12
    width, loading, signed = high >> 5 & 3, bool(high & 0x10), bool(high & 0x100)
    if width == 3 or (signed and (not loading or width == 2)):
        raise UndefinedInstruction
    size = 1 << width
    write_back: Value | None = None
    plain = True
    if n == PC:
        if not loading:
            raise UndefinedInstruction
        where = constant(t.aligned_pc + ((low & 0xFFF) if high & 0x80 else -(low & 0xFFF)))
    elif high & 0x80:
        where = added(t, e.r(n), low & 0xFFF)
    elif low & 0x0800:
        moved = added(t, e.r(n), (low & 0xFF) * (1 if low & 0x200 else -1))
        where = moved if low & 0x400 else e.r(n)
        write_back = moved if low & 0x100 else None
        plain = not low & 0x100
        if not low & 0x500:
            raise UndefinedInstruction
    elif low & 0x0FC0 == 0:
        index = t.r(low & 15)
        amount = low >> 4 & 3
        where = e.two("add", e.r(n), e.two("shl", index, str(amount)) if amount else index)
    else:
        raise UndefinedInstruction
    if not loading:
        store(t, where, t.r(register), size, plain=plain and not (low & 0x0800 and not high & 0x80))
    elif register == PC and width != 2:
        return  # PLD, PLI and unallocated hints
    else:
        value = load(t, where, size, signed=signed)
        if write_back is not None:
            e.set_r(n, write_back)
            write_back = None
        if register == PC:
            t.jump_to(value, interworking=True)
        else:
            e.set_r(register, value)
    if write_back is not None:
        e.set_r(n, write_back)
