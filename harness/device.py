"""The protocol client: one method per command of the MLPerf Tiny serial protocol."""

import contextlib
from dataclasses import dataclass

from common.errors import UserError
from harness import answers
from harness.answers import COUNTER_PERIOD_US, DeviceError, Inference
from harness.link import FloodError, Line, Link, LinkError, SilentError, abbreviated
from harness.transcript import printable

LINE_TIMEOUT_S = 5.0  # as mlcommons/tiny's runner
LOAD_CHUNK_BYTES = 31  # 65 characters with `db ` and `%`: below the 80-character command and the 64-byte bursts
QUIET_S = 0.25
PATIENCE_S = 3.0
# Three tries of 4 s outlast a 10 s window that an interrupted run left behind.
NAME_TIMEOUT_S = 4.0
NAME_TRIES = 3


@dataclass(frozen=True)
class Profile:
    """Who answers: the strings of `name` and `profile`."""

    vendor: str
    firmware: str
    model: str


def read_profile(vendor: str, texts: list[str]) -> Profile:
    """From the lines that answer `profile`. Raises DeviceError when one is missing."""
    firmware = answers.first_match(answers.PROFILE, texts)
    model = answers.first_match(answers.MODEL, texts)
    if firmware is None or model is None:
        raise DeviceError(f"the device does not say its profile: it answered '{' | '.join(texts)[:120]}'")
    return Profile(vendor, firmware, model)


@dataclass(frozen=True)
class InferResult:
    """``inference``: the device's answer, its time for all iterations, warm-up excluded.

    ``host_seconds``: the same span on the link's clock, between the arrivals of the two timestamps.
    ``command_seconds``: from sending the command to its end, on the link's clock.
    """

    iterations: int
    inference: Inference
    host_seconds: float
    command_seconds: float

    @property
    def elapsed_us(self) -> int:
        return self.inference.elapsed_us

    @property
    def results(self) -> tuple[float, ...]:
        return self.inference.results


class NoDeviceError(UserError):
    """Nothing that speaks the protocol is at the other end of the link."""


class Device:
    """A device. ``slack`` multiplies the expected durations before they count as silence.

    ``energy``: it must be in energy mode, else in performance mode. ``chunk_bytes``: how many bytes a `db` carries.
    """

    def __init__(
        self, link: Link, slack: float = 3.0, *, energy: bool = False, chunk_bytes: int = LOAD_CHUNK_BYTES
    ) -> None:
        self.link = link
        self.vendor = ""
        self._slack = slack
        self._energy = energy
        self._chunk_bytes = chunk_bytes

    def synchronise(self, tries: int = NAME_TRIES, timeout: float = NAME_TIMEOUT_S) -> str:
        """Get in step with the device and return its vendor name.

        Text that was under way (a boot message, the answer to an earlier program's command) is read and dropped.

        Raises:
            NoDeviceError: silence, or nothing that is a name line.
            DeviceError: the device is in the other mode.
            LinkError: the port vanished.
        """
        mark = len(self.link.transcript.chunks)
        vendor: str | None = None
        with contextlib.suppress(FloodError):
            self.link.drain(QUIET_S, PATIENCE_S)
            for asked in range(1, tries + 1):
                with contextlib.suppress(SilentError):
                    texts = [line.text for line in self.link.ask("name", timeout)]
                    vendor = answers.first_match(answers.NAME, texts)
                self.link.drain(QUIET_S, PATIENCE_S)
                if vendor is not None:
                    # An earlier try that is answered late must not be taken for the next command's answer.
                    answered = self.link.transcript.received(mark).count(answers.NAME_PREFIX)
                    if answered < asked:
                        self.link.drain(LINE_TIMEOUT_S, 2 * LINE_TIMEOUT_S)
                    break
        received = self.link.transcript.received(mark)
        if answers.ENERGY_BANNER.encode() in received and not self._energy:
            raise DeviceError(f"{self.link.name}: {answers.ENERGY_HINT}")
        if answers.PERFORMANCE_BANNER.encode() in received and self._energy:
            raise DeviceError(f"{self.link.name}: {answers.PERFORMANCE_HINT}")
        if vendor is not None:
            self.vendor = vendor
            return vendor
        if not received:
            raise NoDeviceError(
                f"{self.link.name} is silent: no answer to `name` in {tries * timeout:.0f} s{self.link.situation}; "
                "is the firmware flashed, the baud rate right and the board's reset released?"
            )
        if b"name%" in received:
            raise NoDeviceError(
                f"{self.link.name} sends back what it receives, '{printable(received, 60)}'; switch the echo of its "
                "terminal off (`stty raw -echo` on the device)"
            )
        raise NoDeviceError(
            f"{self.link.name} does not speak the protocol: received '{printable(received, 60)}'; "
            "the baud rate differs from the firmware's, or another firmware is on the board"
        )

    def profile(self) -> Profile:
        """Raises DeviceError when a line is missing."""
        return read_profile(self.vendor, self._ask("profile"))

    def timestamp(self) -> int:
        """The device's free-running counter in microseconds, 0 to 2^32 - 1. Raises DeviceError in energy mode."""
        lap = answers.first_match(answers.LAP, self._ask("timestamp"))
        if lap is None:
            raise DeviceError(f"no timestamp from the device: perhaps {answers.ENERGY_HINT}")
        return int(lap)

    def load(self, data: bytes) -> None:
        """Fill the device's input buffer.

        Raises:
            DeviceError: refused, or not confirmed exactly at the last byte.
        """
        self.announce(len(data))
        self.send_rest(data, 0)

    def announce(self, size: int) -> None:
        """Tell the device how many bytes come (`db load`). Raises DeviceError when it refuses."""
        self._ask(f"db load {size}")

    def send_rest(self, data: bytes, start: int) -> None:
        """Send ``data`` from byte ``start`` on, all before being there.

        Raises:
            DeviceError: refused, or not confirmed exactly at the last byte.
        """
        for begin in range(start, len(data), self._chunk_bytes):
            end = min(begin + self._chunk_bytes, len(data))
            done = answers.LOAD_DONE in self._ask(f"db {data[begin:end].hex()}")
            if done != (end == len(data)):
                state = "confirmed the load already" if done else "did not confirm the load"
                raise DeviceError(f"the device {state} after {end} of {len(data)} bytes; bytes were lost, run again")

    def check_load(self, data: bytes) -> None:
        """Read the input buffer back (`db print`) and compare: the protocol has no checksum.

        Raises:
            DeviceError: it holds something else.
        """
        lines = self._ask("db print")
        parts = [match[1] for line in lines if (match := answers.BUFFER.fullmatch(line))]
        held = bytes.fromhex("".join(parts).replace("-", ""))
        if held != data:
            wrong = sum(ours != theirs for ours, theirs in zip(data, held, strict=False)) + abs(len(data) - len(held))
            raise DeviceError(f"the device holds {wrong} of {len(data)} bytes wrong; the line corrupts what is sent")

    def infer(self, iterations: int, warmup: int, expected_seconds: float = 10.0) -> InferResult:
        """Run ``warmup`` untimed and ``iterations`` timed inferences on the loaded input.

        ``expected_seconds`` is the caller's estimate for all of them; the device prints nothing meanwhile.

        Raises:
            DeviceError: refused, malformed, or longer than the 71.6 minutes the device's counter can tell apart.
        """
        command = f"infer {iterations} {warmup}"
        sent = self.link.seconds
        lines = self._ask_lines(command, LINE_TIMEOUT_S + self._slack * expected_seconds)
        duration = self.link.seconds - sent
        inference = answers.parse_inference(command, iterations, [line.text for line in lines])
        laps = [line.seconds for line in lines if answers.LAP.fullmatch(line.text)]
        if laps[-1] - laps[0] > COUNTER_PERIOD_US / 1e6:
            raise DeviceError(
                f"`{command}` outlasted the device's 32-bit microsecond counter; ask for fewer iterations"
            )
        return InferResult(iterations, inference, laps[-1] - laps[0], duration)

    def infer_untimed(self, iterations: int, warmup: int, expected_seconds: float) -> tuple[float, ...]:
        """The results after inferences of a device in energy mode; the time is on its timestamp pin.

        Raises:
            DeviceError: refused, malformed, or the device is in performance mode.
        """
        command = f"infer {iterations} {warmup}"
        lines = self._ask_lines(command, LINE_TIMEOUT_S + self._slack * expected_seconds)
        return answers.parse_untimed_inference(command, iterations, [line.text for line in lines])

    def _ask(self, command: str) -> list[str]:
        return [line.text for line in self._ask_lines(command, LINE_TIMEOUT_S)]

    def _ask_lines(self, command: str, timeout: float) -> tuple[Line, ...]:
        stale = self.link.discard_waiting().decode("ascii", "replace")
        answers.check(abbreviated(command), stale.splitlines(), energy=self._energy)
        try:
            lines = self.link.ask(command, timeout)
        except SilentError as error:
            raise LinkError(f"{error}; the device hangs or was reset: press its reset button and run again") from error
        answers.check(abbreviated(command), (line.text for line in lines), energy=self._energy)
        return lines
