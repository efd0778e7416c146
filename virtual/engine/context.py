"""What the translation of one instruction needs to know, and the ways out of a block."""

from collections.abc import Callable
from dataclasses import dataclass

from virtual.engine.emitter import Emitter, Value, constant
from virtual.timing.costs import CORTEX_M4, Costs
from virtual.timing.state import R0, Field

PC = 15


class UndefinedInstruction(Exception):
    """The encoding is undefined in Armv7E-M."""


@dataclass(frozen=True)
class Branch:
    """How a block ends. ``target`` is an address; None: PC has been written. ``condition`` None: always."""

    target: int | None
    condition: Value | None = None


@dataclass
class Context:
    """One instruction at ``pc``.

    ``site`` tells Python where it is (see ``region.site``), ``after`` where the next one is. ``covered``: in an IT
    block.
    """

    e: Emitter
    pc: int
    size: int
    site: int
    after: int
    covered: bool
    relieved: bool = False
    ram: tuple[int, int, int] = (0, 0, 0)
    spans: tuple[tuple[int, int, int, int], ...] = ()
    timed: bool = True
    costs: Costs = CORTEX_M4
    branch: Branch | None = None
    ends_block: bool = False
    leave_after: int | None = None
    it: int = 0  # ITSTATE that an IT instruction sets
    fp_checked: bool = False
    fault_state: int = 0  # ITSTATE of this instruction

    def r(self, number: int) -> Value:
        return constant(self.pc + 4) if number == PC else self.e.r(number)

    def set_r(self, number: int, value: Value) -> None:
        if number == PC:
            raise UndefinedInstruction
        self.e.set_r(number, value)

    @property
    def aligned_pc(self) -> int:
        return (self.pc + 4) & ~3

    def jump_to(self, value: Value, *, interworking: bool) -> None:
        """Branch to a computed address; with ``interworking`` its lowest bit is the Thumb bit, else that is set."""
        e = self.e
        if not interworking:
            value = e.two("or", value, "1")
        e.store_field(R0 + PC, e.cast("zext", value, "i32", "i64"))
        self.branch = Branch(None)

    def leave(self, reason: int, pc: int, site: int, it: int = 0) -> None:
        """Emit the end of the function: come back to Python, with ``pc`` next."""
        e = self.e
        e.flush()
        e.store_field(R0 + PC, str(pc | 1))
        e.store_field(Field.EXIT, str(reason))
        e.store_field(Field.SITE, str(site))
        e.store_field(Field.ITSTATE, str(it))
        e.line("ret void")

    def way_out(self, condition: Value, emit: Callable[[], None]) -> None:
        """Where the rare condition holds do what ``emit`` does, which ends the function."""
        e = self.e
        out, on = e.new_label("out"), e.new_label("on")
        e.branch(condition, out, on, unlikely=True)
        with e.aside():
            e.start(out)
            emit()
        e.start(on)
