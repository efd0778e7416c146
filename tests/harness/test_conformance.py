"""The conformance suite: a device that keeps the rules passes all; for every rule there is one that breaks it."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from common.errors import UserError
from harness.conformance.behaviour import BOOT_RULES, FINAL_RULES, RULES
from harness.conformance.facts import Shape, known_shape
from harness.conformance.run import Report, Status, check_device, run_conformance
from harness.conformance.table import load_table
from harness.device import NoDeviceError
from harness.link import Link
from tests.firmware.protocol_model import ELEMENTS, MODEL
from tests.harness.conforming_device import BOOT, ConformingSerial, Mutation, TimedDevice

READY = b"m-ready\r\n"
ALL_RULES = [rule.id for rules in (BOOT_RULES, load_table(), RULES, FINAL_RULES) for rule in rules]
HARDENING = {rule.id for rule in load_table() if rule.hardening}


def shape_of(model: str) -> Shape | None:
    return Shape(ELEMENTS, 4, 1) if model == MODEL else None


def check(port: ConformingSerial) -> Report:
    return check_device(Link(port, "fake", port.clock), shape_of=shape_of)


def statuses(report: Report) -> dict[str, Status]:
    return {outcome.rule: outcome.status for outcome in report.outcomes}


def on(command: str, change: Callable[[bytes], bytes]) -> Mutation:
    """Change the answers to commands that match a pattern."""
    return lambda sent, answer: change(answer) if re.fullmatch(command.encode(), sent, re.DOTALL) else answer


def replaced(command: str, old: bytes, new: bytes) -> Mutation:
    return on(command, lambda answer: answer.replace(old, new))


def instead(command: str, text: bytes) -> Mutation:
    return on(command, lambda _: text + READY)


class Hanging:
    """Hangs from a given command on."""

    def __init__(self, last: bytes) -> None:
        self.last, self.dead = last, False

    def __call__(self, sent: bytes, answer: bytes) -> bytes:
        self.dead = self.dead or sent == self.last
        return b"" if self.dead else answer


UNKNOWN = b"e-[Unknown command: x]\r\n"

# For every rule a device that breaks it.
BROKEN: dict[str, Callable[[], ConformingSerial]] = {
    rule: (lambda mutate=mutate: ConformingSerial(mutate=mutate))
    for rule, mutate in {
        "ID-NAME": replaced("name", b"\r\n", b"\n"),
        "ID-NAME-ARGS": instead("name of.*", UNKNOWN),
        "FRM-SPACES": instead(" +name", UNKNOWN),
        "TIM-LAP": replaced("timestamp", b"m-lap-us-", b"m-lap-ms-"),
        "ID-PROFILE": replaced("profile", b"m-profile", b"m-firmware"),
        "ID-HELP": replaced("help", b"\r\n", b"\n"),
        "RES-ANYTIME": instead("results", b"e-[no results yet]\r\n"),
        "BUF-NO-SUBCOMMAND": instead("db", b""),
        "BUF-NO-SIZE": replaced("db load", b"the # of", b"a number of"),
        "BUF-ZERO": instead("db load (0|-0|many)", b"m-[Expecting 0 bytes]\r\n"),
        "BUF-LARGEST": on("db load 44", lambda _: b"Supplied buffer size 44 exceeds maximum of 44\n" + READY),
        "BUF-OVERFLOW": replaced("db load (45|2147483647)", b" 44\n", b" 44\r\n"),
        "BUF-ATOI": instead("db load 12abc", b"e-[not a number]\r\n"),
        "BUF-PRINT-LINE": on("db print", lambda a: a.replace(READY, b"\r\n" + READY)),
        "BUF-PRINT-BLANK": replaced("db print", b"\r\n\r\n", b"\r\n"),
        "BUF-PRINT-ALL": on("db print 2 1", lambda _: b"m-buffer-01\r\n\r\n" + READY),
        "BUF-PIECES": instead("db CdeF", b"e-[Invalid hex digit 'Cd']\r\n"),
        "BUF-EXCESS": instead("db 11223344zz", b"m-load-done\r\ne-[Invalid hex digit 'zz']\r\n"),
        "BUF-FIRST-GROUP": instead("db 66 77", b"m-load-done\r\n"),
        "BUF-RESTART": on("db print", lambda a: a.replace(b"0a-02-03", b"0a-00-00")),
        "BUF-ZERO-POSITION": on("db print", lambda a: a.replace(b"b1-b2-a3", b"b1-a2-a3")),
        "BUF-ODD": replaced("db 111", b"Insufficent", b"Insufficient"),
        "BUF-BAD-DIGIT": replaced("db g3", b"'g3'", b"'g'"),
        "BUF-WORDS": instead("db LOAD 4", b"m-[Expecting 4 bytes]\r\n"),
        "INF-ORDER": on(
            "infer 3 2", lambda a: a.replace(b"m-infer-done\r\n", b"").replace(READY, b"m-infer-done\r\n" + READY)
        ),
        "INF-DEFAULTS": replaced("infer", b"m-warmup-start-10", b"m-warmup-start-0"),
        "INF-ATOI": instead("infer 1x none 9", b"e-[Inference iterations must be >0]\r\n"),
        "INF-ITERATIONS": instead("infer once", b""),
        "INF-WARMUPS": instead("infer 1 -1", b"e-[Inference warmup must be >0]\r\n"),
        "INF-INCOMPLETE": on("infer 1 0", lambda a: b"e-[no input]\r\n" + READY if a.startswith(b"Input") else a),
        "FRM-UNKNOWN": on("names", lambda _: b"m-name-dut-[host test]\r\n" + READY),
        "FRM-NO-LINE-ENDS": instead("name\r\n", b"m-name-dut-[host test]\r\n"),
        "FRM-EMPTY": on(" *", lambda _: b""),
        "HRD-NUL": instead("name\0junk", UNKNOWN),
        "FRM-TRUNCATION": on("a[0-9]{79,}.*", lambda a: a.replace(b"789]", b"78]")),
        "FRM-LONGEST-DB": instead("db 0{76}", b"e-[Invalid hex digit '00']\r\n"),
        "FRM-NO-ECHO": on("db 5a", lambda a: b"db 5a" + a),
        "HRD-NEGATIVE": instead("db load -5", b"e-[Command 'db load' must be >0 bytes]\r\n"),
        "ID-REGEX": replaced("name.*| *name", b"-dut-[host test]", b"-dut-[]"),
        "RES-FORMAT": on("infer 1 0", lambda a: re.sub(rb"results-\[[^]]+", b"results-[1.5e3", a)),
        "RES-REPEAT": on("results", lambda a: re.sub(rb"results-\[[^]]+", b"results-[7.000", a)),
        "FRM-ONE-READY": on("name", lambda a: a + READY),
        "FRM-QUIET": on("timestamp", lambda a: a + b"> "),
    }.items()
} | {
    "BOOT-BANNER": lambda: ConformingSerial(boot=BOOT.replace(b"performance", b"energy")),
    "BOOT-LAP": lambda: ConformingSerial(boot=BOOT.replace(b"m-lap-us-17\r\n", b"")),
    "BOOT-END": lambda: ConformingSerial(boot=BOOT.replace(b"m-init-done\r\n", b"")),
    "TIM-RESOLUTION": lambda: ConformingSerial(TimedDevice(step_us=10_000)),
    "TIM-SECONDS": lambda: ConformingSerial(TimedDevice(rate=1.5)),
    "INF-WINDOW": lambda: ConformingSerial(TimedDevice(flat_window=True)),
    "INF-WARMUP-TIME": lambda: ConformingSerial(TimedDevice(timed_warmups=True)),
    "HRD-BURST": lambda: ConformingSerial(mutate=every_other_name()),
}


def every_other_name() -> Mutation:
    """A receiver that loses the vendor's name when commands come faster than one at a time."""
    answered: list[bytes] = []

    def mutate(sent: bytes, answer: bytes) -> bytes:
        answered.append(sent)
        return READY if answered[-4:] == [b"name"] * 4 else answer

    return mutate


def test_a_device_that_keeps_the_rules_passes_all() -> None:
    report = check(ConformingSerial())
    assert {outcome.rule: outcome.detail for outcome in report.outcomes if outcome.status is not Status.PASS} == {
        "ID-HELP": "another text than the reference's twelve lines; no host reads it"
    }
    assert [outcome.rule for outcome in report.outcomes] == ALL_RULES
    assert report.conforms


def test_rules_have_names_of_their_own() -> None:
    assert len(set(ALL_RULES)) == len(ALL_RULES)
    assert set(BROKEN) == set(ALL_RULES)


@pytest.mark.parametrize("rule", ALL_RULES)
def test_every_rule_can_fail(rule: str) -> None:
    found = statuses(check(BROKEN[rule]()))
    assert found[rule] is (Status.DEVIATION if rule in HARDENING else Status.FAIL)


def test_a_deviation_from_what_the_reference_leaves_open_is_no_failure() -> None:
    assert check(BROKEN["HRD-NUL"]()).conforms


def test_energy_mode_passes_with_the_timestamps_left_out() -> None:
    found = statuses(check(ConformingSerial(TimedDevice(energy=True))))
    assert set(found.values()) == {Status.PASS, Status.VARIANT, Status.SKIP}
    assert found["INF-ORDER"] is found["TIM-LAP"] is found["BOOT-LAP"] is Status.PASS
    assert {rule for rule, status in found.items() if status is Status.SKIP} == {
        "TIM-RESOLUTION",
        "TIM-SECONDS",
        "INF-WINDOW",
        "INF-WARMUP-TIME",
    }


@pytest.mark.parametrize(
    ("rule", "mutate"),
    [
        ("FRM-EMPTY", on(" *", lambda _: b"e-[Unknown command: ]\r\n" + READY)),
        ("ID-PROFILE", replaced("profile", b"ULPMark for tinyML Firmware V0.0.1", b"Acme 2")),
        ("RES-FORMAT", on("infer 1 0|results", lambda a: re.sub(rb"(results-\[[^]]+)", rb"\1,", a))),
        ("INF-INCOMPLETE", on("infer 1 0", lambda a: re.sub(rb"Input db[^\n]+\n", b"", a))),
    ],
)
def test_known_deviations_of_references_are_variants(rule: str, mutate: Mutation) -> None:
    report = check(ConformingSerial(mutate=mutate))
    outcome = next(outcome for outcome in report.outcomes if outcome.rule == rule)
    assert outcome.status is Status.VARIANT and outcome.detail
    assert report.conforms


def test_without_boot_text_its_rules_are_skipped() -> None:
    found = statuses(check(ConformingSerial(boot=b"")))
    assert {rule for rule, status in found.items() if status is Status.SKIP} == {rule.id for rule in BOOT_RULES}


def test_an_unknown_model_skips_what_needs_its_input() -> None:
    port = ConformingSerial()
    report = check_device(Link(port, "fake", port.clock), shape_of=lambda _: None)
    skipped = {outcome.rule: outcome.detail for outcome in report.outcomes if outcome.status is Status.SKIP}
    assert "INF-ORDER" in skipped and all("model is unknown" in reason for reason in skipped.values())
    assert report.conforms


def test_a_device_that_hangs_fails_one_rule_and_skips_the_rest() -> None:
    report = check(ConformingSerial(mutate=Hanging(b"db load many")))
    found = statuses(report)
    assert found["BUF-ZERO"] is Status.FAIL
    assert found["BUF-LARGEST"] is found["TIM-SECONDS"] is Status.SKIP
    assert not report.conforms
    assert "stopped answering at BUF-ZERO" in report.outcomes[-5].detail


def test_nothing_there() -> None:
    port = ConformingSerial(mutate=lambda _, __: b"")
    with pytest.raises(NoDeviceError, match="nothing answers `name%`; check port, baud rate"):
        check(port)


@pytest.mark.parametrize("broken", [None, "BUF-ODD"])
def test_report_and_end(broken: str | None, tmp_path: Path, console: Console) -> None:
    port = BROKEN[broken]() if broken else ConformingSerial()
    path = tmp_path / "conformance.json"
    if broken:
        with pytest.raises(UserError, match=r"fake breaks the protocol: BUF-ODD; .*conformance\.json says how"):
            run_conformance(Link(port, "fake", port.clock), path, console, shape_of=shape_of)
    else:
        run_conformance(Link(port, "fake", port.clock), path, console, shape_of=shape_of)
    report = json.loads(path.read_text())
    assert report["conforms"] is (broken is None)
    assert report["port"] == "fake"
    assert sum(report["counts"].values()) == len(report["rules"]) == len(ALL_RULES)
    shown = console.export_text()
    assert all(rule in shown for rule in ALL_RULES)


def test_shapes_come_from_the_benchmarks() -> None:
    assert known_shape("ad01") == Shape(640, 4, 1)
    assert known_shape("kws01") == Shape(490, 1, 12)
    assert known_shape("nothing") is None
