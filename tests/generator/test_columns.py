"""How many pixels convolutions expand at a time, and how often they read their weights for it."""

import pytest

from generator.compile import compile_model
from generator.contents import columns_bytes
from generator.ops.conv_2d import FEW_COLUMNS_BYTES, MANY_COLUMNS_BYTES
from generator.ops.packing import DATA_CACHE_BYTES, weight_reads
from generator.placement import OBJECTIVES
from models.untrained import untrained_model


def columns(model: bytes, most_bytes: int) -> dict[int, int]:
    """By operator."""
    program = compile_model(model, "model", columns_bytes=most_bytes).program
    return {step.operator: step.integer("columns") for step in program.steps if "columns" in step.parameters}


def test_only_latency_has_memory_to_spare() -> None:
    assert {objective: columns_bytes(objective) for objective in OBJECTIVES} == {
        "latency": MANY_COLUMNS_BYTES,
        "balanced": FEW_COLUMNS_BYTES,
        "memory": FEW_COLUMNS_BYTES,
    }


def test_more_memory_more_columns() -> None:
    few, many = (columns(untrained_model("kws"), size) for size in (FEW_COLUMNS_BYTES, MANY_COLUMNS_BYTES))
    assert few.keys() == many.keys()
    assert all(few[index] < many[index] for index in few)


@pytest.mark.parametrize(
    ("block_bytes", "reads"), [(DATA_CACHE_BYTES, 4), (DATA_CACHE_BYTES + 1, 32)], ids=["fits the cache", "does not"]
)
def test_a_block_that_the_cache_holds_is_read_once_for_all_columns(block_bytes: int, reads: int) -> None:
    assert weight_reads(64, 2, 8, block_bytes) == reads
