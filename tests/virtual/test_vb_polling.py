"""Skipping waits saves host time and changes nothing else; virtual time keeps its order."""

import pytest

from tests.virtual.conftest import Boot, run_until_idle
from virtual import StopReason, VirtualBoard
from virtual.engine import Engine, Outcome
from virtual.polling import PollDetector
from virtual.timebase import Timebase


def transcript(board: VirtualBoard) -> tuple[bytes, int, int]:
    output = run_until_idle(board)
    for command in (b"t", b"n", b"c"):
        board.send(command)
        output += run_until_idle(board)
    return output, board.cycles, board.instructions


def never_skip(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the detector see that nothing more can happen, and do nothing else."""

    def skip(self: PollDetector, now: int, period: int, turn: int) -> int:
        self.stuck = self._timebase.next_cycle() is None
        if self.stuck:
            self._engine.stop_no_later_than(0)
        return 0

    monkeypatch.setattr(PollDetector, "_skip", skip)


@pytest.mark.parametrize("timing", [True, False])
def test_skipping_is_exact(boot: Boot, monkeypatch: pytest.MonkeyPatch, timing: bool) -> None:
    """With every wait executed turn by turn, the same output appears in the same cycles."""
    skipped = transcript(boot("chip_tour", timing=timing))
    never_skip(monkeypatch)
    executed = transcript(boot("chip_tour", timing=timing))
    assert skipped == executed


def test_waiting_for_input_in_a_loop_is_idle(boot: Boot) -> None:
    board = boot("chip_tour")
    assert run_until_idle(board) == b"ready\n"
    assert board.host_seconds < 2


def test_waiting_for_a_variable_is_idle(boot: Boot) -> None:
    """A flag that an interrupt will set, polled in RAM without WFI."""
    text = """
    #include "chip.h"
    static volatile uint32_t got;
    void on_lpuart1(void) { got = LPUART1_RDR; }
    int main(void) {
        clock_120_mhz(1);
        serial_start(120000000, 0, 115200, 1u << 5);
        enable_irq(IRQ_LPUART1);
        for (;;) {
            while (!got) {
            }
            put((char)got);
            got = 0;
        }
    }"""
    board = boot("flag", text=text)
    assert run_until_idle(board, cycles=10**12) == b""
    board.send(b"x")
    assert run_until_idle(board, cycles=10**12) == b"x"


def test_waiting_for_a_variable_is_skipped(boot: Boot, monkeypatch: pytest.MonkeyPatch) -> None:
    """A timer interrupt far away ends a loop in RAM in the same cycle, skipped or not."""
    text = """
    #include "chip.h"
    static volatile uint32_t done;
    void on_tim5(void) { TIM_SR(TIM5_BASE) = 0; done = 1; }
    int main(void) {
        clock_120_mhz(1);
        serial_start(120000000, 0, 921600, 0);
        RCC_APB1ENR1 |= 1u << 3;
        TIM_ARR(TIM5_BASE) = 20000000;
        TIM_DIER(TIM5_BASE) = 1;
        enable_irq(IRQ_TIM5);
        TIM_CR1(TIM5_BASE) = 9;
        while (!done) {
        }
        print("!");
        return 0;
    }"""
    runs: list[int] = []
    run = Engine.run

    def counted(engine: Engine) -> Outcome:
        runs.append(engine.instructions)
        return run(engine)

    monkeypatch.setattr(Engine, "run", counted)
    skipped = boot("far", text=text)
    assert run_until_idle(skipped) == b"!"
    skipped_runs = len(runs)
    never_skip(monkeypatch)
    executed = boot("far", text=text)
    assert run_until_idle(executed) == b"!"
    assert (skipped.cycles, skipped.instructions) == (executed.cycles, executed.instructions)
    assert skipped_runs < (len(runs) - skipped_runs) / 2


def test_computing_is_not_idle(boot: Boot) -> None:
    """A long loop in registers that counts is no wait."""
    text = """
    #include "chip.h"
    int main(void) {
        for (uint32_t i = 0; i < 20000000; i++) {
            __asm volatile("" : "+r"(i));
        }
        serial_start(4000000, 0, 9600, 0);
        print("done");
        return 0;
    }"""
    assert run_until_idle(boot("count", text=text), cycles=10**12) == b"done"


def test_limit(boot: Boot) -> None:
    board = boot("count", text="int main(void) { for (;;) { static volatile int n; n++; } }")
    assert board.run(100_000) is StopReason.LIMIT
    assert 100_000 <= board.cycles < 100_100


class Counter:
    """A cycle counter under the test's control."""

    def __init__(self) -> None:
        self.now = 0
        self.stop = 1 << 62

    def stop_no_later_than(self, cycle: int) -> None:
        self.stop = min(self.stop, cycle)

    def advance(self, cycles: int) -> None:
        self.now += cycles


def test_events_keep_their_time_when_the_clock_changes() -> None:
    counter = Counter()
    timebase = Timebase(counter, hz=1_000_000)
    seen: list[str] = []
    timebase.at(2000, lambda: seen.append("line"))
    timebase.at(2000, lambda: seen.append("core"), core=True)
    cancelled = timebase.at(100, lambda: seen.append("never"))
    cancelled.cancel()
    counter.now = 1000
    timebase.set_frequency(4_000_000)
    assert timebase.seconds == pytest.approx(0.001)
    assert timebase.next_cycle() == 2000
    counter.now = 2000
    timebase.run_due()
    assert seen == ["core"]
    assert timebase.next_cycle() == 1000 + 4 * 1000
    counter.now = 5000
    timebase.run_due()
    assert seen == ["core", "line"]
    assert timebase.seconds == pytest.approx(0.002)
    assert timebase.next_cycle() is None
