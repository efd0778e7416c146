"""Loaders of the training data, on small archives of the official layouts."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from common.errors import UserError
from models.ad import data as machines
from models.ic import data as cifar
from models.kws import data as speech
from models.kws.features import features, mfcc
from models.samples import split_by_group
from models.sww import data as wakewords
from models.sww.features import log_mel
from models.sww.sounds import babble
from models.vww import data as persons
from tests.models import archives


def quiet(_: str) -> None:
    pass


def test_speech_commands_are_split_by_the_lists_and_labelled(tmp_path: Path) -> None:
    corpus = speech.load(archives.speech_commands(tmp_path / "s.tar.gz"), 0, quiet)
    counts = np.bincount(corpus.training.labels, minlength=12)
    assert counts.tolist() == [2] * 10 + [3, 2]  # 40000 samples give three pieces of noise
    assert np.bincount(corpus.validation.labels, minlength=12).tolist() == [1] * 10 + [3, 1]
    assert corpus.training.inputs.shape == (25, 49, 10, 1)


def test_speech_commands_read_alike_from_a_folder(tmp_path: Path) -> None:
    import tarfile

    archive = archives.speech_commands(tmp_path / "s.tar.gz")
    with tarfile.open(archive) as file:
        file.extractall(tmp_path / "s", filter="data")
    wanted, found = (speech.load(source, 0, quiet).validation for source in (archive, tmp_path / "s"))
    assert sorted(wanted.labels) == sorted(found.labels)
    assert np.isclose(wanted.inputs.sum(), found.inputs.sum())


def test_missing_keyword_is_named(tmp_path: Path) -> None:
    source = archives.speech_commands(tmp_path / "s.tar.gz", words=(*archives.KEYWORDS[:-1], "bed"))
    with pytest.raises(UserError, match="has no sample of: yes"):
        speech.load(source, 0, quiet)


def test_damaged_archive_is_explained(tmp_path: Path) -> None:
    source = archives.speech_commands(tmp_path / "s.tar.gz")
    source.write_bytes(source.read_bytes()[:2000])
    with pytest.raises(UserError, match="no archive or a damaged one"):
        speech.load(source, 0, quiet)


def test_another_archive_is_explained(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no validation_list"):
        speech.load(archives.cifar(tmp_path / "c.tar.gz"), 0, quiet)
    with pytest.raises(UserError, match="has no data_batch_1"):
        cifar.load(archives.speech_commands(tmp_path / "s.tar.gz"), 0)
    with pytest.raises(UserError, match=r"has no train/normal_id_NN"):
        machines.load(archives.cifar(tmp_path / "c.tar.gz"), quiet)


def test_pool_keeps_speakers_apart(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    labels, speaker = np.arange(240, dtype=np.int8) % 12, np.array([f"s{index // 12 % 20}" for index in range(240)])
    speaker[labels == 10] = ""
    stored = random.integers(-128, 128, (240, 49, 10)).astype(np.int8)
    np.savez(tmp_path / "pool.npz", features=stored, labels=labels, speaker=speaker)
    corpus = speech.load(tmp_path / "pool.npz", 0, quiet)
    assert len(corpus.training) + len(corpus.validation) == 240
    assert 20 <= len(corpus.validation) <= 40
    assert (corpus.training.labels == 10).any()


def test_wakewords_and_silence_get_their_shares(tmp_path: Path) -> None:
    words = ("marvin", *archives.KEYWORDS)
    corpus = wakewords.load(archives.speech_commands(tmp_path / "s.tar.gz", words), 0, quiet)
    assert np.bincount(corpus.training.labels).tolist() == [6, 3, 20]  # 2 speakers and 10 other words
    assert np.bincount(corpus.validation.labels).tolist() == [3, 1, 10]
    features = corpus.training.inputs
    assert features.shape == (29, 30, 1, 40) and features.dtype == np.float32
    assert features.min() >= 0 and features.max() <= 1
    assert len(np.unique(features[:6], axis=0)) == 6  # of the same two clips
    assert corpus.facts == {"clips": 33, "background": "archive's"}


def test_wakewords_over_sounds_of_musan(tmp_path: Path) -> None:
    import tarfile

    words = ("marvin", *archives.KEYWORDS)
    with tarfile.open(archives.speech_commands(tmp_path / "s.tar.gz", words)) as file:
        file.extractall(tmp_path / "s", filter="data")
    alone = wakewords.load(tmp_path / "s", 0, quiet)
    (tmp_path / "s" / "musan" / "music").mkdir(parents=True)
    (tmp_path / "s" / "musan" / "music" / "m.wav").write_bytes(archives.wav(40000, 99))
    corpus = wakewords.load(tmp_path / "s", 0, quiet)
    assert corpus.facts == {"clips": 33, "background": "musan"}
    assert len(corpus.training) == len(alone.training)
    assert not np.array_equal(corpus.training.inputs, alone.training.inputs)


def test_wakewords_without_the_wakeword(tmp_path: Path) -> None:
    source = archives.speech_commands(tmp_path / "s.tar.gz")
    with pytest.raises(UserError, match="has no sample of: marvin; every class is needed"):
        wakewords.load(source, 0, quiet)
    with pytest.raises(UserError, match="has no validation_list"):
        wakewords.load(archives.cifar(tmp_path / "c.tar.gz"), 0, quiet)


def test_background_is_never_louder_than_twice_the_clip() -> None:
    random = np.random.default_rng(0)
    clip = random.normal(0, 10, 16000)
    found = [wakewords.changed(random, clip, [np.ones(20000)], (2, 2)) for _ in range(20)]
    means = [float(sound.mean()) for sound in found]
    assert 0.05 < max(means) < 1.0 and min(means) == pytest.approx(0, abs=1e-2)


def test_spectrograms_and_made_up_sounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wakewords, "MADE_UP", 20)
    np.savez(tmp_path / "s.npz", specs=np.full((10, 30, 1, 40), 0.5))
    corpus = wakewords.load(tmp_path / "s.npz", 0, quiet)
    assert (len(corpus.training), len(corpus.validation), corpus.labelled) == (32, 8, False)
    assert (corpus.training.inputs == 0.5).all(axis=(1, 2, 3)).sum() == 16
    np.savez(tmp_path / "t.npz", specs=np.zeros((10, 30, 40)))
    with pytest.raises(UserError, match=r"t.npz: specs \[10, 30, 40\], not \[5 or more, 30, 1, 40\]"):
        wakewords.load(tmp_path / "t.npz", 0, quiet)


def test_energies_of_a_tone_are_in_its_band() -> None:
    time = np.arange(16000) / 16000
    found = log_mel(0.5 * np.sin(2 * np.pi * 1000 * time))
    assert found.shape == (30, 1, 40) and (found[1:].argmax(axis=2) == 13).all()
    assert (log_mel(np.zeros(16000)) == 0).all()


def test_babble_depends_on_the_seed_alone() -> None:
    first, again = (babble(np.random.default_rng(1), 16000) for _ in range(2))
    assert np.array_equal(first, again) and first.shape == (16000,) and 0 < np.abs(first).max() < 2


def test_groups_are_never_split() -> None:
    groups = np.repeat(np.arange(30), 7)
    mask = split_by_group(groups, 0.2, 1)
    assert not set(groups[mask]) & set(groups[~mask])
    assert 0.2 <= mask.mean() < 0.25


def test_cifar_batches_become_pictures(tmp_path: Path) -> None:
    corpus = cifar.load(archives.cifar(tmp_path / "c.tar.gz"), 0)
    assert (len(corpus.training), len(corpus.validation)) == (100, 20)
    planes = np.random.default_rng(0).integers(0, 256, (20, 3072), np.uint8)[0].reshape(3, 32, 32)
    assert np.array_equal(corpus.training.inputs[0], planes.transpose(1, 2, 0))


def test_cifar_pickle_cannot_run_code(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return print, ("run",)

    source = archives.cifar(tmp_path / "c.tar.gz", data_batch_2=pickle.dumps(Evil()))
    with pytest.raises(UserError, match=r"data_batch_2 is no batch of CIFAR-10 \(it asks for builtins.print"):
        cifar.load(source, 0)


def test_missing_batch_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no data_batch_3"):
        cifar.load(archives.cifar(tmp_path / "c.tar.gz", data_batch_3=None), 0)


def test_machines_give_windows_in_the_order_of_names(tmp_path: Path) -> None:
    source = archives.toy_car(
        tmp_path / "t.zip",
        ("train/normal_id_02_00000000.wav", "train/normal_id_01_00000001.wav", "test/anomaly_id_01_00000000.wav"),
    )
    corpus = machines.load(source, quiet)
    assert len(corpus.training) + len(corpus.validation) == 2 * 196
    assert len(corpus.validation) == 39


def test_anomalous_training_recording_is_refused(tmp_path: Path) -> None:
    source = archives.toy_car(tmp_path / "t.zip", ("train/anomaly_id_01_00000000.wav",))
    with pytest.raises(UserError, match="is anomalous; only normal recordings are for training"):
        machines.load(source, quiet)


def test_short_recording_is_refused(tmp_path: Path) -> None:
    source = archives.toy_car(tmp_path / "t.zip", ("train/normal_id_01_00000000.wav",), samples=16000)
    with pytest.raises(UserError, match="too short"):
        machines.load(source, quiet)


def test_pictures_of_persons_need_both_folders(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    for folder in persons.FOLDERS:
        (tmp_path / "vw" / folder).mkdir(parents=True)
    for number in range(10):
        pixels = np.full((48, 64, 3), number, np.uint8)
        image.fromarray(pixels).save(tmp_path / "vw" / "person" / f"{number}.jpg")
    with pytest.raises(UserError, match="has no pictures in a folder non_person"):
        persons.load(tmp_path / "vw", 0)
    for number in range(10):
        image.fromarray(np.full((96, 96, 3), 200, np.uint8)).save(tmp_path / "vw" / "non_person" / f"{number}.jpg")
    corpus = persons.load(tmp_path / "vw", 0)
    assert np.bincount(corpus.validation.labels).tolist() == [1, 1]
    assert corpus.training.inputs.shape == (18, 96, 96, 3)


def test_mfcc_equals_tensorflow() -> None:
    tf = pytest.importorskip("tensorflow")
    clip = np.random.default_rng(3).normal(0, 0.1, 16000)
    spectrum = tf.abs(tf.signal.stft(tf.constant(clip, tf.float32), 480, 320, 512))
    filters = tf.signal.linear_to_mel_weight_matrix(40, 257, 16000, 20.0, 4000.0)
    wanted = tf.signal.mfccs_from_log_mel_spectrograms(tf.math.log(tf.tensordot(spectrum, filters, 1) + 1e-6))
    assert np.allclose(mfcc(clip), wanted[:, :10], atol=2e-3)


def test_features_divide_by_the_largest_sample_and_pad() -> None:
    pcm = np.array([100, -3000, 1000] * 2000, np.int16)
    assert np.allclose(features(pcm), mfcc(np.pad(pcm / 1000.0, (0, 10000))), atol=1e-5)
