"""Access to the engine's registers, by name, with as little overhead as Python allows."""

import ctypes
from functools import cache
from typing import Any

from unicorn import arm_const
from unicorn.unicorn_py3.unicorn import uclib

CORE_REGISTERS = ("R0", "R1", "R2", "R3", "R4", "R5", "R6", "R7", "R8", "R9", "R10", "R11", "R12", "LR", "SP", "PC")
STATUS_REGISTERS = ("XPSR", "IPSR", "EPSR", "MSP", "PSP", "CONTROL", "PRIMASK", "BASEPRI", "FAULTMASK", "FPSCR")
REGISTERS: dict[str, int] = {
    name: getattr(arm_const, f"UC_ARM_REG_{name}")
    for name in (*CORE_REGISTERS, *STATUS_REGISTERS, *(f"S{n}" for n in range(32)))
}


class Group:
    """Buffers for several registers that are read or written in one call."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.size = len(names)
        self.numbers = (ctypes.c_int * self.size)(*(REGISTERS[name] for name in names))
        self.values = (ctypes.c_uint64 * self.size)()
        start = ctypes.addressof(self.values)
        self.pointers = (ctypes.c_void_p * self.size)(*(start + 8 * index for index in range(self.size)))


@cache
def group(names: tuple[str, ...]) -> Group:
    return Group(names)


class Registers:
    """The registers of one engine, given by its handle. Values are 32-bit unsigned."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle
        self._value = ctypes.c_uint64()
        self._pointer = ctypes.byref(self._value)
        self._read = uclib.uc_reg_read
        self._write = uclib.uc_reg_write

    def read(self, name: str) -> int:
        self._value.value = 0
        self._read(self._handle, REGISTERS[name], self._pointer)
        return self._value.value

    def write(self, name: str, value: int) -> None:
        self._value.value = value
        self._write(self._handle, REGISTERS[name], self._pointer)

    def read_all(self, names: tuple[str, ...]) -> tuple[int, ...]:
        """Read several registers at once; ``names`` should be a constant, its buffers are kept."""
        buffers = group(names)
        buffers.values[:] = [0] * buffers.size
        uclib.uc_reg_read_batch(self._handle, buffers.numbers, buffers.pointers, buffers.size)
        return tuple(buffers.values)

    def write_all(self, names: tuple[str, ...], values: tuple[int, ...]) -> None:
        buffers = group(names)
        buffers.values[:] = list(values)
        uclib.uc_reg_write_batch(self._handle, buffers.numbers, buffers.pointers, buffers.size)
