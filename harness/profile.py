"""Where an inference's cycles go: the time between kernel calls on the virtual board, same image, nothing added."""

import json
from collections.abc import Callable
from itertools import pairwise

from rich.console import Console
from rich.table import Table

from common.artifact import Firmware, StepInfo
from common.board import Board
from common.console import say
from common.errors import UserError
from common.files import write_atomic
from harness.device import Device
from harness.link import Link
from harness.ports import VIRTUAL
from harness.virtual_port import virtual_port

PROFILE = "profile.json"
START, END = "model_infer", "th_post"  # what the command interpreter calls around the kernels
INFER_TIMEOUT_S = 600.0  # virtual time


def profile_firmware(firmware: Firmware, board: Board, console: Console) -> None:
    """Show cycles per operator and save them as ``profile.json`` beside the image.

    Raises:
        UserError: as `layer_cycles`.
    """
    rows, total = layer_cycles(firmware, board)
    _save(firmware, rows, total)
    console.print(_table(firmware, board, rows, total))
    say(f"profile: {firmware.folder / PROFILE}", console)


def layer_cycles(firmware: Firmware, board: Board) -> tuple[list[tuple[StepInfo, int]], int]:
    """Cycles of each step, and of the whole inference: one, after a warm-up.

    A kernel's time runs from its entry to the next one's. The input tensor is left as it is.

    Raises:
        UserError: the image does not call its kernels in the order of its description.
    """
    machine, port = virtual_port(firmware, board)
    entries: list[tuple[str, int]] = []

    def note(function: str) -> Callable[[], None]:
        return lambda: entries.append((function, machine.cycles))

    for function in {START, END, *(step.kernel for step in firmware.steps)}:
        machine.watch(function, note(function))
    with Link(port, VIRTUAL, lambda: machine.seconds) as link:
        Device(link).synchronise()
        link.ask("infer 1 1", INFER_TIMEOUT_S)
    functions, times = _last_timed(entries)
    if functions != (START, *(step.kernel for step in firmware.steps), END):
        raise UserError(f"{firmware.elf} did not run its {len(firmware.steps)} operators once each; build it again")
    cycles = [after - before for before, after in pairwise(times[1:])]
    return list(zip(firmware.steps, cycles, strict=True)), times[-1] - times[0]


def _last_timed(entries: list[tuple[str, int]]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Functions and cycles from the last inference's start to ``END``; what runs after it is not timed."""
    functions = [function for function, _ in entries]
    if END not in functions or START not in functions:
        return (), ()
    end = len(functions) - 1 - functions[::-1].index(END)
    start = end - functions[end::-1].index(START)
    names, times = zip(*entries[start : end + 1], strict=True)
    return names, times


def _save(firmware: Firmware, rows: list[tuple[StepInfo, int]], total: int) -> None:
    steps = [{"operator": s.operator, "name": s.name, "kernel": s.kernel, "macs": s.macs, "cycles": c} for s, c in rows]
    content = {
        "model": firmware.model.name,
        "elf_sha256": firmware.elf_sha256,
        "timing": "modelled",
        "cycles": total,
        "steps": steps,
    }
    write_atomic(firmware.folder / PROFILE, json.dumps(content, indent=2) + "\n")


def _table(firmware: Firmware, board: Board, rows: list[tuple[StepInfo, int]], total: int) -> Table:
    milliseconds = total * 1000 / board.clock.sysclk_hz
    table = Table(title=f"{firmware.bench} on {board.title}, modelled: {total:,} cycles, {milliseconds:.3f} ms")
    table.add_column("operator")
    for heading in ("MACs", "cycles", "cycles/MAC", "share"):
        table.add_column(heading, justify="right")
    for step, cycles in rows:
        per_mac = f"{cycles / step.macs:.2f}" if step.macs else ""
        share = f"{100 * cycles / total:.1f} %"
        table.add_row(f"{step.operator} {step.name}", f"{step.macs:,}", f"{cycles:,}", per_mac, share)
    return table
