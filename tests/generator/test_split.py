"""Transformed filters in two pieces: computed as if in one, and the first as large as the RAM that is left."""

from dataclasses import replace
from unittest.mock import patch

import pytest

from common.board import Memory, load_board
from generator.importer import parse_graph
from generator.lower import lower
from generator.ops import winograd
from generator.placement import place
from generator.plan import plan
from generator.program import Program
from generator.split import divisible, with_split
from tests.generator.host_kernels import oracle_outputs, run_both
from tests.generator.ops.test_conv_2d import Case

BOARD = load_board("nucleo_l4r5zi")
WEIGHTS = "op0_weights"


def layer(filters: int, side: int = 9) -> tuple[Case, Program]:
    case = Case(height=side, width=side, group_channels=8, group_filters=filters)
    with patch.object(winograd, "_pays", return_value=True):
        return case, lower(parse_graph(case.model(), "model"))


@pytest.mark.parametrize(("filters", "blocks"), [(8, 1), (8, 3), (9, 2), (9, 4)])
def test_equals_the_oracle(filters: int, blocks: int) -> None:
    """Also where the second piece is the block that shares a filter with the one before."""
    case, program = layer(filters)
    split = with_split(program, {WEIGHTS: blocks * divisible(program)[WEIGHTS]})
    whole, pieces = ({name.name: name.elements for name in some.constants} for some in (program, split))
    assert pieces[WEIGHTS] < whole[WEIGHTS] == pieces[WEIGHTS] + pieces.get("op0_more_weights", 0)
    assert split.constant_bytes == program.constant_bytes
    inputs = case.inputs(4)
    run_both(split, plan(split), inputs, oracle_outputs(case.model(), inputs))


def test_the_first_piece_takes_the_room_that_is_left() -> None:
    _, program = layer(64)
    block, records = divisible(program)[WEIGHTS], 4 * 20 * 64
    ram = Memory("sram", "ram", 0x2000_0000, 40_000)
    board = replace(BOARD, memories=(BOARD.flash, ram))
    room = 5 * block + block // 2
    data_bytes = ram.size - 1024 - records - room
    placement = place(program, board, "latency", data_bytes)
    assert placement.in_ram == {"op0_records", WEIGHTS}
    assert placement.split == {WEIGHTS: 5 * block}
    assert place(program, board, "latency", data_bytes, ram.size - 2 * block).split == {WEIGHTS: 3 * block}
    assert place(program, board, "memory", data_bytes).split == {}
    assert place(program, BOARD, "latency", data_bytes).split == {}
