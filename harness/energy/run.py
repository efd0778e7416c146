"""`invoke bench --mode energy`: from power monitor and port to results."""

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from rich.console import Console

from common.artifact import Firmware, load_energy_firmware
from common.board import Board
from common.console import say
from common.errors import UserError
from common.files import write_atomic
from harness.answers import DeviceError
from harness.console import progress_bar
from harness.device import LOAD_CHUNK_BYTES, Device, Profile
from harness.energy import passthrough
from harness.energy.monitors import open_monitor, open_virtual
from harness.energy.outcome import energy_entries, energy_section, energy_table, energy_text
from harness.energy.passthrough import PassThrough
from harness.energy.recording import Monitor
from harness.energy.windows import EnergyResult, measure_energy
from harness.inputs import InputSet, load_inputs
from harness.link import Link, SerialLike
from harness.options import Options
from harness.performance import QUICK, SUBMISSION, VIRTUAL, WindowRules
from harness.ports import PortChoice, find_port, no_virtual, open_port
from harness.results import ENERGY, FAILED_LOG, ModeRun, Setup, VirtualHost
from harness.session import SLACK, heading
from harness.virtual_port import Loader, virtual_port

if TYPE_CHECKING:
    from virtual import VirtualBoard


@dataclass(frozen=True)
class _Bench:
    """Everything that is connected: the device's link, the monitor that supplies it, the virtual board if it is one."""

    link: Link
    monitor: Monitor
    choice: PortChoice
    chunk_bytes: int = LOAD_CHUNK_BYTES
    virtual: "VirtualBoard | None" = None

    @property
    def diagnostics(self) -> tuple[str, ...]:
        return self.virtual.diagnostics if self.virtual is not None else ()


def run_energy(performance: Firmware, board: Board, options: Options, console: Console, when: datetime) -> ModeRun:
    """Measure the energy per inference of the image for energy mode that belongs to ``performance``.

    On the virtual board the monitor is a model of an LPM01A that measures the modelled current; windows are short
    there unless ``options.full``. Power is cut, and ports are released, in every case.

    Raises:
        UserError: no energy image, no monitor, no device, or one of them failed.
    """
    firmware = load_energy_firmware(performance)
    inputs = load_inputs(firmware.benchmark, options.data)
    choice = _port(board, options)
    if choice.notice:
        say(f"note: {choice.notice}", console)
    say(f"inputs: {inputs.description}", console)
    rules = QUICK if options.quick else VIRTUAL if choice.is_virtual and not options.full else SUBMISSION
    with _connected(firmware, board, choice, options) as bench:
        try:
            profile, result = _session(bench, firmware, inputs, rules, options.full, console)
        except UserError:
            path = firmware.folder / FAILED_LOG
            write_atomic(path, bench.link.transcript.text(heading(choice, firmware)))
            say(f"transcript of the failed run: {path}", console)
            raise
        finally:
            for diagnostic in bench.diagnostics:
                say(f"virtual board: {diagnostic}", console)
    machine = bench.virtual
    host = VirtualHost(machine.instructions, machine.host_seconds, bench.diagnostics) if machine is not None else None
    console.print(energy_table(result, firmware, board))
    return ModeRun(
        ENERGY,
        Setup(performance, board, choice, profile, host),
        energy_section(result, firmware, inputs),
        bench.link.transcript.text(heading(choice, firmware)),
        energy_text(result),
        energy_entries(result, inputs.inputs),
    )


def _port(board: Board, options: Options) -> PortChoice:
    """The device's port, or that of the board between."""
    if options.io is None:
        return find_port(board, options.port)
    kind, _, port = options.io.partition(":")
    if kind not in passthrough.KINDS or not port:
        wanted = " or ".join(f"{name}:PORT" for name in passthrough.KINDS)
        raise UserError(f"--io {options.io}: it must be {wanted}")
    choice = find_port(board, port)
    if choice.is_virtual:
        raise UserError("--io: the virtual board needs none; leave it out")
    return choice


def _session(
    bench: _Bench, firmware: Firmware, inputs: InputSet, rules: WindowRules, full: bool, console: Console
) -> tuple[Profile, EnergyResult]:
    benchmark = firmware.benchmark
    device = Device(bench.link, SLACK, energy=True, chunk_bytes=bench.chunk_bytes)
    device.synchronise()
    profile = device.profile()
    if profile.model != benchmark.model_id:
        raise DeviceError(
            f"the device runs model '{profile.model}', benchmark {benchmark.name} needs '{benchmark.model_id}'; "
            "flash the right firmware with `invoke flash --energy`"
        )
    with progress_bar(console, f"{benchmark.name} on {bench.choice.spec}, {bench.monitor.name}") as progress:
        result = measure_energy(
            device,
            bench.monitor,
            inputs.inputs,
            timing="modelled" if bench.choice.is_virtual or bench.choice.is_pty else "measured",
            result_count=benchmark.result_count,
            rules=rules,
            load=Loader(bench.virtual, all_by_wire=full),
            progress=progress,
        )
    return profile, result


@contextmanager
def _connected(firmware: Firmware, board: Board, choice: PortChoice, options: Options) -> Iterator[_Bench]:
    with ExitStack() as stack:
        if choice.is_virtual:
            yield _virtual_bench(stack, firmware, board, choice, options)
        else:
            yield _real_bench(stack, firmware, choice, options)


def _virtual_bench(stack: ExitStack, firmware: Firmware, board: Board, choice: PortChoice, options: Options) -> _Bench:
    if options.monitor is not None:
        raise UserError(f"--monitor {options.monitor}: the virtual board has its own; leave it out")
    machine, port = virtual_port(firmware, board)
    from virtual.energy import load_current_model
    from virtual.lpm01a import VirtualLpm01a, charge_current

    model = load_current_model(board)
    shield = stack.enter_context(VirtualLpm01a(machine, lambda powered: charge_current(powered, model)))
    monitor = open_virtual(shield, options.volts)
    _power(stack, monitor)
    link = stack.enter_context(Link(port, choice.spec, lambda: machine.seconds, machine.situation))
    return _Bench(link, monitor, choice, virtual=machine)


def _real_bench(stack: ExitStack, firmware: Firmware, choice: PortChoice, options: Options) -> _Bench:
    monitor = open_monitor(options.monitor, options.volts)
    _power(stack, monitor)
    if options.io is None:
        port = open_port(choice, firmware.baud, no_virtual)
        return _Bench(stack.enter_context(Link(port, choice.spec)), monitor, choice)
    kind = options.io.partition(":")[0]
    between: SerialLike = open_port(choice, passthrough.BAUD, no_virtual)
    stack.callback(between.close)
    passthrough.prepare(between, kind, choice.spec, firmware.baud)
    link = stack.enter_context(Link(PassThrough(between), choice.spec, time.monotonic))
    stack.callback(_quietly, lambda: passthrough.release(between, kind, choice.spec))
    return _Bench(link, monitor, choice, passthrough.LOAD_CHUNK_BYTES)


def _power(stack: ExitStack, monitor: Monitor) -> None:
    """Begin with the device switched off and on; in the end it is off."""
    stack.callback(monitor.close)
    stack.callback(_quietly, monitor.stop)
    monitor.power(False)
    monitor.power(True)
    monitor.start()


def _quietly(action: Callable[[], None]) -> None:
    """What fails while everything is let go does not hide why."""
    with contextlib.suppress(UserError):
        action()
