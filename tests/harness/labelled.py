"""Small labelled data sets in upstream's layout."""

import struct
from pathlib import Path


def write_ad(root: Path, levels: dict[str, list[float]], stride: int = 512) -> Path:
    """An anomaly detection set below ``root``: of each file the value its frames hold; `a...` are anomalous."""
    folder = root / "ad01"
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for name, frames in levels.items():
        values = [value for value in frames for _ in range(128)]
        (folder / f"{name}.bin").write_bytes(struct.pack(f"<{len(values)}f", *values))
        rows.append(f"{name}.bin,2,{int(name.startswith('a'))},2560,{stride}\n")
    (folder / "y_labels.csv").write_text("".join(rows))
    return folder


def write_kws(root: Path, labels: list[int]) -> Path:
    """A keyword set below ``root``: file ``n`` holds bytes that differ from all others, and has class ``labels[n]``."""
    folder = root / "kws01"
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(len(labels)):
        (folder / f"{number}.bin").write_bytes(struct.pack("<H", number) * 245)
    (folder / "y_labels.csv").write_text("".join(f"{n}.bin, 12, {label}\n" for n, label in enumerate(labels)))
    return folder
