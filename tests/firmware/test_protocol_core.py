"""The command interpreter against the table of protocol rules: what it prints is the reference's, no variant."""

import pytest

from harness.conformance.facts import Facts, Shape
from harness.conformance.table import Exchange, TableRule, load_input, load_table

from .conftest import Session
from .protocol_model import BOOT, ELEMENTS, MAX_BYTES, MODEL, START_US, VENDOR

FACTS = Facts(VENDOR, MODEL, MAX_BYTES, Shape(ELEMENTS, 4, 1))
RULES = load_table()


def check(session: Session, exchanges: list[Exchange]) -> None:
    answers = session(b"".join(exchange.sent for exchange in exchanges)).removeprefix(BOOT)
    for exchange in exchanges:
        match = exchange.answers[0].match(answers)
        assert match, f"{exchange.sent!r}: wanted {exchange.answers[0].pattern!r}, got {answers!r}"
        answers = answers[match.end() :]
    assert answers == b""


def test_boot(session: Session) -> None:
    assert session(b"") == BOOT


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_rule(session: Session, rule: TableRule) -> None:
    check(session, rule.exchanges(FACTS))


def test_rules_do_not_depend_on_each_other(session: Session) -> None:
    check(session, [exchange for rule in [*RULES, *reversed(RULES)] for exchange in rule.exchanges(FACTS)])


@pytest.mark.parametrize(
    ("early", "sent", "answer"),
    [
        ("name%", b"", b""),
        ("name%profile%%", b"timestamp%", b"m-lap-us-%d\r\nm-ready\r\n" % START_US),
        ("na", b"me%", b"m-name-dut-[host test]\r\nm-ready\r\n"),
        ("db load 4%db 01", b"02%db print%", b"m-ready\r\nm-ready\r\n"),
    ],
)
def test_commands_before_initialisation_are_dropped(session: Session, early: str, sent: bytes, answer: bytes) -> None:
    assert session(sent, early=early) == BOOT + answer


def test_timed_window_holds_exactly_the_iterations(session: Session) -> None:
    laps = [int(line[9:]) for line in session(b"infer 3 1%timestamp%").split(b"\r\n") if line.startswith(b"m-lap-us-")]
    assert laps == [START_US, START_US + 100, START_US + 400, START_US + 400]


def test_print_shows_no_more_than_there_is(session: Session) -> None:
    """The protocol asks for all declared bytes, of which only MAX_DB_INPUT_SIZE exist."""
    filled = b"db load 44%db " + b"ab" * 38 + b"%db " + b"cd" * 6 + b"%"
    for size in (b"45", b"100000", b"-1"):
        answer = session(filled + b"db load " + size + b"%db print%")
        line = b"m-buffer-ab-ab-ab-ab-ab-ab-ab-ab\r\n"
        assert answer.endswith(
            line * 4 + b"m-buffer-ab-ab-ab-ab-ab-ab-cd-cd\r\nm-buffer-cd-cd-cd-cd\r\n\r\nm-ready\r\n"
        )


def test_bytes_beyond_the_buffer_count_but_are_not_stored(session: Session) -> None:
    sent = b"db load 46%" + b"db 0102030405060708090a%" * 4 + b"db aabbccddeeff%db print%infer 1 0%"
    answers, inference = session(sent).removeprefix(BOOT).split(b"m-warmup-start")
    row = "01-02-03-04-05-06-07-08-09-0a-" * 4 + "aa-bb-cc-dd"
    lines = [f"m-buffer-{row[start : start + 23]}\r\n" for start in range(0, len(row), 24)]
    assert answers == (
        b"Supplied buffer size 46 exceeds maximum of 44\n"
        + b"m-ready\r\n" * 5
        + b"m-load-done\r\nm-ready\r\n"
        + "".join(lines).encode()
        + b"\r\nm-ready\r\n"
    )
    assert inference.endswith(b"]\r\nm-ready\r\n")


def test_results_are_of_the_loaded_input(session: Session) -> None:
    # 0.5 per step around zero point 3: 0.2 rounds to 0, so the error is 0.04 in one of eight elements.
    sent = b"".join(exchange.sent for exchange in load_input(bytes.fromhex("cdcc4c3e") + bytes(28)))
    assert b"m-results-[0.005]\r\n" in session(sent + b"infer 1 0%")
