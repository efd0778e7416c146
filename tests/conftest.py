"""Tests build below build/test, so that they never touch a user's last build; compiler caches there stay warm."""

import os
from pathlib import Path

os.environ["FIRMBENCH_BUILD"] = str(Path(__file__).resolve().parent.parent / "build" / "test")
