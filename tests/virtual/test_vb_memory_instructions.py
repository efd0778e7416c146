"""Loads and stores of every kind, table branches, exclusive accesses and IT blocks against Unicorn."""

import random

import pytest

from tests.virtual.differential import (
    WFI,
    accepted_by_unicorn,
    check,
    check_program,
    instruction,
    new_engine,
    over_shifted,
    random_machine,
)
from tests.virtual.unicorn_oracle import RAM, Machine
from virtual.engine import Engine

DATA, DATA_SIZE = RAM + 0x1000, 0x2000

# Pattern of bits by class: 0, 1, or a letter for free ones.
UNALIGNED = {
    "register offset, 16-bit": "0101oooommmnnttt",
    "immediate offset, 16-bit": "011BLiiiiinnnttt",
    "halfword, 16-bit": "1000Liiiiinnnttt",
    "12-bit offset": "1111100S1ssLnnnn ttttiiiiiiiiiiii",
    "8-bit offset": "1111100S0ssLnnnn tttt1PUWiiiiiiii",
    "register offset": "1111100S0ssLnnnn tttt000000iimmmm",
    "table branch": "111010001101nnnn 11110000000Hmmmm",
}
ALIGNED = {
    "stack offset, 16-bit": "1001Ltttiiiiiiii",
    "push": "1011010Mrrrrrrrr",
    "pop": "10111100rrrrrrrr",
    "multiple, 16-bit": "1100Lnnnrrrrrrrr",
    "multiple": "1110100oo0WLnnnn 0M0rrrrrrrrrrrrr",
    "double": "1110100PU1WLnnnn ttttTTTTiiiiiiii",
    "FP load, store": "11101101UD0Lnnnn dddd101Siiiiiiii",
    "FP multiple": "1110110PUDWLnnnn dddd101S000iiiii",
}
CLASSES = UNALIGNED | ALIGNED


@pytest.fixture(scope="module")
def engine() -> Engine:
    return new_engine()


def machine_with_addresses(rng: random.Random, halfwords: list[int], *, aligned: bool) -> Machine:
    """Every register is an address in RAM, now and then a small offset; halfwords there lead no table branch astray."""
    machine = random_machine(rng, halfwords)
    data = slice(DATA - RAM, DATA - RAM + DATA_SIZE + 0x1000)
    machine.ram = machine.ram[: data.start] + bytes(b & 0x3B for b in machine.ram[data]) + machine.ram[data.stop :]
    for name in (*(f"R{n}" for n in range(13)), "LR"):
        value = DATA + rng.randrange(DATA_SIZE) if rng.random() < 0.75 else rng.randrange(0x100)
        machine.registers[name] = value & ~3 if aligned or rng.random() < 0.3 else value
    return machine


def unpredictable(name: str, halfwords: list[int]) -> bool:
    """Encodings the architecture leaves open, those of other classes, and jumps to what was loaded."""
    high, low = halfwords[0], halfwords[-1]
    n, t, second, loads = high & 15, low >> 12, low >> 8 & 15, bool(high & 0x10)
    if name.endswith("offset, 16-bit") or name == "halfword, 16-bit":
        return False
    if name in {"push", "pop"}:
        return not high & 0x1FF
    if name == "multiple, 16-bit":
        listed, base = high & 0xFF, high >> 8 & 7
        return not listed or (not high & 0x800 and bool(listed >> base & 1) and bool(listed & (1 << base) - 1))
    if name in {"12-bit offset", "8-bit offset", "register offset"}:
        if high & 0x100 and (not loads or high >> 5 & 3 == 2):  # signed stores and words, undefined
            return True
        indexed = name == "8-bit offset"
        back = indexed and bool(low & 0x100)
        odd = indexed and not low & 0x500  # neither indexed before nor written back
        unprivileged = indexed and low & 0x700 == 0x600  # checked as user code, which Unicorn's MPU may refuse
        return (
            t in {13, 15}
            or n == 15
            or (back and n in {t, 13})
            or odd
            or unprivileged
            or (name == "register offset" and low & 15 in {13, 15})
        )
    if name == "table branch":  # a table in the code would lead anywhere
        return n in {13, 15} or low & 15 in {13, 15}
    if name == "multiple":
        back = bool(high & 0x20)
        return high >> 7 & 3 not in {1, 2} or n == 15 or low.bit_count() < 2 or (back and bool(low >> n & 1))
    if name == "double":
        back = bool(high & 0x20)
        other = not high & 0x120
        return (
            other
            or {t, second} & {13, 15} != set()
            or n == 15
            or (loads and t == second)
            or (back and n in {t, second})
        )
    if name == "FP load, store":
        return n == 15 or (bool(low & 0x100) and bool(high & 0x40))
    before, up, back, double = bool(high & 0x100), bool(high & 0x80), bool(high & 0x20), bool(low & 0x100)
    count = low & 0xFF
    first = low >> 12 if double else t << 1 | high >> 6 & 1
    if before == up or (before and not back) or n == 15 or not count:
        return True
    if double:
        return bool(count & 1 or high & 0x40 or first + count // 2 > 16)
    return first + count > 32


def sample(engine: Engine, name: str, count: int, seed: int) -> None:
    """A tenth of a class at least must be accepted by both, or the comparison means nothing."""
    rng = random.Random(f"{name} {seed}")
    accepted = tried = 0
    while tried < count:
        halfwords = instruction(CLASSES[name], rng)
        if unpredictable(name, halfwords):
            continue
        tried += 1
        accepted += check(engine, halfwords, machine_with_addresses(rng, halfwords, aligned=name in ALIGNED))
    assert accepted >= count / 10


@pytest.mark.parametrize("name", CLASSES)
def test_one_access(engine: Engine, name: str) -> None:
    sample(engine, name, 25, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("name", CLASSES)
def test_many_accesses(engine: Engine, name: str) -> None:
    sample(engine, name, 1500, seed=2)


LDREX, STREX, CLREX = [0xE850, 0x2F00], [0xE840, 0x3100], [0xF3BF, 0x8F2F]  # r2 from, r3 to [r0], status in r1
LDREXB, STREXB = [0xE8D0, 0x2F4F], [0xE8C0, 0x3F41]
LDREXH, STREXH = [0xE8D0, 0x2F5F], [0xE8C0, 0x3F51]


@pytest.mark.parametrize(
    ("parts", "steps"),
    [
        ([*LDREX, *STREX], 2),
        ([*LDREXB, *STREXB], 2),
        ([*LDREXH, *STREXH], 2),
        (STREX, 1),
        ([*LDREX, *CLREX, *STREX], 3),
        ([*LDREX, *STREX, *STREX], 3),
    ],
)
def test_exclusive(engine: Engine, parts: list[int], steps: int) -> None:
    """A store succeeds once after a load, and not without one."""
    rng = random.Random(7)
    machine = machine_with_addresses(rng, parts, aligned=True)
    machine.registers["R0"] = DATA + 0x40
    assert check(engine, parts, machine, steps)


INSIDE = (
    "00xxxxxxxxxxxxxx",
    "010000xxxxxxxxxx",
    "0101oooommmnnttt",
    "011BLiiiiinnnttt",
    "11110i0ooooSnnnn 0iiiddddiiiiiiii",
    "111110001ssLnnnn ttttiiiiiiiiiiii",
    "11101110oDoonnnn dddd1010NoM0mmmm",
)


def block(rng: random.Random) -> list[int]:
    """IT with what it covers."""
    condition = rng.randrange(14)
    mask = rng.randrange(1, 16)
    covered = 4 - ((mask & -mask).bit_length() - 1)
    halfwords = [0xBF00 | condition << 4 | mask]
    for _ in range(covered):
        while True:
            part = instruction(rng.choice(INSIDE), rng)
            if len(part) == 2 and over_shifted(*part):
                continue
            if len(part) == 2 and {part[0] & 15, part[1] & 15, part[1] >> 12, part[1] >> 8 & 15} & {13, 15}:
                continue
            machine = machine_with_addresses(random.Random(3), part, aligned=False)
            if accepted_by_unicorn(part, machine):
                break
        halfwords += part
    return halfwords


def run_blocks(engine: Engine, seed: int) -> None:
    """Step by step, then as one block where no access fails."""
    rng = random.Random(seed)
    halfwords = block(rng)
    steps = 1 + 4 - ((halfwords[0] & 15 & -(halfwords[0] & 15)).bit_length() - 1)
    machine = machine_with_addresses(rng, [*halfwords, WFI], aligned=False)
    if check(engine, halfwords, machine, steps):
        check_program(engine, halfwords, machine, steps)


@pytest.mark.parametrize("seed", range(40))
def test_it_block(engine: Engine, seed: int) -> None:
    run_blocks(engine, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 2500))
def test_many_it_blocks(engine: Engine, seed: int) -> None:
    run_blocks(engine, seed)
