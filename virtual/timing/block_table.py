"""The table of block records that the native hook reads and Python fills."""

from virtual.timing import hooks
from virtual.timing.blocks import BlockCost
from virtual.timing.state import (
    BEFORE,
    BEFORE_CYCLES,
    BEFORE_INDEX_SHIFT,
    BEFORE_WORDS,
    MAX_BLOCKS,
    RECORD_WORDS,
    RECORDS,
    RELIEVED,
    Field,
    Flag,
    Record,
    Words,
    clear_blocks,
)


class BlockTable:
    """Records in the shared state; ``flash`` are the (origin, size) at which flash appears."""

    def __init__(self, state: Words, flash: tuple[tuple[int, int], ...]) -> None:
        self._state = state
        self._flash = flash

    def add(self, block: BlockCost) -> int:
        """Store a record and return its offset. A full table is emptied first."""
        state = self._state
        if (
            state[Field.RECORDS] + RECORD_WORDS > RECORDS + MAX_BLOCKS * RECORD_WORDS
            or state[Field.BEFORE] + len(block.before) > BEFORE + BEFORE_WORDS
        ):
            clear_blocks(state)
        record, before = int(state[Field.RECORDS]), int(state[Field.BEFORE])
        timed = bool(state[Field.TIMED])
        key = block.address << 16 | block.size
        state[record : record + RECORD_WORDS] = (
            key,
            block.cycles if timed else block.instructions,
            block.taken if timed else 0,
            block.instructions,
            self._flags(block),
            before,
            block.address,
            block.address + block.size,
            block.target_penalty,
        )
        for index, (cycles, instructions) in enumerate(block.before):
            relief = RELIEVED if block.address + 2 * index in block.relieved else 0
            spent = cycles if timed else instructions
            state[before + index] = spent | instructions << BEFORE_INDEX_SHIFT | relief
        state[Field.RECORDS] = record + RECORD_WORDS
        state[Field.BEFORE] = before + len(block.before)
        hooks.insert(state, key, record)
        return record

    def before(self, record: int, pc: int) -> tuple[int, int]:
        """(cycles, instructions) of a block before the instruction at ``pc``."""
        offset = pc - int(self._state[record + Record.ADDRESS])
        word = int(self._state[int(self._state[record + Record.BEFORE]) + (offset >> 1)])
        return word & BEFORE_CYCLES, word >> BEFORE_INDEX_SHIFT & BEFORE_CYCLES

    def _flags(self, block: BlockCost) -> int:
        flags = Flag(0)
        if any(origin <= block.address < origin + size for origin, size in self._flash):
            flags |= Flag.FLASH
        for holds, flag in (
            (block.has_it, Flag.IT),
            (block.has_fp, Flag.FP),
            (block.has_store, Flag.STORE),
            (block.may_unmask, Flag.UNMASK),
            (bool(block.relieved), Flag.RELIEF),
        ):
            if holds:
                flags |= flag
        return int(flags)
