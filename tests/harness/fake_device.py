"""A device that speaks the wire protocol, with faults on request: in-process on simulated time, behind a pty or TCP."""

import errno
import os
import pty
import select
import socket
import struct
import threading
import time
import tty
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

CHARACTER_S = 1e-5  # about 10 bits at 921600 baud


@dataclass(frozen=True)
class Faults:
    """How the device misbehaves; the default is not at all. ``answers`` maps a command to what it prints instead."""

    silent: bool = False
    deaf_commands: int = 0  # the first commands are lost
    babble: bytes | None = None  # sent without end, whatever is asked
    every_answer: bytes | None = None  # printed instead of any answer, once per command
    boot_text_s: float | None = None  # boot text comes this long after the open
    line_end: bytes = b"\r\n"
    trailing_comma: bool = False
    prefix: bytes = b""  # before every answer
    suffix: bytes = b""  # after every m-ready
    delay_s: float = 0.0  # before every answer
    model: str = "ad01"
    energy: bool = False
    counter: int = 0  # its value at power-on
    counter_rate: float = 1.0  # device microseconds per real microsecond
    laps: int = 2
    result_count: int = 1
    max_input_bytes: int = 5120
    lost_bytes: int = 0  # of every load
    flipped_loads: int = 0  # the first loads arrive with a bit flipped
    vanish_at: str | None = None  # the command that unplugs the device
    restart_at: str | None = None  # the command that resets it
    answers: Mapping[str, bytes] = field(default_factory=dict)


class Vanished(Exception):
    """The device was unplugged."""


class FakeDevice:
    """The command interpreter. ``latencies_us``: one inference's time in each `infer` in turn; the last one is kept."""

    def __init__(self, faults: Faults | None = None, latencies_us: tuple[float, ...] = (2000.0,)) -> None:
        self.faults = faults or Faults()
        self.commands: list[str] = []
        self.data = b""
        self._expected = 0
        self._loads = 0
        self._latencies = deque(latencies_us)
        self._command = b""

    def boot(self) -> list[tuple[float, bytes]]:
        mode = "energy" if self.faults.energy else "performance"
        lap = [] if self.faults.energy else [f"m-lap-us-{self._counter(0.0)}"]
        return [(0.0, self._lines(f"m-timestamp-mode-{mode}", *lap, "m-init-done", "m-ready"))]

    def feed(self, received: bytes, now: float) -> list[tuple[float, bytes]]:
        """What the device prints because of these bytes: (moment, bytes), from ``now`` on."""
        printed: list[tuple[float, bytes]] = []
        for byte in received:
            if byte != ord("%"):
                self._command = (self._command + bytes([byte]))[:80]
                continue
            command, self._command = self._command.decode("latin-1"), b""
            self.commands.append(command)
            faults = self.faults
            if faults.silent or faults.babble is not None or len(self.commands) <= faults.deaf_commands:
                continue
            start = now + faults.delay_s
            if faults.vanish_at is not None and command.startswith(faults.vanish_at):
                raise Vanished
            if faults.restart_at is not None and command.startswith(faults.restart_at):
                printed += [(start + moment, text) for moment, text in self.boot()]
                continue
            printed += [(start, faults.prefix)] if faults.prefix else []
            body = [(0.0, faults.every_answer)] if faults.every_answer is not None else self._dispatch(command, start)
            printed += [(start + moment, text) for moment, text in body]
            end = printed[-1][0] if printed else start
            if faults.every_answer is None:
                printed.append((end, self._lines("m-ready")))
            printed += [(end, faults.suffix)] if faults.suffix else []
        return printed

    def _dispatch(self, command: str, now: float) -> list[tuple[float, bytes]]:
        word, _, rest = command.partition(" ")
        for key in (command, word):
            if key in self.faults.answers:
                return [(0.0, self.faults.answers[key])]
        if word == "infer":
            iterations, warmup = (int(number) for number in rest.split())
            return self._infer(iterations, warmup, now)
        text = self._lines(f"e-[Unknown command: {word}]")
        match word:
            case "name":
                text = self._lines("m-name-dut-[fake]")
            case "profile":
                text = self._lines("m-profile-[fake firmware]", f"m-model-[{self.faults.model}]")
            case "timestamp":
                text = b"" if self.faults.energy else self._lines(f"m-lap-us-{self._counter(now)}")
            case "db":
                text = self._buffer(rest)
        return [(0.0, text)]

    def _buffer(self, rest: str) -> bytes:
        word, _, argument = rest.partition(" ")
        if word == "print":
            rows = [self.data[start : start + 8] for start in range(0, len(self.data), 8)]
            return self._lines(*(f"m-buffer-{row.hex('-')}" for row in rows))
        if word == "load":
            self._loads += 1
            self._expected, self.data = int(argument), b""
            if self._expected > self.faults.max_input_bytes:
                return f"Supplied buffer size {argument} exceeds maximum of {self.faults.max_input_bytes}\n".encode()
            return self._lines(f"m-[Expecting {self._expected} bytes]")
        try:
            new = bytes.fromhex(word)
        except ValueError:
            return self._lines("e-[Insufficent number of hex digits]")
        done = len(self.data) < self._expected <= len(self.data) + len(new) - self.faults.lost_bytes
        if self._loads <= self.faults.flipped_loads and not self.data:
            new = bytes([new[0] ^ 0x10]) + new[1:]
        self.data = (self.data + new)[: self._expected]
        return self._lines("m-load-done") if done else b""

    def _infer(self, iterations: int, warmup: int, now: float) -> list[tuple[float, bytes]]:
        latency_s = (self._latencies.popleft() if len(self._latencies) > 1 else self._latencies[0]) / 1e6
        start = warmup * latency_s
        end = start + iterations * latency_s
        laps = [] if self.faults.energy else [f"m-lap-us-{self._counter(now + t)}" for t in (start, end)]
        laps = laps[: self.faults.laps]
        values = ",".join([f"{self._score():.3f}"] * self.faults.result_count)
        tail = "," if self.faults.trailing_comma else ""
        first = [f"m-warmup-start-{warmup}", "m-warmup-done", f"m-infer-start-{iterations}", *laps[:1]]
        last = [*laps[1:], "m-infer-done", f"m-results-[{values}{tail}]"]
        return [(start, self._lines(*first)), (end, self._lines(*last))]

    def _score(self) -> float:
        """Mean square of the loaded floats: differs between inputs and can be checked."""
        floats = struct.unpack(f"<{len(self.data) // 4}f", self.data[: len(self.data) // 4 * 4])
        return float(sum(x * x for x in floats)) / max(len(floats), 1)

    def _counter(self, now: float) -> int:
        return (self.faults.counter + round(now * 1e6 * self.faults.counter_rate)) % (1 << 32)

    def _lines(self, *texts: str) -> bytes:
        return b"".join(text.encode() + self.faults.line_end for text in texts)


class FakeSerial:
    """The device behind a pyserial-like port, on simulated time (``now``, seconds)."""

    def __init__(self, device: FakeDevice) -> None:
        self.device = device
        self.timeout: float | None = 1.0
        self.now = 0.0
        self.is_open = True
        self._vanished = False
        self._babbled = 0
        self._queue: deque[tuple[float, int]] = deque()
        if device.faults.boot_text_s is not None:
            self._enqueue([(device.faults.boot_text_s + moment, text) for moment, text in device.boot()])

    def clock(self) -> float:
        return self.now

    @property
    def in_waiting(self) -> int:
        self._check()
        return sum(1 for due, _ in self._queue if due <= self.now)

    def read(self, size: int = 1, /) -> bytes:
        self._check()
        assert self.timeout is not None
        if self.device.faults.babble is not None:
            text = self.device.faults.babble
            start = self._babbled % len(text)
            self.now += size * CHARACTER_S
            self._babbled += size
            return (text * (size // len(text) + 2))[start : start + size]
        if not self._queue or self._queue[0][0] > self.now + self.timeout:
            self.now += self.timeout
            return b""
        self.now = max(self.now, self._queue[0][0]) + CHARACTER_S
        taken = b""
        while self._queue and self._queue[0][0] <= self.now and len(taken) < size:
            taken += bytes([self._queue.popleft()[1]])
        return taken

    def write(self, data: bytes, /) -> int:
        self._check()
        try:
            self._enqueue(self.device.feed(data, self.now))
        except Vanished:
            self._vanished = True
        return len(data)

    def close(self) -> None:
        self.is_open = False

    def print_now(self, text: bytes) -> None:
        """Unasked output."""
        self._enqueue([(self.now, text)])

    def _enqueue(self, printed: list[tuple[float, bytes]]) -> None:
        for moment, text in printed:
            self._queue.extend((moment, byte) for byte in text)

    def _check(self) -> None:
        assert self.is_open
        if self._vanished:
            raise OSError(errno.EIO, "Input/output error")


def _serve(device: FakeDevice, receive_fd: int, stop_fd: int) -> None:
    """Answer on a file descriptor until told to stop, the client hangs up, or the device vanishes."""
    while True:
        ready, _, _ = select.select([receive_fd, stop_fd], [], [], 0.0 if device.faults.babble else None)
        if stop_fd in ready:
            return
        try:
            if device.faults.babble and not ready:
                os.write(receive_fd, device.faults.babble)
                continue
            received = os.read(receive_fd, 4096)
            if not received:
                return
            for _, text in device.feed(received, time.monotonic()):
                os.write(receive_fd, text)
        except BlockingIOError:  # who babbles faster than the client reads loses some of it
            time.sleep(0.001)
        except (OSError, Vanished):
            return


@contextmanager
def pty_device(device: FakeDevice) -> Iterator[str]:
    """The device behind a pseudo-terminal, as fast as it goes; gives the path to open."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    os.set_blocking(master, device.faults.babble is None)
    path = os.ttyname(slave)
    stop_read, stop_write = os.pipe()

    def serve() -> None:
        _serve(device, master, stop_read)
        os.close(slave)
        os.close(master)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield path
    finally:
        os.write(stop_write, b"x")
        thread.join()
        os.close(stop_read)
        os.close(stop_write)


@contextmanager
def tcp_device(device: FakeDevice) -> Iterator[str]:
    """The device behind a TCP port of this computer, for one client; gives the URL to open."""
    stop_read, stop_write = os.pipe()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        if listener.fileno() in select.select([listener.fileno(), stop_read], [], [])[0]:
            with listener.accept()[0] as client:
                _serve(device, client.fileno(), stop_read)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"socket://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        os.write(stop_write, b"x")
        thread.join()
        listener.close()
        os.close(stop_read)
        os.close(stop_write)


def interrupt_read(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Have the user press Ctrl-C in this read of a simulated port, counted from 1."""
    read, left = FakeSerial.read, number

    def interrupted(port: FakeSerial, size: int = 1, /) -> bytes:
        nonlocal left
        left -= 1
        if left == 0:
            raise KeyboardInterrupt
        return read(port, size)

    monkeypatch.setattr(FakeSerial, "read", interrupted)
