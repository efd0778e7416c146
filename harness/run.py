"""One performance run from port to results."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from common.artifact import Firmware
from common.benchmark import Benchmark
from common.board import Board
from common.console import say
from common.errors import UserError
from common.files import write_atomic
from harness.answers import DeviceError
from harness.console import progress_bar, show_results
from harness.device import Device, Profile
from harness.inputs import InputSet, load_inputs
from harness.link import Link, SerialLike
from harness.performance import SUBMISSION, VIRTUAL, PerformanceResult, Step, WindowRules, measure
from harness.ports import PortChoice, find_port, open_port
from harness.results import FAILED_LOG, Run, VirtualHost, save_results
from harness.virtual_port import virtual_port

if TYPE_CHECKING:
    from virtual import VirtualBoard

SLACK = 3.0
PTY_SLACK = 30.0  # behind a pseudo-terminal, device time and host time are not related


@dataclass
class _Connection:
    """A link and, when it leads to a virtual board, that board."""

    link: Link
    virtual: "VirtualBoard | None"


def run_performance(
    firmware: Firmware,
    board: Board,
    *,
    port: str | None,
    data: Path | None,
    quick: bool,
    console: Console,
    full: bool = False,
) -> Path:
    """Time the built firmware on the device at ``port`` (see `find_port`) and save and show the results.

    On the virtual board the windows are short, unless ``full``: they would only say the same for longer.

    The port is released in every case. A run that fails or is interrupted leaves earlier results as they are; the
    transcript of a failed one is in `log-failed.txt` beside them.

    Returns:
        The path of `results.json`.

    Raises:
        UserError: no device, the wrong device, or it failed during the run.
    """
    benchmark = firmware.benchmark
    inputs = load_inputs(benchmark, data)
    choice = find_port(board, port, firmware.baud)
    if choice.notice:
        say(f"note: {choice.notice}", console)
    say(f"inputs: {inputs.description}", console)
    connection = _connect(firmware, board, choice)
    with connection.link as link:
        try:
            with progress_bar(console, f"{benchmark.name} on {choice.spec}") as progress:
                rules = VIRTUAL if choice.is_virtual and not full else SUBMISSION
                profile, performance = _session(link, choice, benchmark, inputs, rules, quick=quick, progress=progress)
        except UserError:
            path = firmware.folder / FAILED_LOG
            write_atomic(path, link.transcript.text(_heading(choice, firmware)))
            say(f"transcript of the failed run: {path}", console)
            raise
        finally:
            for diagnostic in _diagnostics(connection):
                say(f"virtual board: {diagnostic}", console)
    virtual = connection.virtual
    host = None
    if virtual is not None:
        host = VirtualHost(virtual.instructions, virtual.host_seconds, _diagnostics(connection))
    run = Run(firmware, board, choice, profile, inputs, performance, host)
    path = save_results(run, link.transcript.text(_heading(choice, firmware)))
    show_results(console, run, path)
    return path


def _session(
    link: Link,
    choice: PortChoice,
    benchmark: Benchmark,
    inputs: InputSet,
    rules: WindowRules,
    *,
    quick: bool,
    progress: Callable[[Step], None],
) -> tuple[Profile, PerformanceResult]:
    device = Device(link, PTY_SLACK if choice.is_pty else SLACK)
    device.synchronise()
    profile = device.profile()
    if profile.model != benchmark.model_id:
        raise DeviceError(
            f"the device runs model '{profile.model}', benchmark {benchmark.name} needs '{benchmark.model_id}'; "
            "flash the right firmware with `invoke flash`"
        )
    performance = measure(
        device,
        inputs.inputs,
        timing="modelled" if choice.is_virtual or choice.is_pty else "measured",
        quick=quick,
        result_count=benchmark.result_count,
        rules=rules,
        progress=progress,
    )
    return profile, performance


def _connect(firmware: Firmware, board: Board, choice: PortChoice) -> _Connection:
    machine: VirtualBoard | None = None

    def make_virtual() -> SerialLike:
        nonlocal machine
        machine, serial_port = virtual_port(firmware, board)
        return serial_port

    def virtual_seconds() -> float:
        return machine.seconds if machine is not None else 0.0

    port = open_port(choice, firmware.baud, make_virtual)
    clock = virtual_seconds if choice.is_virtual else time.monotonic
    return _Connection(Link(port, choice.spec, clock), machine)


def _diagnostics(connection: _Connection) -> tuple[str, ...]:
    return tuple(map(str, connection.virtual.diagnostics)) if connection.virtual is not None else ()


def _heading(choice: PortChoice, firmware: Firmware) -> str:
    clock = "modelled time" if choice.is_virtual else "host time"
    return f"{firmware.bench} on {choice.spec} ({choice.description}), {firmware.baud} baud, {clock}"
