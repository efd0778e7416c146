"""Which fully connected layers get straight code, how large it and its weights are, who calls it, what it computes."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from common.board import load_board
from common.paths import FIRMWARE
from common.templates import template_environment
from generator.importer import parse_graph
from generator.lower import lower
from generator.ops import fully_connected
from generator.ops.fully_connected import APART, CHAINED, CLAMPED, SHARED, SIGNED
from generator.placement import CODE_BYTES, FLASH_CODE_BYTES, LATENCY, RESERVE, Placement, place
from generator.program import Buffer, Port, Program, Step, Symbol, Value
from generator.straight_connected import ConnectedCode, connected_gains, with_connected
from tests.generator.host_kernels import oracle_outputs, run_both
from tests.generator.ops.overlay import overlaid
from tests.generator.ops.test_fully_connected import Case

BOARD = load_board("nucleo_l4r5zi")
DATA = 10_000  # bytes of the arena and so on
KINDS = (APART, SHARED, CLAMPED, SIGNED)
MOST_WORDS = fully_connected.SMALL_WORDS


def program(*layers: tuple[int, int], rescaling: int = CLAMPED) -> Program:
    """A step for each (words, units)."""
    steps = []
    for index, (words, units) in enumerate(layers):
        paired: dict[str, Value] = {"words": words, "units": units, "blocks": np.zeros(words * units // 2, np.int32)}
        chained: dict[str, Value] = {"words": words, "rescaling": rescaling}
        chained["blocks"] = np.zeros(words * -(-units // 8) * 6, np.int32)
        kernel = "fully_connected_s8_paired"
        step = Step(index, "X", kernel, f"kernels/{kernel}.h", "X", paired, ("t0",), ("t0",))
        steps.append(replace(step, chained=chained))
    port = Port("t0", "int8", (1,), None)
    return Program((Buffer("t0", 4),), tuple(steps), (port,), (port,))


def placed(layers: Program, objective: str = "latency", **budgets: int) -> Placement:
    return place(layers, BOARD, objective, DATA, **budgets)


def test_layers_that_save_enough_for_their_bytes() -> None:
    code = ConnectedCode(64, CLAMPED)
    for units in range(8, 128, 8):
        layers = program((64, units))
        (gain,) = connected_gains(layers)
        pays = gain.cycles >= LATENCY * (code.bytes + gain.growth)
        assert placed(layers).straight_connected == ({"op0": code} if pays else {})
    assert not placed(program((64, 16))).straight_connected
    shared = placed(program((64, 16), (64, 128))).straight_connected
    assert shared == {"op0": code, "op1": code}, "the code is there already"
    assert placed(program((64, 10), (64, 128))).straight_connected == {"op1": code}, "blocks of eight are 16 units"


@pytest.mark.parametrize("objective", ["balanced", "memory"])
def test_other_objectives_have_none(objective: str) -> None:
    assert not placed(program((64, 640)), objective).straight_connected


def test_only_into_ram_that_nothing_else_needs() -> None:
    layers = program((64, 128), (64, 640), (62, 128))
    gains = {gain.layer: gain for gain in connected_gains(layers)}
    most, second, other = ConnectedCode(64, CLAMPED), gains["op0"], gains["op2"]
    paired = DATA + RESERVE + CODE_BYTES + layers.constant_bytes
    budget = paired + gains["op1"].growth + most.bytes
    none = placed(layers, ram_budget=budget - 1).straight_connected
    assert "op1" not in none
    assert placed(layers, ram_budget=budget).straight_connected == {"op1": most}, "most saved first"
    two = budget + second.growth
    assert placed(layers, ram_budget=two).straight_connected == {"op0": most, "op1": most}
    assert set(placed(layers, ram_budget=two + other.growth + other.code.bytes).straight_connected) == set(gains)
    small = placed(layers, ram_budget=paired)
    assert not small.straight_connected
    assert small.in_ram == {"op0_blocks", "op1_blocks", "op2_blocks"}


def test_best_code_first() -> None:
    """Two layers that save the same: the one with less code, and what shares code with that."""
    layers = program((320, 128), (64, 640), (64, 24))
    assert [gain.layer for gain in connected_gains(layers)] == ["op1", "op2", "op0"]


def test_only_as_far_as_flash_and_ram_for_code_allow() -> None:
    layers = program((64, 640), (320, 128), (318, 128), (316, 128))
    assert set(placed(layers).straight_connected) == {"op0", "op1"}, "the other two would need 16 KB of code each"
    gain, *_ = connected_gains(layers)
    least = layers.constant_bytes + FLASH_CODE_BYTES + gain.growth + gain.code.bytes
    assert gain.layer in placed(layers, flash_budget=least).straight_connected
    assert gain.layer not in placed(layers, flash_budget=least - 1).straight_connected
    assert not placed(layers, flash_budget=layers.constant_bytes).straight_connected


def test_no_larger_weights_where_they_would_be_read_from_flash() -> None:
    """900 KB of weights for 640 KB of RAM."""
    placement = placed(program(*[(64, 640)] * 11))
    assert not placement.straight_connected
    assert len(placement.in_ram) < 11


def test_as_many_layers_as_ram_is_left_for() -> None:
    """410 KB of weights: not all of them can be half as large again."""
    layers = program(*[(64, 640)] * 5)
    placement = placed(layers)
    assert 0 < len(placement.straight_connected) < 5
    assert placement.in_ram == {gain.blocks for gain in connected_gains(layers)}


def test_layers_name_their_code() -> None:
    layers = program((64, 800), (62, 800), rescaling=SIGNED)
    changed = with_connected(layers, ["op0"])
    assert changed.symbols == (Symbol("fully_connected_s8_chained_signed_128", "FullyConnectedChainedCode"),)
    assert [step.kernel for step in changed.steps] == [CHAINED, "fully_connected_s8_paired"]
    assert changed.constant_bytes > layers.constant_bytes
    assert with_connected(layers, []) == layers


@pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no arm-none-eabi-gcc")
def test_bytes_are_at_least_those_of_the_code(tmp_path: Path) -> None:
    """Of the code that the template makes."""
    codes = [ConnectedCode(words, kind) for words in (2, 4, 6, 8, 14, 16, 22, 64, 318, MOST_WORDS) for kind in KINDS]
    template = template_environment().get_template("straight_connected_m4.S.j2")
    layers = {str(number): code for number, code in enumerate(codes * 2)}
    lines = template.render(placement={"straight_connected": layers}, model={"name": "x", "sha256": ""}).splitlines()
    source = tmp_path / "code.S"
    source.write_text("\n".join(line for line in lines if line.startswith(("#include", "chained"))) + "\n")
    flags = ["-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard", f"-I{FIRMWARE}"]
    subprocess.run(["arm-none-eabi-gcc", *flags, "-c", source, "-o", tmp_path / "code.o"], check=True)
    listing = subprocess.run(
        ["arm-none-eabi-size", "-A", tmp_path / "code.o"], check=True, capture_output=True, text=True
    ).stdout
    found = {name: int(size) for name, size in re.findall(r"^\.straight\.(\w+) +(\d+)", listing, re.MULTILINE)}
    assert set(found) == {code.name for code in codes}
    spare = [code.bytes - found[code.name] for code in codes]
    assert 0 <= min(spare) <= max(spare) < 128


def chained_program(case: Case) -> Program:
    """The layer with the kernel's C twin."""
    whole = lower(parse_graph(case.model(), "model"))
    (gain,) = connected_gains(whole)
    (step,) = with_connected(whole, [gain.layer]).steps
    return replace(whole, steps=(replace(step, parameters={**step.parameters, "code": None}),))


def assert_equal(case: Case) -> None:
    layers, inputs = chained_program(case), case.inputs()
    run_both(layers, overlaid(layers), inputs, oracle_outputs(case.model(), inputs))


@settings(max_examples=120)
@given(
    depth=st.integers(1, 70),
    units=st.integers(8, 40),
    activation=st.sampled_from([0, 1, 3]),
    per_channel=st.booleans(),
    gain=st.sampled_from([0.1, 1.0, 3.0]),
    zero_points=st.tuples(st.integers(-128, 127), st.sampled_from([-128, -128, -5, 127])),
    seed=st.integers(0, 2**16),
)
def test_equals_the_reference(
    depth: int,
    units: int,
    activation: int,
    per_channel: bool,
    gain: float,
    zero_points: tuple[int, int],
    seed: int,
) -> None:
    """All kinds of rescaling, outputs over the inputs."""
    assert_equal(
        Case(
            depth=depth,
            units=units,
            activation=activation,
            per_channel=per_channel,
            gain=gain,
            zero_points=(zero_points[0], 0, zero_points[1]),
            seed=seed,
        )
    )


@pytest.mark.parametrize(("zero_point", "kind"), [(-128, CLAMPED), (10, SIGNED)])
@pytest.mark.parametrize("depth", [128, 639, 640])
def test_deep_layers(depth: int, zero_point: int, kind: int) -> None:
    case = Case(depth=depth, units=20, zero_points=(-3, 0, zero_point))
    assert chained_program(case).steps[0].parameters["rescaling"] == kind
    assert_equal(case)


@pytest.mark.parametrize(
    "changes",
    [{"units": 7}, {"depth": 641}, {"least_weight": -128, "depth": 200}, {"batches": 2}, {"gain": 1000.0}],
    ids=["units", "stack", "weights", "batches", "factor above 1"],
)
def test_layers_without(changes: dict[str, Any]) -> None:
    case = replace(Case(units=20), **changes)
    steps = lower(parse_graph(case.model(), "model")).steps
    assert all(step.chained is None for step in steps)


def test_without_constants_for_a_fixed_shift(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fully_connected, "_chained_constants", lambda *_: None)
    case = Case(depth=30, units=13)
    assert chained_program(case).steps[0].parameters["rescaling"] == SHARED
    assert_equal(case)


def extreme(case: Case, weight: int) -> list[list[NDArray[Any]]]:
    return [[np.full((1, case.depth), value, np.int8)] for value in (-128, 127, np.sign(weight))]


@pytest.mark.parametrize("weights", [(127, -127), (-127, -127), (127, 127)])
def test_largest_sums(weights: Sequence[int]) -> None:
    """As far as 24 bits hold them."""
    data = np.resize(np.repeat(np.array(weights, np.int8)[:, None], 500, axis=1), (16, 500))
    case = Case(depth=500, units=16, zero_points=(0, 0, -5), changes={"weights": {"data": data}})
    layers, inputs = chained_program(case), extreme(case, weights[0])
    run_both(layers, overlaid(layers), inputs, oracle_outputs(case.model(), inputs))
