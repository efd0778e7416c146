"""Where things live in a checkout. Nothing is ever written outside ``BUILD``."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BOARDS = ROOT / "boards"
BENCHMARKS = ROOT / "benchmarks"
TEMPLATES = ROOT / "templates"
FIRMWARE = ROOT / "firmware"
MODELS = ROOT / "models"
BUILD = ROOT / "build"
