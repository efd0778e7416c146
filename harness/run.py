"""`invoke bench`: runs of the asked modes from port to results."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from rich.console import Console

from common.artifact import Firmware
from common.board import Board
from common.console import say
from common.errors import UserError
from common.files import write_atomic
from harness.accuracy import run_accuracy
from harness.console import progress_bar, show_results
from harness.energy import run_energy
from harness.inputs import load_inputs
from harness.options import Options
from harness.performance import SUBMISSION, VIRTUAL, measure
from harness.ports import find_port
from harness.results import (
    ACCURACY,
    ENERGY,
    FAILED_LOG,
    MODES,
    PERFORMANCE,
    ModeRun,
    Run,
    Setup,
    performance_section,
    save_runs,
)
from harness.runner_files import performance_entries, performance_text
from harness.session import Target, connect, heading, identify
from harness.virtual_port import Loader
from harness.wakeword import run_wakeword

ALL = "all"

ModeRunner = Callable[[Firmware, Board, Options, Console, datetime], ModeRun]


def run_bench(firmware: Firmware, board: Board, mode: str, options: Options, console: Console) -> Path:
    """Run the built firmware in ``mode``, "performance", "accuracy", "energy" or "all", save and show the results.

    Ports are released in every case. An invocation that fails or is interrupted leaves earlier results as they are; the
    transcript of a failed run is in `log-failed.txt` beside them.

    Returns:
        The path of `results.json`.

    Raises:
        UserError: no such mode, no device, the wrong device, or it failed during the run.
    """
    if firmware.benchmark.front_end:
        return run_wakeword(firmware, board, mode, options, console)
    if options.i2s:
        raise UserError(f"--i2s is for the streaming wakeword benchmark; {firmware.bench} gets its inputs by UART")
    when = datetime.now()
    runs = [runner(firmware, board, options, console, when) for runner in _runners(mode)]
    path = save_runs(runs, when)
    say(f"results: {path}", console)
    return path


def run_performance(firmware: Firmware, board: Board, options: Options, console: Console, when: datetime) -> ModeRun:
    """Time the firmware. On the virtual board windows are short, unless ``full``: they would say the same for longer.

    Raises:
        UserError: as `run_bench`.
    """
    benchmark = firmware.benchmark
    inputs = load_inputs(benchmark, options.data)
    choice = find_port(board, options.port, firmware.baud)
    if choice.notice:
        say(f"note: {choice.notice}", console)
    say(f"inputs: {inputs.description}", console)
    rules = VIRTUAL if choice.is_virtual and not options.full else SUBMISSION
    connection = connect(Target(firmware.elf, board, benchmark), choice)
    with connection.link as link:
        try:
            with progress_bar(console, f"{benchmark.name} on {choice.spec}") as progress:
                device, profile = identify(link, choice, benchmark)
                performance = measure(
                    device,
                    inputs.inputs,
                    timing="modelled" if choice.is_virtual or choice.is_pty else "measured",
                    quick=options.quick,
                    result_count=benchmark.result_count,
                    rules=rules,
                    load=Loader(connection.virtual, all_by_wire=options.full),
                    progress=progress,
                )
        except UserError:
            path = firmware.folder / FAILED_LOG
            write_atomic(path, link.transcript.text(heading(choice, firmware)))
            say(f"transcript of the failed run: {path}", console)
            raise
        finally:
            for diagnostic in connection.diagnostics:
                say(f"virtual board: {diagnostic}", console)
    run = Run(Setup(firmware, board, choice, profile, connection.virtual_host), inputs, performance)
    show_results(console, run)
    return ModeRun(
        PERFORMANCE,
        run.setup,
        performance_section(run),
        link.transcript.text(heading(choice, firmware)),
        performance_text(performance, when),
        performance_entries(performance, inputs.inputs),
    )


def _runners(mode: str) -> list[ModeRunner]:
    if mode not in (*MODES, ALL):
        raise UserError(f"--mode {mode}: modes are {', '.join((*MODES, ALL))}")
    known: dict[str, ModeRunner] = {PERFORMANCE: run_performance, ACCURACY: run_accuracy, ENERGY: run_energy}
    return [known[name] for name in (MODES if mode == ALL else (mode,))]
