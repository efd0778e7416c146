"""What the cycle model wants to know of one decoded instruction."""

import enum
from dataclasses import dataclass


class Op(enum.Enum):
    """Kinds of instruction that cost differently or matter to the virtual board."""

    ALU = enum.auto()
    ALU_PC = enum.auto()  # data processing that writes PC
    DIVIDE = enum.auto()
    LOAD = enum.auto()
    LOAD_PC = enum.auto()
    LOAD_DOUBLE = enum.auto()
    LOAD_MULTIPLE = enum.auto()
    LOAD_MULTIPLE_PC = enum.auto()
    STORE = enum.auto()
    STORE_REGISTER_OFFSET = enum.auto()
    STORE_DOUBLE = enum.auto()
    STORE_MULTIPLE = enum.auto()
    LOAD_EXCLUSIVE = enum.auto()
    STORE_EXCLUSIVE = enum.auto()
    BRANCH = enum.auto()
    BRANCH_CONDITIONAL = enum.auto()
    BRANCH_REGISTER = enum.auto()
    TABLE_BRANCH = enum.auto()
    IT = enum.auto()
    STATUS_MOVE = enum.auto()  # MRS
    STATUS_WRITE = enum.auto()  # MSR
    CPS = enum.auto()
    BARRIER = enum.auto()
    HINT = enum.auto()
    SLEEP = enum.auto()  # WFI, WFE
    EXCEPTION = enum.auto()  # SVC, BKPT
    FP_ALU = enum.auto()
    FP_MAC = enum.auto()
    FP_DIVIDE = enum.auto()
    FP_LOAD = enum.auto()
    FP_STORE = enum.auto()
    FP_LOAD_MULTIPLE = enum.auto()
    FP_STORE_MULTIPLE = enum.auto()
    FP_MOVE = enum.auto()  # between core and FP registers
    UNDEFINED = enum.auto()


LOADS = frozenset({Op.LOAD, Op.LOAD_PC, Op.FP_LOAD})
STORES = frozenset(
    {
        Op.STORE,
        Op.STORE_REGISTER_OFFSET,
        Op.STORE_DOUBLE,
        Op.STORE_MULTIPLE,
        Op.STORE_EXCLUSIVE,
        Op.FP_STORE,
        Op.FP_STORE_MULTIPLE,
    }
)
FP = frozenset(
    {
        Op.FP_ALU,
        Op.FP_MAC,
        Op.FP_DIVIDE,
        Op.FP_LOAD,
        Op.FP_STORE,
        Op.FP_LOAD_MULTIPLE,
        Op.FP_STORE_MULTIPLE,
        Op.FP_MOVE,
    }
)
FP_ARITHMETIC = frozenset({Op.FP_ALU, Op.FP_MAC, Op.FP_DIVIDE})
BRANCHES = frozenset(
    {
        Op.BRANCH,
        Op.BRANCH_CONDITIONAL,
        Op.BRANCH_REGISTER,
        Op.TABLE_BRANCH,
        Op.ALU_PC,
        Op.LOAD_PC,
        Op.LOAD_MULTIPLE_PC,
    }
)
MEMORY = (
    STORES | LOADS | {Op.LOAD_DOUBLE, Op.LOAD_MULTIPLE, Op.LOAD_MULTIPLE_PC, Op.FP_LOAD_MULTIPLE, Op.LOAD_EXCLUSIVE}
)

PC = 15
FP_BASE = 16  # bit of S0 in a register mask


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction. Register sets are masks: bit n is Rn, bit 16 + n is Sn.

    ``results`` is what it computes or loads, ``operands`` what it reads, ``address`` the registers that form its memory
    address, ``shifted`` the operands that pass the shifter or an extension. ``words`` is the number of words that
    a multiple or FP transfer moves, ``covered`` the number of instructions an IT makes conditional.
    """

    op: Op
    size: int
    results: int = 0
    operands: int = 0
    address: int = 0
    shifted: int = 0
    words: int = 0
    covered: int = 0
    literal: bool = False
