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
from generator.fixed_point import rescale
from generator.ops.clamped_shift import FINE_BITS, FINE_SHIFT
from generator.ops.packing import (
    INPUT_ORDER,
    INPUTS_PER_STEP,
    MOST_CHAINED,
    PAIRED_FILTERS,
    pack_chained,
    pack_chained_fixed,
)
from generator.program import Buffer, Port, Program, Step, Symbol, Value
from generator.quantization import Rescale
from generator.straight import StraightCode, choose_straight, with_straight
from tests.generator.host_kernels import kernels

ROOM = 1 << 20
LANES = 2
GAP = 3  # bytes between lines of outputs
FIXED = {inputs: StraightCode(inputs, fixed=True) for inputs in range(4, MOST_CHAINED + 8, 4)}
GROWN = 64  # bytes by which a layer's weights grow


def program(
    *layers: tuple[int, int, int], chained: bool = True, fixed: bool = True, kernel: str = "conv_2d_s8_paired"
) -> Program:
    """A step for each (inputs, pixels, filters)."""
    port = Port("t0", "int8", (1,), None)
    steps = []
    for index, (inputs, pixels, filters) in enumerate(layers):
        parameters: dict[str, Value] = {"words": inputs // 2, "pixels": pixels, "output_channels": filters}
        parameters["fixed_shift"] = fixed
        parameters["blocks"] = np.zeros(1, np.int32)
        blocks = np.zeros(1 + GROWN // 4, np.int32) if chained else None
        step = Step(index, "CONV_2D", kernel, f"kernels/{kernel}.h", "Conv2dS8", parameters, ("t0",), ("t0",))
        steps.append(replace(step, straight_blocks=blocks))
    return Program((Buffer("t0", 4),), tuple(steps), (port,), (port,))


def test_what_saves_more_cycles_than_its_bytes() -> None:
    blocks = int((FIXED[8].bytes + GROWN) / FIXED[8].saved_cycles) + 1  # of two pixels by four filters
    assert choose_straight(program((8, 2 * blocks, 4)), ROOM, ROOM, 1.0) == {FIXED[8]}
    assert not choose_straight(program((8, 2 * blocks - 2, 4)), ROOM, ROOM, 1.0)
    assert choose_straight(program((8, blocks + 4, 4), (8, blocks + 4, 4)), ROOM, ROOM, 1.0) == {FIXED[8]}
    assert choose_straight(program((8, 1, 1)), ROOM, ROOM, 0.0) == {FIXED[8]}


def test_best_first_where_room_is_short() -> None:
    layers = program((64, 100, 64), (32, 400, 64), (16, 50, 16))
    assert choose_straight(layers, ROOM, ROOM, 0.0) == {FIXED[16], FIXED[32], FIXED[64]}
    assert choose_straight(layers, FIXED[32].bytes + FIXED[16].bytes, ROOM, 0.0) == {FIXED[16], FIXED[32]}
    assert choose_straight(layers, ROOM, 2 * GROWN, 0.0) == {FIXED[32], FIXED[64]}
    assert not choose_straight(layers, FIXED[16].bytes - 1, ROOM, 0.0)
    assert not choose_straight(layers, ROOM, GROWN - 1, 0.0)


@pytest.mark.parametrize(
    "layers",
    [
        program((MOST_CHAINED + 4, 1000, 64)),
        program((64, 1000, 64), chained=False),
        program((64, 1000, 64), kernel="conv_2d_s8"),
    ],
    ids=["many inputs", "no constants", "other kernel"],
)
def test_layers_without(layers: Program) -> None:
    assert not choose_straight(layers, ROOM, ROOM, 0.0)
    assert with_straight(layers, frozenset(FIXED.values())) == layers


def test_layers_name_their_code() -> None:
    layers = program((64, 100, 64), (32, 100, 64))
    changed = with_straight(layers, frozenset([FIXED[64]]))
    assert changed.symbols == (Symbol("conv_2d_s8_chained_fixed_64", "Conv2dS8Block"),)
    assert changed.constant_bytes == layers.constant_bytes + GROWN
    assert "block" not in changed.steps[1].parameters


def test_bytes_are_those_of_the_code(tmp_path: Path) -> None:
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("no arm-none-eabi-gcc")
    codes = [StraightCode(size, fixed) for size in range(4, MOST_CHAINED + 1, 4) for fixed in (False, True)]
    lines = [f"chained {code.name}, {code.inputs}, fixed={int(code.fixed)}\n" for code in codes]
    source = tmp_path / "straight.S"
    source.write_text('#include "kernels/conv_2d_s8_chained_m4.inc"\n' + "".join(lines))
    flags = ["-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard", f"-I{FIRMWARE}"]
    subprocess.run(["arm-none-eabi-gcc", *flags, "-c", source, "-o", tmp_path / "straight.o"], check=True)
    listing = subprocess.run(
        ["arm-none-eabi-size", "-A", tmp_path / "straight.o"], check=True, capture_output=True, text=True
    ).stdout
    found = {name: int(size) for name, size in re.findall(r"^\.straight\.(\w+) +(\d+)", listing, re.MULTILINE)}
    assert found == {code.name: code.bytes for code in codes}


@settings(deadline=None, max_examples=100)
@given(
    depth=st.integers(1, 300),
    pairs=st.integers(1, 3),
    filters=st.integers(4, 9),
    extreme=st.booleans(),
    fixed=st.booleans(),
    dsp=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_chained_sums(depth: int, pairs: int, filters: int, extreme: bool, fixed: bool, dsp: bool, seed: int) -> None:
    """The C twin against dot products in 64 bits, up to the ends of what 32 bits hold for a filter."""
    rng = np.random.default_rng(seed)
    steps = -(-depth // INPUTS_PER_STEP)
    x = np.zeros((LANES * pairs, INPUTS_PER_STEP * steps), np.int8)
    x[:, :depth] = rng.choice([-128, 127] if extreme else np.arange(-128, 128), (LANES * pairs, depth))
    weights = rng.choice([-127, 127] if extreme else np.arange(-127, 128), (filters, depth)).astype(np.int8)
    sums = weights.astype(np.int64) @ x[:, :depth].T
    room = 2**31 - 1 - (abs(sums).max(axis=1) << FINE_BITS)
    if fixed:
        bias, multiplier = rng.integers(-room, room + 1), rng.integers(1, 2**31, filters)
        scaled = ((sums << FINE_BITS) + bias[:, None]) * multiplier[:, None] >> 32 + FINE_SHIFT
        blocks = pack_chained_fixed(weights, np.stack([bias, multiplier], axis=-1).astype(np.int32))
    else:
        room >>= FINE_BITS
        bias, factors = rng.integers(-room, room + 1), rng.integers(2**30, 2**31, filters).tolist()
        rights = rng.integers(5, 18, filters).tolist()
        rows = zip(sums + bias[:, None], factors, rights, strict=True)
        scaled = np.array([[rescale(int(x), Rescale(factor, -right)) for x in row] for row, factor, right in rows])
        offsets = [1 << right - 1 for right in rights]
        doubled = [2 * factor - 2**32 for factor in factors]
        blocks = pack_chained(weights, np.stack([bias, doubled, offsets, rights], axis=-1).astype(np.int32))
    expected = np.clip(scaled, -128, 127).T.astype(np.int8)
    np.testing.assert_array_equal(chained(blocks, x, filters, fixed=fixed, dsp=dsp), expected)


def chained(blocks: np.ndarray, x: np.ndarray, filters: int, *, fixed: bool, dsp: bool) -> np.ndarray:
    """Outputs [pixels, filters] of `conv_2d_s8_chained` for inputs [pixels, inputs], with a gap after each pair."""
    in_steps = np.ascontiguousarray(x.reshape(len(x) // LANES, LANES, -1, INPUTS_PER_STEP)[..., INPUT_ORDER], "<i2")
    columns = np.ascontiguousarray(in_steps.view("<u4").transpose(0, 2, 3, 1)).reshape(len(in_steps), -1)
    output = np.zeros((len(columns), LANES * filters + GAP), np.int8)
    kernel = kernels("kernels/conv_2d_s8_chained.h", dsp)
    begin = kernel.ffi.cast("uint32_t *", columns.ctypes.data)
    words = columns.shape[1]
    starts = np.minimum(np.arange(0, filters, PAIRED_FILTERS), filters - PAIRED_FILTERS).tolist()
    for block, first in zip(blocks.reshape(len(starts), -1), starts, strict=True):
        weights = kernel.ffi.cast("int32_t *", block.ctypes.data)
        to = kernel.ffi.cast("int8_t *", output.ctypes.data) + first
        kernel.library.conv_2d_s8_chained(
            weights, begin, begin + columns.size, to, filters, words, 4 * words, GAP, fixed
        )
    assert not np.any(output[:, -GAP:])
    return output[:, :-GAP].reshape(len(x), filters)
