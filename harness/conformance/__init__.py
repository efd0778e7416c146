"""The wire protocol as rules that any device can be checked against."""

from harness.conformance.run import conform

__all__ = ["conform"]
