"""What the host build of the firmware must answer, written down independently of the C code.

The model's output is its quantised input, time advances with inferences only; see ``host/submission.c``.
``help`` is left out: its text is free.
"""

import re
import struct
from dataclasses import dataclass, field

import numpy as np

MAX_BYTES = 44
ELEMENTS = 8
SCALE = np.float32(0.5)
ZERO_POINT = 3
VENDOR = "host test"
MODEL = "test01"
START_US = 4294966796
US_PER_INFERENCE = 100
BOOT = f"m-timestamp-mode-performance\r\nm-lap-us-{START_US}\r\nm-init-done\r\nm-ready\r\n".encode()

INT_MAX = 2**31 - 1


def atoi(text: bytes) -> int:
    match = re.match(rb"[\t-\r ]*([+-]?[0-9]+)", text)
    return max(-INT_MAX - 1, min(INT_MAX, int(match[1]))) if match else 0


def quantize(x: np.ndarray, scale: np.float32, zero_point: int) -> np.ndarray:
    """float32 to int8: float32 quotient, halves away from zero, saturating; NaN becomes the zero point."""
    with np.errstate(all="ignore"):
        quotient = (x.astype(np.float32) / scale).astype(np.float64)
    finite = np.clip(np.where(np.isnan(quotient), 0.0, quotient), -1e6, 1e6)
    rounded = np.trunc(finite + np.copysign(0.5, finite))  # the sum is exact in float64
    quantized: np.ndarray = np.clip(rounded + zero_point, -128, 127).astype(np.int8)
    return quantized


def mean_squared_error(q: np.ndarray, x: np.ndarray, scale: np.float32, zero_point: int) -> np.float32:
    """Each operation rounded to float32, summed in index order."""
    total = np.float32(0)
    with np.errstate(all="ignore"):
        for quantized, value in zip(q, x, strict=True):
            difference = np.float32(int(quantized) - zero_point) * scale - value
            total = total + difference * difference
        return np.float32(total / np.float32(len(x)))


@dataclass
class ModelDevice:
    """One powered-up device; ``feed`` takes bytes from the wire and returns what is sent."""

    command: bytearray = field(default_factory=bytearray)
    storage: bytearray = field(default_factory=lambda: bytearray(MAX_BYTES))
    declared: int = 0
    received: int = 0
    inferences: int = 0
    features: bytearray = field(default_factory=lambda: bytearray(4 * ELEMENTS))
    input: np.ndarray = field(default_factory=lambda: np.zeros(ELEMENTS, np.int8))
    output: np.ndarray = field(default_factory=lambda: np.zeros(ELEMENTS, np.int8))

    def feed(self, sent: bytes) -> bytes:
        answers = bytearray()
        for byte in sent:
            if byte == ord("%"):
                text = bytes(self.command).split(b"\0")[0]
                answers += self._answer([token for token in text.split(b" ") if token]) + b"m-ready\r\n"
                self.command.clear()
            elif len(self.command) < 80:
                self.command.append(byte)
        return bytes(answers)

    def _answer(self, tokens: list[bytes]) -> bytes:
        answer = b""
        match tokens:
            case []:
                pass
            case [b"name", *_]:
                answer = f"m-name-dut-[{VENDOR}]\r\n".encode()
            case [b"timestamp", *_]:
                answer = self._lap()
            case [b"profile", *_]:
                answer = f"m-profile-[ULPMark for tinyML Firmware V0.0.1]\r\nm-model-[{MODEL}]\r\n".encode()
            case [b"db", *arguments]:
                answer = self._db(arguments)
            case [b"infer", *arguments]:
                answer = self._infer(arguments)
            case [b"results", *_]:
                answer = self._results()
            case [unknown, *_]:
                answer = b"e-[Unknown command: " + unknown + b"]\r\n"
        return answer

    def _lap(self) -> bytes:
        now = (START_US + self.inferences * US_PER_INFERENCE) % 2**32
        return b"m-lap-us-%d\r\n" % now

    def _db(self, arguments: list[bytes]) -> bytes:
        match arguments:
            case []:
                return b"e-[Command 'db' requires a subcommand]\r\n"
            case [b"load"]:
                return b"e-[Command 'db load' requires the # of bytes]\r\n"
            case [b"load", size, *_]:
                return self._load(atoi(size))
            case [b"print", *_]:
                return self._print()
        return self._append(arguments[0])

    def _load(self, size: int) -> bytes:
        self.declared = size % 2**32
        if size == 0:
            return b"e-[Command 'db load' must be >0 bytes]\r\n"
        self.received = 0
        if self.declared > MAX_BYTES:
            return b"Supplied buffer size %d exceeds maximum of %d\n" % (size, MAX_BYTES)
        return b"m-[Expecting %d bytes]\r\n" % size

    def _print(self) -> bytes:
        shown = self.storage[: self.declared]
        lines = [shown[start : start + 8].hex("-") for start in range(0, len(shown), 8)]
        text = "".join(f"m-buffer-{line}\r\n" for line in lines)
        return (text + ("\r\n" if len(shown) % 8 else "")).encode()

    def _append(self, digits: bytes) -> bytes:
        if len(digits) % 2:
            return b"e-[Insufficent number of hex digits]\r\n"
        for start in range(0, len(digits), 2):
            pair = digits[start : start + 2]
            if not re.fullmatch(rb"[0-9A-Fa-f]{2}", pair):
                return b"e-[Invalid hex digit '" + pair + b"']\r\n"
            if self.received < MAX_BYTES:
                self.storage[self.received] = int(pair, 16)
            self.received += 1
            if self.received == self.declared:
                return b"m-load-done\r\n"
        return b""

    def _load_tensor(self) -> bytes:
        count = min(self.received, 4 * ELEMENTS, MAX_BYTES)
        if count < 4 * ELEMENTS:
            return b"Input db has %d elemented, expected %d\n" % (count // 4, ELEMENTS)
        self.features[:] = self.storage[: 4 * ELEMENTS]
        self.input = quantize(self._floats(), SCALE, ZERO_POINT)
        return b""

    def _floats(self) -> np.ndarray:
        return np.array(struct.unpack(f"<{ELEMENTS}f", self.features), np.float32)

    def _results(self) -> bytes:
        error = mean_squared_error(self.output, self._floats(), SCALE, ZERO_POINT)
        sign = "-" if np.signbit(error) and np.isnan(error) else ""  # glibc shows the sign of NaN, Python does not
        return f"m-results-[{sign}{error:.3f}]\r\n".encode()

    def _infer(self, arguments: list[bytes]) -> bytes:
        iterations = atoi(arguments[0]) if arguments else 1
        warmups = atoi(arguments[1]) if len(arguments) > 1 else 10
        if iterations <= 0:
            return b"e-[Inference iterations must be >0]\r\n"
        if warmups < 0:
            return b"e-[Inference warmup must be >=0]\r\n"
        answer = self._load_tensor()
        answer += b"m-warmup-start-%d\r\nm-warmup-done\r\nm-infer-start-%d\r\n" % (warmups, iterations)
        self.inferences += warmups
        answer += self._lap()
        self.inferences += iterations
        answer += self._lap()
        self.output = self.input
        return answer + b"m-infer-done\r\n" + self._results()
