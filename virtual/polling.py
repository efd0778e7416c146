"""Recognises code that waits: loops that provably repeat until something outside the core happens.

A loop is skipped only when all of the core's registers and the flash's reads under way are the same as one turn or
some turns before, nothing was stored in between and that took the same time twice; then everything repeats until the
next event. Skipping whole repetitions therefore changes no cycle count.
"""

from dataclasses import dataclass

from virtual.engine import Engine, Exit, Outcome
from virtual.timebase import Timebase
from virtual.timing.state import NEVER, Field

RECENT = 10_000_000  # cycles
MOST_TURNS = 16  # of a loop that reads a register, after which everything is the same again
TURNS = 64  # blocks that a loop without peripheral accesses may have


@dataclass(frozen=True)
class Wait:
    """A loop that only waits: an instruction in it, the register it polls if any, the cycle since when."""

    pc: int
    address: int | None
    since: int


class PollDetector:
    """``limit`` is the cycle that the present run ends at; ``stuck`` says that nothing can end the wait."""

    def __init__(self, engine: Engine, timebase: Timebase) -> None:
        self._engine = engine
        self._timebase = timebase
        self.limit = NEVER
        self.stuck = False
        self.accesses = 0
        self.wait: Wait | None = None  # the latest
        self._seen = 0  # when it was last found going on
        self.forget()

    def forget(self) -> None:
        self.accesses += 1
        self._last: tuple[int, int, int] | None = None
        self._registers: tuple[int, ...] = ()
        self._cycle = self._instructions = self._period = self._turns = 0  # turns since ``_registers`` were looked at
        self._horizon = 1  # after so many of them others are

    def observe(self, address: int, value: int) -> None:
        """A register that only events change was read."""
        self.accesses += 1
        engine = self._engine
        key = (engine.access_pc, address, value)
        quiet = not engine.take_stored()
        now, instructions = engine.now, engine.instructions
        if key != self._last or not quiet:
            self.forget()
            self._last = key
        registers = engine.registers()
        self._turns += 1
        if registers == self._registers:
            period, turn = now - self._cycle, instructions - self._instructions
            if period == self._period:
                self._note(engine.access_pc, address)
                now += self._skip(now, period, turn)
                self._seen = now
                instructions = engine.instructions
            self._period = period
        elif self._turns >= self._horizon:
            self._horizon = min(2 * self._horizon, MOST_TURNS)
            self._registers, self._period = registers, 0
        else:
            return
        self._cycle, self._instructions, self._turns = now, instructions, 0

    def _skip(self, now: int, period: int, turn: int) -> int:
        """Advance by whole turns that end before the next event; returns the cycles."""
        event = self._timebase.next_cycle()
        if event is None:
            self.stuck = True
            self._engine.stop_no_later_than(0)
            return 0
        turns = max(0, (min(event, self.limit) - now - 1) // period)
        self._engine.skip(turns * period, turns * turn)
        return turns * period

    @property
    def wait_is_over(self) -> bool:
        """Whether code other than the latest wait has run for longer than such a look takes."""
        return self.wait is None or self._engine.now - self._seen > RECENT

    def _note(self, pc: int, address: int | None) -> None:
        self._seen = self._engine.now
        last = self.wait
        if last is None or (last.pc, last.address) != (pc, address):
            self.wait = Wait(pc, address, self._engine.now)

    def look_for_loop(self) -> Outcome | None:
        """Between blocks: find out whether the code goes round in registers alone, and if so skip or set ``stuck``.

        Runs up to ``TURNS`` blocks; returns what ended the last of them, unless it was only time.
        """
        engine, state = self._engine, self._engine.state
        start, cycle, instructions = engine.registers(), engine.now, engine.instructions
        accesses = self.accesses
        engine.take_stored()
        for _ in range(TURNS):
            state[Field.STOP_AT] = engine.now + 1
            outcome = engine.run()
            if outcome.exit is not Exit.TIME:
                return outcome
            if engine.take_stored() or self.accesses != accesses:
                return None
            if engine.registers() == start:
                self._note(engine.read("PC") & ~1, None)
                self._skip(engine.now, engine.now - cycle, engine.instructions - instructions)
                self._seen = engine.now
                return None
        return None
