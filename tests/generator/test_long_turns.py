"""Which fully connected layers get longer turns, how large their code is, and who calls it."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from common.paths import FIRMWARE
from common.templates import template_environment
from generator.long_turns import CODE_BYTES, LONG, SHORT, TURN_CYCLES, LongTurns, choose_long_turns, with_long_turns
from generator.ops.fully_connected import APART, CLAMPED, SHARED, SIGNED
from generator.program import Buffer, Port, Program, Step, Symbol, Value

ROOM = 1 << 20
KINDS = [LongTurns(rescaling, single) for rescaling in (SHARED, CLAMPED, SIGNED) for single in (False, True)]


def program(*layers: tuple[int, int], rescaling: int = CLAMPED) -> Program:
    """A step for each (words, units)."""
    steps = []
    for index, (words, units) in enumerate(layers):
        parameters: dict[str, Value] = {"words": words, "units": units, "rescaling": rescaling}
        kernel = "fully_connected_s8_paired"
        steps.append(Step(index, "X", kernel, f"kernels/{kernel}.h", "X", parameters, ("t0",), ("t0",)))
    port = Port("t0", "int8", (1,), None)
    return Program((Buffer("t0", 4),), tuple(steps), (port,), (port,))


def test_what_saves_enough_for_its_bytes() -> None:
    saved = TURN_CYCLES * (LONG // SHORT - 1)  # by a block of eight units
    blocks = -(-CODE_BYTES // saved)
    assert choose_long_turns(program((LONG, 8 * blocks)), ROOM, 1.0) == {LongTurns(CLAMPED, True)}
    assert not choose_long_turns(program((LONG, 8 * blocks - 8)), ROOM, 1.0)
    assert choose_long_turns(program((LONG, 8)), CODE_BYTES, 0.0)
    assert not choose_long_turns(program((LONG, 8)), CODE_BYTES - 1, 0.0)
    several = program((LONG, 800), (3 * LONG, 800))
    assert choose_long_turns(several, CODE_BYTES, 0.0) == {LongTurns(CLAMPED, False)}, "most saved first"


def test_layers_that_are_no_whole_turns_or_share_no_rescaling_have_none() -> None:
    assert not choose_long_turns(program((LONG - 2, 800)), ROOM, 0.0)
    assert not choose_long_turns(program((LONG, 800), rescaling=APART), ROOM, 0.0)


def test_layers_name_their_code() -> None:
    layers = program((LONG, 800), (LONG + 2, 800), rescaling=SIGNED)
    changed = with_long_turns(layers, choose_long_turns(layers, ROOM, 0.0))
    assert changed.symbols == (Symbol("fully_connected_s8_paired_signed_single", "FullyConnectedBlocks"),)
    assert "eights" not in changed.steps[1].parameters
    assert with_long_turns(layers, frozenset()) == layers


@pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no arm-none-eabi-gcc")
def test_bytes_are_at_least_those_of_the_code(tmp_path: Path) -> None:
    """Of the code that the template makes of all kinds."""
    template = template_environment().get_template("long_turns_m4.S.j2")
    lines = template.render(placement={"long_turns": KINDS}, model={"name": "x", "sha256": ""}).splitlines()
    source = tmp_path / "long.S"
    source.write_text("\n".join(line for line in lines if line.startswith(("#include", "blocks"))) + "\n")
    flags = ["-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard", f"-I{FIRMWARE}"]
    subprocess.run(["arm-none-eabi-gcc", *flags, "-c", source, "-o", tmp_path / "long.o"], check=True)
    listing = subprocess.run(
        ["arm-none-eabi-size", "-A", tmp_path / "long.o"], check=True, capture_output=True, text=True
    ).stdout
    found = {name: int(size) for name, size in re.findall(r"^\.straight\.(\w+) +(\d+)", listing, re.MULTILINE)}
    assert set(found) == {code.name for code in KINDS}
    assert CODE_BYTES - 128 < max(found.values()) <= CODE_BYTES
