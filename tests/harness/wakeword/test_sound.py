"""Wave files and the times of their words."""

import json
import wave
from pathlib import Path

import numpy as np
import pytest

from common.errors import UserError
from harness.wakeword.sound import load_sound


def write_wave(path: Path, *, rate: int = 16_000, channels: int = 2, width: int = 2) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(np.arange(1600 * channels, dtype="<i2").tobytes()[: 1600 * channels * width])
    return path


def test_the_left_channel_is_taken_and_an_incomplete_frame_left_out(tmp_path: Path) -> None:
    sound = load_sound(write_wave(tmp_path / "a.wav"))
    assert sound.samples[:3].tolist() == [0, 2, 4] and not sound.synthetic and sound.words is None
    assert sound.frames(512).shape == (3, 512)


def test_words_come_from_a_list_beside_it(tmp_path: Path) -> None:
    write_wave(tmp_path / "a.wav", channels=1)
    entries = [{"wav_file": "b.wav", "detection_windows": []}, {"wav_file": "a.wav", "detection_windows": [[1, 1.5]]}]
    (tmp_path / "truth.json").write_text(json.dumps(entries))
    assert load_sound(tmp_path).words == ((1.0, 1.5),)


def test_without_a_file_there_is_noise_which_is_always_the_same() -> None:
    sound = load_sound(None)
    assert sound.synthetic and sound.sha256 == load_sound(None).sha256 and len(np.unique(sound.samples)) > 1000


@pytest.mark.parametrize(
    ("format_", "message"),
    [({"rate": 44_100}, "16 bits at 44100 Hz"), ({"width": 1}, "8 bits at 16000 Hz")],
)
def test_other_formats_are_refused(tmp_path: Path, format_: dict[str, int], message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_sound(write_wave(tmp_path / "a.wav", **format_))


def test_what_is_no_sound_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there are: none"):
        load_sound(tmp_path)
    with pytest.raises(UserError, match="cannot read"):
        load_sound(tmp_path / "missing.wav")
    (tmp_path / "text.wav").write_text("hello")
    with pytest.raises(UserError, match="cannot read"):
        load_sound(tmp_path / "text.wav")
    write_wave(tmp_path / "a.wav")
    (tmp_path / "truth.json").write_text('[{"wav_file": "a.wav"}]')
    with pytest.raises(UserError, match=r"truth\.json is damaged"):
        load_sound(tmp_path / "a.wav")
