"""The reference models and inputs of MLPerf Tiny, where FIRMBENCH_DATA names the folder that holds them."""

import os
from pathlib import Path

import pytest


def reference_data() -> Path:
    """The folder; skips the test where there is none."""
    folder = os.environ.get("FIRMBENCH_DATA")
    if folder is None:
        pytest.skip("FIRMBENCH_DATA is not set: no reference models and inputs here")
    return Path(folder)
