"""Inputs of a run: data sets in upstream's layout, and the synthetic stand-in."""

import dataclasses
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.benchmark import Benchmark, WireTensor, load_benchmark
from common.errors import UserError
from harness.inputs import load_inputs, synthetic_inputs
from tests.reference import reference_data


def write_file(folder: Path, name: str, windows: int, start: float) -> bytes:
    """``windows`` windows of 640 floats, one frame of 128 apart."""
    floats = [start + number / 8 for number in range(640 + 128 * (windows - 1))]
    content = struct.pack(f"<{len(floats)}f", *floats)
    (folder / name).write_bytes(content)
    return content


def data_set(root: Path, files: dict[str, int], listed: list[str] | None = None) -> dict[str, bytes]:
    folder = root / "ad01"
    folder.mkdir()
    written = {name: write_file(folder, name, n, 1000.0 * i) for i, (name, n) in enumerate(files.items())}
    rows = [f"{name},2,0,2560,512" for name in listed or files]
    (folder / "y_labels.csv").write_text("\n".join(rows) + "\n")
    return written


def test_first_windows_of_five_files_in_list_order(tmp_path: Path, benchmark_ad: Benchmark) -> None:
    written = data_set(tmp_path, {f"{name}.bin": 3 for name in "gfedcba"})
    chosen = load_inputs(benchmark_ad, tmp_path)
    assert [item.name for item in chosen.inputs] == [f"{name}.bin@0" for name in "gfedc"]
    assert [item.data for item in chosen.inputs] == [written[f"{name}.bin"][:2560] for name in "gfedc"]
    assert (chosen.synthetic, chosen.description) == (False, "5 inputs of ad01")


def test_fewer_files_give_their_next_windows(tmp_path: Path, benchmark_ad: Benchmark) -> None:
    written = data_set(tmp_path, {"a.bin": 4, "b.bin": 2}, listed=["missing.bin", "a.bin", "b.bin"])
    chosen = load_inputs(benchmark_ad, tmp_path)
    assert [item.name for item in chosen.inputs] == ["a.bin@0", "b.bin@0", "a.bin@1", "b.bin@1", "a.bin@2"]
    assert chosen.inputs[4].data == written["a.bin"][1024 : 1024 + 2560]
    assert chosen.description == "5 inputs of ad01: windows of 2 files, as no more are there"


def test_stride_is_the_lists(tmp_path: Path, benchmark_ad: Benchmark) -> None:
    written = data_set(tmp_path, {"a.bin": 9})
    (tmp_path / "ad01" / "y_labels.csv").write_text("a.bin,2,0,2560,1024\n")
    chosen = load_inputs(benchmark_ad, tmp_path)
    assert [item.data for item in chosen.inputs] == [written["a.bin"][1024 * n :][:2560] for n in range(5)]


def test_files_that_are_not_listed_serve_when_no_other_exists(tmp_path: Path, benchmark_ad: Benchmark) -> None:
    data_set(tmp_path, {"z.bin": 5}, listed=["a.bin"])
    assert [item.name for item in load_inputs(benchmark_ad, tmp_path).inputs] == [f"z.bin@{n}" for n in range(5)]


def test_equal_windows_do_not_count_twice(tmp_path: Path, benchmark_ad: Benchmark) -> None:
    data_set(tmp_path, {"a.bin": 4, "b.bin": 1})
    (tmp_path / "ad01" / "b.bin").write_bytes((tmp_path / "ad01" / "a.bin").read_bytes())
    with pytest.raises(UserError, match="holds only 4 different inputs, 5 are needed"):
        load_inputs(benchmark_ad, tmp_path)


def test_other_formats(tmp_path: Path) -> None:
    benchmark = load_benchmark("kws")
    folder = tmp_path / "kws01"
    folder.mkdir()
    for number in range(6):
        (folder / f"{number}.bin").write_bytes(bytes([number]) * 490)
    (folder / "y_labels.csv").write_text("".join(f"{number}.bin, 12, 3\n" for number in range(6)))
    assert [item.data[:1] for item in load_inputs(benchmark, tmp_path).inputs] == [bytes([n]) for n in range(5)]
    (folder / "2.bin").write_bytes(b"x" * 489)
    with pytest.raises(UserError, match=r"2\.bin has 489 bytes"):
        load_inputs(benchmark, tmp_path)
    synthetic = load_inputs(benchmark, None)
    assert {len(item.data) for item in synthetic.inputs} == {490}


@pytest.mark.parametrize(
    ("csv", "message"),
    [
        ("", r"no \.bin files in"),
        ("a.bin,2,0,1280,512\n", "y_labels.csv line 1: 1280 bytes to send, but ad takes 2560"),
        ("a.bin,2,0,2560,512\n\nb.bin,2,0,2560,x\n", "line 3: bytes and stride must be whole numbers above 0"),
        ("a.bin,2,0,2560,0\n", "line 1: bytes and stride must be whole"),
        ("a.bin,2,0,2560,-5\n", "line 1: bytes and stride must be whole"),
        ("../a.bin,2,0,2560,512\n", "line 1: '../a.bin' is not a file name"),
        (",2,0,2560,512\n", "line 1: '' is not a file name"),
        ("\udcff", "cannot read"),
    ],
)
def test_bad_lists(tmp_path: Path, benchmark_ad: Benchmark, csv: str, message: str) -> None:
    (tmp_path / "ad01").mkdir()
    (tmp_path / "ad01" / "y_labels.csv").write_bytes(csv.encode("utf-8", "surrogateescape"))
    with pytest.raises(UserError, match=message) as caught:
        load_inputs(benchmark_ad, tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [0, 2559, 2561, 2560 + 511])
def test_files_of_a_wrong_size(tmp_path: Path, benchmark_ad: Benchmark, size: int) -> None:
    data_set(tmp_path, {"a.bin": 9})
    (tmp_path / "ad01" / "a.bin").write_bytes(bytes(size))
    with pytest.raises(UserError, match=f"a.bin has {size} bytes, not 2560 plus a multiple of 512; copy it anew"):
        load_inputs(benchmark_ad, tmp_path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_no_numbers(tmp_path: Path, benchmark_ad: Benchmark, value: float) -> None:
    content = bytearray(data_set(tmp_path, {"a.bin": 9})["a.bin"])
    content[2560 + 508 : 2560 + 512] = struct.pack("<f", value)
    (tmp_path / "ad01" / "a.bin").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.bin window 1 holds a value that is no finite float32"):
        load_inputs(benchmark_ad, tmp_path)


def test_folder_without_the_data_set(tmp_path: Path, benchmark_ad: Benchmark) -> None:
    with pytest.raises(UserError, match=r"no .*ad01.y_labels.csv; --data takes the folder that holds ad01/y_labels"):
        load_inputs(benchmark_ad, tmp_path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.binary(max_size=80))
def test_any_list_gives_inputs_or_a_user_error(tmp_path: Path, benchmark_ad: Benchmark, content: bytes) -> None:
    folder = tmp_path / "ad01"
    folder.mkdir(exist_ok=True)
    write_file(folder, "a.bin", 5, 0.0)
    (folder / "y_labels.csv").write_bytes(content)
    try:
        chosen = load_inputs(benchmark_ad, tmp_path)
    except UserError as error:
        assert str(error)
    else:
        assert len({item.data for item in chosen.inputs}) == 5


def test_synthetic_inputs(benchmark_ad: Benchmark) -> None:
    chosen = synthetic_inputs(benchmark_ad)
    assert chosen.synthetic
    assert "synthetic" in chosen.description
    assert len({item.data for item in chosen.inputs}) == 5
    for item in chosen.inputs:
        values = np.frombuffer(item.data, "<f4")
        assert values.shape == (640,)
        assert -60.0 <= values.min() < values.max() <= 20.0
        assert values.std() > 5.0
    assert synthetic_inputs(benchmark_ad) == chosen
    assert synthetic_inputs(dataclasses.replace(benchmark_ad, name="other")).inputs != chosen.inputs


@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [("bool", 0, 1), ("float32", -1, 1), ("int16", -32768, 32767), ("int32", 0, 1), ("int8", -128, 127)],
)
def test_synthetic_inputs_of_every_type(benchmark_ad: Benchmark, dtype: str, low: int, high: int) -> None:
    tensors = (WireTensor(dtype, (50, 3)), WireTensor("uint8", (7,)))
    custom = dataclasses.replace(benchmark_ad, inputs=tensors, input_range=None)
    for item in synthetic_inputs(custom).inputs:
        assert len(item.data) == custom.input_bytes == tensors[0].bytes + 7
        values = np.frombuffer(item.data[:-7], np.dtype(dtype))
        assert low <= values.min() < values.max() <= high
    narrow = dataclasses.replace(custom, inputs=tensors[:1], input_range=(0.0, 1.0))
    values = np.frombuffer(synthetic_inputs(narrow).inputs[0].data, np.dtype(dtype))
    assert 0 <= values.min() < values.max() <= 1


@pytest.mark.parametrize("count", [1, 3, 5, 9])
def test_all_there_are(tmp_path: Path, benchmark_ad: Benchmark, count: int) -> None:
    data_set(tmp_path, {"a.bin": 4, "b.bin": 1})
    chosen = load_inputs(benchmark_ad, tmp_path, count, fewer=True)
    assert len(chosen.inputs) == min(count, 5)
    assert chosen.description.startswith(f"{min(count, 5)} inputs of ad01")


@pytest.mark.reference
def test_reference_data_set(benchmark_ad: Benchmark) -> None:
    chosen = load_inputs(benchmark_ad, reference_data() / "ad")
    assert len({item.data for item in chosen.inputs}) == 5
    values = np.frombuffer(chosen.inputs[0].data, "<f4")
    assert -100.0 < values.min() < values.max() < 50.0


@pytest.mark.reference
def test_reference_keywords() -> None:
    chosen = load_inputs(load_benchmark("kws"), reference_data() / "kws", 300, fewer=True)
    assert len(chosen.inputs) == 200
    assert chosen.inputs[0].name.startswith("tst_000000_Stop_7.bin")
