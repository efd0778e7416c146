"""Labelled data sets: what is read, and what is refused by file and line."""

import struct
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.benchmark import load_benchmark
from common.errors import UserError
from harness.dataset import DataSetError, load_dataset
from harness.inputs import synthetic_dataset
from tests.harness.labelled import write_ad, write_kws
from tests.reference import reference_data

AD, KWS = load_benchmark("ad"), load_benchmark("kws")
LEVELS = {"n0": [0.0] * 6, "a0": [1.0] * 5, "n1": [2.0] * 7, "a1": [3.0] * 5}


def test_files_windows_and_labels(tmp_path: Path) -> None:
    folder = write_ad(tmp_path, LEVELS)
    dataset = load_dataset(AD, tmp_path)
    assert [(sample.file, sample.label) for sample in dataset.samples] == [
        ("n0.bin", 0),
        ("a0.bin", 1),
        ("n1.bin", 0),
        ("a1.bin", 1),
    ]
    windows = dataset.samples[2].windows(2560)
    assert [item.name for item in windows] == ["n1.bin@0", "n1.bin@1", "n1.bin@2"]
    assert windows[1].data == (folder / "n1.bin").read_bytes()[512 : 512 + 2560]
    assert windows[1].row == ("n1.bin", "2", "0", "2560", "512")
    assert not dataset.is_subset
    assert dataset.folder == folder


def test_hashes_follow_labels_and_bytes(tmp_path: Path) -> None:
    folder = write_kws(tmp_path, [*range(12)])
    first = load_dataset(KWS, tmp_path)
    assert load_dataset(KWS, tmp_path).sha256 == first.sha256
    (folder / "3.bin").write_bytes(b"\x07" * 490)
    changed = load_dataset(KWS, tmp_path)
    assert changed.sha256 != first.sha256
    assert changed.labels_sha256 == first.labels_sha256


PROBLEMS = {
    "missing file": ("n0.bin,2,0,2560,512\nx.bin,2,1,2560,512\n", r"cannot read .*x\.bin \(y_labels\.csv line 2\)"),
    "label too high": ("n0.bin,2,2,2560,512\n", "line 1: class '2' is not one of 0 to 1"),
    "label negative": ("n0.bin,2,-1,2560,512\n", "line 1: class '-1' is not one of"),
    "label a word": ("\nn0.bin,2,anomaly,2560,512\n", "line 2: class 'anomaly' is not one of"),
    "classes": ("n0.bin,12,0,2560,512\n", "line 1: '12' classes, but ad has 2"),
    "no class": ("n0.bin\n", "line 1: 'n0.bin' has no class"),
    "twice": ("n0.bin,2,0,2560,512\n" * 2, "n0.bin is listed twice"),
    "a class is missing": ("n0.bin,2,0,2560,512\nn1.bin,2,0,2560,512\n", "no file of class 1; every class must occur"),
    "empty": ("\n\n", "lists no files"),
    "quote": ('"n0.bin,2,0\n', "cannot read .*y_labels.csv"),
    "window size": ("n0.bin,2,0,1280,512\n", "1280 bytes to send, but ad takes 2560"),
    "stride": ("n0.bin,2,0,2560,700\n", "not 2560 plus a multiple of 700"),
}


@pytest.mark.parametrize(("text", "message"), PROBLEMS.values(), ids=PROBLEMS.keys())
def test_problems_are_named_by_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    folder = write_ad(tmp_path, LEVELS)
    (folder / "y_labels.csv").write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        load_dataset(AD, tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (bytes(2559), r"n0\.bin \(y_labels\.csv line 1\) has 2559 bytes"),
        (b"", "has 0 bytes"),
        (bytes(2556) + struct.pack("<f", float("nan")), "n0.bin window 0 holds a value that is no finite float32"),
        (bytes(3068) + struct.pack("<f", float("inf")), "n0.bin window 1 holds a value"),
        (struct.pack("<640f", *[1.0] * 640), "n0.bin and a0.bin are the same bytes, but of classes 0 and 1"),
    ],
)
def test_bad_files(tmp_path: Path, content: bytes, message: str) -> None:
    folder = write_ad(tmp_path, LEVELS)
    (folder / "n0.bin").write_bytes(content)
    with pytest.raises(DataSetError, match=message):
        load_dataset(AD, tmp_path)


def test_all_problems_are_listed(tmp_path: Path) -> None:
    folder = write_kws(tmp_path, [*range(12)])
    (folder / "2.bin").unlink()
    (folder / "5.bin").write_bytes(b"short")
    with pytest.raises(DataSetError, match="and 1 more problem") as caught:
        load_dataset(KWS, tmp_path)
    assert [("2.bin" in p, "5.bin" in p) for p in caught.value.problems] == [(True, False), (False, True)]


def test_equal_files_of_a_class_are_a_note(tmp_path: Path) -> None:
    folder = write_kws(tmp_path, [*range(12), 3])
    (folder / "12.bin").write_bytes((folder / "3.bin").read_bytes())
    assert load_dataset(KWS, tmp_path).notes == ("3.bin and 12.bin are the same bytes",)


@pytest.mark.parametrize(("count", "most"), [(12, 1), (24, 2), (30, 3), (36, 3)])
def test_subsets_hold_every_class(tmp_path: Path, count: int, most: int) -> None:
    write_kws(tmp_path, [number // 3 for number in range(36)])
    chosen = load_dataset(KWS, tmp_path, count, seed=5)
    counts = Counter(sample.label for sample in chosen.samples)
    assert len(chosen.samples) == count
    assert (len(counts), max(counts.values())) == (12, most)
    assert chosen.is_subset == (count < 36)
    assert load_dataset(KWS, tmp_path, count, seed=5) == chosen
    if not chosen.is_subset:
        return
    assert chosen.description == f"{count} of 36 files of kws01"
    assert {load_dataset(KWS, tmp_path, count, seed).sha256 for seed in range(5)} != {chosen.sha256}


@pytest.mark.parametrize("count", [0, -1, 13])
def test_impossible_subsets(tmp_path: Path, count: int) -> None:
    write_kws(tmp_path, [*range(12)])
    with pytest.raises(UserError, match=f"--count {count}: the data set has 12 files"):
        load_dataset(KWS, tmp_path, count)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.one_of(
        st.binary(max_size=60),
        st.lists(
            st.tuples(st.sampled_from(["n0.bin", "a0.bin", "", ".."]), st.sampled_from(["2", "x"]), st.integers(-1, 3)),
            max_size=5,
        ).map(lambda rows: "".join(f"{a},{b},{c},2560,512\n" for a, b, c in rows).encode()),
    )
)
def test_any_list_gives_a_data_set_or_a_user_error(tmp_path: Path, text: bytes) -> None:
    folder = write_ad(tmp_path, LEVELS)
    (folder / "y_labels.csv").write_bytes(text)
    try:
        dataset = load_dataset(AD, tmp_path)
    except UserError as error:
        assert str(error)
    else:
        assert {sample.label for sample in dataset.samples} == {0, 1}


@pytest.mark.parametrize("name", ["ad", "kws", "ic", "vww"])
def test_the_synthetic_set_has_every_class(name: str) -> None:
    benchmark = load_benchmark(name)
    dataset = synthetic_dataset(benchmark)
    assert dataset.synthetic
    assert {sample.label for sample in dataset.samples} == set(range(benchmark.classes))
    windows = [len(sample.windows(benchmark.input_bytes)) for sample in dataset.samples]
    assert set(windows) == ({6} if name == "ad" else {1})
    assert synthetic_dataset(benchmark) == dataset


@pytest.mark.reference
def test_reference_keywords_are_a_valid_set() -> None:
    dataset = load_dataset(KWS, reference_data() / "kws")
    assert len(dataset.samples) == 200
    assert dataset.notes == ()
