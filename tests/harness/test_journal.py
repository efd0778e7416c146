"""The journal: nothing that was answered is lost, nothing that is wrong is taken."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.errors import UserError
from common.paths import ROOT
from harness.journal import Answer, Journal

KEY = {"bench": "ad", "elf_sha256": "e", "data_sha256": "d"}
ANSWERS = [Answer(f"f{number}.bin@0", f"{number}.250", 5 * number, 5 * number + 2) for number in range(10)]


def fill(path: Path, answers: list[Answer] = ANSWERS) -> bytes:
    with Journal(path, KEY) as journal:
        for answer in answers:
            journal.add([answer])
    return path.read_bytes()


def held(path: Path) -> list[Answer]:
    with Journal(path, KEY) as journal:
        return list(journal.answers.values())


def test_answers_come_back(tmp_path: Path) -> None:
    fill(tmp_path / "j")
    assert held(tmp_path / "j") == ANSWERS
    assert ANSWERS[3].results == (3.25,)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.data())
def test_cut_off_anywhere_it_keeps_all_whole_lines_and_goes_on(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "j"
    path.unlink(missing_ok=True)
    content = fill(path)
    cut = data.draw(st.integers(0, len(content)))
    path.write_bytes(content[:cut])
    whole = max(content[:cut].count(b"\n") - 1, 0)
    assert held(path) == ANSWERS[:whole]
    fill(path, ANSWERS[whole:])
    assert path.read_bytes() == content


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.data())
def test_a_flipped_byte_is_reported_or_harmless(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "j"
    path.unlink(missing_ok=True)
    content = bytearray(fill(path))
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        answers = held(path)
    except UserError as error:
        assert "--restart begins anew" in str(error)
    else:
        assert all(answer.results for answer in answers)


def test_another_image_or_data_set_is_refused_and_restart_begins_anew(tmp_path: Path) -> None:
    content = fill(tmp_path / "j")
    with pytest.raises(UserError, match="line 1 does not belong to this image and data set; --restart"):
        Journal(tmp_path / "j", KEY | {"data_sha256": "other"})
    assert (tmp_path / "j").read_bytes() == content
    with Journal(tmp_path / "j", KEY, restart=True) as journal:
        assert journal.answers == {}


def test_one_run_at_a_time(tmp_path: Path) -> None:
    with Journal(tmp_path / "j", KEY) as journal:
        journal.add(ANSWERS)
        with pytest.raises(UserError, match="another accuracy run of this image and data set is under way"):
            Journal(tmp_path / "j", KEY, restart=True)
    assert held(tmp_path / "j") == ANSWERS


FULL = f"""
import resource, sys
from pathlib import Path
from harness.journal import Answer, Journal
limit = int(sys.argv[2])
with Journal(Path(sys.argv[1]), {KEY!r}) as journal:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        for number in range(10):
            journal.add([Answer(f"f{{number}}.bin@0", f"{{number}}.250", 5 * number, 5 * number + 2)])
    except OSError as error:
        print(number, error.filename, error.strerror)
"""


@pytest.mark.parametrize("room", [1, 60, 200])
def test_a_full_disk_leaves_whole_lines(tmp_path: Path, room: int) -> None:
    path = tmp_path / "j"
    header = len(fill(path, []))
    answer = subprocess.run(
        [sys.executable, "-c", FULL, path, str(header + room)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    number, filename, reason = answer.stdout.strip().split(maxsplit=2)
    assert (filename, reason) == (str(path), "File too large")
    assert path.read_bytes().endswith(b"\n")
    assert held(path) == ANSWERS[: int(number)]
