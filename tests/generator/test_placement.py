"""Where constants live: objectives, budgets, and boards whose RAM is not enough."""

from dataclasses import replace

import numpy as np
import pytest

from common.board import Memory, load_board
from common.errors import UserError
from generator.placement import BALANCED, CODE_BYTES, RESERVE, Placement, place
from generator.program import Buffer, Port, Program, Step

BOARD = load_board("nucleo_l4r5zi")
ARENA = 10_000


def program(*constants: tuple[int, int]) -> Program:
    """A step for each (bytes, reads) of constants."""
    steps = [
        Step(
            operator=index,
            operator_name="X",
            kernel="x",
            header="x.h",
            struct="X",
            parameters={"weights": np.zeros(size, np.int8)},
            inputs=("t0",),
            outputs=("t0",),
            constant_reads=reads,
        )
        for index, (size, reads) in enumerate(constants)
    ]
    port = Port("t0", "int8", (1,), None)
    return Program((Buffer("t0", 4),), tuple(steps), (port,), (port,))


def placed(objective: str, *constants: tuple[int, int], budget: int | None = None) -> Placement:
    return place(program(*constants), BOARD, objective, ARENA, budget)


def test_latency_takes_all_the_room_there_is() -> None:
    assert placed("latency", (1000, 1), (2000, 1)).in_ram == {"op0_weights", "op1_weights"}
    code = placed("latency", (1000, 1)).code
    assert code is not None
    assert (code.origin, code.size) == (0x1000_0000, 0x1_0000)


def test_constants_go_where_they_just_fit() -> None:
    constants = placed("latency", (300_000, 1), (100_000, 9), (50_000, 2), (200_000, 1))
    assert constants.constants.origin != constants.data.origin
    assert constants.beside_data == {"op1_weights", "op2_weights"}  # 192 KiB, of which the arena takes some
    assert constants.in_ram == {"op0_weights", "op1_weights", "op2_weights"}  # 384 KiB do not hold op3's as well


def test_memory_takes_nothing() -> None:
    placement = placed("memory", (1000, 50))
    assert placement.code is None
    assert not placement.in_ram
    assert placement.data.size == BOARD.ram_bytes


def test_balanced_takes_what_pays() -> None:
    per_read = BOARD.clock.flash_wait_states / BOARD.clock.flash_read_bytes
    often = int(BALANCED / per_read) + 1
    assert placed("balanced", (1000, 1), (1000, often)).in_ram == {"op1_weights"}


def test_a_budget_takes_the_best_first() -> None:
    needed = ARENA + RESERVE
    some = placed("latency", (4000, 1), (4000, 9), budget=needed + CODE_BYTES + 5000)
    assert some.in_ram == {"op1_weights"}
    assert some.code is not None
    none = placed("latency", (4000, 9), budget=needed + 1000)
    assert none.code is None
    assert not none.in_ram


def test_an_arena_that_needs_all_ram() -> None:
    placement = place(program((1000, 9)), BOARD, "latency", BOARD.ram_bytes - 3000)
    assert placement.code is None
    assert placement.data.size == BOARD.ram_bytes
    assert placement.regions == (placement.data,)


def test_a_board_without_ram_on_the_code_bus() -> None:
    ram = Memory("sram", "ram", 0x2000_0000, 0x8000)
    board = replace(BOARD, memories=(BOARD.flash, ram))
    placement = place(program((1000, 1), (40_000, 1)), board, "latency", ARENA)
    assert placement.code is None
    assert placement.in_ram == {"op0_weights"}


def test_an_unknown_objective() -> None:
    with pytest.raises(UserError, match="objectives are: latency, balanced, memory"):
        placed("beauty")
