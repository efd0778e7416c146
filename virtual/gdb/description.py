"""What the debugger is told of the target: registers in the order of their numbers, and memory."""

from dataclasses import dataclass
from functools import cache

from common.board import Board

FLASH_BLOCK = 0x1000  # what GDB erases at once


@dataclass(frozen=True)
class Register:
    """One register: its name, size in bits, GDB's type, and the feature it belongs to."""

    name: str
    bits: int
    kind: str
    feature: str


M_PROFILE, VFP, SYSTEM = "org.gnu.gdb.arm.m-profile", "org.gnu.gdb.arm.vfp", "org.gnu.gdb.arm.m-system"
POINTERS = {"sp": "data_ptr", "msp": "data_ptr", "psp": "data_ptr", "pc": "code_ptr"}

CORE = (*(f"r{n}" for n in range(13)), "sp", "lr", "pc", "xpsr")
SYSTEM_REGISTERS = {"msp": 32, "psp": 32, "primask": 8, "basepri": 8, "faultmask": 8, "control": 8}

REGISTERS: tuple[Register, ...] = (
    *(Register(name, 32, POINTERS.get(name, "int"), M_PROFILE) for name in CORE),
    *(Register(f"d{n}", 64, "ieee_double", VFP) for n in range(16)),
    Register("fpscr", 32, "int", VFP),
    *(Register(name, bits, POINTERS.get(name, "int"), SYSTEM) for name, bits in SYSTEM_REGISTERS.items()),
)


@cache
def target_xml() -> bytes:
    lines = ['<?xml version="1.0"?>', '<!DOCTYPE target SYSTEM "gdb-target.dtd">', '<target version="1.0">']
    lines.append("<architecture>arm</architecture>")
    for feature in (M_PROFILE, VFP, SYSTEM):
        lines.append(f'<feature name="{feature}">')
        for number, register in enumerate(REGISTERS):
            if register.feature == feature:
                lines.append(
                    f'<reg name="{register.name}" bitsize="{register.bits}" type="{register.kind}" regnum="{number}"/>'
                )
        lines.append("</feature>")
    lines.append("</target>")
    return "\n".join(lines).encode()


def memory_map_xml(board: Board, others: tuple[tuple[int, int], ...]) -> bytes:
    """Flash, RAM and, as (origin, size), ``others`` that GDB may read and write."""
    lines = ['<?xml version="1.0"?>', "<memory-map>"]
    for memory in board.memories:
        for origin in (memory.origin, 0 if memory.kind == "flash" and memory.alias is None else memory.alias):
            if origin is None:
                continue
            span = f'start="{origin:#x}" length="{memory.size:#x}"'
            if memory.kind == "flash":
                block = f'<property name="blocksize">{FLASH_BLOCK:#x}</property>'
                lines.append(f'<memory type="flash" {span}>{block}</memory>')
            else:
                lines.append(f'<memory type="ram" {span}/>')
    lines += [f'<memory type="ram" start="{origin:#x}" length="{size:#x}"/>' for origin, size in others]
    lines.append("</memory-map>")
    return "\n".join(lines).encode()
