"""A conformance run: every rule against the device at a port, a table, a report, an honest end."""

import contextlib
import json
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table

from common.artifact import Firmware
from common.board import Board
from common.console import say
from common.errors import UserError
from common.files import write_atomic
from common.paths import BUILD
from harness import answers
from harness.conformance.behaviour import BOOT_RULES, FINAL_RULES, RULES, BehaviourRule
from harness.conformance.facts import Facts, ShapeOf, known_shape
from harness.conformance.session import Deviation, NoAnswer, Session, laps_of, quoted
from harness.conformance.table import NotApplicable, TableRule, load_table
from harness.device import NoDeviceError
from harness.link import Link
from harness.ports import find_port, no_virtual, open_port
from harness.virtual_port import virtual_port

SCHEMA = 1
OVER = 2_147_483_647
BOOT_QUIET_S = 1.0
SETTLE_S = 4.0  # a device that boots when the port is opened gets this long
STYLES = {"pass": "green", "variant": "green", "deviation": "yellow", "fail": "bold red", "skip": "dim"}


class Status(StrEnum):
    PASS = "pass"
    VARIANT = "variant"  # passed: a deviation of the reference's own, or one that no host notices
    DEVIATION = "deviation"  # from what the reference leaves open: does not count
    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True)
class Outcome:
    """``detail``: what the device did instead, which variant it took, or why the rule was skipped."""

    rule: str
    title: str
    status: Status
    detail: str = ""


@dataclass(frozen=True)
class Report:
    facts: Facts
    outcomes: tuple[Outcome, ...]

    def count(self, *statuses: Status) -> int:
        return sum(outcome.status in statuses for outcome in self.outcomes)

    @property
    def conforms(self) -> bool:
        return not self.count(Status.FAIL)

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "conforms": self.conforms,
            "counts": {str(status): self.count(status) for status in Status},
            "device": asdict(self.facts),
            "rules": [asdict(outcome) for outcome in self.outcomes],
        }


def check_device(
    link: Link,
    *,
    boot_seconds: float = 0.0,
    own_time: bool = True,
    shape_of: ShapeOf = known_shape,
    progress: Callable[[Iterable[Any], int], Iterable[Any]] = lambda rules, _: rules,
) -> Report:
    """Check the device behind ``link`` against all rules.

    ``boot_seconds``: how long to wait for a boot text after opening. ``own_time``: see `Session`.

    Raises:
        NoDeviceError: nothing answers `name` there.
        LinkError: the port vanished.
    """
    boot = link.read_until(b"m-ready", max(boot_seconds, BOOT_QUIET_S))
    boot += link.drain(BOOT_QUIET_S, SETTLE_S)
    session = Session(link, Facts("", "", None, None), _boot_text(boot), own_time)
    session.facts = ask_facts(session, shape_of)
    rules: list[TableRule | BehaviourRule] = [*BOOT_RULES, *load_table(), *RULES, *FINAL_RULES]
    outcomes, hangs = [], ""
    for rule in progress(rules, len(rules)):
        if hangs and rule not in FINAL_RULES:
            outcomes.append(Outcome(rule.id, rule.title, Status.SKIP, f"the device stopped answering at {hangs}"))
            continue
        outcome, silent = _check(rule, session)
        outcomes.append(outcome)
        if silent and not _recovers(session):
            hangs = rule.id
    return Report(session.facts, tuple(outcomes))


def ask_facts(session: Session, shape_of: ShapeOf) -> Facts:
    """Raises NoDeviceError when `name` is not answered."""
    name = ""
    for _ in range(3):
        try:
            name = session.exchange(b"name%").decode("latin-1")
        except NoAnswer:
            continue
        if "m-name" in name:
            break
    else:
        raise NoDeviceError(f"{session.link.name}: nothing answers `name%`; check port, baud rate and power")
    profile = _optional(session, b"profile%")
    over = _optional(session, b"db load %d%%" % OVER)
    _optional(session, b"db load 1%")
    mode = session.exchange(b"timestamp%")
    vendor, model = _between(name, "m-name-dut-["), _between(profile, "m-model-[")
    digits = over.rpartition("maximum of ")[2].split("\n")[0].strip()
    return Facts(vendor, model, int(digits) if digits.isdecimal() else None, shape_of(model), not laps_of(mode))


def _optional(session: Session, sent: bytes) -> str:
    try:
        return session.exchange(sent).decode("latin-1")
    except NoAnswer:
        return ""


def _between(text: str, start: str) -> str:
    return text.partition(start)[2].partition("]")[0]


def _boot_text(received: bytes) -> bytes:
    """From the banner on: what came before is noise on the line or the end of an earlier program's session."""
    start = received.rfind(answers.BOOT_BANNER.encode())
    return received[start:] if start >= 0 else (received if answers.INIT_DONE.encode() in received else b"")


def _check(rule: TableRule | BehaviourRule, session: Session) -> tuple[Outcome, bool]:
    """The outcome, and whether the device left a command unanswered."""
    broken = Status.DEVIATION if isinstance(rule, TableRule) and rule.hardening else Status.FAIL
    try:
        note = _check_table(rule, session) if isinstance(rule, TableRule) else rule.check(session)
    except NotApplicable as reason:
        return Outcome(rule.id, rule.title, Status.SKIP, str(reason)), False
    except Deviation as deviation:
        return Outcome(rule.id, rule.title, broken, str(deviation)), isinstance(deviation, NoAnswer)
    return Outcome(rule.id, rule.title, Status.VARIANT if note else Status.PASS, note), False


def _check_table(rule: TableRule, session: Session) -> str:
    note = ""
    for exchange in rule.exchanges(session.facts):
        answer = session.exchange(exchange.sent)
        taken = next((n for n, pattern in enumerate(exchange.answers) if pattern.fullmatch(answer)), None)
        if taken is None:
            raise Deviation(f"{quoted(exchange.sent)} got {quoted(answer)}")
        note = rule.note if taken else note
    return note


def _recovers(session: Session) -> bool:
    """Whether `name` is answered after a command that was not."""
    with contextlib.suppress(NoAnswer):
        session.exchange(b"%")  # ends what is left of the command, if the device still waits for its end
    try:
        session.exchange(b"name%")
    except NoAnswer:
        return False
    return True


def report_table(report: Report) -> Table:
    """One row a rule; the reason below those that did not simply pass."""
    mode = "energy" if report.facts.energy else "performance"
    table = Table(title=f"'{report.facts.vendor}', model {report.facts.model or '?'}, {mode} mode")
    for column in ("rule", "what it asks for", "result"):
        table.add_column(column)
    for outcome in report.outcomes:
        text = outcome.title + (f"\n  {outcome.detail}" if outcome.detail else "")
        style = STYLES[outcome.status]
        table.add_row(outcome.rule, escape(text), f"[{style}]{outcome.status}[/{style}]")
    return table


def conform(
    board: Board,
    make_firmware: Callable[[], Firmware],
    port: str | None,
    baud: int | None,
    boot_seconds: float,
    report_file: Path | None,
    console: Console,
) -> Report:
    """Check the device at ``port`` (see `harness.ports.find_port`).

    ``make_firmware`` gives the image for the virtual board, and the baud rate when ``baud`` is None.

    Raises:
        UserError: a rule is broken, after the report was written; or no device answers.
    """
    choice = find_port(board, port)
    if choice.notice:
        say(f"note: {choice.notice}", console)
    if choice.is_virtual:
        firmware = make_firmware()
        machine, serial_port = virtual_port(firmware, board)
        link = Link(serial_port, choice.spec, lambda: machine.seconds, machine.situation)
        name = f"{firmware.board}-{firmware.folder.name}"
    else:
        opened = open_port(choice, baud or make_firmware().baud, no_virtual)
        link = Link(opened, choice.spec, time.monotonic)
        name = re.sub(r"[^A-Za-z0-9]+", "-", choice.spec).strip("-")
    path = report_file or BUILD / "conformance" / f"{name}.json"
    return run_conformance(link, path, console, boot_seconds=boot_seconds, own_time=not choice.is_pty)


def run_conformance(
    link: Link,
    report_file: Path,
    console: Console,
    *,
    boot_seconds: float = 0.0,
    own_time: bool = True,
    shape_of: ShapeOf = known_shape,
) -> Report:
    """Check a device, show the table and write the report.

    Raises:
        UserError: a rule is broken, after the report was written; or no device answers.
    """

    def progress(rules: Iterable[Any], total: int) -> Iterable[Any]:
        return track(rules, "checking", total=total, console=console, transient=True)

    with link:
        report = check_device(link, boot_seconds=boot_seconds, own_time=own_time, shape_of=shape_of, progress=progress)
    write_atomic(report_file, json.dumps(report.to_json() | {"port": link.name}, indent=2) + "\n")
    console.print(report_table(report))
    passed, skipped = report.count(Status.PASS, Status.VARIANT), report.count(Status.SKIP)
    say(f"{passed} rules kept, {report.count(Status.FAIL)} broken, {skipped} skipped", console)
    say(f"report: {report_file}", console)
    if not report.conforms:
        broken = ", ".join(outcome.rule for outcome in report.outcomes if outcome.status is Status.FAIL)
        raise UserError(f"{link.name} breaks the protocol: {broken}; {report_file} says how")
    return report
