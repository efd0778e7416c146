"""The translator against Unicorn: single instructions of every class with random operands, and random programs."""

import random

import pytest

from tests.virtual.unicorn_oracle import NAMES, RAM, RAM_SIZE, Machine, run_unicorn
from virtual.engine import Engine, Exit, Region
from virtual.timing.state import Field

CODE = RAM + 0x8000
NOP = 0xBF00
SPECIAL = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0x80008000, 0xFFFFFFFF)
FLOATS = (0x00000000, 0x80000000, 0x3F800000, 0xBF800000, 0x7F800000, 0xFF800000, 0x7FC00001, 0x7F800001, 0xFFC12345,
          0x4F000000, 0xCF000000, 0x00800000, 0x3EAAAAAB, 0x42280000)  # fmt: skip

# Pattern of bits by class: 0, 1, or a letter for free ones.
CLASSES = {
    "shift, add, move, compare": "00xxxxxxxxxxxxxx",
    "data processing": "010000xxxxxxxxxx",
    "high registers": "010001yyxddddxxx",
    "literal": "01001rrr000xxxxx",
    "address, extend": "10110010xxxxxxxx",
    "reverse": "10111010xxxxxxxx",
    "address": "1010xrrrxxxxxxxx",
    "IT": "10111111ccccmmmm",
    "modified immediate": "11110i0ooooSnnnn 0iiiddddiiiiiiii",
    "shifted register": "1110101ooooSnnnn 0iiiddddiittmmmm",
    "plain immediate": "11110i1oooo0nnnn 0iiiddddiijxxxxx",
    "register shift, extend, parallel": "11111010oooonnnn 1111ddddssssmmmm",
    "multiply": "111110110ooonnnn aaaaddddssssmmmm",
    "multiply long": "111110111ooonnnn aaaaddddssssmmmm",
    "VFP arithmetic": "11101110oDoonnnn dddd1010NoM0mmmm",
    "VFP move": "11101110000onnnn tttt1010N0010000",
    "VFP pair move": "111011000100nnnn tttt101000M1mmmm",
}


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


@pytest.fixture(scope="module")
def engine() -> Engine:
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


def check(engine: Engine, halfwords: list[int], rng: random.Random, steps: int) -> bool:
    """Compare; False when both refuse the instruction."""
    machine = random_machine(rng, halfwords)
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


def unpredictable(halfwords: list[int]) -> bool:
    """Encodings the architecture leaves open: SP or PC where they may not be, bits that should be zero or one."""
    if len(halfwords) == 1:
        half = halfwords[0]
        to_pc = half >> 10 == 0x11 and (half & 0x87 == 0x87 or half >> 3 & 15 == 15)
        to_sp = half >> 8 in {0x44, 0x46} and half & 0x87 == 0x85  # Unicorn keeps the two lowest bits
        hint = half >> 4 in {0xBFF, 0xBFE, 0xBF1} or half in {0xBF20, 0xBF30, 0xBF40}
        return to_pc or to_sp or half & 0xFF00 == 0x4700 or hint
    high, low = halfwords
    fields = {high & 15, low & 15, low >> 8 & 15} if high >> 8 != 0xEE else {low >> 12}
    if high >> 9 == 0x76 and high >> 8 == 0xEC:
        fields = {high & 15, low >> 12} | ({15} if low & 0x2F == 0x2F else set())
    if high >> 8 == 0xFB:
        fields |= {low >> 12}
    one_operand = high & 0xFFD0 == 0xFA90 and low & 0xF080 == 0xF080  # REV and its kin, CLZ name it twice
    halves = high & 0xFF70 == 0xF320 and low & 0xF0C0 == 0 and low & 0x30  # SSAT16, USAT16
    to_zero = high & 0xFFBF == 0xEEB5 and low & 0x2F  # VCMP
    to_fixed = high & 0xFFBA == 0xEEBA and low & 0xC0 == 0x40 and ((low & 15) << 1 | low >> 5 & 1) > 16  # VCVT
    return bool(fields & {13, 15} or (one_operand and high & 15 != low & 15) or halves or to_zero or to_fixed)


@pytest.mark.parametrize("name", CLASSES)
def test_one_instruction(engine: Engine, name: str) -> None:
    sample(engine, name, 25, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("name", CLASSES)
def test_many_instructions(engine: Engine, name: str) -> None:
    sample(engine, name, 1500, seed=2)


def sample(engine: Engine, name: str, count: int, seed: int) -> None:
    """Most of a class's instructions must be accepted by both, or the comparison means nothing."""
    rng = random.Random(f"{name} {seed}")
    accepted = tried = 0
    while tried < count:
        halfwords = instruction(CLASSES[name], rng)
        if unpredictable(halfwords):
            continue
        tried += 1
        accepted += check(engine, halfwords, rng, 1)
    assert accepted


STRAIGHT = [name for name in CLASSES if name not in {"IT", "high registers", "literal", "VFP arithmetic"}]


def program(rng: random.Random, length: int) -> list[int]:
    halfwords: list[int] = []
    while len(halfwords) < length:
        part = instruction(CLASSES[rng.choice(STRAIGHT)], rng)
        if not unpredictable(part) and accepted_by_unicorn(part):
            halfwords += part
    return halfwords


def accepted_by_unicorn(halfwords: list[int]) -> bool:
    return not run_unicorn(random_machine(random.Random(0), halfwords), 2 * len(halfwords), 1).failed


def run_program(engine: Engine, seed: int, length: int) -> None:
    """A straight program as one block, not step by step."""
    rng = random.Random(seed)
    halfwords = [*program(rng, length), 0xBF30]  # WFI
    machine = random_machine(rng, halfwords)
    theirs = run_unicorn(machine, 2 * (len(halfwords) - 1), length)
    load(engine, machine)
    engine.state[Field.STOP_AT] = 1 << 62
    outcome = engine.run()
    where = outcome.pc - CODE
    assert outcome.exit is Exit.SLEEP, f"program {seed}: {outcome} {engine.read_memory(CODE + where, 4).hex()}"
    ours = result(engine, machine, False)
    ours.pc -= 2
    found = differences(ours, theirs)
    assert not found, f"program {seed}: (ours, Unicorn's) {found}"


@pytest.mark.parametrize("seed", range(15))
def test_program(engine: Engine, seed: int) -> None:
    run_program(engine, seed, 40)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1400))
def test_long_program(engine: Engine, seed: int) -> None:
    run_program(engine, seed, 120)
