"""Fault kinds and the registers that tell them apart: CFSR, HFSR, BFAR (Arm DDI0403, B3.2.15 to B3.2.18)."""

import enum

from virtual.cortex_m.controller import BUS_FAULT, HARD_FAULT, MEMORY_FAULT, USAGE_FAULT

BFAR_VALID = 1 << 15
HFSR_VECTTBL, HFSR_FORCED, HFSR_DEBUGEVT = 1 << 1, 1 << 30, 1 << 31


class Fault(enum.Enum):
    """(exception, bit of CFSR, bit of HFSR, text)"""

    FETCH = (BUS_FAULT, 1 << 8, 0, "instruction fetch from no memory")
    DATA = (BUS_FAULT, 1 << 9, 0, "access to no memory or write to flash")
    STACKING = (BUS_FAULT, 1 << 12, 0, "stacking outside memory")
    UNDEFINED = (USAGE_FAULT, 1 << 16, 0, "undefined instruction")
    INVALID_STATE = (USAGE_FAULT, 1 << 17, 0, "jump to an address without Thumb bit")
    NO_COPROCESSOR = (USAGE_FAULT, 1 << 19, 0, "FP instruction while CPACR disables the FPU")
    UNALIGNED = (USAGE_FAULT, 1 << 24, 0, "unaligned access")
    EXECUTE_NEVER = (MEMORY_FAULT, 1, 0, "instruction fetch from a peripheral region")
    BREAKPOINT = (HARD_FAULT, 0, HFSR_DEBUGEVT, "BKPT without a debugger")
    VECTOR_TABLE = (HARD_FAULT, 0, HFSR_VECTTBL, "vector table read")
    FORCED = (HARD_FAULT, 0, 0, "SVC that cannot be taken")

    @property
    def exception(self) -> int:
        return self.value[0]

    @property
    def text(self) -> str:
        return self.value[3]


class FaultStatus:
    """Sticky bits, cleared by writing ones."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.cfsr = self.hfsr = 0
        self.bfar = self.mmfar = 0

    def record(self, kind: Fault, address: int | None) -> None:
        _, configurable, hard, _ = kind.value
        self.cfsr |= configurable
        self.hfsr |= hard
        if kind is Fault.DATA and address is not None:
            self.cfsr |= BFAR_VALID
            self.bfar = address

    def forced(self, number: int) -> None:
        """An exception that could not be taken became a HardFault."""
        if number != HARD_FAULT:
            self.hfsr |= HFSR_FORCED
