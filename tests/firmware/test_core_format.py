"""The formatter against glibc's printf and against Python's."""

import math
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from .toolchain import CORE, HOST, compile_c

RANDOM_PATTERNS = 20_000


def edge_values() -> np.ndarray:
    """float32 bit patterns where rounding, carrying or range go wrong first."""
    ties = [k / 2**shift for shift in range(1, 24) for k in (1, 3, 5, 7, 2**shift - 1, 2**shift + 1, 10 * 2**shift - 1)]
    thousandths = [k / 1000 for k in range(3000)] + [k + 0.0005 for k in range(100)]
    nines = [10.0**k - 10.0**-d for k in range(8) for d in range(10)]
    powers = [math.ldexp(1.0, k) for k in range(-149, 128)] + [10.0**k for k in range(-45, 39)]
    limits = [0.0, math.inf, math.nan, 1.17549435e-38, 1.4e-45, 3.40282347e38, 16777215.0, 16777216.0, 4294967296.0]
    positive = np.array(ties + thousandths + nines + powers + limits, np.float32).view(np.uint32)
    neighbours = np.concatenate([positive, positive + np.uint32(1), np.maximum(positive, 1) - np.uint32(1)])
    return np.concatenate([neighbours, neighbours | np.uint32(1 << 31)])


def test_equals_glibc(format_check: Path) -> None:
    random = np.random.default_rng(1).integers(0, 2**32, RANDOM_PATTERNS, dtype=np.uint64).astype(np.uint32)
    everyday = (np.random.default_rng(2).normal(0, 20, RANDOM_PATTERNS)).astype(np.float32).view(np.uint32)
    patterns = np.concatenate([edge_values(), random, everyday])
    done = subprocess.run([format_check], input=patterns.tobytes(), capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
    assert int(done.stdout) > 3 * len(patterns)


@pytest.mark.parametrize("pattern", ["%.3f", "%.0f", "%12.6f"])
def test_equals_python(format_check: Path, pattern: str) -> None:
    patterns = edge_values()
    values = patterns.view(np.float32)
    done = subprocess.run([format_check, pattern], input=patterns.tobytes(), capture_output=True, check=True)
    shown = done.stdout.decode().splitlines()
    finite = np.isfinite(values)
    wanted = [pattern % float(value) for value in values[finite]]
    assert [text for text, keep in zip(shown, finite, strict=True) if keep] == wanted
    assert {text.strip() for text, keep in zip(shown, finite, strict=True) if not keep} == {
        "inf",
        "-inf",
        "nan",
        "-nan",
    }


@pytest.mark.slow
def test_equals_glibc_over_the_whole_range(tmp_path: Path) -> None:
    """Every 4099th float32 bit pattern, in one optimised program without sanitizers."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    sources = [HOST / "format_check.c", CORE / "format.c", CORE / "float_decimal.c"]
    program = compile_c("gcc", ["-O2"], sources, tmp_path / "format_check")
    patterns = np.arange(0, 2**32, 4099, dtype=np.uint64).astype(np.uint32)
    done = subprocess.run([program], input=patterns.tobytes(), capture_output=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
