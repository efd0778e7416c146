"""Where an inference's cycles go, on the virtual board, same image, nothing added: operators, functions, stalls."""

import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from common.artifact import Firmware, StepInfo
from common.board import Board
from common.console import say
from common.errors import UserError
from common.files import write_atomic
from harness.classic import require_classic
from harness.device import Device
from harness.inference_watch import CLASSIC, START, InferenceWatch, drive_of
from harness.link import Link
from harness.ports import VIRTUAL
from harness.profile_report import profile_html, profile_trace
from harness.virtual_port import virtual_port

if TYPE_CHECKING:
    from virtual import VirtualBoard

PROFILE = "profile.json"
INFER_TIMEOUT_S = 600.0  # virtual time
PAINT = 0xA5
PAINT_MARGIN = 64  # bytes below the stack pointer that are left alone


@dataclass(frozen=True)
class Layer:
    """One operator: its cycles, and those of them that waited for flash or for unaligned accesses."""

    step: StepInfo
    start: int  # cycles since the inference began
    cycles: int
    stalled: int


@dataclass(frozen=True)
class Profile:
    """One inference after a warm-up. ``functions``: cycles by name, which add up to ``cycles``.

    ``stalls``: `VirtualBoard.stalls`. ``stack_bytes``: of the stack, used at most since reset; None when the image does
    not say where its stack is. ``interval_percent``, ``energy_error_percent``: to either side of the modelled time and
    energy. Energy is None for a board of unknown current.
    """

    layers: tuple[Layer, ...]
    cycles: int
    instructions: int
    functions: dict[str, int]
    stalls: dict[str, int]
    stack_bytes: int | None
    interval_percent: float
    microjoules: float | None
    energy_volts: float
    energy_error_percent: float


def profile_firmware(
    firmware: Firmware, board: Board, console: Console, *, picture: Path | None = None, trace: Path | None = None
) -> None:
    """Show cycles per operator and function, save them as ``profile.json`` and draw them as ``profile.html``.

    ``picture``: another place for the page; ``trace``: also a trace in Chrome's JSON format.

    Raises:
        UserError: as `profile_run`.
    """
    profile = profile_run(firmware, board)
    page = picture or firmware.folder / "profile.html"
    write_atomic(firmware.folder / PROFILE, json.dumps(profile_json(firmware, profile), indent=2) + "\n")
    data = {**profile_json(firmware, profile), "bench": firmware.bench, "board": board.title}
    write_atomic(page, profile_html(data, board.clock.sysclk_hz))
    if profile.layers:
        console.print(_table(firmware, board, profile))
    else:
        say(f"{_headline(firmware, board, profile)}; its operators run inside the interpreter", console)
    console.print(_function_table(profile))
    for line in _summary(profile, firmware):
        say(line, console)
    say(f"profile: {firmware.folder / PROFILE}", console)
    say(f"picture: {page}", console)
    if trace is not None:
        write_atomic(trace, json.dumps(profile_trace(data, board.clock.sysclk_hz)) + "\n")
        say(f"trace: {trace}", console)


def layer_cycles(firmware: Firmware, board: Board) -> tuple[list[tuple[StepInfo, int]], int]:
    """Cycles of each step, and of the whole inference: one, after a warm-up.

    A kernel's time runs from its entry to the next one's. The input tensor is left as it is.

    Raises:
        UserError: the image does not call its kernels in the order of its description.
    """
    require_classic(firmware.benchmark, "counting an inference's cycles")
    machine, port = virtual_port(firmware, board)
    watch = InferenceWatch(machine, firmware, CLASSIC)
    with Link(port, VIRTUAL, lambda: machine.seconds, machine.situation) as link:
        Device(link).synchronise()
        link.ask(CLASSIC.command, INFER_TIMEOUT_S)
    layers = _layers(firmware, watch)
    return [(layer.step, layer.cycles) for layer in layers], watch.cycles


def profile_run(firmware: Firmware, board: Board) -> Profile:
    """Run one inference after a warm-up and look at it from all sides.

    Raises:
        UserError: the image does not call its kernels in the order of its description.
    """
    from virtual.energy import ChargeMeter, load_current_model
    from virtual.timing.uncertainty import code_share, interval_of_share

    drive = drive_of(firmware)
    machine, port = virtual_port(firmware, board)
    watch = InferenceWatch(machine, firmware, drive)
    with Link(port, VIRTUAL, lambda: machine.seconds, machine.situation) as link:
        Device(link).synchronise()
        if drive.warm_up:
            link.ask(drive.warm_up, INFER_TIMEOUT_S)
        bottom, painted = _paint_stack(machine)
        meters: list[ChargeMeter] = []
        try:
            model = load_current_model(board)
        except UserError:
            model = None
        functions: list[dict[str, int]] = []
        machine.count_functions()

        def begin() -> None:
            if model is not None:
                meters.append(ChargeMeter(machine, model))
            functions[:] = [machine.function_cycles()]

        def end() -> None:
            if meters:
                meters[-1].sample()
            functions.append(machine.function_cycles())

        watch.at_start, watch.at_end = begin, end
        link.ask(drive.command, INFER_TIMEOUT_S)
    layers = _layers(firmware, watch)
    stalls = _difference(watch.last[0].stalls, watch.last[-1].stalls)
    return Profile(
        layers,
        watch.cycles,
        watch.instructions,
        _by_function(*functions),
        stalls,
        _stack_used(machine, bottom, painted),
        interval_of_share(code_share(stalls, watch.cycles), board.mcu).worst_percent,
        meters[-1].joules() * 1e6 if meters else None,
        model.volts if model else 0.0,
        model.error_percent if model else 0.0,
    )


def _layers(firmware: Firmware, watch: InferenceWatch) -> tuple[Layer, ...]:
    marks = watch.last[:-1]
    if [mark.function for mark in marks] != [START, *(step.kernel for step in firmware.steps)]:
        raise UserError(f"{firmware.elf} did not run its {len(firmware.steps)} operators once each; build it again")
    return tuple(
        Layer(step, begin.cycles - marks[0].cycles, end.cycles - begin.cycles, _stalled(begin.stalls, end.stalls))
        for step, (begin, end) in zip(firmware.steps, pairwise(watch.last[1:]), strict=True)
    )


def _difference(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return {name: count - before[name] for name, count in after.items()}


def _by_function(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    """Cycles between two counts, largest first."""
    spent = {name: cycles - before.get(name, 0) for name, cycles in after.items()}
    return dict(sorted(((name, cycles) for name, cycles in spent.items() if cycles), key=lambda item: -item[1]))


def _stalled(before: dict[str, int], after: dict[str, int]) -> int:
    spent = _difference(before, after)
    return spent["flash_cycles"] + spent["unaligned_cycles"]


def _paint_stack(machine: "VirtualBoard") -> tuple[int, int]:
    """Fill the unused stack; (its bottom, the end of the paint), both 0 where the image does not name its stack."""
    try:
        bottom = machine.symbol("stack_bottom")
    except UserError:
        return 0, 0
    end = machine.register("SP") - PAINT_MARGIN
    machine.write_memory(bottom, bytes([PAINT]) * (end - bottom))
    return bottom, end


def _stack_used(machine: "VirtualBoard", bottom: int, painted: int) -> int | None:
    if not painted:
        return None
    content = machine.read_memory(bottom, painted - bottom)
    untouched = len(content) - len(content.lstrip(bytes([PAINT])))
    return machine.symbol("stack_top") - bottom - untouched


def profile_json(firmware: Firmware, profile: Profile) -> dict[str, Any]:
    """The content of ``profile.json``."""
    return {
        "model": firmware.model.name,
        "elf_sha256": firmware.elf_sha256,
        "timing": "modelled",
        "cycles": profile.cycles,
        "modelled_interval_percent": profile.interval_percent,
        "instructions": profile.instructions,
        "steps": [
            {
                "operator": layer.step.operator,
                "name": layer.step.name,
                "kernel": layer.step.kernel,
                "macs": layer.step.macs,
                "start": layer.start,
                "cycles": layer.cycles,
                "stalled": layer.stalled,
            }
            for layer in profile.layers
        ],
        "functions": profile.functions,
        "stalls": profile.stalls,
        "stack_bytes": profile.stack_bytes,
        "energy": {
            "microjoules": profile.microjoules,
            "volts": profile.energy_volts,
            "error_percent": profile.energy_error_percent,
            "timing": "modelled",
        },
    }


def _headline(firmware: Firmware, board: Board, profile: Profile) -> str:
    milliseconds = profile.cycles * 1000 / board.clock.sysclk_hz
    time = f"{profile.cycles:,} cycles, {milliseconds:.3f} ms ±{profile.interval_percent:.1f} %"
    return f"{firmware.bench} on {board.title}, modelled: {time}"


def _table(firmware: Firmware, board: Board, profile: Profile) -> Table:
    total = profile.cycles
    table = Table(title=_headline(firmware, board, profile))
    table.add_column("operator")
    for heading in ("MACs", "cycles", "cycles/MAC", "share", "stalled"):
        table.add_column(heading, justify="right")
    for layer in profile.layers:
        step, cycles = layer.step, layer.cycles
        table.add_row(
            f"{step.operator} {step.name}",
            f"{step.macs:,}",
            f"{cycles:,}",
            f"{cycles / step.macs:.2f}" if step.macs else "",
            f"{100 * cycles / total:.1f} %",
            f"{100 * layer.stalled / cycles:.1f} %" if cycles else "",
        )
    return table


def _function_table(profile: Profile) -> Table:
    table = Table(title="by function")
    table.add_column("function")
    for heading in ("cycles", "share"):
        table.add_column(heading, justify="right")
    for name, cycles in profile.functions.items():
        table.add_row(name, f"{cycles:,}", f"{100 * cycles / profile.cycles:.1f} %")
    return table


def _hits(stalls: dict[str, int], kind: str) -> str:
    reads, misses = stalls[f"{kind}_reads"], stalls[f"{kind}_misses"]
    share = f" ({100 * (1 - misses / reads):.1f} %)" if reads else ""
    return f"{kind} {reads - misses:,} hits{share}, {misses:,} misses"


def _summary(profile: Profile, firmware: Firmware) -> list[str]:
    stalls = profile.stalls
    lines = [
        f"{profile.instructions:,} instructions, {profile.cycles / profile.instructions:.2f} cycles each",
        f"stalls: {stalls['code_cycles']:,} cycles for code from flash, {stalls['data_cycles']:,} for data from flash"
        f" ({stalls['prefetch_wait_cycles']:,} of them behind a prefetch),"
        f" {stalls['unaligned_cycles']:,} for unaligned accesses",
        f"caches: {_hits(stalls, 'code')}; {_hits(stalls, 'data')}",
    ]
    if profile.stack_bytes is not None:
        lines.append(f"stack: {profile.stack_bytes:,} of {firmware.stack_bytes:,} bytes used at most")
    if profile.microjoules is not None:
        lines.append(
            f"energy: {profile.microjoules:,.1f} uJ an inference at {profile.energy_volts:g} V,"
            f" modelled, ±{profile.energy_error_percent:.0f} %"
        )
    return lines
