"""Quantising inputs and scoring reconstructions, bit for bit against numpy in float32."""

import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .protocol_model import mean_squared_error, quantize

QUICK = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@dataclass(frozen=True)
class Record:
    """Inputs of both helpers: ``x`` float32 and ``q`` int8, both of shape (n,)."""

    x: np.ndarray
    q: np.ndarray
    scale: np.float32
    zero_point: int

    def encode(self) -> bytes:
        header = struct.pack("<fiI", self.scale, self.zero_point, len(self.x))
        return header + self.x.tobytes() + self.q.tobytes()


def run(program: Path, records: list[Record]) -> list[tuple[np.ndarray, np.float32]]:
    sent = b"".join(record.encode() for record in records)
    done = subprocess.run([program], input=sent, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    results, place = [], 0
    for record in records:
        count = len(record.x)
        quantized = np.frombuffer(done.stdout, np.int8, count, place)
        results.append((quantized, np.frombuffer(done.stdout, np.float32, 1, place + count)[0]))
        place += count + 4
    assert place == len(done.stdout)
    return results


def check(program: Path, records: list[Record]) -> None:
    for record, (quantized, error) in zip(records, run(program, records), strict=True):
        np.testing.assert_array_equal(quantized, quantize(record.x, record.scale, record.zero_point))
        wanted = mean_squared_error(record.q, record.x, record.scale, record.zero_point)
        assert np.isnan(error) == np.isnan(wanted)
        assert np.isnan(wanted) or error.tobytes() == wanted.tobytes()


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
    for scale in (0.25, 1e-45, 3e38, 0.0, -1.0, np.inf, np.nan):
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
    (quantized, _), *_ = run(inputs_check, [Record(x, np.zeros(4, np.int8), np.float32(0.5), 17)])
    assert quantized.tolist() == [17, 127, -128, 17]


def test_error_of_known_values(inputs_check: Path) -> None:
    record = Record(np.array([1.0, -2.0], np.float32), np.array([5, 1], np.int8), np.float32(0.5), 3)
    assert run(inputs_check, [record])[0][1] == 0.5  # differences 0 and 1


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
