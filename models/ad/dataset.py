"""Which synthetic clips train the model, which are held out, and how they become arrays and benchmark files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.files import write_atomic
from models.ad import features
from models.ad.machines import FAULTS, MACHINES, Fault, Machine
from models.ad.sounds import synthesise

# Clip numbers: each purpose has a range of its own, so no held-out recording was ever trained on.
_HELD_OUT_NORMAL = 10_000
_HELD_OUT_ANOMALOUS = 20_000

Report = Callable[[str], None]


@dataclass(frozen=True)
class Sizes:
    """Clips per machine; ``anomalous`` counts per machine and fault."""

    training: int
    normal: int
    anomalous: int


FULL = Sizes(training=60, normal=15, anomalous=2)
SMOKE = Sizes(training=4, normal=4, anomalous=1)


@dataclass(frozen=True)
class Clip:
    """One recording: a machine, the number of the recording, and what is wrong with the machine (None: nothing)."""

    machine: Machine
    number: int
    fault: Fault | None = None

    @property
    def anomalous(self) -> bool:
        return self.fault is not None

    @property
    def name(self) -> str:
        kind = "anomaly" if self.anomalous else "normal"
        return f"{kind}_id_{self.machine.id:02d}_{self.number:08d}"

    def features(self, seed: int) -> features.Features:
        """Log-mel features, float32 [200, 128]."""
        return features.features(synthesise(self.machine, self.number, seed=seed, fault=self.fault))


def training_clips(sizes: Sizes) -> list[Clip]:
    """Sound machines only, in an order that leaves every machine in the last tenth (the validation split)."""
    return [Clip(machine, number) for number in range(sizes.training) for machine in MACHINES]


def held_out_clips(sizes: Sizes) -> list[Clip]:
    """All normal clips first, then the anomalous ones, as in the official list."""
    normal = [Clip(m, _HELD_OUT_NORMAL + i) for m in MACHINES for i in range(sizes.normal)]
    faults = [fault for fault in FAULTS for _ in range(sizes.anomalous)]
    anomalous = [Clip(m, _HELD_OUT_ANOMALOUS + i, fault) for m in MACHINES for i, fault in enumerate(faults)]
    return normal + anomalous


def window_matrix(clips: Sequence[Clip], seed: int, report: Report = lambda _: None) -> NDArray[np.float32]:
    """Input vectors of all clips, one clip after the other.

    Returns:
        float32 [len(clips) * 196, 640].
    """
    matrix = np.empty((len(clips), features.WINDOWS, features.WINDOW), np.float32)
    for i, clip in enumerate(clips):
        matrix[i] = features.windows(clip.features(seed))
        if (i + 1) % 50 == 0:
            report(f"  {i + 1} of {len(clips)} clips")
    return matrix.reshape(-1, features.WINDOW)


def write_benchmark_set(folder: Path, seed: int, sizes: Sizes = FULL) -> list[Path]:
    """Write the held-out clips the way the MLPerf Tiny runner reads the ``ad01`` set.

    Each file holds 200 x 128 float32 values, little-endian, frame-major; ``y_labels.csv`` has lines
    ``file,classes,class,bytes_to_send,stride`` with class 1 for an anomaly.

    Returns:
        The feature files written.
    """
    lines, paths = [], []
    for clip in held_out_clips(sizes):
        path = folder / f"{clip.name}_synthetic.bin"
        write_atomic(path, clip.features(seed).astype("<f4").tobytes())
        lines.append(f"{path.name},2,{int(clip.anomalous)},{features.WINDOW * 4},{features.MELS * 4}\n")
        paths.append(path)
    write_atomic(folder / "y_labels.csv", "".join(lines))
    return paths
