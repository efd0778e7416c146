"""Small archives in the layouts of the official data sets, made of noise."""

import io
import pickle
import tarfile
import wave
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

KEYWORDS = ("down", "go", "left", "no", "off", "on", "right", "stop", "up", "yes")


def wav(samples: int, seed: int, channels: int = 1) -> bytes:
    """16-bit noise at 16 kHz."""
    noise = np.random.default_rng(seed).integers(-8000, 8000, samples * channels).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(2)
        writer.setframerate(16000)
        writer.writeframes(noise.tobytes())
    return file.getvalue()


def tar(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def speech_commands(path: Path, words: tuple[str, ...] = (*KEYWORDS, "bed")) -> Path:
    """Two speakers train, one validates, one tests."""
    speakers = ("aaaaaaaa", "bbbbbbbb", "cccccccc", "dddddddd")
    clips = {f"./{w}/{s}_nohash_0.wav": wav(12000 + 10 * i, i) for w in words for i, s in enumerate(speakers)}
    lists = {
        "./validation_list.txt": "".join(f"{word}/cccccccc_nohash_0.wav\n" for word in words).encode(),
        "./testing_list.txt": "".join(f"{word}/dddddddd_nohash_0.wav\n" for word in words).encode(),
    }
    noises = {f"./_background_noise_/{name}.wav": wav(40000, 9) for name in ("pink_noise", "running_tap")}
    return tar(path, clips | lists | noises)


def cifar(path: Path, pictures: int = 20, **changes: Any) -> Path:
    """Five batches and a test batch of ``pictures`` each; ``changes`` replace files by name, None leaves one out."""
    random = np.random.default_rng(0)
    files = {}
    for name in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"):
        batch = {
            b"data": random.integers(0, 256, (pictures, 3072), np.uint8),
            b"labels": [index % 10 for index in range(pictures)],
            b"filenames": [b"x.png"] * pictures,
        }
        files[f"cifar-10-batches-py/{name}"] = pickle.dumps(batch, protocol=2)
    for name, content in changes.items():
        del files[f"cifar-10-batches-py/{name}"]
        if content is not None:
            files[f"cifar-10-batches-py/{name}"] = content
    return tar(path, files)


def toy_car(path: Path, names: tuple[str, ...], samples: int = 11 * 16000) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for number, name in enumerate(names):
            archive.writestr(f"ToyCar/{name}", wav(samples, number))
    return path
