"""Fault kinds and the registers that tell them apart: CFSR, HFSR, BFAR (Arm DDI0403, B3.2.15 to B3.2.18)."""

import enum

from virtual.cortex_m.controller import BUS_FAULT, HARD_FAULT, MEMORY_FAULT, USAGE_FAULT

BFAR_VALID, MMFAR_VALID = 1 << 15, 1 << 7
HFSR_VECTTBL, HFSR_FORCED, HFSR_DEBUGEVT = 1 << 1, 1 << 30, 1 << 31


class Fault(enum.Enum):
    """(exception, bit of CFSR, bit of HFSR, text)"""

    FETCH = (BUS_FAULT, 1 << 8, 0, "instruction fetch from no memory")
    DATA = (BUS_FAULT, 1 << 9, 0, "access to no memory or write to flash")
    UNSTACKING = (BUS_FAULT, 1 << 11, 0, "exception return with a stack that is no memory")
    STACKING = (BUS_FAULT, 1 << 12, 0, "exception entry with a stack that is no memory (stack overflow?)")
    UNDEFINED = (USAGE_FAULT, 1 << 16, 0, "undefined instruction")
    INVALID_STATE = (USAGE_FAULT, 1 << 17, 0, "jump to an address without Thumb bit")
    INVALID_RETURN = (USAGE_FAULT, 1 << 18, 0, "exception return that does not fit what is active (EXC_RETURN)")
    NO_COPROCESSOR = (USAGE_FAULT, 1 << 19, 0, "FP instruction while CPACR disables the FPU")
    UNALIGNED = (USAGE_FAULT, 1 << 24, 0, "unaligned access")
    DIVISION = (USAGE_FAULT, 1 << 25, 0, "division by zero")
    EXECUTE_NEVER = (MEMORY_FAULT, 1, 0, "instruction fetch from a region that is never executable")
    STACKING_PROTECTED = (
        MEMORY_FAULT,
        1 << 4,
        0,
        "exception entry with a stack that the MPU forbids (stack overflow?)",
    )
    PROTECTION = (MEMORY_FAULT, 1 << 1, 0, "access that the MPU forbids")
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
        elif kind is Fault.PROTECTION and address is not None:
            self.cfsr |= MMFAR_VALID
            self.mmfar = address

    def forced(self, number: int) -> None:
        """An exception that could not be taken became a HardFault."""
        if number != HARD_FAULT:
            self.hfsr |= HFSR_FORCED


# Bits of CFSR (Arm DDI0403, B3.2.15) in words.
CFSR_BITS = {
    0: "IACCVIOL: instruction fetch from a region that is never executable",
    1: "DACCVIOL: data access that the MPU forbids",
    3: "MUNSTKERR: unstacking that the MPU forbids",
    4: "MSTKERR: stacking that the MPU forbids",
    5: "MLSPERR: lazy FP stacking that the MPU forbids",
    8: "IBUSERR: instruction fetch from an address without memory",
    9: "PRECISERR: data access to an address without memory, or a store to flash",
    10: "IMPRECISERR: late bus error of a data access",
    11: "UNSTKERR: exception return with a stack pointer outside memory",
    12: "STKERR: exception entry with a stack pointer outside memory (stack overflow?)",
    13: "LSPERR: lazy FP stacking outside memory",
    16: "UNDEFINSTR: undefined instruction",
    17: "INVSTATE: jump to an address without Thumb bit (a null or wild function pointer?)",
    18: "INVPC: exception return that does not fit what is active (EXC_RETURN)",
    19: "NOCP: FP instruction while CPACR keeps the FPU off",
    24: "UNALIGNED: unaligned access by LDM, STM, LDRD, STRD, or by any load or store with CCR.UNALIGN_TRP",
    25: "DIVBYZERO: division by zero with CCR.DIV_0_TRP",
}
HFSR_BITS = {
    1: "VECTTBL: the vector table could not be read",
    30: "FORCED: a fault whose own handler is off or could not run",
    31: "DEBUGEVT: BKPT without a debugger",
}
