"""Text of LLVM IR for straight-line Thumb code, with registers and flags as values.

Inside a block a register is the SSA value last assigned to it. The flags of an instruction are computed where something
reads them: at the end of the block, or on the way out of it. A way out writes all changed registers to the state first,
so that whoever is called finds every register as the architecture has it at that instruction.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from virtual.timing.state import R0, S0, Field

Value = str  # an SSA name or a constant
Lazy = Value | Callable[[], Value]

FLAG_SLOTS = {
    "n": Field.N,
    "z": Field.Z,
    "c": Field.C,
    "v": Field.V,
    "q": Field.Q,
    "ge": Field.GE,
    "fpscr": Field.FPSCR,
}
BITS = frozenset({"c", "v", "q"})  # kept as i1
ALWAYS = 14


def constant(value: int) -> Value:
    """A 32-bit constant, written as LLVM wants it: signed."""
    value &= 0xFFFFFFFF
    return str(value - (1 << 32) if value >> 31 else value)


def slot_of(name: str) -> int:
    """Word of a register or flag in the state."""
    if name in FLAG_SLOTS:
        return FLAG_SLOTS[name]
    return (R0 if name[0] == "r" else S0) + int(name[1:])


class Emitter:
    """``lines`` is the text so far; ``used`` the registers that live in stack slots of the region's function."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.used: set[str] = set()
        self._count = 0
        self.label = "entry"
        self.begin_block()

    def begin_block(self) -> None:
        self._values: dict[str, Lazy] = {}
        self._dirty: set[str] = set()
        self._outer: set[str] = set()  # changed before the condition that holds here
        self._compared: tuple[Value, Value] | None = None

    # -- text -----------------------------------------------------------------------------------------------------

    def line(self, text: str) -> None:
        self.lines.append(text)

    def op(self, text: str) -> Value:
        self._count += 1
        name = f"%t{self._count}"
        self.lines.append(f"{name} = {text}")
        return name

    def new_label(self, hint: str = "l") -> str:
        self._count += 1
        return f"{hint}{self._count}"

    def start(self, label: str) -> None:
        """Begin an LLVM block."""
        self.lines.append(f"{label}:")
        self.label = label

    def jump(self, label: str) -> None:
        self.lines.append(f"br label %{label}")

    def branch(self, condition: Value, yes: str, no: str, *, unlikely: bool = False) -> None:
        """``unlikely``: the way to ``yes`` is."""
        self.lines.append(f"br i1 {condition}, label %{yes}, label %{no}" + (", !prof !0" if unlikely else ""))

    def two(self, operation: str, a: Value, b: Value, kind: str = "i32") -> Value:
        return self.op(f"{operation} {kind} {a}, {b}")

    def compare(self, predicate: str, a: Value, b: Value, kind: str = "i32") -> Value:
        return self.op(f"icmp {predicate} {kind} {a}, {b}")

    def select(self, condition: Value, a: Value, b: Value, kind: str = "i32") -> Value:
        return self.op(f"select i1 {condition}, {kind} {a}, {kind} {b}")

    def cast(self, operation: str, value: Value, source: str, target: str) -> Value:
        return self.op(f"{operation} {source} {value} to {target}")

    def call(self, function: str, kind: str, *operands: Value) -> Value:
        """An intrinsic function whose operands and result are all of one type."""
        suffix = {"float": "f32"}.get(kind, kind)
        return self.op(
            f"call {kind} @llvm.{function}.{suffix}({', '.join(f'{kind} {operand}' for operand in operands)})"
        )

    def funnel(self, function: str, value: Value, amount: Value) -> Value:
        """Rotate: ``function`` is fshl (left) or fshr (right)."""
        return self.call(function, "i32", value, value, amount)

    def place(self, slot: int) -> Value:
        return self.op(f"getelementptr i64, ptr %state, i64 {slot}")

    def load_field(self, slot: int, kind: str = "i64") -> Value:
        return self.op(f"load {kind}, ptr {self.place(slot)}, !tbaa !2")

    def store_field(self, slot: int, value: Value, kind: str = "i64") -> None:
        self.line(f"store {kind} {value}, ptr {self.place(slot)}, !tbaa !2")

    # -- registers and flags --------------------------------------------------------------------------------------

    def read(self, name: str) -> Value:
        known = self._values.get(name)
        if known is None:
            if name in FLAG_SLOTS:
                known = self.load_field(slot_of(name), "i32")
                if name in BITS:
                    known = self.compare("ne", known, "0")
            else:
                self.used.add(name)
                known = self.op(f"load i32, ptr %a.{name}")
        elif callable(known):
            known = known()
        self._values[name] = known
        return known

    def write(self, name: str, value: Lazy) -> None:
        if name in FLAG_SLOTS:
            self._compared = None
        else:
            self.used.add(name)
        self._values[name] = value
        self._dirty.add(name)

    def forget(self, name: str) -> None:
        """The state holds another value now."""
        self._values.pop(name, None)
        self._dirty.discard(name)
        self._compared = None

    def r(self, number: int) -> Value:
        """A core register, not PC."""
        return self.read(f"r{number}")

    def set_r(self, number: int, value: Value) -> None:
        if number == 13:
            value = self.two("and", value, "-4")
        self.write(f"r{number}", value)

    def flush(self) -> None:
        """Write what has changed to the state."""
        for name in sorted(self._dirty | self._outer):
            value = self.read(name)
            if name in BITS:
                value = self.cast("zext", value, "i1", "i32")
            self.store_field(slot_of(name), value, "i32")

    def finish(self) -> None:
        """At the end of a block: also hand registers to the blocks that follow."""
        self.flush()
        for name in sorted(self._dirty):
            if name not in FLAG_SLOTS:
                self.line(f"store i32 {self.read(name)}, ptr %a.{name}")

    @contextmanager
    def aside(self) -> Iterator[None]:
        """For text that does not dominate what is emitted after it: forget what it learns about values."""
        values, dirty, compared, label = dict(self._values), set(self._dirty), self._compared, self.label
        yield
        self._values, self._dirty, self._compared, self.label = values, dirty, compared, label

    @contextmanager
    def undone_on_error(self) -> Iterator[None]:
        """When what is inside raises, nothing has been emitted."""
        lines, length = self.lines, len(self.lines)
        values, dirty, compared, label = dict(self._values), set(self._dirty), self._compared, self.label
        try:
            yield
        except BaseException:
            self.lines = lines
            del lines[length:]
            self._values, self._dirty, self._compared, self.label = values, dirty, compared, label
            self._outer = set()
            raise

    # -- flags ----------------------------------------------------------------------------------------------------

    def set_nz(self, result: Value) -> None:
        self.write("n", result)
        self.write("z", result)

    def set_carry(self, carry: Lazy | None) -> None:
        if carry is not None:
            self.write("c", carry)

    def set_add(self, a: Value, b: Value, result: Value) -> None:
        self.set_nz(result)
        self.write("c", lambda: self.compare("ult", result, a))
        self.write("v", lambda: self._overflow(self.two("xor", a, result), self.two("xor", b, result)))

    def set_subtract(self, a: Value, b: Value, result: Value) -> None:
        self.set_nz(result)
        self.write("c", lambda: self.compare("uge", a, b))
        self.write("v", lambda: self._overflow(self.two("xor", a, b), self.two("xor", a, result)))
        self._compared = (a, b)

    def _overflow(self, x: Value, y: Value) -> Value:
        return self.compare("slt", self.two("and", x, y), "0")

    def add_with_carry(self, a: Value, b: Value, *, flags: bool) -> Value:
        wide = [
            self.cast("zext", value, kind, "i64") for value, kind in ((a, "i32"), (b, "i32"), (self.read("c"), "i1"))
        ]
        total = self.two("add", self.two("add", wide[0], wide[1], "i64"), wide[2], "i64")
        result = self.cast("trunc", total, "i64", "i32")
        if flags:
            self.set_nz(result)
            self.write("c", lambda: self.compare("ugt", total, "4294967295", "i64"))
            self.write("v", lambda: self._overflow(self.two("xor", a, result), self.two("xor", b, result)))
        return result

    def saturated(self, condition: Value) -> None:
        """Set Q where the condition holds."""
        self.write("q", self.two("or", self.read("q"), condition, "i1"))

    def condition(self, code: int) -> Value:
        """Whether a condition (0 to 13) holds."""
        positive = code & ~1
        value = self._compared_condition(positive) or self._flag_condition(positive)
        return self.two("xor", value, "true", "i1") if code & 1 else value

    def _compared_condition(self, code: int) -> Value | None:
        predicate = {0: "eq", 2: "uge", 8: "ugt", 10: "sge", 12: "sgt"}.get(code)
        if self._compared is None or predicate is None:
            return None
        return self.compare(predicate, *self._compared)

    def _flag_condition(self, code: int) -> Value:
        if code == 2:
            return self.read("c")
        if code == 6:
            return self.read("v")
        if code == 4:
            return self.compare("slt", self.read("n"), "0")
        if code == 0:
            return self.compare("eq", self.read("z"), "0")
        if code == 8:
            return self.two("and", self.read("c"), self.compare("ne", self.read("z"), "0"), "i1")
        greater = self.two("xor", self.compare("sge", self.read("n"), "0"), self.read("v"), "i1")
        if code == 10:
            return greater
        return self.two("and", greater, self.compare("ne", self.read("z"), "0"), "i1")

    # -- conditional execution ------------------------------------------------------------------------------------

    @contextmanager
    def only_if(self, condition: Value) -> Iterator[None]:
        """What is emitted inside takes effect only where the condition holds."""
        yes, merge = self.new_label("then"), self.new_label("merge")
        outside, before, compared = self.lines, dict(self._values), self._compared
        dirty_before = set(self._dirty)
        from_label = self.label
        self.lines = []
        self._outer, self._dirty = dirty_before, set()
        self.start(yes)
        yield
        changed = sorted(self._dirty)
        new = {name: self.read(name) for name in changed}
        last = self.label
        self.jump(merge)
        inside, self.lines = self.lines, outside
        self._values, self._compared, self.label = before, compared, from_label
        old = {name: self.read(name) for name in changed}
        self.branch(condition, yes, merge)
        self.lines += inside
        self.start(merge)
        self._outer, self._dirty = set(), dirty_before
        for name in changed:
            kind = "i1" if name in BITS else "i32"
            self.write(name, self.op(f"phi {kind} [ {new[name]}, %{last} ], [ {old[name]}, %{from_label} ]"))
