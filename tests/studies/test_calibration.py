"""The calibration: cases, comparison, fit. A virtual board with other constants stands in for the real one."""

import dataclasses
import json
import math
from pathlib import Path

import pytest

from common.board import Board, load_board
from common.errors import UserError
from harness.link import Line
from studies.calibration import run as calibration
from studies.calibration.cases import Case, load_cases
from studies.calibration.comparison import MICRO, Comparison, against_manuals, summarise
from studies.calibration.fit import fit_constants
from studies.calibration.image import CalibrationImage, build_image
from studies.calibration.images import from_options, read_list
from studies.calibration.measure import measure_virtual, parse
from studies.calibration.rules import read_rules, with_values
from virtual.timing.costs import CORTEX_M4
from virtual.timing.uncertainty import code_share, interval_of_share


@pytest.fixture(scope="module")
def board() -> Board:
    return load_board("nucleo_l4r5zi")


@pytest.fixture(scope="module")
def image(board: Board, tmp_path_factory: pytest.TempPathFactory) -> CalibrationImage:
    patch = pytest.MonkeyPatch()
    patch.setattr("studies.calibration.image.BUILD", tmp_path_factory.mktemp("build"))
    try:
        return build_image(board)
    finally:
        patch.undo()


def test_every_rule_has_a_source() -> None:
    rules = read_rules()
    assert {rule.name for rule in rules} == {field.name for field in dataclasses.fields(CORTEX_M4)}
    assert all(getattr(CORTEX_M4, rule.name) == rule.value for rule in rules)
    assert {rule.source for rule in rules} <= {"TRM", "RM", "fit", "estimate", "compendium"}


def test_references() -> None:
    case = next(case for case in load_cases() if case.name == "flash data, streamed")
    assert case.bounds(8) == (1 + 4 / 8 * 5, math.inf)
    assert case.bounds(16) == (1 + 4 / 16 * 5, math.inf)
    assert case.acr == 5 | 1 << 9 | 1 << 10


def test_the_model_keeps_to_the_manuals(image: CalibrationImage, board: Board) -> None:
    modelled = [measure_virtual(image, board, width) for width in (8, 16)]
    assert [measurement.read_bytes for measurement in modelled] == [8, 16]
    comparisons = list(against_manuals(image.cases, modelled))
    assert len(comparisons) > 80
    wrong = {item.case: item.error_percent for item in comparisons if item.error_percent}
    # 6 cycles in all; the manual says 2 + P, at most 5.
    assert set(wrong) == {"table branch"}
    assert summarise(comparisons, MICRO).compared > 30


@pytest.mark.slow
def test_a_fit_recovers_the_constants_of_the_board(image: CalibrationImage, board: Board) -> None:
    changed = {"load_use_shift": 2, "unaligned_odd": 4, "instruction_miss_extra": 0, "data_miss_extra": 3}
    stand_in = measure_virtual(image, board, 16, with_values(changed))
    fit = calibration.fit_to_board(image, board, stand_in)
    found = {constant.name: constant.value for constant in fit.constants}
    assert found == {rule.name: rule.value for rule in read_rules() if rule.free} | changed
    assert all(constant.determined for constant in fit.constants)
    assert fit.rms_after < 1e-9 < fit.rms_before
    text = calibration.proposal(fit, "/dev/ttyACM0", 16)
    assert "[data_miss_extra]\nnow = 0\nvalue = 3\nfraction = 3.0000" in text


def test_a_fit_of_noisy_measurements() -> None:
    rules = [rule for rule in read_rules() if rule.name in {"load_use_shift", "unaligned_odd", "system_bus_data"}]

    def model(values: dict[str, int]) -> list[float]:
        return [3.0 + values["load_use_shift"], 5.0 + 2 * values["unaligned_odd"], 4.0 + values["load_use_shift"]]

    fit = fit_constants(rules, [5.02, 10.9, 5.97], model)  # type: ignore[arg-type]
    found = {constant.name: constant for constant in fit.constants}
    assert (found["load_use_shift"].value, found["unaligned_odd"].value) == (2, 3)
    assert not found["system_bus_data"].determined
    assert found["load_use_shift"].fraction == pytest.approx((2.02 + 1.97) / 2)


def lines(*texts: str) -> tuple[Line, ...]:
    return tuple(Line(text, 0.0) for text in texts)


def test_foreign_and_damaged_output(tmp_path: Path) -> None:
    image = CalibrationImage(tmp_path, load_cases()[:2], "0123456789abcdef" * 4)
    good = ("calibration 0123456789abcdef 8", "0 22 54", "1 30 94")
    measured = parse(lines(*good), image, "port")
    assert list(measured.cycles.values()) == [2.0, 4.0]
    with pytest.raises(UserError, match=r"does not run this calibration image \(it answered 'm-name"):
        parse(lines("m-name-dut-[x]"), image, "port")
    with pytest.raises(UserError, match="damaged"):
        parse(lines(*good[:2]), image, "port")
    with pytest.raises(UserError, match="damaged"):
        parse(lines(*good[:2], "1 30"), image, "port")


@pytest.mark.parametrize(
    ("reference", "low", "high", "modelled", "error"),
    [
        (4.0, 4.0, 4.0, 5.0, 25.0),
        (4.0, 4.0, 4.0, 4.0, 0.0),
        (None, 2.0, 4.0, 3.0, None),
        (None, 2.0, 4.0, 5.0, 25.0),
        (None, 2.0, math.inf, 1.0, -50.0),
        (None, 0.0, math.inf, 9.0, None),
    ],
)
def test_errors(reference: float | None, low: float, high: float, modelled: float, error: float | None) -> None:
    item = Comparison("x", MICRO, reference, low, high, modelled, "TRM", "")
    assert item.error_percent == error
    row = item.to_json()
    json.dumps(row, allow_nan=False)
    assert {"case", "reference_cycles", "modelled_cycles", "error_percent", "source"} <= set(row)


def test_the_interval_grows_with_waiting_for_code() -> None:
    assert interval_of_share(0.0).worst_percent == interval_of_share(0.03).worst_percent == 6.0
    assert interval_of_share(0.23).worst_percent == interval_of_share(0.9).typical_percent == 15.0
    assert 6 < interval_of_share(0.1).worst_percent < 15
    assert interval_of_share(0.0, "STM32L4R5ZIT6P").worst_percent == 6.0
    assert interval_of_share(0.0, "STM32L476RGT6").worst_percent == 15.0
    stalls = {"code_cycles": 50, "data_cycles": 150, "flash_cycles": 200, "unaligned_cycles": 0}
    assert code_share(stalls, 1000) == pytest.approx(0.05)
    assert code_share(dict.fromkeys(stalls, 0), 1000) == 0.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "lists no images"),
        ("[[image]", "cannot read the list"),
        ('[[image]]\nfile = "a.bin"', "image 1: bench, reference_ms is missing"),
        ('[[image]]\nfile = "a.bin"\nbench = "kws"\nreference_ms = "4"', "reference_ms is '4'; it must be float"),
        ('[[image]]\nfile = "a.bin"\nbench = "kws"\nreference_ms = -4', "-4 ms is not a latency"),
        ('[[image]]\nfile = "a.bin"\nbench = "xyz"\nreference_ms = 4', "unknown benchmark 'xyz'"),
        ('[[image]]\nfile = "a.bin"\nbench = "kws"\nreference_ms = 4\nflash_read_bytes = 4', "flash_read_bytes is 4"),
        ('[[image]]\nfile = "a.bin"\nbench = "kws"\nreference_ms = 4\nbus = 4', "unknown field 'bus'"),
    ],
)
def test_bad_lists(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "images.toml"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        read_list(path)


def test_options(tmp_path: Path) -> None:
    assert from_options(None, None, None, 8, None) == ()
    (image,) = from_options("a.bin", "kws", "43.187", 16, None)
    assert (image.benchmark.name, image.reference_ms, image.flash_read_bytes) == ("kws", 43.187, 16)
    with pytest.raises(UserError, match="needs --bench and --reference-ms"):
        from_options("a.bin", "kws", None, 8, None)
    with pytest.raises(UserError, match="not a number"):
        from_options("a.bin", "kws", "fast", 8, None)
    with pytest.raises(UserError, match="add --image FILE"):
        from_options(None, "kws", None, 8, None)


def test_cases_are_named_once() -> None:
    names = [case.name for case in load_cases()]
    assert len(names) == len(set(names))
    assert all(isinstance(case, Case) and (case.minus is None or case.minus in names) for case in load_cases())
