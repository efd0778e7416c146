"""Where things live in a checkout. Nothing is ever written outside ``BUILD``."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BOARDS = ROOT / "boards"
BENCHMARKS = ROOT / "benchmarks"
TEMPLATES = ROOT / "templates"
FIRMWARE = ROOT / "firmware"
MODELS = ROOT / "models"
BUILD = Path(os.environ.get("FIRMBENCH_BUILD", ROOT / "build")).resolve()
