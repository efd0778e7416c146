"""Numbers from the wire to tensors, and what they stand for, bit for bit against numpy in float32."""

import struct
import subprocess
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.oracle import TensorInfo
from harness.wire import convert, real

from .protocol_model import mean_squared_error, quantize

QUICK = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
TYPES = ("bool", "float32", "int16", "int32", "int8", "uint8")  # in the order of TensorType


def info(dtype: str, scale: float = 0.0, zero_point: int = 0) -> TensorInfo:
    return TensorInfo(np.dtype(dtype), (), np.float32(scale) if scale != 0 else None, zero_point)


@dataclass(frozen=True)
class Record:
    """``x``: to convert, of type ``source``; ``q``: of the type it becomes, to score against ``floats``. All [n]."""

    x: np.ndarray
    q: np.ndarray
    scale: np.float32
    zero_point: int
    source: TensorInfo = field(default_factory=lambda: info("float32"))
    floats: np.ndarray | None = None

    @property
    def target(self) -> TensorInfo:
        return TensorInfo(self.q.dtype, self.q.shape, self.scale, self.zero_point)

    @property
    def against(self) -> np.ndarray:
        return self.x if self.floats is None else self.floats

    def _header(self, tensor: TensorInfo) -> bytes:
        scale = 0.0 if tensor.scale is None else tensor.scale
        return struct.pack("<IIfi", TYPES.index(tensor.dtype.name), len(self.x), scale, tensor.zero_point)

    def encode(self) -> bytes:
        header = self._header(self.source) + self._header(self.target)
        return header + self.x.tobytes() + self.q.tobytes() + self.against.astype("<f4").tobytes()


Answer = tuple[np.ndarray, np.ndarray, np.float32]


def run(program: Path, records: list[Record]) -> list[Answer]:
    """For each record ``x`` converted, what ``q`` stands for, and its score."""
    sent = b"".join(record.encode() for record in records)
    done = subprocess.run([program], input=sent, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    results, place = [], 0
    for record in records:
        count = len(record.x)
        converted = np.frombuffer(done.stdout, record.q.dtype, count, place)
        place += converted.nbytes
        floats = np.frombuffer(done.stdout, np.float32, count + 1, place)
        place += floats.nbytes
        results.append((converted, floats[:-1], floats[-1]))
    assert place == len(done.stdout)
    return results


def check(program: Path, records: list[Record]) -> None:
    """Float32 to int8, against the tests' own model."""
    for record, (quantized, _, error) in zip(records, run(program, records), strict=True):
        np.testing.assert_array_equal(quantized, quantize(record.x, record.scale, record.zero_point))
        wanted = mean_squared_error(record.q, record.x, record.scale, record.zero_point)
        assert np.isnan(error) == np.isnan(wanted)
        assert np.isnan(wanted) or error.tobytes() == wanted.tobytes()


def numbers(random: np.random.Generator, dtype: str, count: int) -> np.ndarray:
    if dtype == "float32":
        return random.normal(0, 40, count).astype(np.float32)
    limits = np.iinfo(np.uint8 if dtype == "bool" else dtype)
    high = 1 if dtype == "bool" else limits.max
    return random.integers(0 if dtype == "bool" else limits.min, high, count, endpoint=True).astype(dtype)


@pytest.mark.parametrize(("source", "target"), list(product(TYPES, ["float32", "int16", "int8", "uint8"])))
def test_every_pair_of_types(inputs_check: Path, source: str, target: str) -> None:
    """The firmware's conversion equals the one that `invoke verify` uses on the host."""
    random = np.random.default_rng([TYPES.index(source), TYPES.index(target)])
    records = [
        Record(
            x=numbers(random, source, 300),
            q=numbers(random, target, 300),
            scale=np.float32(random.choice([0.003, 0.5, 1.0, 1 / 255])),
            zero_point=int(random.integers(-128, 128)) if target != "uint8" else int(random.integers(0, 256)),
            source=info(source, float(random.choice([0, 0.5847029, 1.0, 1 / 255])), int(random.integers(-128, 128))),
            floats=np.zeros(300, np.float32),
        )
        for _ in range(8)
    ]
    for record, (converted, reals, error) in zip(records, run(inputs_check, records), strict=True):
        np.testing.assert_array_equal(converted, convert(record.x, record.source, record.target))
        wanted = real(record.q, record.target)
        np.testing.assert_array_equal(reals, wanted)
        total = np.float32(0)
        for value in wanted:
            total += value * value
        assert error == total / np.float32(300)


@pytest.mark.parametrize("dtype", TYPES)
def test_equal_types_are_copied(inputs_check: Path, dtype: str) -> None:
    random = np.random.default_rng(9)
    raw: Any = numbers(random, dtype, 77)
    record = Record(raw, raw, np.float32(0.25), 3, source=info(dtype, 7.0, 5), floats=np.zeros(77, np.float32))
    np.testing.assert_array_equal(run(inputs_check, [record])[0][0], raw)


def test_images_are_offset(inputs_check: Path) -> None:
    pixels = np.arange(256).astype(np.uint8)
    for scale, zero_point in ((1.0, -128), (1 / 255, -128), (1 / 128, 0)):
        record = Record(pixels, pixels.view(np.int8), np.float32(scale), zero_point, source=info("uint8", scale))
        assert run(inputs_check, [record])[0][0].tolist() == list(range(-128, 128))


def test_numbers_without_scale_stand_for_themselves(inputs_check: Path) -> None:
    q = np.array([-7, 0, 2**31 - 1], np.int32)
    record = Record(q, q, np.float32(0), 99, source=info("int32"))
    assert run(inputs_check, [record])[0][1].tolist() == [-7.0, 0.0, 2147483648.0]


def test_random_windows(inputs_check: Path) -> None:
    random = np.random.default_rng(3)
    check(
        inputs_check,
        [
            Record(
                x=random.normal(0, 30, 640).astype(np.float32),
                q=random.integers(-128, 128, 640).astype(np.int8),
                scale=np.float32(random.uniform(0.001, 2)),
                zero_point=int(random.integers(-128, 128)),
            )
            for _ in range(20)
        ],
    )


def test_every_kind_of_float(inputs_check: Path) -> None:
    """Random bit patterns: NaN, infinities, denormals, huge values; also scales that are no scales."""
    random = np.random.default_rng(4)
    records = []
    for scale in (0.25, 1e-45, 3e38, -1.0, np.inf, np.nan):
        x = random.integers(0, 2**32, 500, dtype=np.uint64).astype(np.uint32).view(np.float32)
        q = random.integers(-128, 128, 500).astype(np.int8)
        records.append(Record(x, q, np.float32(scale), int(random.integers(-128, 128))))
        ordinary = np.nan_to_num(x, nan=1.0, posinf=1e30, neginf=-1e30)
        records.append(Record(ordinary, q, np.float32(scale), -128))
    check(inputs_check, records)


def test_halves_round_away_from_zero(inputs_check: Path) -> None:
    x = np.arange(-140, 140, 0.25, dtype=np.float32)
    around = np.concatenate([x, np.nextafter(x, np.float32(np.inf)), np.nextafter(x, np.float32(-np.inf))])
    for zero_point in (-128, -1, 0, 89, 127):
        record = Record(around, np.zeros(len(around), np.int8), np.float32(1), zero_point)
        check(inputs_check, [record])
    literal = Record(
        np.array([0.5, -0.5, 1.5, 2.5, -2.5, 0.49999997, 126.5, 1e9, -1e9], np.float32),
        np.zeros(9, np.int8),
        np.float32(1),
        0,
    )
    assert run(inputs_check, [literal])[0][0].tolist() == [1, -1, 2, 3, -3, 0, 127, 127, -128]


def test_not_finite(inputs_check: Path) -> None:
    x = np.array([np.nan, np.inf, -np.inf, -0.0], np.float32)
    (quantized, *_), *_ = run(inputs_check, [Record(x, np.zeros(4, np.int8), np.float32(0.5), 17)])
    assert quantized.tolist() == [17, 127, -128, 17]


def test_error_of_known_values(inputs_check: Path) -> None:
    record = Record(np.array([1.0, -2.0], np.float32), np.array([5, 1], np.int8), np.float32(0.5), 3)
    assert run(inputs_check, [record])[0][2] == 0.5  # differences 0 and 1


@QUICK
@given(
    x=st.lists(st.floats(width=32), min_size=1, max_size=40),
    scale=st.floats(min_value=2.0**-20, max_value=16, width=32),
    zero_point=st.integers(-128, 127),
    seed=st.integers(0, 2**16),
)
def test_any_input(inputs_check: Path, x: list[float], scale: float, zero_point: int, seed: int) -> None:
    q = np.random.default_rng(seed).integers(-128, 128, len(x)).astype(np.int8)
    check(inputs_check, [Record(np.array(x, np.float32), q, np.float32(scale), zero_point)])
