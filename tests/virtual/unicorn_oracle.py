"""The Unicorn engine as the oracle for instructions: one run from given registers and memory to what came of it."""

from dataclasses import dataclass, field
from typing import Any

import unicorn
from unicorn import arm_const, unicorn_const

RAM, RAM_SIZE = 0x2000_0000, 0x1_0000
NAMES = (*(f"R{n}" for n in range(13)), "SP", "LR", "XPSR", "FPSCR", *(f"S{n}" for n in range(32)))
NUMBERS = {name: getattr(arm_const, f"UC_ARM_REG_{name}") for name in (*NAMES, "PC")}


@dataclass
class Machine:
    """Registers and RAM. ``pc`` is where the code begins, then where it went; ``failed``: it raised an exception."""

    registers: dict[str, int]
    ram: bytes
    pc: int
    failed: bool = field(default=False)


def run_unicorn(machine: Machine, code_size: int, instructions: int) -> Machine:
    """Carry out some instructions; code lies in RAM at ``machine.pc``."""
    uc = unicorn.Uc(unicorn_const.UC_ARCH_ARM, unicorn_const.UC_MODE_THUMB)
    uc.ctl_set_cpu_model(arm_const.UC_CPU_ARM_CORTEX_M4)
    uc.mem_map(RAM, RAM_SIZE)
    uc.mem_write(RAM, machine.ram)
    for name, value in machine.registers.items():
        uc.reg_write(NUMBERS[name], value)
    failed = False

    def stop(engine: Any, *_: object) -> None:
        nonlocal failed
        failed = True
        engine.emu_stop()

    uc.hook_add(unicorn_const.UC_HOOK_INTR, stop)
    try:
        uc.emu_start(machine.pc | 1, machine.pc + code_size, count=instructions)
    except unicorn.UcError:
        failed = True
    registers = {name: uc.reg_read(NUMBERS[name]) for name in machine.registers}
    return Machine(registers, bytes(uc.mem_read(RAM, RAM_SIZE)), uc.reg_read(NUMBERS["PC"]) & ~1, failed)
