"""The performance run: how windows are sized, and which rules a run is held to."""

import dataclasses
import struct

import pytest

from common.errors import UserError
from harness.answers import DeviceError
from harness.dataset import Input
from harness.performance import VIRTUAL, PerformanceResult, Step, Window, measure
from tests.harness.conftest import connect
from tests.harness.fake_device import Faults

INPUTS = tuple(Input(f"input-{number}", struct.pack("<4f", *[float(number)] * 4)) for number in range(5))


@pytest.mark.parametrize("latency_us", [37.5, 2000.0, 9.9e5, 1.1e6, 3.2e6])
def test_five_windows_of_ten_seconds(latency_us: float) -> None:
    device, port = connect(latencies_us=(latency_us,))
    result = measure(device, INPUTS, timing="measured", quick=False, result_count=1)
    assert [window.input for window in result.windows] == [item.name for item in INPUTS]
    for number, window in enumerate(result.windows):
        assert window.results == (float(number**2),)  # each window ran on its own input
        assert window.iterations >= 10
        assert 10.0 <= window.elapsed_us / 1e6 <= max(10.6, 11 * latency_us / 1e6)
        assert window.latency_ms == pytest.approx(latency_us / 1e3, rel=1e-4)
    assert result.violations == ()
    assert result.clock_warnings == ()
    assert result.throughput == pytest.approx(1e6 / latency_us, rel=1e-4)
    assert result.latency_ms == pytest.approx(latency_us / 1e3, rel=1e-4)
    assert 50.0 <= result.loop_seconds <= port.now
    assert sum(command.startswith("db load") for command in port.device.commands) == 5


def test_quick_is_one_second_and_not_valid() -> None:
    device, port = connect()
    result = measure(device, INPUTS, timing="measured", quick=True, result_count=1)
    assert len(result.windows) == 1
    assert 1_000_000 <= result.windows[0].elapsed_us < 1_100_000
    assert result.latency_ms == pytest.approx(2.0)
    assert "1 different inputs, not 5" in result.violations
    assert any("window 1 lasted 10" in violation for violation in result.violations)
    assert port.now < 3


def test_the_virtual_boards_windows_are_short_and_say_so() -> None:
    device, _ = connect()
    result = measure(device, INPUTS, timing="modelled", quick=False, result_count=1, rules=VIRTUAL)
    assert [window.input for window in result.windows] == [item.name for item in INPUTS]
    assert all(1_000_000 <= window.elapsed_us < 1_100_000 for window in result.windows)
    assert len(result.violations) == 5


def test_a_window_that_came_out_short_is_repeated() -> None:
    device, port = connect(latencies_us=(40_000.0, 20_000.0, 12_000.0, 10_000.0))  # probe 1, probe 2, then faster
    result = measure(device, INPUTS, timing="measured", quick=False, result_count=1)
    assert all(window.elapsed_us >= 10_000_000 for window in result.windows)
    assert result.violations == ()
    infers = [command for command in port.device.commands if command.startswith("infer")]
    assert len(infers) > 2 + 5


def test_unsteady_timestamps_end_with_an_error() -> None:
    latencies = tuple(60_000.0 / 2**number for number in range(12))
    device, _ = connect(latencies_us=latencies)
    with pytest.raises(DeviceError, match="window 1 stayed shorter than 10 s in 4 attempts"):
        measure(device, INPUTS, timing="measured", quick=False, result_count=1)


def test_a_coarse_counter_is_enough() -> None:
    device, port = connect(latencies_us=(300.0,))  # and 1 kHz resolution, the coarsest that is allowed
    counter = port.device._counter
    port.device._counter = lambda now: counter(now) // 1000 * 1000  # type: ignore[method-assign]
    result = measure(device, INPUTS, timing="measured", quick=False, result_count=1)
    assert result.latency_ms == pytest.approx(0.3, rel=2e-4)


@pytest.mark.parametrize("rate", [0.0, 0.001])
def test_a_counter_that_stands_still_is_found_soon(rate: float) -> None:
    device, port = connect(Faults(counter_rate=rate))
    with pytest.raises(DeviceError, match="its microsecond counter does not run"):
        measure(device, INPUTS, timing="measured", quick=False, result_count=1)
    assert port.now < 60


def test_a_counter_of_the_wrong_rate_is_reported() -> None:
    device, _ = connect(Faults(counter_rate=0.9))
    result = measure(device, INPUTS, timing="measured", quick=False, result_count=1)
    assert result.violations == ()
    assert len(result.clock_warnings) == 5
    assert "the device counted 10.3" in result.clock_warnings[0]
    # Behind a pseudo-terminal, modelled and host time are unrelated.
    assert dataclasses.replace(result, timing="modelled").clock_warnings == ()


def test_the_counter_may_wrap_inside_a_window() -> None:
    device, _ = connect(Faults(counter=(1 << 32) - 25_000_000))
    result = measure(device, INPUTS, timing="measured", quick=False, result_count=1)
    assert result.latency_ms == pytest.approx(2.0, rel=1e-4)
    assert result.clock_warnings == ()


def test_result_count_is_checked() -> None:
    device, _ = connect(Faults(result_count=12))
    with pytest.raises(DeviceError, match="reports 12 results per inference, this benchmark has 1"):
        measure(device, INPUTS, timing="measured", quick=True, result_count=1)


def test_too_few_inputs() -> None:
    device, _ = connect()
    with pytest.raises(UserError, match="5 inputs are needed, there are 4"):
        measure(device, INPUTS[:4], timing="measured", quick=False, result_count=1)


def test_progress_names_every_window() -> None:
    steps: list[Step] = []
    device, _ = connect()
    measure(device, INPUTS, timing="measured", quick=False, result_count=1, progress=steps.append)
    assert [step.window for step in steps] == [0, 1, 2, 3, 4, 5]
    assert {step.windows for step in steps} == {5}
    assert all(10.0 < step.seconds < 11.0 for step in steps[1:])


WINDOW = Window("a", 5000, 10, 10_000_000, 10.0, (1.0,))


@pytest.mark.parametrize(
    ("windows", "violations"),
    [
        ([dataclasses.replace(WINDOW, input=name) for name in "abcde"], []),
        ([dataclasses.replace(WINDOW, input=name) for name in "abcda"], ["4 different inputs, not 5"]),
        ([dataclasses.replace(WINDOW, input=name) for name in "abcd"], ["4 different inputs, not 5"]),
        (
            [dataclasses.replace(WINDOW, input=n, elapsed_us=9_999_999 + (n > "a")) for n in "abcde"],
            ["window 1 lasted 9999999 us, less than 10 s"],
        ),
        (
            [dataclasses.replace(WINDOW, input=n, iterations=10 - (n == "e")) for n in "abcde"],
            ["window 5 had 9 iterations, fewer than 10"],
        ),
    ],
)
def test_window_rules(windows: list[Window], violations: list[str]) -> None:
    assert list(PerformanceResult(tuple(windows), "measured", False, 60.0).violations) == violations


def test_median_is_over_throughputs() -> None:
    windows = tuple(dataclasses.replace(WINDOW, elapsed_us=us) for us in (10_000_000, 20_000_000, 40_000_000))
    result = PerformanceResult(windows, "measured", False, 60.0)
    assert result.throughput == 250.0
    assert result.latency_ms == 4.0
