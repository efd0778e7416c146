"""The sound input: frames of I2S through SAI1 and DMA1 into memory, at the sender's pace."""

from collections.abc import Callable

import pytest

from virtual.soc.diagnostics import Diagnostics
from virtual.soc.stm32l4plus.sai import (
    BLOCKS,
    CLRFR,
    CR1,
    CR2,
    DMAEN,
    DR,
    FFLUSH,
    FRCR,
    FREQ,
    I2S_16,
    IM,
    OVRUDR,
    SAIEN,
    SLOTR,
    SR,
    Sai,
)
from virtual.timebase import Timebase

HZ, RATE = 1_000_000, 16_000


class Cycles:
    now = 0

    def stop_no_later_than(self, cycle: int) -> None: ...

    def advance(self, cycles: int) -> None:
        self.now += cycles


class Bench:
    """A SAI by itself, with what it asks for."""

    def __init__(self) -> None:
        self.cycles = Cycles()
        self.timebase = Timebase(self.cycles, HZ)
        self.diagnostics = Diagnostics()
        self.wired = True
        self.line = False
        self.requests: list[int] = []
        self.on_request: Callable[[int], None] = self.requests.append
        self.sai = Sai(
            "SAI1",
            self.timebase,
            self.diagnostics,
            wired=lambda _: self.wired,
            request=self._request,
            interrupt=self._interrupt,
        )

    def _request(self, block: int) -> None:
        self.on_request(block)

    def _interrupt(self, high: bool) -> None:
        self.line = high

    def configure(self, block: int = 0, **changes: int) -> None:
        values = {"cr1": I2S_16[CR1][1], "frcr": I2S_16[FRCR][1], "slotr": I2S_16[SLOTR][1]} | changes
        for register, value in zip((FRCR, SLOTR, CR1), (values["frcr"], values["slotr"], values["cr1"]), strict=True):
            self.sai.write(BLOCKS[block] + register, value)
        self.sai.write(BLOCKS[block] + CR1, values["cr1"] | SAIEN)

    def wait(self, frames: float) -> None:
        until = self.cycles.now + round(frames / RATE * HZ)
        while (due := self.timebase.next_cycle()) is not None and due <= until:
            self.cycles.now = due
            self.timebase.run_due()
        self.cycles.now = until

    def take(self, block: int = 0) -> int:
        return self.sai.read(BLOCKS[block] + DR)


def test_samples_come_at_the_senders_pace_left_before_right() -> None:
    bench = Bench()
    bench.configure()
    bench.sai.play(0, [(1, -2), (3, 4)], RATE)
    bench.wait(0.9)
    assert not bench.sai.read(BLOCKS[0] + SR)
    bench.wait(0.2)
    assert bench.sai.read(BLOCKS[0] + SR) == FREQ | 1 << 16
    assert (bench.take(), bench.take(), bench.take()) == (1, 0xFFFE, 0)
    bench.wait(1)
    assert (bench.take(), bench.take()) == (3, 4)
    assert not bench.diagnostics.messages


def test_more_than_the_fifo_holds_is_lost_and_said() -> None:
    bench = Bench()
    bench.configure()
    bench.sai.write(BLOCKS[0] + IM, OVRUDR)
    bench.sai.play(0, [(number, number) for number in range(6)], RATE)
    bench.wait(4.5)
    assert bench.sai.read(BLOCKS[0] + SR) == FREQ | 5 << 16
    assert not bench.line
    bench.wait(2)
    assert bench.sai.read(BLOCKS[0] + SR) & OVRUDR and bench.line
    bench.sai.write(BLOCKS[0] + CLRFR, OVRUDR)
    assert not bench.sai.read(BLOCKS[0] + SR) & OVRUDR and not bench.line
    assert [bench.take() for _ in range(8)] == [0, 0, 1, 1, 2, 2, 3, 3]
    bench.sai.play(0, [(9, 9)], RATE)
    bench.wait(1.5)
    bench.sai.write(BLOCKS[0] + CR2, FFLUSH)
    assert not bench.sai.read(BLOCKS[0] + SR)


def test_dma_is_asked_for_each_sample() -> None:
    bench = Bench()
    taken: list[int] = []

    def fetch(block: int) -> None:
        while bench.sai.wants_dma(block):
            taken.append(bench.take(block))

    bench.on_request = fetch
    bench.configure(1, cr1=I2S_16[CR1][1] | DMAEN)
    bench.sai.play(1, [(7, 8), (9, 10)], RATE)
    bench.wait(3)
    assert taken == [7, 8, 9, 10]


def test_nothing_comes_without_pins_without_power_or_after_a_reset() -> None:
    bench = Bench()
    bench.configure()
    bench.wired = False
    bench.sai.play(0, [(1, 1)], RATE)
    bench.wait(2)
    bench.wired = True
    bench.sai.reset()
    bench.sai.play(0, [(1, 1)], RATE)
    bench.wait(2)
    assert not bench.sai.read(BLOCKS[0] + SR)
    assert not bench.requests


def test_a_new_sound_ends_the_old_one() -> None:
    bench = Bench()
    bench.configure()
    bench.sai.play(0, [(1, 1)] * 3, RATE)
    bench.wait(1.5)
    bench.sai.play(0, [(5, 5)], RATE)
    bench.wait(4)
    assert [bench.take() for _ in range(5)] == [1, 1, 5, 5, 0]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"cr1": I2S_16[CR1][1] & ~1}, "CR1"),
        ({"frcr": 63 | 31 << 8 | 1 << 16 | 1 << 18}, "FRCR"),
        ({"slotr": 0x1_0000, "cr1": 0x23}, "CR1, SLOTR"),
    ],
)
def test_other_settings_are_reported(changes: dict[str, int], named: str) -> None:
    bench = Bench()
    bench.configure(**changes)
    (message,) = bench.diagnostics.messages
    assert message.endswith(f"which is all that is modelled; see {named}")
