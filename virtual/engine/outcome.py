"""Why a run of translated code ended."""

import enum
from typing import NamedTuple

from virtual.timing.state import Leave


class Exit(enum.Enum):
    """Why the engine came back."""

    TIME = enum.auto()  # Field.STOP_AT reached, or a peripheral access made an exception ready
    UNMASKED = enum.auto()  # a block ran that may have unmasked a pending exception
    FP_DISABLED = enum.auto()  # an FP instruction while CPACR forbids them
    SLEEP = enum.auto()  # WFI, WFE
    SUPERVISOR_CALL = enum.auto()
    BREAKPOINT = enum.auto()  # BKPT
    BREAKPOINT_HIT = enum.auto()  # an address of ``Engine.breakpoints`` is next
    EXCEPTION_RETURN = enum.auto()
    UNDEFINED = enum.auto()
    INVALID_STATE = enum.auto()  # no Thumb bit
    UNALIGNED = enum.auto()
    READ_FAULT = enum.auto()
    WRITE_FAULT = enum.auto()
    FETCH_FAULT = enum.auto()
    PROTECTED = enum.auto()  # a data access in a guarded span
    DIVISION = enum.auto()  # by zero, with that trap on


EXITS = {
    Leave.TIME: Exit.TIME,
    Leave.UNMASKED: Exit.UNMASKED,
    Leave.FP_DISABLED: Exit.FP_DISABLED,
    Leave.SLEEP: Exit.SLEEP,
    Leave.SUPERVISOR_CALL: Exit.SUPERVISOR_CALL,
    Leave.BREAKPOINT: Exit.BREAKPOINT,
    Leave.UNDEFINED: Exit.UNDEFINED,
    Leave.READ_FAULT: Exit.READ_FAULT,
    Leave.WRITE_FAULT: Exit.WRITE_FAULT,
    Leave.UNALIGNED: Exit.UNALIGNED,
    Leave.BREAKPOINT_HIT: Exit.BREAKPOINT_HIT,
    Leave.STORED: Exit.TIME,
    Leave.PROTECTED: Exit.PROTECTED,
    Leave.DIVISION: Exit.DIVISION,
}
TIME = Exit.TIME
FALLEN_INTO = {Leave.UNMASKED, Leave.STORED}  # what is next is not entered by a jump
HAS_ADDRESS = {Exit.READ_FAULT, Exit.WRITE_FAULT, Exit.UNALIGNED, Exit.PROTECTED}


class Outcome(NamedTuple):
    """``pc`` is the next instruction, or the offending one of a fault; ``address`` is what it accessed."""

    exit: Exit
    pc: int
    address: int = 0
