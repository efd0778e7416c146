"""3x3 convolutions by Winograd's F(4x4, 3x3) equal TensorFlow Lite Micro bit for bit, or are left to another kernel."""

from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.compile import compile_model
from generator.importer import parse_graph
from generator.lower import lower
from generator.ops import winograd
from generator.ops.fixed_shift import TRIES
from generator.ops.packing import MOST_CHAINED
from generator.ops.window import SAME, VALID
from generator.program import Program
from tests.generator.cases import run_on_host, run_oracle
from tests.generator.host_kernels import assert_equals_oracle, oracle_outputs, run_both
from tests.generator.ops.overlay import overlaid
from tests.generator.ops.test_conv_2d import Case

EXTREMES = (None, -128, -127, 127)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    padding = draw(st.sampled_from([SAME, VALID]))
    sides = st.integers(1 if padding == SAME else 3, 14)
    case = Case(
        batches=draw(st.sampled_from([1, 1, 2])),
        height=draw(sides),
        width=draw(sides),
        group_channels=draw(st.integers(8, 40)),
        group_filters=draw(st.integers(2, 40)),
        stride=draw(st.sampled_from([(1, 1), (2, 2)])),
        padding=padding,
        activation=draw(st.integers(0, 3)),
        per_channel=draw(st.booleans()),
        bias=draw(st.sampled_from(["int32", None])),
        gain=draw(st.sampled_from([0.1, 1.0, 1.0, 3.0])),
        zero_points=(draw(st.sampled_from([-128, 3, 127])), draw(st.sampled_from([-128, -5, 127]))),
        seed=draw(st.integers(0, 2**16)),
    )
    weight = draw(st.sampled_from(EXTREMES))
    if weight is not None:
        shape = (case.filters, 3, 3, case.channels)
        case.changes["weights"] = {"data": np.full(shape, weight, np.int8)}
    return case


def lowered(case: Case) -> Program:
    return lower(parse_graph(case.model(), "model"))


def kernel(case: Case) -> str:
    (step,) = lowered(case).steps
    return step.kernel


always = patch.object(winograd, "_pays", return_value=True)


@settings(max_examples=150)
@given(cases())
def test_equals_the_oracle(case: Case) -> None:
    with always:
        assert_equals_oracle(case.model(), case.inputs(5))


@settings(max_examples=80)
@given(cases())
def test_output_over_the_input(case: Case) -> None:
    """At the distance that `Lowered.lead` allows."""
    model, inputs = case.model(), case.inputs()
    with always:
        program = lowered(case)
    run_both(program, overlaid(program), inputs, oracle_outputs(model, inputs))


@pytest.mark.slow
@settings(max_examples=2000)
@given(cases())
def test_many(case: Case) -> None:
    model, inputs = case.model(), case.inputs(5)
    with always:
        assert_equals_oracle(model, inputs)
        program = lowered(case)
    run_both(program, overlaid(program), inputs, oracle_outputs(model, inputs))


@pytest.mark.parametrize("channels", [9, 10, 11, 12])
def test_rendered(tmp_path: Path, channels: int) -> None:
    """The whole generated program, where the address sanitizer sees every read."""
    case = Case(height=6, width=6, group_channels=channels, group_filters=5)
    inputs = np.stack([values for (values,) in case.inputs(5)])
    with always:
        outputs = run_on_host(case.model(), inputs, case.dtype, tmp_path)
    np.testing.assert_array_equal(outputs, run_oracle(case.model(), inputs))


LARGE = Case(height=16, width=16, group_channels=16, group_filters=16)


@pytest.mark.parametrize(
    ("changes", "lead"),
    [
        # After four tiles of four rows, the next four read from the row above theirs, the last that was written.
        ({}, 16 * 16),
        ({"padding": VALID, "height": 18, "width": 18}, 0),
        # The second four of rows of five tiles end on row 7 before pixel 12, the ninth tile reads from row 3, pixel 11.
        ({"width": 20}, (7 * 20 + 12 - 3 * 20 - 11) * 16),
        ({"height": 8, "width": 8}, 0),
        ({"group_filters": 8}, 0),
        # The output is a quarter of the input: only with more filters it catches up.
        ({"stride": (2, 2), "width": 32, "height": 32}, 0),
        # After twelve rows of the output, the last four tiles read from row 24 of the input.
        ({"stride": (2, 2), "width": 32, "height": 32, "group_filters": 80}, 12 * 16 * 80 - 24 * 32 * 16),
    ],
    ids=[
        *("rows of four tiles", "no padding", "rows of five tiles", "one group of tiles", "narrower"),
        *("stride 2", "stride 2 with many filters"),
    ],
)
def test_lead(changes: dict[str, int], lead: int) -> None:
    case = replace(LARGE, **changes)  # type: ignore[arg-type]
    model, inputs = case.model(), case.inputs()
    with always:
        program = lowered(case)
    assert program.steps[0].kernel == winograd.KERNEL
    assert program.steps[0].lead == {0: lead}
    run_both(program, overlaid(program), inputs, oracle_outputs(model, inputs))


def test_layers_that_straight_code_computes_as_fast() -> None:
    strided = replace(LARGE, stride=(2, 2), width=32, height=32)
    assert [kernel(case) for case in (LARGE, strided)] == [winograd.KERNEL, "conv_2d_s8_paired"]
    assert kernel(replace(strided, group_channels=MOST_CHAINED // 9 + 1)) == winograd.KERNEL, "too many inputs for it"


@pytest.mark.parametrize(
    "changes",
    [
        {"stride": (3, 3)},
        {"stride": (1, 2)},
        {"dilation": (1, 2)},
        {"filter_w": 1},
        {"groups": 2},
        {"group_channels": 7},
        {"group_filters": 1},
    ],
    ids=lambda changes: ", ".join(f"{name} {value}" for name, value in changes.items()),
)
def test_other_layers_have_another_kernel(changes: dict[str, int]) -> None:
    with always:
        assert kernel(LARGE) == winograd.KERNEL
        assert kernel(replace(LARGE, **changes)) != winograd.KERNEL  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (Case(height=32, width=32, group_channels=16, group_filters=16), True),
        (Case(height=8, width=8, group_channels=64, group_filters=64), True),
        (Case(height=5, width=5, group_channels=8, group_filters=8), False),
        (Case(height=1, width=16, group_channels=16, group_filters=16), False),
    ],
    ids=["ic 1", "ic 9", "small", "one row"],
)
def test_choice(case: Case, expected: bool) -> None:
    assert (kernel(case) == winograd.KERNEL) == expected


def test_sums_that_do_not_fit_are_left_to_another_kernel() -> None:
    """The greatest magnitude over all inputs decides, to the last unit; some is left for corrections of the bias."""
    reach = 127 * 9 * 16 * 128  # of weights that are all -127: from -127 x 127 to 127 x 128 for each input
    lowest = -127 * 9 * 16 * 127
    for stride, limit in ((1, 2**25 - TRIES[-1]), (2, 2**29 - TRIES[-1])):
        for bias, expected in (
            (limit - reach - 1, True),
            (limit - reach, False),
            (1 - limit - lowest, True),
            (-limit - lowest, False),
        ):
            case = replace(LARGE, stride=(stride, stride), zero_points=(0, 0), group_filters=4, gain=1 / limit * 2**21)
            case.changes = {
                "weights": {"data": np.full((4, 3, 3, 16), -127, np.int8)},
                "bias": {"data": np.full(4, bias, np.int32)},
            }
            with always:
                assert (kernel(case) == winograd.KERNEL) == expected, (stride, bias)
                assert_equals_oracle(case.model(), case.inputs())


def test_models_with_many_weights_keep_them_small() -> None:
    model = LARGE.model()
    bytes_of_one = 8 * 9 * 16 * 16
    for most, expected in ((bytes_of_one, winograd.KERNEL), (bytes_of_one - 1, "conv_2d_s8_paired")):
        program = compile_model(model, "m", wide_bytes=most).program
        assert program.steps[0].kernel == expected
    assert sum(constant.bytes for constant in lowered(LARGE).constants if "weights" in constant.name) == bytes_of_one


ROWS = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
)
EVEN_ROWS = [[2, -1, -2, 1, 0], [0, -2, -1, 1, 0], [0, 2, -3, 1, 0], [0, -1, 0, 1, 0], [0, 2, -1, -2, 1]]
ROWS_STRIDE2 = np.zeros((9, 9), np.int64)
ROWS_STRIDE2[:5, ::2] = EVEN_ROWS
ROWS_STRIDE2[5:, 1::2] = np.eye(4)


@pytest.mark.parametrize(("stride", "rows"), [(1, ROWS), (2, ROWS_STRIDE2)])
def test_transformed_inputs_stay_in_their_half(stride: int, rows: np.ndarray) -> None:
    """Bounds of B^T d B with LIFT, over all inputs of a tile counted from -128."""
    both = np.einsum("ik,jl->ijkl", rows, rows).reshape(len(rows) ** 2, -1)
    least, greatest = 255 * np.minimum(both, 0).sum(axis=1), 255 * np.maximum(both, 0).sum(axis=1)
    assert least.min() + winograd.LIFT >= 0
    assert greatest.max() + winograd.LIFT < 2**15
    lifts = winograd.FILTERINGS[stride].lifts
    np.testing.assert_array_equal(rows @ lifts, np.ones(len(rows)))  # all are raised by LIFT


def test_a_compact_model_has_no_larger_weights() -> None:
    model = LARGE.model()
    kernels = [compile_model(model, "m", compact=compact).program.steps[0].kernel for compact in (False, True)]
    assert kernels == ["conv_2d_3x3_winograd_s8", "conv_2d_s8_paired"]
