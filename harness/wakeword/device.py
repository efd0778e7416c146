"""The client of the streaming command set: each command is echoed, frames of sound go in, scores come out."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.answers import DeviceError, first_match
from harness.device import Device, Profile, read_profile
from harness.link import Link

if TYPE_CHECKING:
    from virtual import VirtualBoard

CHUNK_BYTES = 512  # a command holds 1028 characters
TIMEOUT_S = 5.0
SLOW_LINE_TRIES = 3
LOADED = "m-load-done"
FEATURES = re.compile(r"m-features-\[([^\]]*)\]")
ACTIVATIONS = re.compile(r"m-activations-\[([^\]]*)\]")
TIMES = re.compile(r"processing: ([0-9]+) us in all, [0-9]+ us at most")


@dataclass(frozen=True)
class Frame:
    """What the device made of one frame: int8 numbers."""

    features: tuple[int, ...]
    activations: tuple[int, ...]


class StreamDevice:
    """A device that runs the streaming wakeword firmware. ``machine``: the virtual board, if it is one.

    There the samples are put into the device's buffer, but for the last one, which goes over the line; with ``whole``
    they all do.
    """

    def __init__(self, link: Link, machine: "VirtualBoard | None", whole: bool) -> None:
        self._link = link
        self._machine = None if whole else machine

    def profile(self) -> Profile:
        """Who answers. Raises DeviceError when a line is missing."""
        vendor = Device(self._link).synchronise()
        return read_profile(vendor, self.ask("profile"))

    def ask(self, command: str) -> list[str]:
        """The answer without the echo.

        Raises:
            DeviceError: the echo is not the command, or the answer is an error.
            LinkError: silence, or the port vanished.
        """
        echo, *texts = [line.text for line in self._link.ask(command, TIMEOUT_S)] or [""]
        if echo != f"Received command: {command}":
            raise DeviceError(f"`{command[:40]}` came back as '{echo[:60]}': the line loses or changes characters")
        for text in texts:
            if text.startswith(("Error", "Unrecognized")):
                raise DeviceError(f"the device refused `{command[:40]}`: {text}")
        return texts

    def reset(self) -> None:
        """Forget all sound."""
        self.ask("reset_stream")

    def frame(self, samples: bytes) -> Frame:
        """Run the frame whose new samples, int16, low byte first, these are.

        Raises:
            DeviceError: bytes were lost, or the answer is none.
        """
        self.ask(f"db load {len(samples)}")
        start = self._put(samples)
        answer: list[str] = []
        for begin in range(start, len(samples), CHUNK_BYTES):
            answer = self._append(samples[begin : begin + CHUNK_BYTES], begin)
        if LOADED not in answer:
            raise DeviceError(f"the device did not confirm {len(samples)} bytes of sound; bytes were lost, run again")
        texts = self.ask("extract_uart_stream")
        features, activations = (first_match(pattern, texts) for pattern in (FEATURES, ACTIVATIONS))
        if features is None or activations is None:
            raise DeviceError(f"no features or activations in the answer '{' | '.join(texts)[:120]}'")
        return Frame(_numbers(features), _numbers(activations))

    def processing_us(self) -> int:
        """Time of all frames since the reset."""
        text = first_match(TIMES, self.ask("log"))
        if text is None:
            raise DeviceError("the device does not say how long its frames took; it holds another firmware")
        return int(text)

    def _append(self, data: bytes, position: int) -> list[str]:
        """Once more from the same place when the echo shows that characters were lost."""
        for attempt in range(SLOW_LINE_TRIES):
            try:
                return self.ask(f"db {data.hex()}")
            except DeviceError:
                if attempt == SLOW_LINE_TRIES - 1:
                    raise
                self.ask(f"db setptr {position}")
        raise AssertionError

    def _put(self, samples: bytes) -> int:
        if self._machine is None:
            return 0
        known = len(samples) - 2
        self._machine.write_memory(self._machine.symbol("sample_bytes"), samples[:known])
        self.ask(f"db setptr {known}")
        return known


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise DeviceError(f"'{text[:60]}' is no list of numbers") from None
