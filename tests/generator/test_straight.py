"""Which numbers of inputs get straight code, how large it is, and who calls it."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from common.paths import FIRMWARE
from generator.program import Buffer, Port, Program, Step, Symbol, Value
from generator.straight import MOST_INPUTS, SAVED_CYCLES, choose_straight, straight_bytes, with_straight

ROOM = 1 << 20


def program(*layers: tuple[int, int, int], fixed_shift: bool = True, kernel: str = "conv_2d_s8_paired") -> Program:
    """A step for each (inputs, pixels, filters)."""
    port = Port("t0", "int8", (1,), None)
    steps = []
    for index, (inputs, pixels, filters) in enumerate(layers):
        parameters: dict[str, Value] = {"words": inputs // 2, "pixels": pixels, "output_channels": filters}
        parameters["fixed_shift"] = fixed_shift
        steps.append(Step(index, "CONV_2D", kernel, f"kernels/{kernel}.h", "Conv2dS8", parameters, ("t0",), ("t0",)))
    return Program((Buffer("t0", 4),), tuple(steps), (port,), (port,))


def test_what_saves_more_cycles_than_its_bytes() -> None:
    blocks = -(-straight_bytes(8) // SAVED_CYCLES)  # of two pixels by four filters
    assert choose_straight(program((8, 2 * blocks, 4)), ROOM, 1.0) == {8}
    assert not choose_straight(program((8, 2 * blocks - 2, 4)), ROOM, 1.0)
    assert choose_straight(program((8, blocks, 4), (8, blocks, 4)), ROOM, 1.0) == {8}, "one piece of code for both"
    assert choose_straight(program((8, 1, 1)), ROOM, 0.0) == {8}


def test_best_first_where_room_is_short() -> None:
    layers = program((64, 100, 64), (32, 400, 64), (16, 50, 16))
    assert choose_straight(layers, ROOM, 0.0) == {16, 32, 64}
    assert choose_straight(layers, straight_bytes(32) + straight_bytes(16), 0.0) == {16, 32}
    assert not choose_straight(layers, straight_bytes(16) - 1, 0.0)


@pytest.mark.parametrize(
    "layers",
    [
        program((MOST_INPUTS + 4, 1000, 64)),
        program((64, 1000, 64), fixed_shift=False),
        program((64, 1000, 64), kernel="conv_2d_s8"),
    ],
    ids=["many inputs", "other rescaling", "other kernel"],
)
def test_layers_without(layers: Program) -> None:
    assert not choose_straight(layers, ROOM, 0.0)
    assert with_straight(layers, frozenset(range(4, 256, 4))) == layers


def test_layers_name_their_code() -> None:
    changed = with_straight(program((64, 100, 64), (32, 100, 64)), frozenset([64]))
    assert changed.symbols == (Symbol("conv_2d_s8_paired_fixed_64", "Conv2dS8Block"),)
    assert "block" not in changed.steps[1].parameters


def test_bytes_are_those_of_the_code(tmp_path: Path) -> None:
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("no arm-none-eabi-gcc")
    sizes = range(4, MOST_INPUTS + 1, 4)
    source = tmp_path / "straight.S"
    source.write_text('#include "kernels/conv_2d_s8_paired_m4.inc"\n' + "".join(f"straight {size}\n" for size in sizes))
    flags = ["-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard", f"-I{FIRMWARE}"]
    subprocess.run(["arm-none-eabi-gcc", *flags, "-c", source, "-o", tmp_path / "straight.o"], check=True)
    listing = subprocess.run(
        ["arm-none-eabi-size", "-A", tmp_path / "straight.o"], check=True, capture_output=True, text=True
    ).stdout
    found = {int(size): int(code) for size, code in re.findall(r"_fixed_(\d+) +(\d+)", listing)}
    assert found == {size: straight_bytes(size) for size in sizes}
