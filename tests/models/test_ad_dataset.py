"""The synthetic data set: what is held out, and the files the benchmark runner reads."""

from pathlib import Path

import numpy as np

from models.ad import dataset
from models.ad.dataset import FULL, SMOKE, Sizes
from models.ad.features import windows


def test_no_held_out_recording_was_trained_on() -> None:
    trained = {(clip.machine.id, clip.number) for clip in dataset.training_clips(FULL)}
    held_out = {(clip.machine.id, clip.number) for clip in dataset.held_out_clips(FULL)}
    assert len(trained) == 240
    assert len(held_out) == len(dataset.held_out_clips(FULL)) == 108
    assert not trained & held_out


def test_training_clips_are_sound_and_the_validation_tail_has_every_machine() -> None:
    clips = dataset.training_clips(SMOKE)
    assert not any(clip.anomalous for clip in clips)
    assert {clip.machine.id for clip in dataset.training_clips(FULL)[-24:]} == {1, 2, 3, 4}


def test_normal_clips_come_first() -> None:
    labels = [clip.anomalous for clip in dataset.held_out_clips(FULL)]
    assert labels == sorted(labels)
    assert sum(labels) == 48


def test_window_matrix_is_clip_after_clip() -> None:
    clips = dataset.held_out_clips(Sizes(training=1, normal=1, anomalous=0))[:2]
    matrix = dataset.window_matrix(clips, seed=1)
    assert matrix.shape == (2 * 196, 640)
    np.testing.assert_array_equal(matrix[196:], windows(clips[1].features(1)))


def test_benchmark_set_has_the_official_format(tmp_path: Path) -> None:
    sizes = Sizes(training=0, normal=1, anomalous=1)
    paths = dataset.write_benchmark_set(tmp_path, seed=1, sizes=sizes)
    lines = (tmp_path / "y_labels.csv").read_text().splitlines()
    assert len(lines) == len(paths) == 4 + 4 * 6
    assert lines[0] == "normal_id_01_00010000_synthetic.bin,2,0,2560,512"
    assert lines[-1].split(",")[1:] == ["2", "1", "2560", "512"]
    assert [line.split(",")[0] for line in lines] == [path.name for path in paths]
    assert all(path.stat().st_size == 102400 for path in paths)
    clip = dataset.held_out_clips(sizes)[5]
    np.testing.assert_array_equal(np.fromfile(paths[5], "<f4").reshape(200, 128), clip.features(1))
