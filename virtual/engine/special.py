"""MRS and MSR (Arm DDI0403, B5.2). Unprivileged code reads little and changes only the flags."""

from virtual.engine.registers import NPRIV, Registers

APSR_NZCVQ, APSR_GE = 0xF800_0000, 0x000F_0000
IPSR_BITS = 0x1FF
STACKS = {8: "MSP", 9: "PSP"}
MASKS = {16: "PRIMASK", 17: "BASEPRI", 18: "BASEPRI", 19: "FAULTMASK"}
BASEPRI, BASEPRI_MAX, CONTROL = 17, 18, 20


class SpecialRegisters:
    """Special registers by their SYSm number."""

    def __init__(self, registers: Registers) -> None:
        self._registers = registers

    @property
    def _privileged(self) -> bool:
        return not self._registers.read("CONTROL") & NPRIV or bool(self._registers.read("IPSR"))

    def read(self, number: int) -> int:
        registers = self._registers
        if number < 8:
            value = registers.read("IPSR") if number & 1 else 0
            return value if number & 4 else value | registers.read("APSR")
        if number == CONTROL:
            return registers.read("CONTROL")
        name = STACKS.get(number) or MASKS.get(number)
        return registers.read(name) if name is not None and self._privileged else 0

    def write(self, number: int, mask: int, value: int) -> None:
        """``mask``: bit 1 for the flags NZCVQ, bit 0 for GE."""
        registers = self._registers
        if number < 4:
            chosen = (APSR_NZCVQ if mask & 2 else 0) | (APSR_GE if mask & 1 else 0)
            registers.write("APSR", registers.read("APSR") & ~chosen | value & chosen)
        elif not self._privileged:
            return
        elif number in STACKS:
            registers.write(STACKS[number], value)
        elif number == CONTROL:
            handler = bool(registers.read("IPSR"))
            kept = registers.read("CONTROL") & 2 if handler else value & 2
            registers.write("CONTROL", value & 5 | kept)
        elif number == BASEPRI_MAX:
            old, value = registers.read("BASEPRI"), value & 0xF0
            if value and (value < old or not old):
                registers.write("BASEPRI", value)
        elif number == BASEPRI:
            registers.write("BASEPRI", value & 0xF0)
        elif number in MASKS:
            registers.write(MASKS[number], value & 1)
