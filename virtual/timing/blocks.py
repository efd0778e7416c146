"""Static cost of a basic block: what its instructions take when every memory access hits."""

from collections.abc import Iterator
from dataclasses import dataclass

from virtual.timing.costs import Costs
from virtual.timing.decode16 import decode16
from virtual.timing.decode32 import decode32
from virtual.timing.instruction import (
    BRANCHES,
    FP,
    FP_ARITHMETIC,
    LOADS,
    MEMORY,
    STORES,
    Instruction,
    Op,
)

FIRST_32BIT = 0xE800


@dataclass(frozen=True)
class BlockCost:
    """A block of ``instructions`` at ``address``.

    ``cycles`` holds when the block falls through into the code behind it, ``taken`` is added when it does not.
    ``before`` gives, for each halfword, the (cycles, instructions) spent before the instruction that starts there;
    ``relieved`` the addresses of loads whose load-use stall vanishes when the value comes from flash.
    """

    address: int
    size: int
    instructions: int
    cycles: int
    taken: int
    before: tuple[tuple[int, int], ...]
    relieved: frozenset[int]
    target_penalty: int
    has_it: bool
    has_fp: bool
    has_store: bool
    may_unmask: bool


def decode(address: int, code: bytes) -> Iterator[tuple[int, Instruction]]:
    """Yield (address, instruction); a 32-bit instruction cut off by the end of ``code`` is undefined."""
    offset = 0
    while offset + 2 <= len(code):
        first = int.from_bytes(code[offset : offset + 2], "little")
        if first < FIRST_32BIT:
            instruction = decode16(first)
        elif offset + 4 > len(code):
            instruction = Instruction(Op.UNDEFINED, 2)
        else:
            instruction = decode32(first, int.from_bytes(code[offset + 2 : offset + 4], "little"))
        yield address + offset, instruction
        offset += instruction.size


def issue_cycles(costs: Costs, previous: Instruction | None, current: Instruction) -> int:
    """Cycles of one instruction that is not a branch, given the one just before it."""
    op = current.op
    if op in {Op.LOAD, Op.FP_LOAD}:
        follows_load = previous is not None and previous.op in LOADS and not previous.results & current.address
        base = costs.load if op is Op.LOAD else costs.fp_load
        return (costs.load_pipelined if follows_load else base) + max(current.words - 1, 0)
    table = {
        Op.DIVIDE: costs.divide,
        Op.STORE: costs.store,
        Op.STORE_REGISTER_OFFSET: costs.store_register_offset,
        Op.LOAD_DOUBLE: costs.double,
        Op.STORE_DOUBLE: costs.double,
        Op.LOAD_EXCLUSIVE: costs.exclusive,
        Op.STORE_EXCLUSIVE: costs.exclusive,
        Op.LOAD_MULTIPLE: costs.multiple + current.words,
        Op.STORE_MULTIPLE: costs.multiple + current.words,
        Op.FP_LOAD_MULTIPLE: costs.multiple + current.words,
        Op.FP_STORE_MULTIPLE: costs.multiple + current.words,
        Op.FP_STORE: costs.fp_store + current.words - 1,
        Op.IT: costs.it_folded if previous is not None and previous.size == 2 else costs.it,
        Op.STATUS_MOVE: costs.status_move,
        Op.STATUS_WRITE: costs.status_move,
        Op.CPS: costs.cps,
        Op.BARRIER: costs.barrier,
        Op.HINT: costs.hint,
        Op.SLEEP: costs.hint,
        Op.FP_ALU: costs.fp_alu,
        Op.FP_MOVE: costs.fp_alu,
        Op.FP_MAC: costs.fp_mac,
        Op.FP_DIVIDE: costs.fp_divide,
    }
    return table.get(op, costs.alu)


def branch_cycles(costs: Costs, instruction: Instruction) -> tuple[int, int]:
    """(cycles when not taken, additional cycles when taken) of an instruction that may write PC."""
    return {
        Op.BRANCH: (costs.branch_not_taken, costs.refill_immediate),
        Op.BRANCH_CONDITIONAL: (costs.branch_not_taken, costs.refill_immediate),
        Op.BRANCH_REGISTER: (costs.branch_not_taken, costs.refill_register),
        Op.ALU_PC: (costs.alu, costs.refill_register),
        Op.LOAD_PC: (costs.branch_not_taken, costs.load - costs.branch_not_taken + costs.refill_load),
        Op.LOAD_MULTIPLE_PC: (costs.branch_not_taken, instruction.words + costs.refill_load),
        Op.TABLE_BRANCH: (costs.branch_not_taken, costs.table_branch - costs.branch_not_taken),
    }[instruction.op]


def stall_cycles(costs: Costs, previous: Instruction | None, current: Instruction) -> int:
    """Cycles lost because of what the instruction just before produced, load-use aside."""
    if previous is None:
        return 0
    if current.op in MEMORY and previous.op in {Op.ALU, Op.DIVIDE} and previous.results & current.address:
        return costs.address_dependency
    if current.op in FP and previous.op in FP_ARITHMETIC and previous.results & current.operands:
        return costs.fp_dependency
    return 0


def uses_load_shifted(previous: Instruction | None, current: Instruction) -> bool:
    return (
        previous is not None
        and previous.op is Op.LOAD
        and previous.size == 4
        and not previous.literal
        and bool(previous.results & current.shifted)
    )


def block_cost(costs: Costs, address: int, code: bytes, system_bus: bool = False) -> BlockCost:
    """Add up a block; ``system_bus`` says that it is fetched from SRAM on the system bus."""
    listing = list(decode(address, code))
    before = [(0, 0)] * (len(code) // 2)
    relieved: set[int] = set()
    cycles = taken = odd_run = conditional = accesses = 0
    previous: Instruction | None = None
    previous_address = address
    for index, (where, instruction) in enumerate(listing):
        before[(where - address) // 2] = (cycles, index)
        odd_run = odd_run + 1 if instruction.size == 4 and where & 2 else 0
        if odd_run == costs.odd_run_length:
            cycles += costs.odd_run
        cycles += stall_cycles(costs, previous, instruction)
        if uses_load_shifted(previous, instruction):
            cycles += costs.load_use_shift
            relieved.add(previous_address)
        if instruction.op in MEMORY:
            accesses += max(instruction.words, 1)
        if instruction.op in BRANCHES:
            not_taken, taken = branch_cycles(costs, instruction)
            if system_bus:
                taken += costs.system_bus_branch
            certain = instruction.op is not Op.BRANCH_CONDITIONAL and conditional == 0
            cycles += not_taken + (taken if certain else 0)
            taken = 0 if certain else taken
        else:
            cycles += issue_cycles(costs, previous, instruction)
        conditional = instruction.covered if instruction.op is Op.IT else max(conditional - 1, 0)
        previous, previous_address = instruction, where
    if system_bus:
        cycles += accesses * costs.system_bus_data
    ops = {instruction.op for _, instruction in listing}
    starts_wide = bool(listing) and listing[0][1].size == 4 and bool(address & 2)
    return BlockCost(
        address=address,
        size=len(code),
        instructions=len(listing),
        cycles=cycles,
        taken=taken,
        before=tuple(before),
        relieved=frozenset(relieved),
        target_penalty=costs.target_unaligned if starts_wide else 0,
        has_it=Op.IT in ops,
        has_fp=bool(ops & FP),
        has_store=bool(ops & STORES),
        may_unmask=bool(ops & {Op.CPS, Op.STATUS_WRITE}),
    )
