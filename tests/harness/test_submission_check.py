"""`invoke check`: trees that pass, each rule broken once, and garbage."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from common.errors import UserError
from common.files import sha256, write_atomic
from harness.submission.check import Checked, check_tree
from harness.submission.console import show_checked
from harness.submission.findings import Finding
from tests.harness.published_trees import (
    STREAM,
    complete_tree,
    eembc_performance,
    mlc_accuracy,
    mlc_performance,
    write_tree,
)

SYSTEM = "systems/sys1.json"
KWS, VWW, SWW = (f"results/sys1/{bench}" for bench in ("kws", "vww", "sww"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The organisation's folder of a tree without errors, for v1.3."""
    return complete_tree(tmp_path / "tree")


def check(folder: Path, version: str = "v1.3") -> Checked:
    return check_tree(folder.parent.parent, version)


def severe(checked: Checked) -> list[Finding]:
    return [finding for finding in checked.findings if finding.severity != "note"]


def test_a_tree_of_every_kind_passes(folder: Path, console: Console) -> None:
    write_atomic(folder / VWW / "EEMBC_RUNNER", "")
    checked = check(folder)
    assert severe(checked) == []
    rows = {row.benchmark: row for row in checked.rows}
    assert rows["kws"].throughput == 23.155
    assert (rows["kws"].quality, rows["kws"].energy) == (90.2, 1820.5)
    assert (rows["vww"].throughput, rows["vww"].quality, rows["vww"].energy) == (23.155, 85.2, None)
    assert (rows["sww"].throughput, rows["sww"].energy) == (55.742, 25.622)
    assert rows["sww"].quality == pytest.approx(0.898, abs=1e-3)
    show_checked(checked, console)
    text = console.export_text()
    assert "no errors by the rules of v1.3: 0 errors, 0 warnings" in text
    assert "43.187" in text


def replaced(file: str, old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        text = (folder / file).read_text()
        assert old in text
        (folder / file).write_text(text.replace(old, new))

    return change


def files_of(place: str, files: dict[str, str]) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        for name, text in files.items():
            write_atomic(folder / place / name, text)

    return change


def removed(path: str) -> Callable[[Path], None]:
    return lambda folder: (folder / path).unlink()


def renamed(old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / old).rename(folder / new)

    return change


def provenance(accuracy: str, performance: str, timing: str = "measured") -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        runs = {"accuracy": accuracy, "performance": performance}
        content = {
            "schema": 1,
            "runs": {m: {"elf_sha256": h, "model_sha256": "m", "timing": timing} for m, h in runs.items()},
        }
        write_atomic(folder / "code" / "kws" / "sys1" / "provenance.json", json.dumps(content))

    return change


LONGER = mlc_performance((23.1,) * 6, 23.1)
SAME_INPUT = mlc_performance()
SAME_INPUT["results.json"] = SAME_INPUT["results.json"].replace("2.bin", "1.bin")
OTHER_ENTRIES = mlc_performance((24.0,) * 5, 24.0)["results.json"]
WRONG_LAPS = eembc_performance((24.5,) * 5)["log.txt"]


BROKEN: list[tuple[str, Callable[[Path], None], str]] = [
    (
        "quality",
        files_of(f"{KWS}/accuracy", mlc_accuracy(899)),
        "accuracy/results.txt:1: Top 1% is 89.9, the",
    ),
    (
        "score",
        replaced(f"{KWS}/accuracy/results.txt", "90.2", "90.9"),
        "states 90.9, but the answers in",
    ),
    ("subset", files_of(f"{KWS}/accuracy", mlc_accuracy(24, 24)), "holds 24 files, the official set has 1000"),
    ("figure", replaced(f"{KWS}/accuracy/results.txt", "Top 1%", "Best"), "has no figure in a line like"),
    ("number", replaced(f"{KWS}/accuracy/results.txt", "90.2", "9.0.2"), "results.txt:1: has no figure"),
    ("mode", replaced(f"{KWS}/accuracy/results.json", '"mode": "a"', '"mode": "p"'), "has entries of mode p"),
    ("class", replaced(f"{KWS}/accuracy/results.json", '"class": "3"', '"class": "33"'), "no class from 0 to 11"),
    ("windows", files_of(f"{KWS}/performance", LONGER), "holds 6 windows, not 5"),
    ("inputs", files_of(f"{KWS}/performance", SAME_INPUT), "its windows are on 4 different inputs, not 5"),
    ("median", replaced(f"{KWS}/performance/results.txt", "is     23.155", "is     23.9"), "its windows' is 23.155"),
    ("entries", files_of(f"{KWS}/performance", {"results.json": OTHER_ENTRIES}), "but results.json gives 24.000"),
    ("log", replaced(f"{KWS}/performance/log.txt", "Throughput: 23.1", "Throughput: 24.1"), "tells other windows"),
    ("laps", files_of(f"{VWW}/performance", {"log.txt": WRONG_LAPS}), "the timestamps in log.txt give 24.500"),
    (
        "arithmetic",
        replaced(f"{KWS}/performance/results.txt", "# Inferences : 300", "# Inferences : 301"),
        "results.txt:1: window 1: 301 inferences in",
    ),
    (
        "loop",
        replaced(f"{KWS}/performance/results.txt", "0726", "ERROR 2 - loop exited before 10 seconds elapsed.\n0726"),
        "results.txt:26: the runner says: ERROR 2",
    ),
    (
        "short",
        files_of(f"{VWW}/performance", eembc_performance((31.0,) * 5, 31.0)),
        "window 2 lasted 9.677 s, less than 10 s",
    ),
    (
        "energy",
        replaced(f"{KWS}/energy/results.txt", "Median energy cost is 1820.5", "Median energy cost is 1.5"),
        "states a",
    ),
    (
        "joules",
        replaced(f"{KWS}/energy/results.txt", "Total Energy  : 637175.000", "Total Energy  : 1.0"),
        "total energy /",
    ),
    (
        "seconds",
        replaced(f"{KWS}/energy/results.txt", "Elapsed time  : 10.4", "Elapsed time  : 9.9"),
        "window 0 lasted 9.9 s",
    ),
    ("wakewords", replaced(f"{SWW}/energy/results.txt", "44 True", "45 True"), "are 51, not 50"),
    ("alarms", replaced(f"{SWW}/energy/results.txt", "4 False pos", "9 False pos"), "9 false positives, the closed"),
    (
        "misses",
        files_of(f"{SWW}/energy", {"results.txt": STREAM.replace("44 T", "41 T").replace("6 F", "9 F")}),
        "9 false neg",
    ),
    ("duty", replaced(f"{SWW}/energy/results.txt", "Average duty", "Duty"), "no line like `Average duty cycle"),
    ("status", replaced(SYSTEM, "Available", "Soon"), "Status is 'Soon'; it must be one of available, preview, rdi"),
    ("system type", replaced(SYSTEM, '"Status"', '"system_type": "x", "Status"'), "has the key 'system_type'"),
    ("division", replaced(SYSTEM, "Closed", "Open"), "says division 'Open', but lies in closed/"),
    ("no system", removed(SYSTEM), f"closed/acme/{SYSTEM}: is missing"),
    ("no JSON", replaced(SYSTEM, "{", "["), f"{SYSTEM}:2: is not JSON"),
    ("no results", removed(f"{KWS}/performance/results.txt"), "kws/performance/results.txt: is missing"),
    ("no accuracy", renamed(f"{KWS}/accuracy", "accuracy"), "kws/accuracy: is missing"),
    ("benchmark", renamed(KWS, "results/sys1/nlp"), "results/sys1/nlp: is no benchmark of v1.3"),
    ("empty", lambda folder: (folder / "code" / "empty").mkdir(), "code/empty: is an empty folder"),
    ("cache", files_of("code/__pycache__", {"x.pyc": "x"}), "is a cache of Python"),
    ("link", lambda folder: (folder / "code" / "link").symlink_to("/etc/passwd"), "code/link: is a symbolic link"),
    ("special", lambda folder: os.mkfifo(folder / "code" / "pipe"), "code/pipe: is neither a file nor a folder"),
    ("rehearsal", files_of(".", {"REHEARSAL.md": "x"}), "this tree is a rehearsal"),
    ("images", provenance("a" * 64, "b" * 64), "accuracy ran image aaaaaaaaaaaa, performance bbbbbbbbbbbb"),
    ("modelled", provenance("a" * 64, "a" * 64, "modelled"), "the accuracy run is modelled, not measured"),
    ("no code", renamed("code", "codes"), "closed/acme/code: is missing"),
]


@pytest.mark.parametrize(("change", "message"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_a_broken_rule_is_found(folder: Path, change: Callable[[Path], None], message: str) -> None:
    change(folder)
    found = [f"{finding.where}: {finding.text}" for finding in check(folder).findings.errors]
    assert any(message in line for line in found), found


def test_what_is_only_a_warning(folder: Path) -> None:
    for change in (
        files_of("code/a b", {".hidden": "x"}),
        removed(f"{KWS}/accuracy/log.txt"),
        replaced(SYSTEM, '"Board Name": "something"', '"Board Name": "", "Status": "Available", "extra": 1'),
        removed("systems/TinyMLPerf_v1.3_Submission_Checklist.pdf"),
        removed("systems/Energy-Hookup.pdf"),
        files_of(f"{KWS}/performance", mlc_performance((31.0,) * 5, 31.0)),
    ):
        change(folder)
    checked = check(folder)
    assert checked.findings.errors == []
    texts = "\n".join(finding.text for finding in severe(checked))
    for text in (
        "has a space in its name",
        "is hidden",
        "the official checker logs that as an error, but lets it pass",
        "has the key 'Status' twice",
        "'Board Name' is empty",
        "'extra' is not a text",
        "has no submission checklist as PDF",
        "has no Energy-Hookup",
        "window 1 lasted 9.67742 s, less than 10 s",
    ):
        assert text in texts


def test_rounds_differ(folder: Path) -> None:
    newest = check_tree(folder.parent.parent)
    assert newest.round.name == "v1.4"
    assert "comes from EEMBC's EnergyRunner, which v1.4 no longer accepts" in str(newest.findings.items)
    assert "sww: is no benchmark of v1.2" in "".join(
        f"{finding.path}: {finding.text}" for finding in check(folder, "1.2").findings.errors
    )


def test_ic2_needs_ic(tmp_path: Path) -> None:
    folder = write_tree(tmp_path, {"ic2": {"performance": mlc_performance(), "accuracy": mlc_accuracy()}})
    assert "ic2 needs results of ic by the same system" in str(check(folder, "v1.4").findings.items)


def test_the_open_division(tmp_path: Path) -> None:
    modes = {"performance": mlc_performance(), "accuracy": mlc_accuracy(500)}
    folder = write_tree(tmp_path, {"my_kws": modes}, "open")
    assert "say which one it is in model_mapping.json" in str(check(folder).findings.items)
    write_atomic(folder / "model_mapping.json", '{"my_kws": "kws"}')
    checked = check(folder)
    assert severe(checked) == []
    assert (checked.rows[0].benchmark, checked.rows[0].quality) == ("my_kws", 50.0)
    write_atomic(folder / "model_mapping.json", "[1]")
    assert "is not an object of folder name and benchmark" in str(check(folder).findings.items)


def test_provenance_names_the_image(folder: Path) -> None:
    elf = folder / "code" / "kws" / "sys1" / "firmware.elf"
    write_atomic(elf, b"image")
    provenance(sha256(elf), sha256(elf))(folder)
    assert check(folder).findings.errors == []
    write_atomic(elf, b"another")
    (finding,) = check(folder).findings.errors
    assert "firmware.elf: has SHA-256" in f"{finding.path}: {finding.text}"


def test_one_submitter_alone(folder: Path) -> None:
    removed(SYSTEM)(folder)
    root = folder.parent.parent
    write_tree(root, {"kws": {"accuracy": mlc_accuracy(), "performance": mlc_performance()}}, organisation="other")
    assert check_tree(root, "v1.3").findings.errors
    checked = check_tree(root, "v1.3", "other")
    assert [row.organisation for row in checked.rows] == ["other"]
    assert checked.findings.errors == []
    assert "holds no results of nobody" in str(check_tree(root, "v1.3", "nobody").findings.items)


def test_no_tree_at_all(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a folder"):
        check_tree(tmp_path / "absent")
    with pytest.raises(UserError, match=r"unknown round 'v7'; rounds are: v1\.0"):
        check_tree(tmp_path, "v7")
    (finding,) = check_tree(tmp_path).findings.errors
    assert "holds no results" in finding.text
    (tmp_path / "elsewhere").mkdir()
    assert "is neither of closed, open" in str(check_tree(tmp_path).findings.items)


FILES = [
    SYSTEM,
    *(f"{KWS}/{mode}/{name}" for mode in ("accuracy", "performance", "energy") for name in ("results.txt", "log.txt")),
    f"{KWS}/performance/results.json",
    f"{VWW}/performance/log.txt",
    f"{SWW}/energy/results.txt",
]
GARBAGE = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=200).map(lambda text: text.encode("utf-16", "surrogatepass")),
    st.sampled_from(
        [b"", b"null", b"[]", b"[[]]", b"{}", b"[" * 100_000, b'{"a":' * 5000, b"9" * 5000, b"NaN", b"[NaN]"]
    ),
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return complete_tree(tmp_path_factory.mktemp("shared"))


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(file=st.sampled_from(FILES), garbage=GARBAGE, keep=st.floats(0, 1), tail=st.booleans())
def test_garbage_never_ends_in_a_traceback(shared: Path, file: str, garbage: bytes, keep: float, tail: bool) -> None:
    path = shared / file
    original = path.read_bytes()
    cut = int(keep * len(original))
    try:
        path.write_bytes(original[:cut] + garbage + (original[cut:] if tail else b""))
        checked = check(shared)
        show_checked(checked, Console(file=open(os.devnull, "w")))  # noqa: SIM115, PTH123
    finally:
        path.write_bytes(original)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_mutated_numbers_never_end_in_a_traceback(shared: Path, data: st.DataObject) -> None:
    file = data.draw(st.sampled_from(FILES))
    path = shared / file
    original = path.read_bytes()
    place = data.draw(st.integers(0, max(len(original) - 1, 0)))
    value = data.draw(
        st.sampled_from([b"-1", b"1e999", b"9" * 400, b"0", b".", b"\xff", b"\r", b"\0", b'"', b"null", b"[]"])
    )
    try:
        path.write_bytes(original[:place] + value + original[place + 1 :])
        check(shared)
    finally:
        path.write_bytes(original)


def test_huge_files_are_not_read(folder: Path) -> None:
    for path, size in ((folder / KWS / "accuracy" / "log.txt", 60 << 20), (folder / SYSTEM, 600 << 20)):
        with path.open("r+b") as file:
            file.truncate(size)  # sparse: it takes no room
    found = [f"{finding.severity} {finding.where}: {finding.text}" for finding in check(folder).findings]
    assert f"error closed/acme/{SYSTEM}: has 600 MB, more than the 500 allowed" in found
    assert f"warning closed/acme/{KWS}/accuracy/log.txt: has 60 MB, more than 50" in found
    assert any("too many to be a text of a run; it was not read" in line for line in found)


def test_odd_trees(folder: Path, console: Console) -> None:
    """Loops of links, names that are no text, folders where files belong and the reverse, no permission, depth."""
    (folder / "loop").symlink_to(folder)
    (folder / "results" / "sys1" / "loop").symlink_to("..")
    os.mkdir(os.fsencode(folder / "code") + b"/\xff\xfe\n\x1b[31m")  # noqa: PTH102
    (folder / KWS / "accuracy" / "results.json").unlink()
    (folder / KWS / "accuracy" / "results.json").mkdir()
    (folder / KWS / "energy" / "results.txt").unlink()
    (folder / KWS / "energy" / "results.txt").symlink_to("results.txt")
    (folder / "results" / "file").write_text("x")
    deep = folder / "code"
    for _ in range(60):
        deep /= "d" * 30
    deep.mkdir(parents=True)
    checked = check(folder)
    show_checked(checked, console)
    text = console.export_text()
    assert "loop: is a symbolic link" in text
    assert "code/\\xff\\xfe\\n\\x1b[31m: is an empty folder" in text
    assert "kws/energy/results.txt: is not a file" in text
