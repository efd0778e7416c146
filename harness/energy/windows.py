"""The windows of an energy run: inferences between two pulses of the device, and what the monitor saw meanwhile."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.answers import DeviceError
from harness.dataset import Input
from harness.device import Device
from harness.energy.recording import Monitor, Span
from harness.performance import SUBMISSION, WARMUP, Step, WindowRules, check_count, long_enough

EDGE_TIMEOUT_S = 10.0  # host seconds in which a monitor must deliver what it saw
PROBE_S = 0.05
PROBE_SECONDS = 60.0  # what one inference may take when nothing is known yet
LARGEST_PROBE = 1_000_000


@dataclass(frozen=True)
class EnergyWindow:
    """``span``: the monitor's samples between the pulses before and after ``iterations`` inferences."""

    input: str
    iterations: int
    warmup: int
    span: Span
    results: tuple[float, ...]

    @property
    def uj_per_inference(self) -> float:
        return self.span.total_joules * 1e6 / self.iterations

    @property
    def milliwatts(self) -> float:
        return self.span.total_joules / self.span.seconds * 1e3

    @property
    def throughput(self) -> float:
        """Inferences per second."""
        return self.iterations / self.span.seconds


@dataclass(frozen=True)
class EnergyResult:
    """All windows. ``timing`` is "measured" or "modelled"."""

    windows: tuple[EnergyWindow, ...]
    monitor: str
    volts: float
    timing: str

    @property
    def median_uj(self) -> float:
        """Microjoules per inference."""
        return statistics.median(window.uj_per_inference for window in self.windows)

    @property
    def violations(self) -> tuple[str, ...]:
        """Which rules of a submission this run breaks."""
        found = []
        inputs = len({window.input for window in self.windows})
        if len(self.windows) != SUBMISSION.windows or inputs != SUBMISSION.windows:
            found.append(f"{len(self.windows)} windows of {inputs} different inputs, not {SUBMISSION.windows}")
        found += [
            f"window {number} lasted {window.span.seconds:.3f} s, less than {SUBMISSION.seconds:.0f} s"
            for number, window in enumerate(self.windows, 1)
            if window.span.seconds < SUBMISSION.seconds
        ]
        return tuple(found)


def measure_energy(
    device: Device,
    monitor: Monitor,
    inputs: Sequence[Input],
    *,
    timing: str,
    result_count: int,
    rules: WindowRules = SUBMISSION,
    load: Callable[[Device, bytes], None] = Device.load,
    progress: Callable[[Step], None] = lambda step: None,
) -> EnergyResult:
    """One window per input, each at least as long as ``rules`` ask for, on a device in energy mode.

    ``load``: fills the device's input buffer.

    Raises:
        DeviceError: the device fails, its pulses do not match, or its windows stay too short.
        UserError: the monitor fails.
    """
    progress(Step(0, rules.windows, 1, 0.0))
    load(device, inputs[0].data)
    latency = _probe(device, monitor)
    windows: list[EnergyWindow] = []
    for number, item in enumerate(inputs[: rules.windows], 1):
        if number > 1:
            load(device, item.data)

        def run(iterations: int, expected: float) -> tuple[float, tuple[int, Span, tuple[float, ...]]]:
            span, results = _window(device, monitor, iterations, WARMUP, expected)
            check_count(results, result_count)
            return span.seconds, (iterations, span, results)

        (iterations, span, results), latency = long_enough(number, rules, latency, run, progress, "pulses are")
        windows.append(EnergyWindow(item.name, iterations, WARMUP, span, results))
    return EnergyResult(tuple(windows), monitor.name, monitor.volts, timing)


def _window(
    device: Device, monitor: Monitor, iterations: int, warmup: int, expected: float
) -> tuple[Span, tuple[float, ...]]:
    before = monitor.recording.edges
    results = device.infer_untimed(iterations, warmup, expected)
    return monitor.recording.span(before, EDGE_TIMEOUT_S), results


def _probe(device: Device, monitor: Monitor) -> float:
    """Seconds of one inference."""
    iterations, expected = 1, PROBE_SECONDS
    while True:
        span, _ = _window(device, monitor, iterations, 1, expected)
        if span.seconds >= PROBE_S:
            return span.seconds / iterations
        if iterations >= LARGEST_PROBE:
            raise DeviceError(f"{iterations} inferences between two pulses take {span.seconds:.3f} s; check the wiring")
        iterations *= 10
        expected = max(PROBE_SECONDS, 20 * span.seconds)
