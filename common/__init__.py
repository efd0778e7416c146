"""Facts every room shares: boards, benchmarks, paths, user-facing errors. Knows no other room."""

__version__ = "0.1.0"
