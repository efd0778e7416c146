"""The performance run: windows of many inferences on different inputs, and their median throughput.

Rules (EEMBC's and MLCommons' runners): 5 different inputs, each window at least 10 s and 10 iterations long.
"""

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from common.errors import UserError
from harness.answers import DeviceError
from harness.dataset import Input
from harness.device import Device, InferResult

WARMUP = 10  # mlcommons/tiny, tests_performance.yaml for ad01
MARGIN = 1.03  # a window is planned this much longer than it must be
ATTEMPTS = 4
PROBE_US = 50_000  # the counter may be as coarse as 1 ms
PROBE_SECONDS = 60.0  # what one inference may take when nothing is known yet
STOPPED_SECONDS = 2.0
CLOCK_TOLERANCE = 0.02
CLOCK_TOLERANCE_S = 0.1

Outcome = TypeVar("Outcome")


@dataclass(frozen=True)
class WindowRules:
    """How many windows, and how long each must be at least."""

    windows: int
    seconds: float
    iterations: int


SUBMISSION = WindowRules(5, 10.0, 10)
QUICK = WindowRules(1, 1.0, 10)
VIRTUAL = WindowRules(5, 1.0, 10)  # modelled time is the same in every inference


@dataclass(frozen=True)
class Window:
    """One timed window. ``start_us``: the device's counter. ``host_seconds``: the same span as the host saw it."""

    input: str
    iterations: int
    warmup: int
    elapsed_us: int
    host_seconds: float
    results: tuple[float, ...]
    start_us: int = 0

    @property
    def latency_ms(self) -> float:
        return self.elapsed_us / self.iterations / 1e3

    @property
    def throughput(self) -> float:
        """Inferences per second."""
        return self.iterations / self.elapsed_us * 1e6

    @property
    def clocks_disagree(self) -> bool:
        """Whether device and host differ by more than the way of the timestamps over the wire explains."""
        tolerance = CLOCK_TOLERANCE_S + CLOCK_TOLERANCE * self.host_seconds
        return abs(self.elapsed_us / 1e6 - self.host_seconds) > tolerance


@dataclass(frozen=True)
class Step:
    """Progress: window ``window`` (from 1; 0 while the iteration count is found) of ``windows`` is about to run."""

    window: int
    windows: int
    iterations: int
    seconds: float  # expected


@dataclass(frozen=True)
class PerformanceResult:
    """All windows of a run. ``timing`` is "measured" or "modelled". ``loop_seconds``: windows and downloads, host."""

    windows: tuple[Window, ...]
    timing: str
    quick: bool
    loop_seconds: float

    @property
    def throughput(self) -> float:
        """Median over the windows, inferences per second."""
        return statistics.median(window.throughput for window in self.windows)

    @property
    def latency_ms(self) -> float:
        """The reciprocal of the median throughput."""
        return 1e3 / self.throughput

    @property
    def violations(self) -> tuple[str, ...]:
        """Which window rules of a submission this run breaks."""
        found = []
        inputs = len({window.input for window in self.windows})
        if inputs != SUBMISSION.windows:
            found.append(f"{inputs} different inputs, not {SUBMISSION.windows}")
        for number, window in enumerate(self.windows, 1):
            if window.elapsed_us < SUBMISSION.seconds * 1e6:
                found.append(f"window {number} lasted {window.elapsed_us} us, less than {SUBMISSION.seconds:.0f} s")
            if window.iterations < SUBMISSION.iterations:
                found.append(f"window {number} had {window.iterations} iterations, fewer than {SUBMISSION.iterations}")
        return tuple(found)

    @property
    def clock_warnings(self) -> tuple[str, ...]:
        """Windows whose length the device and the host disagree on, when measured: then the device's clock is wrong."""
        return tuple(
            f"window {number}: the device counted {window.elapsed_us / 1e6:.3f} s, the host {window.host_seconds:.3f} s"
            for number, window in enumerate(self.windows, 1)
            if self.timing == "measured" and window.clocks_disagree
        )


def measure(
    device: Device,
    inputs: Sequence[Input],
    *,
    timing: str,
    quick: bool,
    result_count: int,
    rules: WindowRules = SUBMISSION,
    load: Callable[[Device, bytes], None] = Device.load,
    progress: Callable[[Step], None] = lambda step: None,
) -> PerformanceResult:
    """Time one window per input, or a single short one if ``quick``.

    The iteration count is found by a probe, and raised when a window came out short. ``result_count``: how many
    numbers an inference must report. ``load``: fills the device's input buffer.

    Raises:
        UserError: fewer inputs than windows.
        DeviceError: the device fails, its counter stands still, or its windows stay too short.
        LinkError: the link fails.
    """
    rules = QUICK if quick else rules
    if len(inputs) < rules.windows:
        raise UserError(f"{rules.windows} inputs are needed, there are {len(inputs)}; add inputs")
    began = device.link.seconds
    progress(Step(0, rules.windows, 1, 0.0))
    load(device, inputs[0].data)
    latency = _probe(device)
    windows: list[Window] = []
    for number, item in enumerate(inputs[: rules.windows], 1):
        if number > 1:
            load(device, item.data)

        def run(iterations: int, expected: float) -> tuple[float, InferResult]:
            result = device.infer(iterations, WARMUP, expected)
            check_count(result.results, result_count)
            return result.elapsed_us / 1e6, result

        result, latency = long_enough(number, rules, latency, run, progress, "timestamps are")
        windows.append(
            Window(
                item.name,
                result.iterations,
                WARMUP,
                result.elapsed_us,
                result.host_seconds,
                result.results,
                result.inference.start_us,
            )
        )
    return PerformanceResult(tuple(windows), timing, quick, device.link.seconds - began)


def long_enough(
    number: int,
    rules: WindowRules,
    latency: float,
    run: Callable[[int, float], tuple[float, Outcome]],
    progress: Callable[[Step], None],
    unsteady: str,
) -> tuple[Outcome, float]:
    """Window ``number``, repeated with more iterations until it lasts as long as ``rules`` ask for.

    ``latency``: expected, seconds. ``run``: of iterations and the expected seconds; gives the seconds it took and its
    outcome. Returns the outcome of the last run and its latency.

    Raises:
        DeviceError: the window stays too short. ``unsteady``: what of the device is not steady then.
    """
    iterations = rules.iterations
    for _ in range(ATTEMPTS):
        iterations = max(iterations, math.ceil(rules.seconds * MARGIN / latency))
        expected = (iterations + WARMUP) * latency
        progress(Step(number, rules.windows, iterations, expected))
        seconds, outcome = run(iterations, expected)
        latency = max(seconds, 1e-6) / iterations
        if seconds >= rules.seconds:
            return outcome, latency
        iterations += 1
    raise DeviceError(
        f"window {number} stayed shorter than {rules.seconds:.0f} s in {ATTEMPTS} attempts; "
        f"the device's {unsteady} not steady"
    )


def _probe(device: Device) -> float:
    """Seconds of one inference, from a run long enough for a coarse counter."""
    iterations, expected = 1, PROBE_SECONDS
    while True:
        result = device.infer(iterations, 1, expected)
        if result.elapsed_us >= PROBE_US:
            return result.elapsed_us / 1e6 / iterations
        if result.command_seconds > STOPPED_SECONDS and result.elapsed_us * 2 < PROBE_US:
            raise DeviceError(
                f"the device's timestamps advanced by {result.elapsed_us} us "
                f"while the host waited {result.command_seconds:.1f} s; its microsecond counter does not run"
            )
        known = result.elapsed_us / iterations
        wanted = math.ceil(PROBE_US * 1.5 / known) if known else 10 * iterations
        iterations = min(wanted, 10 * iterations)
        expected = STOPPED_SECONDS + 20 * result.command_seconds


def check_count(results: Sequence[float], expected: int) -> None:
    """Raises: DeviceError: an inference does not report ``expected`` results."""
    if len(results) != expected:
        raise DeviceError(
            f"the device reports {len(results)} results per inference, this benchmark has {expected}; "
            "flash the benchmark's own firmware"
        )
