"""The serial harness: drives any device that speaks the MLPerf Tiny wire protocol and times its inferences."""

from harness.run import run_performance

__all__ = ["run_performance"]
