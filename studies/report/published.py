"""Every published result on a chip: `benchmarks/published/<chip>.csv`."""

import csv
from dataclasses import dataclass
from pathlib import Path

from common.board import Board
from common.paths import BENCHMARKS


@dataclass(frozen=True)
class PublishedRun:
    """One benchmark of one submission. ``quality``: AUC for anomaly detection, else percent."""

    bench: str
    round: str
    by: str
    stack: str
    supply: str
    latency_ms: float
    quality: float
    energy_uj: float | None


def published_file(board: Board, suffix: str) -> Path:
    """The chip is the MCU's name without package and temperature range."""
    return BENCHMARKS / "published" / f"{board.mcu.lower()[:11]}.{suffix}"


def published_runs(board: Board) -> list[PublishedRun]:
    """Empty for a chip that nobody has published results of."""
    path = published_file(board, "csv")
    if not path.is_file():
        return []
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    return [
        PublishedRun(
            row["bench"],
            row["round"],
            row["by"],
            row["stack"],
            row["supply"],
            float(row["latency_ms"]),
            float(row["quality"]),
            float(row["energy_uj"]) if row["energy_uj"] else None,
        )
        for row in csv.DictReader(lines)
    ]
