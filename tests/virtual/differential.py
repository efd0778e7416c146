"""Comparing the translator with Unicorn: machines with random content, one step or a straight program on both."""

import random

from tests.virtual.unicorn_oracle import NAMES, RAM, RAM_SIZE, Machine, run_unicorn
from virtual.engine import Engine, Exit, Region
from virtual.timing.state import Field

CODE = RAM + 0x8000
NOP, WFI = 0xBF00, 0xBF30
SPECIAL = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0x80008000, 0xFFFFFFFF)
FLOATS = (0x00000000, 0x80000000, 0x3F800000, 0xBF800000, 0x7F800000, 0xFF800000, 0x7FC00001, 0x7F800001, 0xFFC12345,
          0x4F000000, 0xCF000000, 0x00800000, 0x3EAAAAAB, 0x42280000)  # fmt: skip


def instruction(pattern: str, rng: random.Random) -> list[int]:
    return [int("".join(bit if bit in "01" else rng.choice("01") for bit in half), 2) for half in pattern.split()]


def random_machine(rng: random.Random, halfwords: list[int]) -> Machine:
    ram = bytearray(rng.randbytes(256) * (RAM_SIZE // 256))
    code = b"".join(half.to_bytes(2, "little") for half in [*halfwords, *[NOP] * 64])
    ram[CODE - RAM : CODE - RAM + len(code)] = code
    registers = {name: rng.choice(SPECIAL) if rng.random() < 0.4 else rng.getrandbits(32) for name in NAMES[:13]}
    registers |= {"SP": RAM + 0x4000, "LR": rng.getrandbits(32)}
    registers["XPSR"] = rng.getrandbits(5) << 27 | 1 << 24  # Unicorn ignores GE bits here, and FPSCR
    registers["FPSCR"] = 0
    registers |= {f"S{n}": rng.choice(FLOATS) if rng.random() < 0.5 else rng.getrandbits(32) for n in range(32)}
    return Machine(registers, bytes(ram), CODE)


class NoBus:
    def read(self, address: int, size: int) -> int:
        raise AssertionError(f"{address:#x} is no memory")

    def write(self, address: int, size: int, value: int) -> None:
        raise AssertionError(f"{address:#x} is no memory")

    def program(self, address: int, size: int, value: int) -> bool:
        return False


def new_engine() -> Engine:
    """RAM and a little flash; every access elsewhere faults."""
    regions = (Region(0x0800_0000, 0x1000, writable=False), Region(RAM, RAM_SIZE, writable=True))
    return Engine(regions, (), NoBus(), timed=True)


def load(engine: Engine, machine: Machine) -> None:
    engine.forget_code()
    engine.write_memory(RAM, machine.ram)
    engine.state[Field.FP_ENABLED] = 1
    engine.state[Field.ITSTATE] = 0
    for name, value in machine.registers.items():
        engine.write(name, value)
    engine.write("PC", machine.pc)


def result(engine: Engine, machine: Machine, failed: bool) -> Machine:
    registers = {name: engine.read(name) for name in machine.registers}
    return Machine(registers, engine.read_memory(RAM, RAM_SIZE), engine.read("PC"), failed)


def differences(ours: Machine, theirs: Machine) -> dict[str, tuple[str, str]]:
    masks = {"FPSCR": 0xF0000000, "XPSR": 0xF80F0000}
    found = {
        name: (f"{ours.registers[name]:#x}", f"{theirs.registers[name]:#x}")
        for name in ours.registers
        if (ours.registers[name] ^ theirs.registers[name]) & masks.get(name, 0xFFFFFFFF)
    }
    if ours.pc != theirs.pc:
        found["PC"] = (f"{ours.pc:#x}", f"{theirs.pc:#x}")
    if ours.ram != theirs.ram:
        found["RAM"] = ("", "")
    return found


def check(engine: Engine, halfwords: list[int], machine: Machine, steps: int = 1) -> bool:
    """Compare after some steps; False when both refuse an instruction."""
    theirs = run_unicorn(machine, 2 * len(halfwords), steps)
    load(engine, machine)
    failed = False
    for _ in range(steps):
        if engine.read("PC") == machine.pc + 2 * len(halfwords):
            break
        if engine.step().exit is not Exit.TIME:
            failed = True
            break
    text = " ".join(f"{half:04x}" for half in halfwords)
    if theirs.failed or failed:
        assert theirs.failed == failed, f"{text}: refused by {'us' if failed else 'Unicorn'} alone"
        return False
    found = differences(result(engine, machine, failed), theirs)
    assert not found, f"{text}: (ours, Unicorn's) {found}"
    return True


def check_program(engine: Engine, halfwords: list[int], machine: Machine, instructions: int) -> None:
    """A straight program, which the machine holds with WFI behind it, as one block and not step by step."""
    theirs = run_unicorn(machine, 2 * len(halfwords), instructions)
    load(engine, machine)
    engine.state[Field.STOP_AT] = 1 << 62
    outcome = engine.run()
    text = " ".join(f"{half:04x}" for half in halfwords)
    assert outcome.exit is Exit.SLEEP, f"{text}: {outcome}"
    ours = result(engine, machine, False)
    ours.pc -= 2
    found = differences(ours, theirs)
    assert not found, f"{text}: (ours, Unicorn's) {found}"


def accepted_by_unicorn(halfwords: list[int], machine: Machine) -> bool:
    return not run_unicorn(machine, 2 * len(halfwords), 1).failed


def over_shifted(high: int, low: int) -> bool:
    """VCVT between floating and 16-bit fixed point with a negative number of fraction bits: left open."""
    return high & 0xFFBA == 0xEEBA and low & 0xC0 == 0x40 and ((low & 15) << 1 | low >> 5 & 1) > 16
