"""The current model against the figures it was fitted to, and the meter on running firmware."""

import dataclasses

import pytest

from common.board import Board
from common.errors import UserError
from tests.virtual.conftest import Boot, run_until_idle
from virtual.energy import ChargeMeter, PowerState, average_current, load_current_model

BOOST = PowerState(120_000_000, "range 1 boost")
SLEEPER = """
#include "chip.h"
void on_tim2(void) {
    TIM_SR(TIM2_BASE) = 0;
}
int main(void) {
    clock_120_mhz(1);
    RCC_APB1ENR1 |= 1;
    TIM_ARR(TIM2_BASE) = 120000;
    TIM_DIER(TIM2_BASE) = 1;
    TIM_CR1(TIM2_BASE) = 1;
    enable_irq(IRQ_TIM2);
    for (;;) {
        BODY;
    }
}
"""


def test_the_error_is_that_of_the_published_figures(nucleo: Board) -> None:
    model = load_current_model(nucleo)
    fitted = [figure for figure in model.figures if figure.fitted]
    assert len(fitted) == 31
    for figure in fitted:
        modelled = model.current_amps(dataclasses.replace(BOOST, stalled=figure.stalled))
        assert 100 * (modelled / figure.amps - 1) == pytest.approx(figure.error_percent)
    assert model.rms_error_percent < 5.5
    assert model.rms_error_percent < model.error_percent < 11


def test_the_fit_is_the_best_one(nucleo: Board) -> None:
    """Moving either parameter makes the squared deviations larger."""
    model = load_current_model(nucleo)

    def squares(candidate: object) -> float:
        assert isinstance(candidate, type(model))
        return sum(
            (candidate.current_amps(dataclasses.replace(BOOST, stalled=figure.stalled)) / figure.amps - 1) ** 2
            for figure in model.figures
            if figure.fitted
        )

    best = squares(model)
    for factor in (0.99, 1.01):
        assert squares(dataclasses.replace(model, working=model.working * factor)) > best
        assert squares(dataclasses.replace(model, stalled=model.stalled * factor)) > best


def test_what_lowers_the_current(nucleo: Board) -> None:
    model = load_current_model(nucleo)
    full = model.current_amps(BOOST)
    assert model.current_amps(dataclasses.replace(BOOST, stalled=0.2)) < full
    assert model.current_amps(dataclasses.replace(BOOST, asleep=1.0)) == pytest.approx(0.49 * full)
    assert model.current_amps(PowerState(60_000_000, "range 1 boost")) == pytest.approx(full / 2)
    assert model.current_amps(PowerState(26_000_000, "range 2")) < 26 / 120 * full
    assert model.is_calibrated(BOOST)
    assert not model.is_calibrated(PowerState(80_000_000, "range 1 normal"))
    with pytest.raises(ValueError, match="modes are: range 1 boost"):
        model.current_amps(PowerState(1, "turbo"))


def test_an_unknown_board(nucleo: Board) -> None:
    with pytest.raises(UserError, match=r"no current is known for .*energy\.toml does not exist"):
        load_current_model(dataclasses.replace(nucleo, name="uno"))


def test_the_meter_adds_up_run_and_sleep(boot: Boot) -> None:
    """A core that only sleeps between interrupts draws half of one that polls."""
    samples = {}
    for body in ("", '__asm volatile("wfi")'):
        board = boot("sleeper", f"-DBODY={body}", text=SLEEPER)
        board.run(1_000_000)
        meter = ChargeMeter(board)
        board.run(6_000_000)
        sample = meter.sample()
        assert sample.seconds == pytest.approx(0.05, rel=0.01)
        assert sample.state.mode == "range 1 boost"
        assert meter.joules(3.0) == pytest.approx(3.0 * sample.amps * sample.seconds)
        samples[body] = sample
    polling, sleeping = samples.values()
    assert polling.state.asleep == 0
    assert sleeping.state.asleep > 0.99
    assert sleeping.amps / polling.amps == pytest.approx(0.49, abs=0.01)


def test_the_present_current(boot: Boot) -> None:
    board = boot("echo")
    model = load_current_model(board.board)
    assert average_current(board) == model.current_amps(PowerState(4_000_000, "range 1 normal"))
    run_until_idle(board)
    assert board.asleep
    assert average_current(board) == pytest.approx(0.49 * model.current_amps(BOOST), rel=0.01)
    assert ChargeMeter(board).sample().amps == pytest.approx(average_current(board), rel=0.02)
