"""`invoke submission`: what is written, and every reason to refuse."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from common.artifact import Firmware
from common.board import Board
from common.errors import UserError
from common.files import write_atomic
from harness.submission.check import check_tree
from harness.submission.console import show_written
from harness.submission.system import KEYS
from harness.submission.write import Request, Written, write_submission
from tests.harness.archived_runs import accuracy_run, archive, built, common_fields, energy_text, performance_run

FACTS = """status = "available"
engineer = "A. Nother"
email = "a@example.org"
supply = "3.3 V from the board's regulator"
[system]
"Other Software" = "none at all"
"""


@pytest.fixture
def kws(firmware: Firmware) -> Firmware:
    return built(firmware)


@pytest.fixture
def request_(tmp_path: Path) -> Request:
    facts = tmp_path / "submission.toml"
    facts.write_text(FACTS)
    return Request("acme", "closed", version="v1.3", out=tmp_path / "out", facts=facts)


def rehearse(board: Board, request: Request) -> Written:
    return write_submission(board, Request(request.organisation, request.division, out=request.out, rehearsal=True))


def refused(board: Board, request: Request) -> str:
    """The message of a submission that must not be written."""
    with pytest.raises(UserError) as caught:
        write_submission(board, request)
    assert not (request.out / request.division).exists()
    return str(caught.value)


def test_a_valid_submission(board: Board, kws: Firmware, request_: Request, console: Console) -> None:
    performance_run(kws)
    accuracy_run(kws)
    written = write_submission(board, request_)
    assert written.waived == ()
    assert written.declared == ("kws: dead channels: 20 became 10",)
    checked = check_tree(request_.out, "v1.3")
    assert checked.findings.errors == []
    assert [finding.text for finding in checked.findings if finding.severity == "warning"] == [
        "has no submission checklist as PDF"
    ]
    (row,) = checked.rows
    assert (row.system, row.benchmark, row.quality) == ("NUCLEO-L4R5ZI", "kws", 90.2)
    folder = written.folder
    system = json.loads((folder / "systems" / "NUCLEO-L4R5ZI.json").read_text())
    assert tuple(system) == KEYS
    assert all(system.values())
    assert system["Other Software"] == "none at all"
    assert "3.3 V from the board's regulator" in system["Hardware Notes"]
    assert "dead channels: 20 became 10" in system["Software Notes"]
    code = folder / "code" / "kws" / "NUCLEO-L4R5ZI"
    assert (code / "gen" / "model.c").read_text() == "int x;\n"
    assert (code / "firmware.elf").read_bytes() == b"an image"
    assert (folder / "code" / "firmbench" / "firmware" / "kernels" / "softmax.c").is_file()
    provenance = json.loads((code / "provenance.json").read_text())
    assert provenance["runs"]["accuracy"]["elf_sha256"] == provenance["runs"]["performance"]["elf_sha256"]
    checklist = (folder / "systems" / "NUCLEO-L4R5ZI-checklist.md").read_text()
    assert "A. Nother, a@example.org" in checklist
    assert "build\nwith `--no-dce`" in checklist
    assert not list(request_.out.glob(".submission-*"))
    show_written(written, console)
    assert "accepts MLCommons' runner alone" in console.export_text()


def test_several_systems_share_a_tree(board: Board, kws: Firmware, request_: Request) -> None:
    performance_run(kws)
    accuracy_run(kws)
    first = write_submission(board, request_)
    write_atomic(first.folder / "systems" / "Submission_Checklist.pdf", b"%PDF")
    again = Request("acme", "closed", system="second", version="v1.3", out=request_.out, facts=request_.facts)
    write_submission(board, again)
    write_submission(board, again)
    checked = check_tree(request_.out, "v1.3")
    assert sorted(row.system for row in checked.rows) == ["NUCLEO-L4R5ZI", "second"]
    assert [finding for finding in checked.findings if finding.severity != "note"] == []


def test_refusals_of_runs(board: Board, kws: Firmware, request_: Request) -> None:
    assert "no archived run of a benchmark on NUCLEO-L4R5ZI" in refused(board, request_)
    performance_run(kws, timing="modelled", seconds=1.0, count=4, synthetic=True)
    message = refused(board, request_)
    for reason in (
        "no valid submission to the closed division of v1.3",
        "kws: there is no accuracy run; run `invoke bench --mode accuracy`",
        "kws: the performance run is modelled, not measured on a board",
        "kws: 4 windows, not 5",
        "kws: 4 windows are shorter than 10 s, the shortest 1.000 s",
        "kws: its inputs are synthetic",
    ):
        assert reason in message
    accuracy_run(kws, correct=20, files=24, synthetic=True, timing="modelled")
    message = refused(board, request_)
    for reason in (
        "kws: it scored 24 files, the whole data set has 1000",
        "kws: its data set is synthetic",
        "kws: the accuracy run is modelled",
        "kws: top-1 is 83.3333, the closed division asks for 90",
    ):
        assert reason in message


def test_different_images_are_refused(board: Board, kws: Firmware, request_: Request) -> None:
    accuracy_run(kws)
    performance_run(built(kws, elf=b"another image"))
    message = refused(board, request_)
    assert "ran different images" in message
    assert message.count("\n") == 1


def test_an_image_that_is_gone_is_refused(board: Board, kws: Firmware, request_: Request) -> None:
    performance_run(kws)
    accuracy_run(kws)
    built(kws, elf=b"another image")
    assert "no longer the build of kws, so its code cannot go with it" in refused(board, request_)


def test_another_model_file_is_refused(board: Board, kws: Firmware, request_: Request) -> None:
    performance_run(kws)
    accuracy_run(kws)
    write_atomic(kws.model_file, b"not the reference model")
    message = refused(board, request_)
    assert "the tree would not pass `invoke check`" in message
    assert "code/kws/NUCLEO-L4R5ZI/model.tflite: has SHA-256" in message


def test_an_older_run_without_objection_is_taken(board: Board, kws: Firmware, request_: Request) -> None:
    performance_run(kws)
    accuracy_run(kws)
    performance_run(kws, "20260102-090000-nucleo_l4r5zi-kws", seconds=1.0)
    written = write_submission(board, request_)
    assert written.candidates[0].runs["performance"].name == "20260102-030405-nucleo_l4r5zi-kws"


def test_other_weights_need_the_open_division(
    board: Board, firmware: Firmware, request_: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    kws = built(firmware, model="ad_synthetic_int8")
    performance_run(kws)
    accuracy_run(kws, correct=500)
    message = refused(board, request_)
    assert "is not the reference model of mlcommons/tiny; other weights belong to the open division" in message
    request_.facts.write_text(FACTS.replace("[system]", 'training = "by hand"\n[system]'))
    open_request = Request("acme", "open", version="v1.3", out=request_.out, facts=request_.facts)
    written = write_submission(board, open_request)
    assert written.checked.rows[0].quality == 50.0


def test_ic2_needs_ic(board: Board, kws: Firmware, request_: Request) -> None:
    for path in (performance_run(kws), accuracy_run(kws)):
        content = json.loads((path / "results.json").read_text())
        content["device"]["model"] = "ic02"
        write_atomic(path / "results.json", json.dumps(content))
    message = refused(board, Request("acme", "closed", version="v1.4", out=request_.out, facts=request_.facts))
    assert "ic2 needs results of ic by the same system" in message
    assert "v1.3 has no benchmark ic2" in refused(board, request_)


def test_a_rehearsal_is_marked_and_checked(board: Board, kws: Firmware, request_: Request, console: Console) -> None:
    performance_run(kws, timing="modelled", seconds=2.1)
    accuracy_run(kws, timing="modelled")
    written = rehearse(board, request_)
    assert "kws: the performance run is modelled, not measured on a board" in "\n".join(written.waived)
    checked = check_tree(request_.out, "v1.3")
    assert checked.rehearsal
    assert "this tree is a rehearsal" in "\n".join(finding.text for finding in checked.findings.errors)
    (row,) = checked.rows
    assert row.quality == 90.2
    assert row.throughput == pytest.approx(350 / 2.1, rel=1e-3)
    for name in ("results.txt", "log.txt", "results.json"):
        text = (written.folder / "results" / "NUCLEO-L4R5ZI" / "kws" / "performance" / name).read_text()
        assert "REHEARSAL, modelled: not a submission" in text
    show_written(written, console)
    assert f"rehearsal: {written.folder}" in console.export_text()
    with pytest.raises(UserError, match="no valid submission"):
        write_submission(board, request_)
    assert (written.folder / "REHEARSAL.md").is_file()


def test_a_submission_does_not_mix_with_a_rehearsal(board: Board, kws: Firmware, request_: Request) -> None:
    performance_run(kws)
    accuracy_run(kws)
    rehearse(board, request_)
    with pytest.raises(UserError, match="holds a rehearsal; move it away"):
        write_submission(board, request_)


def test_energy_goes_with_its_hookup(board: Board, kws: Firmware, request_: Request) -> None:
    performance_run(kws)
    accuracy_run(kws)
    section = {"uj_per_inference": 1820.5, "timing": "measured", "windows": [{}] * 5}
    files = {"results.txt": energy_text([1820.5, 1820.1, 1821.0, 1820.0, 1822.0]), "log.txt": "x", "results.json": "[]"}
    archive("20260102-050000-nucleo_l4r5zi-kws", common_fields(kws) | {"energy": section}, "energy", files)
    assert "submission.toml: fill in energy_hookup" in refused(board, request_)
    request_.facts.write_text(FACTS.replace("[system]", 'energy_hookup = "LPM01A in JP5"\n[system]'))
    written = write_submission(board, request_)
    assert written.checked.rows[0].energy == 1820.5
    assert (written.folder / "systems" / "NUCLEO-L4R5ZI-Energy-Hookup.txt").read_text() == "LPM01A in JP5\n"


def test_facts_are_asked_for(board: Board, kws: Firmware, request_: Request) -> None:
    performance_run(kws)
    accuracy_run(kws)
    request_.facts.unlink()
    assert f"fill in {request_.facts} and run this again" in refused(board, request_)
    assert "fill in status, engineer, email, supply" in refused(board, request_)
    for content, reason in (
        ("status = 1", "must be a text"),
        ("colour = 'red'", "unknown field 'colour'"),
        ("[system]\nBoard = 'x'", "unknown field 'Board'"),
        ("system = 'x'", "must be a text"),
        ("status =", "is not TOML"),
        (FACTS.replace("available", "soon"), "status is 'soon'; it must be one of available, preview, rdi"),
    ):
        request_.facts.write_text(content)
        assert reason in refused(board, request_)
    request_.facts.write_bytes(b"\xff\xfe")
    assert "is not TOML" in refused(board, request_)


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (Request("a/b", "closed"), "--org 'a/b' cannot name a folder"),
        (Request("..", "closed"), "cannot name a folder"),
        (Request("acme", "closed", system="../x"), "--system '../x' cannot name a folder"),
        (Request("acme", "ajar"), "unknown division 'ajar'; divisions are: closed, open"),
        (Request("acme", "closed", version="v9"), "unknown round 'v9'; rounds are: v1.0"),
        (Request("acme", "closed", benches=("xyz",)), "no archived run of 'xyz'"),
    ],
)
def test_wrong_requests(board: Board, kws: Firmware, request_: Request, reason: str) -> None:
    with pytest.raises(UserError) as caught:
        write_submission(board, request_)
    assert reason in str(caught.value)


def test_a_failure_while_writing_leaves_the_old_tree(
    board: Board, kws: Firmware, request_: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    performance_run(kws)
    accuracy_run(kws)
    written = write_submission(board, request_)
    before = {path: path.read_bytes() for path in written.folder.rglob("*") if path.is_file()}

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("harness.submission.write.write_atomic", full)
    with pytest.raises(OSError, match="No space"):
        write_submission(board, request_)
    assert {path: path.read_bytes() for path in written.folder.rglob("*") if path.is_file()} == before
    assert not list(request_.out.glob(".submission-*"))
