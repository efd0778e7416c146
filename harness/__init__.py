"""The serial harness: drives any device that speaks the MLPerf Tiny wire protocol and runs the benchmark's modes."""

from harness.options import Options
from harness.run import run_bench

__all__ = ["Options", "run_bench"]
