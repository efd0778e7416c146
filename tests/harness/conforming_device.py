"""A device that keeps every protocol rule, on simulated time, and ways to break one."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.firmware.protocol_model import ModelDevice, atoi

LATENCY_S = 0.002
CHARACTER_S = 87e-6  # 10 bits at 115200 baud
BOOT = b"m-timestamp-mode-performance\r\nm-lap-us-17\r\nm-init-done\r\nm-ready\r\n"
ENERGY_BOOT = b"m-timestamp-mode-energy\r\nm-init-done\r\nm-ready\r\n"
Mutation = Callable[[bytes, bytes], bytes]


@dataclass
class TimedDevice(ModelDevice):
    """Its counter follows the simulated clock; an inference takes 2 ms. ``rate``: how fast the counter runs."""

    now: float = 0.0
    energy: bool = False
    rate: float = 1.0
    step_us: int = 1
    timed_warmups: bool = False  # breaks the window
    flat_window: bool = False  # another way
    printed: list[tuple[float, bytes]] = field(default_factory=list)

    def _lap(self) -> bytes:
        if self.energy:
            return b""
        return b"m-lap-us-%d\r\n" % (round(self.now * 1e6 * self.rate) // self.step_us * self.step_us % 2**32)

    def _infer(self, arguments: list[bytes]) -> bytes:
        numbers = [atoi(argument) for argument in arguments[:2]]
        iterations, warmups = [*numbers, *(1, 10)[len(numbers) :]]
        if iterations <= 0 or warmups < 0:
            return super()._infer(arguments)
        answer = super()._infer(arguments).split(b"m-infer-start")[0] + b"m-infer-start-%d\r\n" % iterations
        start = 0 if self.timed_warmups else warmups
        self.now += start * LATENCY_S
        self.printed.append((self.now, answer + self._lap()))
        self.now += (1 if self.flat_window else iterations + warmups - start) * LATENCY_S
        return self._lap() + b"m-infer-done\r\n" + self._results()


class ConformingSerial:
    """The device behind a pyserial-like port. ``mutate``: command and answer to another answer."""

    def __init__(
        self, device: TimedDevice | None = None, mutate: Mutation | None = None, boot: bytes | None = None
    ) -> None:
        self.device = device or TimedDevice()
        self.timeout: float | None = 1.0
        self._mutate = mutate or (lambda _, answer: answer)
        self._command = b""
        self._queue: deque[tuple[float, int]] = deque()
        self._send(0.0, boot if boot is not None else ENERGY_BOOT if self.device.energy else BOOT)

    def clock(self) -> float:
        return self.device.now

    @property
    def in_waiting(self) -> int:
        return sum(1 for due, _ in self._queue if due <= self.device.now)

    def read(self, size: int = 1, /) -> bytes:
        assert self.timeout is not None
        if not self._queue or self._queue[0][0] > self.device.now + self.timeout:
            self.device.now += self.timeout
            return b""
        self.device.now = max(self.device.now, self._queue[0][0])
        return bytes(self._queue.popleft()[1] for _ in range(min(size, len(self._queue))))

    def write(self, data: bytes, /) -> int:
        for byte in data:
            self._command += bytes([byte])
            if byte == ord("%"):
                command, self._command = self._command, b""
                self.device.now += len(command) * CHARACTER_S
                began = self.device.now
                self.device.printed.clear()
                last = self.device.feed(command)
                pieces = [*self.device.printed, (self.device.now, last)]
                answer = b"".join(text for _, text in pieces)
                changed = self._mutate(command[:-1], answer)
                if changed != answer:
                    pieces = [(self.device.now, changed)]
                self.device.now = began
                for due, text in pieces:
                    self._send(due + 0.001, text)
        return len(data)

    def close(self) -> None:
        pass

    def _send(self, due: float, text: bytes) -> None:
        self._queue.extend((due, byte) for byte in text)
