"""The report: what the page says, that it needs nothing else, and that odd runs do not break it."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

from common.artifact import Firmware, runs_folder
from common.board import load_board
from common.errors import UserError
from common.files import write_atomic
from harness.runs import find_run
from studies.report.page import render_page, write_report
from studies.report.published import published_runs
from studies.speed import published_results
from tests.harness.archived_runs import accuracy_run, archive, built, common_fields, performance_run
from tests.harness.conftest import firmware as firmware  # noqa: PLC0414  # a fixture
from tests.harness.test_harness_runs import ODD

NAME = "20260102-030405-nucleo_l4r5zi-kws"
VOID = {"meta", "rect", "br"}


class Balance(HTMLParser):
    """Checks that every element that is opened is closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def checked(page: str) -> str:
    """The page, which is well formed and loads nothing."""
    parser = Balance()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    assert not re.search(r"(?:src|href)=\"(?!#)|@import|<script|https?:", page)
    return page


@pytest.fixture
def kws(firmware: Firmware) -> Firmware:
    return built(firmware)


def test_a_page_of_runs(kws: Firmware, tmp_path: Path) -> None:
    performance_run(kws, NAME)
    performance_run(kws, "20260103-030405-nucleo_l4r5zi-kws", timing="modelled", seconds=1.0)
    accuracy_run(kws, "20260104-030405-nucleo_l4r5zi-kws")
    section = {"uj_per_inference": 1500.5, "timing": "measured", "windows": []}
    archive(
        "20260105-030405-nucleo_l4r5zi-kws", common_fields(kws) | {"energy": section}, "energy", {"results.txt": "x"}
    )
    out = tmp_path / "page.html"
    names = ["20260102", "20260103", "20260104", "20260105"]
    assert write_report(names, out, Console(quiet=True)) == out
    page = checked(out.read_text())
    assert page == render_page([find_run(name) for name in names])
    latency = page.index("Latency, ms per inference")
    order = ["2.858", "29.715", "43.187", "181.924"]
    places = [page.index(f'<span class="value">{text} ', latency) for text in order]
    assert places == sorted(places)
    assert "STMicroelectronics, v1.2" in page
    assert "1,500.5" in page
    assert "90.2 % of 1,000 files, target met" in page
    assert "reservations: what keeps these figures from a submission" in page
    assert page.count('<li class="measured">') == 2
    assert page.count('<li class="modelled">') == 1
    assert "Unverified: none was submitted to MLCommons." in page


def test_texts_are_escaped(kws: Firmware) -> None:
    folder = performance_run(kws, NAME)
    content = json.loads((folder / "results.json").read_text())
    content["model"]["name"] = "<script>alert(1)</script>.tflite"
    write_atomic(folder / "results.json", json.dumps(content))
    assert "&lt;script&gt;" in checked(render_page([find_run(NAME)]))


def test_odd_runs(kws: Firmware) -> None:
    for number, content in enumerate(
        (ODD, {"board": "uno", "bench": "my_model"}, ODD | {"performance": {"windows": [7]}})
    ):
        write_atomic(runs_folder() / f"odd{number}" / "results.json", json.dumps(content))
        checked(render_page([find_run(f"odd{number}")]))


def test_nothing_to_report_on(firmware: Firmware, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no run to report on"):
        write_report([], tmp_path / "page.html", Console(quiet=True))
    assert not (tmp_path / "page.html").exists()


def test_the_best_published_results_are_among_all() -> None:
    board = load_board("nucleo_l4r5zi")
    runs = published_runs(board)
    assert len(runs) == 81
    for bench, best in published_results(board).items():
        fastest = min((run for run in runs if run.bench == bench), key=lambda run: run.latency_ms)
        assert (fastest.latency_ms, f"{fastest.by}, {fastest.round}") == (best.latency_ms, best.by)
