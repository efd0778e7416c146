"""Tests build below build/test, so that they never touch a user's last build; compiler caches there stay warm."""

import os
from pathlib import Path

from hypothesis import settings

os.environ["FIRMBENCH_BUILD"] = str(Path(__file__).resolve().parent.parent / "build" / "test")

# What lands is judged on the same examples every time; new ones are for the developer's runs.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")
