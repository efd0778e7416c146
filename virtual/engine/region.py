"""From guest code to the text of one native function: basic blocks, their costs and the ways between them.

A region is the blocks that direct branches reach from an address, up to a bound, and the places calls return to. It
becomes ``void region(ptr state, i32 entry)``; every block can be entered. At the start of each block it comes back if
it is time.
"""

from bisect import bisect_right
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass

from virtual.engine.context import Branch, Context, UndefinedInstruction
from virtual.engine.emitter import ALWAYS, Emitter, Value, slot_of
from virtual.engine.encodings import FIRST_32BIT, translate
from virtual.engine.memory import call_runtime
from virtual.timing.blocks import BlockCost, block_cost, decode
from virtual.timing.costs import Costs
from virtual.timing.instruction import BRANCHES, Instruction, Op
from virtual.timing.state import LINE_SHIFT, LINE_SLOT, OWNED, R0, SITE_CYCLES, SITE_INSTRUCTIONS, Field, Leave

BKPT, SVC = 0xBE, 0xDF  # first bytes
SLEEPS = {0xBF20, 0xBF30}  # WFE, WFI
LONGEST_BLOCK = 256  # instructions; the time to compile one grows faster than its length
LONGEST_REGION = 600
ENDS = BRANCHES | {Op.CPS, Op.STATUS_WRITE, Op.SLEEP, Op.EXCEPTION, Op.UNDEFINED}
INTRINSICS = """
declare i32 @llvm.fshl.i32(i32, i32, i32)
declare i32 @llvm.fshr.i32(i32, i32, i32)
declare i32 @llvm.umin.i32(i32, i32)
declare i32 @llvm.umax.i32(i32, i32)
declare i32 @llvm.smin.i32(i32, i32)
declare i32 @llvm.smax.i32(i32, i32)
declare i32 @llvm.sadd.sat.i32(i32, i32)
declare i32 @llvm.ssub.sat.i32(i32, i32)
declare i32 @llvm.bitreverse.i32(i32)
declare i32 @llvm.bswap.i32(i32)
declare i32 @llvm.ctlz.i32(i32, i1)
declare float @llvm.fma.f32(float, float, float)
declare float @llvm.sqrt.f32(float)
declare float @llvm.roundeven.f32(float)
declare i32 @llvm.fptosi.sat.i32.f32(float)
declare i32 @llvm.fptoui.sat.i32.f32(float)
declare i16 @llvm.fptosi.sat.i16.f32(float)
declare i16 @llvm.fptoui.sat.i16.f32(float)
attributes #1 = { cold }
!0 = !{!"branch_weights", i32 1, i32 4000}
!1 = !{!"root"}
!4 = !{!"state", !1, i64 0}
!5 = !{!"guest", !1, i64 0}
!2 = !{!4, !4, i64 0}
!3 = !{!5, !5, i64 0}
"""


def site(pc: int, cycles: int, instructions: int) -> int:
    """Where in a block an instruction is: its address and what the block has cost before it."""
    return pc | cycles << SITE_CYCLES | instructions << SITE_INSTRUCTIONS


@dataclass(frozen=True)
class Settings:
    """What decides how code is translated, beside the code.

    ``spans``: (origin, size, offset, kind) of all memories, the main RAM first; ``flash``: (origin, size);
    ``system_bus``: (origin, size) that are slow to fetch from. ``owners``: first addresses of the functions whose
    cycles are counted, in ascending order; function n begins at the n-th of them, counted from 1.
    """

    timed: bool
    costs: Costs
    spans: tuple[tuple[int, int, int, int], ...]
    flash: tuple[tuple[int, int], ...]
    system_bus: tuple[tuple[int, int], ...]
    guarded: bool = False  # the main RAM holds addresses whose accesses must be asked about
    owners: tuple[int, ...] = ()
    unit_shift: int = 3  # log2 of the bytes that one flash read delivers


Fetch = Callable[[int, int], bytes]


@dataclass(frozen=True)
class Block:
    address: int
    it: int
    code: bytes
    listing: tuple[tuple[int, Instruction], ...]
    cost: BlockCost

    @property
    def end(self) -> int:
        return self.address + len(self.code)


@dataclass(frozen=True)
class Region:
    """Translated text. ``entries``: the (address, ITSTATE) of each block, by entry number; ``ranges``: its code."""

    text: str
    entries: tuple[tuple[int, int], ...]
    ranges: tuple[tuple[int, bytes], ...]


def inside(address: int, ranges: Iterable[tuple[int, int]]) -> bool:
    return any(origin <= address < origin + size for origin, size in ranges)


def ends_block(instruction: Instruction, code: bytes) -> bool:
    """Whether the block ends with an instruction: it may go elsewhere or change what the core does next."""
    if instruction.op in ENDS:
        return True
    high, low = int.from_bytes(code[:2], "little"), int.from_bytes(code[2:4], "little")
    if instruction.op is Op.BARRIER:
        return low >> 4 & 15 == 6
    if instruction.op is Op.FP_MOVE:
        return high & 0xFFFF == 0xEEE1 and low & 0xF10 == 0xA10  # VMSR
    return instruction.op is Op.HINT and (high == 0xBF10 or (high == 0xF3AF and low & 0xFF == 1))  # YIELD


def find_block(
    settings: Settings, fetch: Fetch, address: int, it: int, cuts: frozenset[int], most: int
) -> Block | None:
    """The block at an address, ``most`` instructions long at most; None where no instruction is.

    ``cuts``: addresses at which a block ends.
    """
    code = fetch(address, 4 * most)
    listing: list[tuple[int, Instruction]] = []
    end = address
    for where, instruction in decode(address, code):
        if listing and where in cuts:
            break
        offset = where - address
        if offset + instruction.size > len(code):
            break
        listing.append((where, instruction))
        end = where + instruction.size
        if len(listing) >= most or ends_block(instruction, code[offset : offset + 4]):
            break
    if not listing:
        return None
    used = code[: end - address]
    cost = block_cost(settings.costs, address, used, settings.timed and inside(address, settings.system_bus))
    return Block(address, it, used, tuple(listing), cost)


class RegionTranslator:
    """Translates one region; throw it away afterwards."""

    def __init__(
        self,
        settings: Settings,
        fetch: Fetch,
        *,
        watched: frozenset[int] = frozenset(),
        breakpoints: frozenset[int] = frozenset(),
        known: Container[int] = (),
        loop: bool = False,
        most: int = LONGEST_BLOCK,
        alone: bool = False,
    ) -> None:
        """``known``: addresses of blocks to leave out, because they are translated already.

        ``loop``: only the outermost loop around the address, if there is one.

        ``alone``: one block only, of ``most`` instructions, without looking at the time or at ``breakpoints``.
        """
        self._settings = settings
        self._fetch = fetch
        self._watched = watched
        self._breakpoints = frozenset() if alone else breakpoints
        self._known = known
        self._loop = loop
        self._most = most
        self._alone = alone
        self._blocks: list[Block] = []
        self._numbers: dict[int, int] = {}
        self.e = Emitter()

    def translate(self, address: int, it: int) -> Region | None:
        """None: there is no code at the address."""
        self._find_blocks(address, it)
        if not self._blocks:
            return None
        if self._loop:
            self._keep_loop()
        e = self.e
        for number, block in enumerate(self._blocks):
            self._emit_block(number, block)
        body = e.lines
        e.lines = []
        self._emit_entry()
        text = "define void @region(ptr %state, i32 %entry) {\n" + "\n".join(e.lines + body) + "\n}\n" + INTRINSICS
        return Region(
            text,
            tuple((block.address, block.it) for block in self._blocks),
            tuple((block.address, block.code) for block in self._blocks),
        )

    # -- control flow ---------------------------------------------------------------------------------------------

    def _find_blocks(self, address: int, it: int) -> None:
        waiting = [(address, it)]
        seen = {address}
        total = 0
        while waiting:
            where, state = waiting.pop(0)
            block = find_block(self._settings, self._fetch, where, state, self._breakpoints, self._most)
            if block is None:
                continue
            total += len(block.listing)
            if self._blocks and total > LONGEST_REGION:
                break
            if state == 0 and not self._alone:
                self._numbers[where] = len(self._blocks)
            self._blocks.append(block)
            if self._alone:
                return
            for target in self._successors(block):
                if target not in seen and target not in self._known:
                    seen.add(target)
                    waiting.append((target, 0))

    def _keep_loop(self) -> None:
        """Drop the blocks from which no way leads back to the first one; keep all if it is in no loop."""
        before: dict[int, list[int]] = {}
        for block in self._blocks:
            for target in self._successors(block):
                before.setdefault(target, []).append(block.address)
        kept: set[int] = set()
        waiting = [self._blocks[0].address]
        while waiting:
            for address in before.get(waiting.pop(), ()):
                if address not in kept:
                    kept.add(address)
                    waiting.append(address)
        if self._blocks[0].address in kept:
            self._blocks = [block for block in self._blocks if block.address in kept]
            self._numbers = {block.address: number for number, block in enumerate(self._blocks)}

    def _successors(self, block: Block) -> list[int]:
        """Where a block may go directly, or come back to from a call."""
        where, last = block.listing[-1]
        found = []
        if last.op in {Op.BRANCH, Op.BRANCH_CONDITIONAL} and not last.results:
            offset = where - block.address
            found.append(direct_target(where, block.code[offset : offset + 4]))
        if last.op is not Op.UNDEFINED:
            found.append(block.end)
        return found

    def _emit_entry(self) -> None:
        e = self.e
        for name in sorted(e.used):
            e.line(f"%a.{name} = alloca i32")
        e.line("%a.jumped = alloca i64")
        for base, field in (("%memory", Field.MEMORY), ("%map0", Field.CODE_MAP)):
            e.line(f"{base} = inttoptr i64 {e.load_field(field)} to ptr")
        offset = self._settings.spans[0][2]
        e.line(f"%ram = getelementptr i8, ptr %memory, i64 {offset}")
        e.line(f"%map = getelementptr i8, ptr %map0, i64 {offset >> 2}")
        for name in sorted(e.used):
            e.line(f"store i32 {e.load_field(slot_of(name), 'i32')}, ptr %a.{name}")
        e.line(f"store i64 {e.load_field(Field.JUMPED)}, ptr %a.jumped")
        others = " ".join(f"i32 {number}, label %b{number}" for number in range(1, len(self._blocks)))
        e.line(f"switch i32 %entry, label %b0 [ {others} ]")

    def _edge(self, target: int, it: int, *, jumped: bool) -> None:
        """Go on at an address: in this function if it is here, else by way of the dispatcher."""
        e = self.e
        number = self._numbers.get(target) if it == 0 else None
        if number is None:
            e.store_field(R0 + 15, str(target | 1))
            e.store_field(Field.JUMPED, str(int(jumped)))
            if it:
                e.store_field(Field.ITSTATE, str(it))
            e.line("ret void")
            return
        if self._penalty(self._blocks[number]):
            e.line(f"store i64 {int(jumped)}, ptr %a.jumped")
        e.jump(f"b{number}")

    def _penalty(self, block: Block) -> int:
        return block.cost.target_penalty if self._settings.timed else 0

    # -- blocks ---------------------------------------------------------------------------------------------------

    def _emit_block(self, number: int, block: Block) -> None:
        e = self.e
        e.begin_block()
        e.start(f"b{number}")
        if not self._alone:
            self._emit_checks(block)
        self._emit_begin(block)
        t = self._emit_listing(block)
        if t is not None:
            self._emit_end(block, t)

    def _context(self, block: Block) -> Context:
        ram = (0, 0, 0) if self._settings.guarded else self._settings.spans[0]
        return Context(
            e=self.e, pc=block.address, size=0, site=0, after=0, covered=False, ram=ram[:3], spans=self._settings.spans,
            timed=self._settings.timed, costs=self._settings.costs,
        )  # fmt: skip

    def _emit_checks(self, block: Block) -> None:
        e = self.e
        t = self._context(block)
        here = site(block.address, 0, 0)
        late = e.compare("sge", e.load_field(Field.CYCLES), e.load_field(Field.STOP_AT), "i64")

        def leave() -> None:
            if self._penalty(block):
                e.store_field(Field.JUMPED, e.op("load i64, ptr %a.jumped"))
            t.leave(Leave.TIME, block.address, here, block.it)

        t.way_out(late, leave)
        if block.address in self._breakpoints:
            t.way_out("true", lambda: t.leave(Leave.BREAKPOINT_HIT, block.address, here, block.it))

    def _emit_begin(self, block: Block) -> None:
        e = self.e
        t = self._context(block)
        if block.it:
            e.store_field(Field.ITSTATE, "0")
        if self._settings.owners:
            self._emit_owner(bisect_right(self._settings.owners, block.address))
        penalty = self._penalty(block)
        if penalty:
            extra = e.two("mul", e.op("load i64, ptr %a.jumped"), str(penalty), "i64")
            self._add(Field.CYCLES, extra)
        if block.address in self._watched:
            call_runtime(t, Field.WATCH, str(block.address))
        if block.cost.has_store:
            e.store_field(Field.SEEN, "1")

    def _emit_owner(self, owner: int) -> None:
        """Let the cycles from here on be those of a function."""
        e = self.e
        last = e.load_field(Field.OWNER)
        on, change = e.new_label("on"), e.new_label("owner")
        e.branch(e.compare("eq", last, str(owner), "i64"), on, change)
        e.start(change)
        now = e.load_field(Field.CYCLES)
        spent = e.two("sub", now, e.load_field(Field.OWNER_SINCE), "i64")
        place = e.op(f"getelementptr i64, ptr %state, i64 {e.two('add', last, str(OWNED), 'i64')}")
        e.line(f"store i64 {e.two('add', e.op(f'load i64, ptr {place}'), spent, 'i64')}, ptr {place}")
        e.store_field(Field.OWNER_SINCE, now)
        e.store_field(Field.OWNER, str(owner))
        e.jump(on)
        e.start(on)

    def _add(self, field: int, amount: Value) -> None:
        e = self.e
        e.store_field(field, e.two("add", e.load_field(field), amount, "i64"))

    def _emit_listing(self, block: Block) -> Context | None:
        """All instructions; None when the block has ended with a way out for good."""
        e = self.e
        t = self._context(block)
        it = block.it
        for index, (where, instruction) in enumerate(block.listing):
            t.pc, t.size = where, instruction.size
            t.site = self._site(block, index)
            t.after = self._site(block, index + 1)
            t.relieved = where in block.cost.relieved
            t.covered, t.fault_state, t.it = bool(it & 15), it, 0
            offset = where - block.address
            self._emit_fetches(block, where, instruction.size)
            first = int.from_bytes(block.code[offset : offset + 2], "little")
            second = int.from_bytes(block.code[offset + 2 : offset + 4], "little")
            if instruction.size == 2 and first >= FIRST_32BIT:
                first = 0xDE00
            try:
                with e.undone_on_error():
                    self._emit_instruction(t, it, first, second)
            except UndefinedInstruction:
                t.leave(Leave.UNDEFINED, where, t.site, it)
                return None
            if t.branch is not None and t.branch.target is None and t.branch.condition is None and ended(e):
                return None
            it = t.it or advanced(it)
        t.fault_state = it
        return t

    def _emit_fetches(self, block: Block, where: int, size: int) -> None:
        """Fetch the units of flash that an instruction is the first of its block to reach."""
        e, settings = self.e, self._settings
        flash = next((span for span in settings.flash if span[0] <= where < span[0] + span[1]), None)
        if not settings.timed or flash is None:
            return
        shift = settings.unit_shift
        first, last = (where - flash[0]) >> shift, (where + size - 1 - flash[0]) >> shift
        before = first - 1 if where == block.address else (where - 1 - flash[0]) >> shift
        cycles = block.cost.before[(where - block.address) // 2][0]
        for unit in range(max(first, before + 1), last + 1):
            if where == block.address and unit == first:
                present = e.load_field(Field.LAST_CODE_UNIT)
                fetch, on = e.new_label("fetch"), e.new_label("on")
                e.branch(e.compare("eq", present, str(unit), "i64"), on, fetch)
                e.start(fetch)
                self._fetch_unit(unit, cycles)
                e.jump(on)
                e.start(on)
            else:
                self._fetch_unit(unit, cycles)

    def _fetch_unit(self, unit: int, cycles: int) -> None:
        e = self.e
        per_line = LINE_SHIFT - self._settings.unit_shift
        place, bit = LINE_SLOT + (unit >> per_line), 1 << (unit & ((1 << per_line) - 1))
        function = e.op(f"inttoptr i64 {e.load_field(Field.ON_FETCH)} to ptr")
        e.line(f"call void {function}(ptr %state, i64 {unit}, i64 {place}, i64 {bit}, i64 {cycles})")

    def _site(self, block: Block, index: int) -> int:
        """Of an instruction by position; behind the last one: of the block's end."""
        if index == len(block.listing):
            cycles, instructions, pc = block.cost.cycles, index, block.end
        else:
            pc = block.listing[index][0]
            cycles, instructions = block.cost.before[(pc - block.address) // 2]
        return site(pc, cycles if self._settings.timed else instructions, instructions)

    def _emit_instruction(self, t: Context, it: int, first: int, second: int) -> None:
        if not t.covered or it >> 4 == ALWAYS or first >> 8 == BKPT:  # BKPT knows no condition
            translate(t, first, second)
            return
        condition = self.e.condition(it >> 4)
        reason = Leave.SUPERVISOR_CALL if first >> 8 == SVC else Leave.SLEEP if first in SLEEPS else None
        if reason is not None:
            t.way_out(condition, lambda: t.leave(reason, t.pc + t.size, t.after, advanced(it)))
            return
        with self.e.only_if(condition):
            translate(t, first, second)
            if t.leave_after is not None or (t.branch is not None and ended(self.e)):
                raise UndefinedInstruction  # the 32-bit encodings of WFI and WFE: nobody writes them in IT blocks
        if t.branch is not None:
            t.branch = Branch(t.branch.target, condition)

    def _emit_end(self, block: Block, t: Context) -> None:
        e, settings, cost = self.e, self._settings, block.cost
        branch = t.branch
        e.finish()
        self._add(Field.INSTRUCTIONS, str(cost.instructions))
        self._add(Field.CYCLES, str(cost.cycles if settings.timed else cost.instructions))
        if t.leave_after is not None:
            t.leave(t.leave_after, block.end, site(block.end, 0, 0), t.fault_state)
            return
        if cost.may_unmask:
            pending = e.compare("ne", e.load_field(Field.PENDING), "0", "i64")
            here = site(block.end, 0, 0)
            t.way_out(pending, lambda: t.leave(Leave.UNMASKED, block.end, here, t.fault_state))
        if branch is None:
            self._edge(block.end, t.fault_state, jumped=False)
            return
        if branch.condition is None:
            self._emit_taken(branch, 0)
            return
        yes, no = e.new_label("taken"), e.new_label("on")
        e.branch(branch.condition, yes, no)
        e.start(yes)
        self._emit_taken(branch, cost.taken if settings.timed else 0)
        e.start(no)
        self._edge(block.end, t.fault_state, jumped=False)

    def _emit_taken(self, branch: Branch, cycles: int) -> None:
        e = self.e
        if cycles:
            self._add(Field.CYCLES, str(cycles))
        if branch.target is None:
            e.store_field(Field.JUMPED, "1")
            e.line("ret void")
        else:
            self._edge(branch.target, 0, jumped=True)


def advanced(it: int) -> int:
    """ITSTATE behind an instruction (Arm DDI0403, ITAdvance)."""
    return it & 0xE0 | it << 1 & 0x1F if it & 7 else 0


def ended(e: Emitter) -> bool:
    return e.lines[-1].startswith("ret ")


def direct_target(where: int, code: bytes) -> int:
    """Target of a direct branch."""
    t = Context(e=Emitter(), pc=where, size=len(code), site=0, after=0, covered=False)
    translate(t, int.from_bytes(code[:2], "little"), int.from_bytes(code[2:4], "little"))
    return t.branch.target if t.branch is not None and t.branch.target is not None else where
