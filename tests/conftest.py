"""Tests build below build/test, so that they never touch a user's last build; compiler caches there stay warm."""

import os
import signal
from pathlib import Path

from hypothesis import settings

os.environ["FIRMBENCH_BUILD"] = str(Path(__file__).resolve().parent.parent / "build" / "test")

# A shell's background jobs ignore Ctrl-C, and so would the processes that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# No deadlines: host time says nothing on a busy machine. What lands is judged on the same examples every time; new ones
# are for the developer's runs.
settings.register_profile("developer", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "developer")
