"""Which convolutions name code of their own for their windows."""

from typing import Any

import pytest

from generator.gather import with_gather
from generator.program import Buffer, Program, Step, Symbol, Value

PAIRED = "conv_2d_s8_paired"


def program(kernel: str = PAIRED, **changes: Value) -> Program:
    parameters: dict[str, Value] = {"filter_h": 3, "row_bytes": 9, "stride_w": 2, "input_channels": 3}
    parameters |= changes
    step = Step(0, "CONV_2D", kernel, f"kernels/{kernel}.h", "Conv2dS8", parameters, ("t0",), ("t0",))
    return Program((Buffer("t0", 4),), (step,), (), ())


@pytest.mark.parametrize("stride", [1, 2])
def test_three_rows_of_three_pixels_of_three_channels(stride: int) -> None:
    changed = with_gather(program(stride_w=stride))
    assert changed.symbols == (Symbol(f"im2col_s8_paired_nines_step{3 * stride}", "Conv2dS8Gather"),)


@pytest.mark.parametrize(
    "changes",
    [{"kernel": "conv_2d_s8"}, {"filter_h": 5}, {"row_bytes": 15}, {"stride_w": 3}, {"input_channels": 9}],
    ids=["other kernel", "more rows", "longer rows", "other stride", "one pixel a row"],
)
def test_others(changes: dict[str, Any]) -> None:
    assert with_gather(program(**changes)) == program(**changes)
