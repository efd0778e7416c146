"""What is played: a wave file with the times of its words, or synthetic noise."""

import hashlib
import json
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray

from common.errors import UserError

RATE_HZ = 16_000
SYNTHETIC_SECONDS = 2


@dataclass(frozen=True)
class Sound:
    """``samples``: int16 at 16 kHz. ``words``: start and end of each wakeword in seconds, None where nobody says."""

    name: str
    samples: NDArray[np.int16]
    words: tuple[tuple[float, float], ...] | None
    synthetic: bool

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.samples.tobytes()).hexdigest()

    def frames(self, hop: int) -> NDArray[np.int16]:
        """int16[frames, hop]; an incomplete last one is left out."""
        count = len(self.samples) // hop
        return self.samples[: count * hop].reshape(count, hop)


def load_sound(data: Path | None) -> Sound:
    """The wave file ``data``, or the only one in that folder; noise for None.

    A JSON file beside it may list the words as upstream's runner has them:
    ``[{"wav_file": ..., "detection_windows": [[start, end], ...]}, ...]``.

    Raises:
        UserError: there is no such file, several to choose from, or it is not 16 bit at 16 kHz.
    """
    if data is None:
        return _noise()
    path = _wave_file(data)
    try:
        with wave.open(str(path)) as file:
            rate, width, channels = file.getframerate(), file.getsampwidth(), file.getnchannels()
            raw = file.readframes(file.getnframes())
    except (OSError, EOFError, wave.Error) as error:
        raise UserError(f"cannot read {path}: {error}") from error
    if (rate, width) != (RATE_HZ, 2):
        raise UserError(f"{path} has {8 * width} bits at {rate} Hz; 16 bits at {RATE_HZ} Hz are needed")
    samples = np.frombuffer(raw, "<i2").reshape(-1, channels)[:, 0].astype(np.int16)
    return Sound(path.name, samples, _words(path), False)


def _wave_file(data: Path) -> Path:
    if not data.is_dir():
        return data
    files = sorted(data.glob("*.wav"))
    if len(files) != 1:
        names = ", ".join(file.name for file in files[:5]) or "none"
        raise UserError(f"--data {data}: one wave file is needed, there are: {names}; give the file itself")
    return files[0]


def _words(path: Path) -> tuple[tuple[float, float], ...] | None:
    for listing in sorted(path.parent.glob("*.json")):
        try:
            entries: Any = json.loads(listing.read_text())
            for entry in entries if isinstance(entries, list) else []:
                if isinstance(entry, dict) and entry.get("wav_file") == path.name:
                    return tuple((float(start), float(end)) for start, end in entry["detection_windows"])
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise UserError(f"{listing} is damaged: {error}") from error
    return None


def _noise() -> Sound:
    """Bursts of noise, the same on every computer; holds no word."""
    random = RandomState(0)
    length = SYNTHETIC_SECONDS * RATE_HZ
    loudness = np.repeat(random.randint(10, 6000, length // 800), 800)
    samples = (random.randint(-1000, 1001, length) * loudness // 1000).astype(np.int16)
    return Sound("synthetic noise", samples, None, True)
