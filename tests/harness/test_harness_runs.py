"""The archive of runs: listed, found, compared; half-written and foreign folders are skipped."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from common.artifact import Firmware, runs_folder
from common.errors import UserError
from common.files import write_atomic
from harness.results_console import show_runs
from harness.runs import RunRecord, find_run, list_runs, newest_results, read_run
from tests.harness.archived_runs import accuracy_run, built, performance_run

FIRST, SECOND = "20260102-030405-nucleo_l4r5zi-kws", "20260103-030405-nucleo_l4r5zi-kws"


@pytest.fixture
def kws(firmware: Firmware) -> Firmware:
    return built(firmware)


def test_the_archive(kws: Firmware, console: Console) -> None:
    show_runs([], console)
    assert "no runs yet; `invoke bench` makes one" in console.export_text()
    performance_run(kws, FIRST)
    performance_run(kws, SECOND, timing="modelled", seconds=2.0)
    accuracy_run(kws)
    records, skipped = list_runs()
    assert [record.name for record in records] == [SECOND, "20260102-030406-nucleo_l4r5zi-kws", FIRST]
    assert skipped == []
    assert records[2].latency_ms == pytest.approx(29.7, abs=0.1)
    assert records[1].quality == "90.2 %"
    assert (records[0].timing("performance"), records[0].timing("energy")) == ("modelled", "")
    show_runs([], console)
    text = console.export_text()
    assert "~5.715" in text
    assert " 29.71" in text
    assert "90.2 %" in text
    show_runs([FIRST, SECOND], console)
    text = console.export_text()
    assert "-80.77 %" in text
    assert "differs" in text
    assert "same" in text
    show_runs([FIRST], console)
    assert "kws_ref_model.tflite" in console.export_text()


def test_what_is_no_run_is_skipped(kws: Firmware, console: Console) -> None:
    performance_run(kws, FIRST)
    runs = runs_folder()
    (runs / "just-started" / "performance").mkdir(parents=True)
    (runs / ".partial").mkdir()
    write_atomic(runs / "notes.txt", "mine")
    for number, content in enumerate(
        (b"", b"{", b"[]", b"{}", b"\xff\xfe", b"[" * 100_000, b'{"board": 1, "bench": 2}')
    ):
        write_atomic(runs / f"odd{number}" / "results.json", content)
    write_atomic(runs / "odd" / "results.json" / "deep", "x")
    records, skipped = list_runs()
    assert [record.name for record in records] == [FIRST]
    assert len(skipped) == 10
    show_runs([], console)
    text = console.export_text()
    assert "just-started: has no results.json: the run was interrupted" in text
    assert "notes.txt: is not a folder" in text
    with pytest.raises(UserError, match=r"odd3: results\.json is not one of a run"):
        find_run("odd3")


ODD = {
    "schema": 2,
    "board": "nucleo_l4r5zi",
    "bench": "kws",
    "model": 3,
    "performance": {"latency_ms": "fast", "windows": 7, "reservations": {}, "timing": None},
    "accuracy": [1],
    "energy": {"uj_per_inference": True},
    "tools": "gcc",
    "port": None,
}


def test_odd_values_are_not_shown(kws: Firmware, console: Console) -> None:
    write_atomic(runs_folder() / FIRST / "results.json", json.dumps(ODD))
    record = find_run(FIRST)
    assert (record.latency_ms, record.quality, record.energy_uj, record.model) == (None, "", None, "")
    show_runs([], console)
    show_runs([FIRST], console)
    show_runs([FIRST, FIRST], console)


def test_finding_a_run(kws: Firmware, tmp_path: Path) -> None:
    folder = performance_run(kws, FIRST)
    performance_run(kws, SECOND)
    write_atomic(kws.folder / "results.json", (folder / "results.json").read_text())
    for spec in (FIRST, "20260102", str(folder), str(folder / "results.json")):
        assert find_run(spec).folder == folder
    assert find_run("nucleo_l4r5zi/kws").folder == kws.folder
    assert [record.name for record in newest_results()] == ["nucleo_l4r5zi/kws"]
    with pytest.raises(UserError, match=f"2 runs begin with '2026': {SECOND}, {FIRST}"):
        find_run("2026")
    for spec in ("", "2027", str(tmp_path)):
        with pytest.raises(UserError, match=r"no run '.*'; `invoke results` lists"):
            find_run(spec)
    with pytest.raises(UserError, match="3 runs given"):
        show_runs(["a", "b", "c"], Console())


def test_runs_of_before_there_were_sections(firmware: Firmware, tmp_path: Path) -> None:
    old = {"schema": 1, "board": "b", "bench": "ad", "timing": "modelled", "latency_ms": 2.785, "windows": []}
    write_atomic(tmp_path / "old" / "results.json", json.dumps(old))
    record = read_run(tmp_path / "old")
    assert isinstance(record, RunRecord)
    assert (record.latency_ms, record.timing("performance"), record.timing("accuracy")) == (2.785, "modelled", "")
