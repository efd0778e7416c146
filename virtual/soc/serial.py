"""The serial line between a device and the host: what a receiver sees of the other side's bits."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

FRAME_BITS = 10  # start, eight data bits, stop
TOLERANCE = 0.03  # the receiver of a USART takes a deviation of 3 % (RM0432, "Tolerance of the receiver")


@dataclass(frozen=True)
class Received:
    """One frame as the receiver reads it. ``bits`` is its length in the receiver's bit times."""

    value: int
    framing_error: bool
    bits: float


class SerialDevice(Protocol):
    """The device's end of the line."""

    on_transmit: Callable[[int, float], None]  # (byte, baud) at the end of each frame

    def receive(self, data: bytes, baud: float | None) -> None:
        """Put bytes on the device's receive line, back to back; ``baud`` None means the device's own rate."""
        ...

    @property
    def baud(self) -> float | None:
        """The rate that is programmed now; None while the device is off."""
        ...

    @property
    def queued(self) -> int:
        """Bytes on their way to the device."""
        ...

    @property
    def sends_on(self) -> bool:
        """Whether another byte follows the one on the device's transmit line without a gap."""
        ...

    def discard(self) -> None:
        """Drop what has not reached the device yet."""
        ...


def line_level(frames: bytes, bit: int) -> int:
    """Level of the line in one bit time of the sender; it idles high."""
    index, position = divmod(bit, FRAME_BITS)
    if index >= len(frames) or position == FRAME_BITS - 1:
        return 1
    return 0 if position == 0 else frames[index] >> (position - 1) & 1


def sample(frames: bytes, first_bit: float, ratio: float) -> Received:
    """Read one frame whose start bit falls at ``first_bit``; ``ratio`` is sender baud / receiver baud.

    Times are in the sender's bits. Each bit is read in its middle, with the receiver's own clock.
    """
    levels = [line_level(frames, int(first_bit + (n + 0.5) * ratio)) for n in range(FRAME_BITS)]
    value = sum(level << n for n, level in enumerate(levels[1:9]))
    return Received(value, framing_error=levels[9] == 0, bits=FRAME_BITS)


def decode_line(frames: bytes, sender: float, receiver: float) -> list[tuple[Received, float]]:
    """What a receiver makes of bytes sent back to back: (frame, its end in the sender's bit times)."""
    ratio = sender / receiver
    if abs(ratio - 1) <= TOLERANCE:
        return [(Received(value, False, FRAME_BITS), (n + 1.0) * FRAME_BITS) for n, value in enumerate(frames)]
    found: list[tuple[Received, float]] = []
    position = 0.0
    last = len(frames) * FRAME_BITS
    while (start := next_start(frames, position, last)) is not None:
        frame = sample(frames, start, ratio)
        end = start + FRAME_BITS * ratio
        found.append((_disturbed(frame, frames, start, ratio), end))
        position = start + (FRAME_BITS - 0.5) * ratio  # the receiver looks for an edge from the middle of the stop bit
    return found


def _disturbed(frame: Received, frames: bytes, start: float, ratio: float) -> Received:
    """Beyond the tolerance the last sample falls on an edge, even where mid-bit sampling would still succeed."""
    index = round(start / FRAME_BITS)
    if index >= len(frames) or frame.value != frames[index]:
        return frame
    return Received(frame.value ^ (0x80 if ratio < 1 else 0xC0), True, FRAME_BITS)


def next_start(frames: bytes, position: float, last: int) -> int | None:
    """The first falling edge, in whole bits of the sender, at or after a position."""
    bit = -int(-position // 1)
    while bit < last:
        if line_level(frames, bit) == 0 and (bit == 0 or line_level(frames, bit - 1) == 1):
            return bit
        bit += 1
    return None


class Line:
    """Bytes on their way to the device, each with its arrival."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[int, float | None]] = deque()

    def put(self, data: bytes, baud: float | None) -> None:
        self._waiting.extend((value, baud) for value in data)

    def __len__(self) -> int:
        return len(self._waiting)

    def clear(self) -> None:
        self._waiting.clear()

    def take(self) -> tuple[bytes, float | None]:
        """The next bytes that were sent at one rate: a single one at the device's own."""
        value, baud = self._waiting.popleft()
        if baud is None:
            return bytes([value]), None
        taken = bytearray([value])
        while self._waiting and self._waiting[0][1] == baud:
            taken.append(self._waiting.popleft()[0])
        return bytes(taken), baud
