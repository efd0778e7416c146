"""The registers of the core by name, in the shared state."""

from virtual.timing.state import R0, S0, Field

CORE_REGISTERS = ("R0", "R1", "R2", "R3", "R4", "R5", "R6", "R7", "R8", "R9", "R10", "R11", "R12", "SP", "LR", "PC")
PLAIN = {
    **{name: R0 + number for number, name in enumerate(CORE_REGISTERS) if name != "PC"},
    **{f"S{number}": S0 + number for number in range(32)},
    "PRIMASK": Field.PRIMASK,
    "BASEPRI": Field.BASEPRI,
    "FAULTMASK": Field.FAULTMASK,
    "FPSCR": Field.FPSCR,
    "IPSR": Field.IPSR,
}
SIMPLE = {name: place for name, place in PLAIN.items() if name not in {"SP", "IPSR"}}  # nothing but a value
PC, SP = R0 + 15, R0 + 13
THUMB, Q = 1 << 24, 1 << 27
NPRIV, SPSEL, FPCA = 1, 2, 4
WORD = 0xFFFFFFFF
GE_BITS = 0xF << 16
GE_LANES = tuple((1 << lane, 0xFF << 8 * lane) for lane in range(4))


class Registers:
    """Values are 32-bit unsigned. Which of the two stack pointers SP is follows CONTROL and IPSR."""

    def __init__(self, state: "memoryview[int]") -> None:
        self._state = state

    def read(self, name: str) -> int:
        place = PLAIN.get(name)
        if place is not None:
            return self._state[place]
        if name == "PC":
            return self._state[PC] & ~1
        return {
            "XPSR": self._status, "EPSR": self._execution, "APSR": self._flags,
            "CONTROL": self._control, "MSP": self._main, "PSP": self._process,
        }[name]()  # fmt: skip

    def write(self, name: str, value: int) -> None:
        state = self._state
        value &= WORD
        place = SIMPLE.get(name)
        if place is not None:
            state[place] = value
            return
        if name in {"SP", "MSP", "PSP"}:
            value &= ~3
        if name == "PC":
            state[PC] = value & ~1 | state[PC] & 1
        elif name in {"MSP", "PSP"}:
            state[SP if (name == "PSP") == self._on_process_stack() else Field.OTHER_SP] = value
        elif name == "XPSR":
            self._write_status(value)
        elif name == "APSR":
            self._write_flags(value)
        elif name == "CONTROL":
            self._write_control(value)
        elif name == "IPSR":
            self._write_number(value)
        else:
            state[SP] = value

    # -- stack pointers -------------------------------------------------------------------------------------------

    def _on_process_stack(self) -> bool:
        return bool(self._state[Field.SPSEL]) and not self._state[Field.IPSR]

    def _exchange(self, before: bool) -> None:
        """After what decides about the stack pointer may have changed: ``before`` says whether it was PSP."""
        if before != self._on_process_stack():
            state = self._state
            state[SP], state[Field.OTHER_SP] = state[Field.OTHER_SP], state[SP]

    def _write_number(self, value: int) -> None:
        before = self._on_process_stack()
        self._state[Field.IPSR] = value & 0x1FF
        self._exchange(before)

    def _main(self) -> int:
        return self._state[Field.OTHER_SP if self._on_process_stack() else SP]

    def _process(self) -> int:
        return self._state[SP if self._on_process_stack() else Field.OTHER_SP]

    # -- status ---------------------------------------------------------------------------------------------------

    def _control(self) -> int:
        state = self._state
        return (
            (NPRIV if state[Field.NPRIV] else 0)
            | (SPSEL if state[Field.SPSEL] else 0)
            | (FPCA if state[Field.FPCA] else 0)
        )

    def _write_control(self, value: int) -> None:
        state, before = self._state, self._on_process_stack()
        state[Field.NPRIV] = int(bool(value & NPRIV))
        state[Field.SPSEL] = int(bool(value & SPSEL))
        state[Field.FPCA] = int(bool(value & FPCA))
        self._exchange(before)

    def _flags(self) -> int:
        state = self._state
        value = state[Field.N] & 1 << 31 | int(state[Field.Z] == 0) << 30
        value |= int(state[Field.C] != 0) << 29 | int(state[Field.V] != 0) << 28 | (Q if state[Field.Q] else 0)
        lanes = state[Field.GE]
        return value if not lanes else value | sum(bit << 16 for bit, lane in GE_LANES if lanes & lane)

    def _write_flags(self, value: int) -> None:
        state = self._state
        state[Field.N] = value & 1 << 31
        state[Field.Z] = ~value >> 30 & 1
        state[Field.C], state[Field.V], state[Field.Q] = value >> 29 & 1, value >> 28 & 1, value >> 27 & 1
        state[Field.GE] = sum(lane for bit, lane in GE_LANES if value >> 16 & bit) if value & GE_BITS else 0

    def _execution(self) -> int:
        it = self._state[Field.ITSTATE]
        return (THUMB if self._state[PC] & 1 else 0) | (it & 3) << 25 | (it >> 2) << 10

    def _status(self) -> int:
        return self._flags() | self._execution() | self._state[Field.IPSR]

    def _write_status(self, value: int) -> None:
        state = self._state
        self._write_flags(value)
        state[Field.ITSTATE] = value >> 25 & 3 | (value >> 10 & 0x3F) << 2
        state[PC] = state[PC] & ~1 | (1 if value & THUMB else 0)
        self._write_number(value)
