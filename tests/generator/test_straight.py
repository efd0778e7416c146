"""Which numbers of inputs get straight code, how large it and its weights are, who calls it, and what it computes."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.paths import FIRMWARE
from generator.ops.clamped_shift import FINE_BITS, FINE_SHIFT
from generator.ops.packing import INPUT_ORDER, INPUTS_PER_STEP, PAIRED_FILTERS, pack_chained
from generator.program import Buffer, Port, Program, Step, Symbol, Value
from generator.straight import MOST_INPUTS, choose_straight, saved_cycles, straight_bytes, with_straight
from tests.generator.host_kernels import kernels

ROOM = 1 << 20
LANES = 2
GAP = 3  # bytes between lines of outputs
GROWN = 64  # bytes by which a layer's weights grow


def program(*layers: tuple[int, int, int], chained: bool = True, kernel: str = "conv_2d_s8_paired") -> Program:
    """A step for each (inputs, pixels, filters)."""
    port = Port("t0", "int8", (1,), None)
    steps = []
    for index, (inputs, pixels, filters) in enumerate(layers):
        parameters: dict[str, Value] = {"words": inputs // 2, "pixels": pixels, "output_channels": filters}
        parameters["blocks"] = np.zeros(1, np.int32)
        blocks = np.zeros(1 + GROWN // 4, np.int32) if chained else None
        step = Step(index, "CONV_2D", kernel, f"kernels/{kernel}.h", "Conv2dS8", parameters, ("t0",), ("t0",))
        steps.append(replace(step, straight_blocks=blocks))
    return Program((Buffer("t0", 4),), tuple(steps), (port,), (port,))


def test_what_saves_more_cycles_than_its_bytes() -> None:
    blocks = int((straight_bytes(8) + GROWN) / saved_cycles(8)) + 1  # of two pixels by four filters
    assert choose_straight(program((8, 2 * blocks, 4)), ROOM, ROOM, 1.0) == {8}
    assert not choose_straight(program((8, 2 * blocks - 2, 4)), ROOM, ROOM, 1.0)
    assert choose_straight(program((8, blocks + 4, 4), (8, blocks + 4, 4)), ROOM, ROOM, 1.0) == {8}, "one piece of code"
    assert choose_straight(program((8, 1, 1)), ROOM, ROOM, 0.0) == {8}


def test_best_first_where_room_is_short() -> None:
    layers = program((64, 100, 64), (32, 400, 64), (16, 50, 16))
    assert choose_straight(layers, ROOM, ROOM, 0.0) == {16, 32, 64}
    assert choose_straight(layers, straight_bytes(32) + straight_bytes(16), ROOM, 0.0) == {16, 32}
    assert choose_straight(layers, ROOM, 2 * GROWN, 0.0) == {32, 64}
    assert not choose_straight(layers, straight_bytes(16) - 1, ROOM, 0.0)
    assert not choose_straight(layers, ROOM, GROWN - 1, 0.0)


@pytest.mark.parametrize(
    "layers",
    [
        program((MOST_INPUTS + 4, 1000, 64)),
        program((64, 1000, 64), chained=False),
        program((64, 1000, 64), kernel="conv_2d_s8"),
    ],
    ids=["many inputs", "other rescaling", "other kernel"],
)
def test_layers_without(layers: Program) -> None:
    assert not choose_straight(layers, ROOM, ROOM, 0.0)
    assert with_straight(layers, frozenset(range(4, 256, 4))) == layers


def test_layers_name_their_code() -> None:
    layers = program((64, 100, 64), (32, 100, 64))
    changed = with_straight(layers, frozenset([64]))
    assert changed.symbols == (Symbol("conv_2d_s8_chained_64", "Conv2dS8Block"),)
    assert changed.constant_bytes == layers.constant_bytes + GROWN
    assert "block" not in changed.steps[1].parameters


def test_bytes_are_those_of_the_code(tmp_path: Path) -> None:
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("no arm-none-eabi-gcc")
    sizes = range(4, MOST_INPUTS + 1, 4)
    source = tmp_path / "straight.S"
    source.write_text('#include "kernels/conv_2d_s8_chained_m4.inc"\n' + "".join(f"chained {size}\n" for size in sizes))
    flags = ["-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard", f"-I{FIRMWARE}"]
    subprocess.run(["arm-none-eabi-gcc", *flags, "-c", source, "-o", tmp_path / "straight.o"], check=True)
    listing = subprocess.run(
        ["arm-none-eabi-size", "-A", tmp_path / "straight.o"], check=True, capture_output=True, text=True
    ).stdout
    found = {int(size): int(code) for size, code in re.findall(r"_chained_(\d+) +(\d+)", listing)}
    assert found == {size: straight_bytes(size) for size in sizes}


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 300), st.integers(1, 3), st.integers(4, 9), st.booleans(), st.booleans(), st.integers(0, 2**32 - 1)
)
def test_chained_sums(depth: int, pairs: int, filters: int, extreme: bool, dsp: bool, seed: int) -> None:
    """The C twin against dot products in 64 bits, up to the ends of what 32 bits hold for a filter."""
    rng = np.random.default_rng(seed)
    steps = -(-depth // INPUTS_PER_STEP)
    x = np.zeros((2 * pairs, INPUTS_PER_STEP * steps), np.int8)
    x[:, :depth] = rng.choice([-128, 127] if extreme else np.arange(-128, 128), (2 * pairs, depth))
    weights = rng.choice([-127, 127] if extreme else np.arange(-127, 128), (filters, depth)).astype(np.int8)
    sums = weights.astype(np.int64) @ x[:, :depth].T
    room = 2**31 - 1 - (abs(sums).max(axis=1) << FINE_BITS)
    bias = rng.integers(-room, room + 1)
    multiplier = rng.integers(1, 2**31, filters)
    scaled = ((sums << FINE_BITS) + bias[:, None]) * multiplier[:, None] >> 32 + FINE_SHIFT
    expected = np.clip(scaled, -128, 127).T.astype(np.int8)

    blocks = pack_chained(weights, np.stack([bias, multiplier], axis=-1).astype(np.int32))
    in_steps = np.ascontiguousarray(x.reshape(pairs, LANES, steps, INPUTS_PER_STEP)[..., INPUT_ORDER].astype("<i2"))
    columns = np.ascontiguousarray(in_steps.view("<u4").transpose(0, 2, 3, 1)).reshape(pairs, -1)
    output = np.zeros((pairs, LANES * filters + GAP), np.int8)
    kernel = kernels("kernels/conv_2d_s8_chained.h", dsp)
    words = columns.shape[1]
    starts = np.minimum(np.arange(0, filters, PAIRED_FILTERS), filters - PAIRED_FILTERS).tolist()
    for block, first in zip(blocks.reshape(len(starts), -1), starts, strict=True):
        at = kernel.ffi.cast("uint32_t *", columns.ctypes.data)
        to = kernel.ffi.cast("int8_t *", output.ctypes.data)
        weights_at = kernel.ffi.cast("int32_t *", block.ctypes.data)
        end = at + columns.size
        kernel.library.conv_2d_s8_chained(weights_at, at, end, to + first, filters, words, 4 * words, GAP)
    np.testing.assert_array_equal(output[:, :-GAP].reshape(expected.shape), expected)
    assert not np.any(output[:, -GAP:])
