"""The translator against Unicorn: single instructions of every class with random operands, and random programs."""

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
from virtual.engine import Engine

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


@pytest.fixture(scope="module")
def engine() -> Engine:
    return new_engine()


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
    shifted = over_shifted(high, low)
    return bool(fields & {13, 15} or (one_operand and high & 15 != low & 15) or halves or to_zero or shifted)


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
        accepted += check(engine, halfwords, random_machine(rng, halfwords))
    assert accepted


STRAIGHT = [name for name in CLASSES if name not in {"IT", "high registers", "literal", "VFP arithmetic"}]


def program(rng: random.Random, length: int) -> list[int]:
    halfwords: list[int] = []
    while len(halfwords) < length:
        part = instruction(CLASSES[rng.choice(STRAIGHT)], rng)
        if not unpredictable(part) and accepted_by_unicorn(part, random_machine(random.Random(0), part)):
            halfwords += part
    return halfwords


def run_program(engine: Engine, seed: int, length: int) -> None:
    rng = random.Random(seed)
    halfwords = program(rng, length)
    check_program(engine, halfwords, random_machine(rng, [*halfwords, WFI]), length)


@pytest.mark.parametrize("seed", range(15))
def test_program(engine: Engine, seed: int) -> None:
    run_program(engine, seed, 40)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1400))
def test_long_program(engine: Engine, seed: int) -> None:
    run_program(engine, seed, 120)
