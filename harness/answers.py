"""Reading a device's answers: text lines in, values or DeviceError out. Knows the wire strings, no link."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from common.errors import UserError

COUNTER_PERIOD_US = 1 << 32  # the microsecond counter is 32 bits wide

NAME_PREFIX = b"m-name-dut-"
NAME = re.compile(r"m-name-dut-\[([^\]]+)\]")
PROFILE = re.compile(r"m-profile-\[([^\]]+)\]")
MODEL = re.compile(r"m-model-\[([^\]]+)\]")
LAP = re.compile(r"m-lap-us-([0-9]{1,20})")
INFER_START = re.compile(r"m-infer-start-([0-9]{1,20})")
BUFFER = re.compile(r"m-buffer-([0-9A-Fa-f]{2}(?:-[0-9A-Fa-f]{2})*)")
RESULTS = re.compile(r"m-results-\[([^\]]*)\]")
NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]{1,3})?")

LOAD_DONE = "m-load-done"
INFER_DONE = "m-infer-done"
ERROR = "e-["
OVERFLOW = "Supplied buffer size"
WRONG_INPUT_SIZE = "Input db has"
BOOT_BANNER = "m-timestamp-mode-"
PERFORMANCE_BANNER = "m-timestamp-mode-performance"
ENERGY_BANNER = "m-timestamp-mode-energy"
INIT_DONE = "m-init-done"

PERFORMANCE_HINT = "it holds a performance-mode firmware; flash the energy build, `invoke flash --energy`"
ENERGY_HINT = "it holds an energy-mode firmware, which prints no timestamps; flash a performance build"


class DeviceError(UserError):
    """The device answered, but not what the protocol asks for."""


@dataclass(frozen=True)
class Inference:
    """What `infer` answered: the device's microsecond counter around all iterations, and the text of `m-results`."""

    start_us: int
    end_us: int
    listed: str

    @property
    def elapsed_us(self) -> int:
        """The device's own time for all iterations; the counter may have gone round once."""
        return (self.end_us - self.start_us) % COUNTER_PERIOD_US

    @property
    def results(self) -> tuple[float, ...]:
        return parse_results(self.listed)


def first_match(pattern: re.Pattern[str], lines: Iterable[str]) -> str | None:
    """Group 1 of the first line that is entirely ``pattern``."""
    return next((match[1] for line in lines if (match := pattern.fullmatch(line))), None)


def check(command: str, lines: Iterable[str], *, energy: bool = False) -> None:
    """Refuse an answer that reports an error. ``energy``: the device is meant to be in energy mode.

    Raises:
        DeviceError: an error line, a size complaint, an energy-mode banner, or boot text (the device restarted).
    """
    for line in lines:
        if line.startswith(ERROR) or line.startswith(OVERFLOW) or line.startswith(WRONG_INPUT_SIZE):
            raise DeviceError(f"the device refused `{command}`: {line}")
        if ENERGY_BANNER in line and not energy:
            raise DeviceError(f"wrong firmware on the device: {ENERGY_HINT}")
        if BOOT_BANNER in line or INIT_DONE in line:
            raise DeviceError(f"the device restarted during `{command}`; check its power supply and run again")


def parse_inference(command: str, iterations: int, lines: list[str]) -> Inference:
    """The answer to `infer`: first and last lap around ``iterations`` inferences, then the results.

    Raises:
        DeviceError: an error was reported, or a line is missing or malformed.
    """
    check(command, lines)
    _check_confirmed(command, iterations, lines)
    laps = [int(match[1]) for line in lines if (match := LAP.fullmatch(line))]
    if not laps:
        raise DeviceError(f"no timestamps in the answer to `{command}`: perhaps {ENERGY_HINT}")
    if len(laps) < 2:
        raise DeviceError(f"only one timestamp in the answer to `{command}`: '{_excerpt(lines)}'; run again")
    return Inference(laps[0], laps[-1], _listed_results(command, lines))


def parse_untimed_inference(command: str, iterations: int, lines: list[str]) -> tuple[float, ...]:
    """The results in the answer to `infer` of a device in energy mode, which prints no timestamps.

    Raises:
        DeviceError: an error was reported, a line is missing or malformed, or there are timestamps.
    """
    check(command, lines, energy=True)
    _check_confirmed(command, iterations, lines)
    if any(LAP.fullmatch(line) for line in lines):
        raise DeviceError(f"timestamps in the answer to `{command}`: {PERFORMANCE_HINT}")
    return parse_results(_listed_results(command, lines))


def _check_confirmed(command: str, iterations: int, lines: list[str]) -> None:
    started = first_match(INFER_START, lines)
    if started != str(iterations) or INFER_DONE not in lines:
        raise DeviceError(f"the device did not confirm `{command}`: it answered '{_excerpt(lines)}'")


def _listed_results(command: str, lines: list[str]) -> str:
    listed = first_match(RESULTS, lines)
    if listed is None:
        raise DeviceError(f"no `m-results` line in the answer to `{command}`: '{_excerpt(lines)}'")
    parse_results(listed)
    return listed


def parse_results(listed: str) -> tuple[float, ...]:
    """The comma-separated numbers of an `m-results` line; empty fields (a trailing comma) are skipped.

    Raises:
        DeviceError: not a finite decimal number, or none at all.
    """
    fields = [field.strip() for field in listed.split(",")]
    values = [field for field in fields if field]
    for value in values:
        if not NUMBER.fullmatch(value):
            raise DeviceError(f"'{value}' in `m-results-[{listed}]` is not a number")
    if not values:
        raise DeviceError(f"`m-results-[{listed}]` holds no result")
    return tuple(float(value) for value in values)


def _excerpt(lines: list[str]) -> str:
    text = " | ".join(lines)
    return text if len(text) <= 120 else f"{text[:117]}..."
