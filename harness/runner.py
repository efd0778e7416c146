"""MLCommons' Python runner, from a checkout of the user's, against the virtual board."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from common.artifact import Firmware
from common.board import Board
from common.errors import UserError

if TYPE_CHECKING:
    from virtual import VirtualBoard

LAUNCHER = Path(__file__).with_name("runner_launcher.py")
BOOT_CYCLES = 1_000_000_000  # without any output


def run_upstream(folder: Path, arguments: Sequence[str], firmware: Firmware, board: Board, *, timing: bool) -> None:
    """Run ``folder``/main.py in that folder with ``arguments``; it finds the virtual board as it would a real one.

    Raises:
        UserError: there is no main.py, or it failed.
    """
    script = folder.resolve() / "main.py"
    if not script.is_file():
        raise UserError(f"no {script}; --dir takes benchmark/runner of a checkout of mlcommons/tiny")
    from virtual import VirtualBoard, served

    ids = map(str, (board.probe.usb_vid, board.probe.usb_pids[0]))
    machine = VirtualBoard(firmware.elf, board, timing=timing)
    boot(machine)  # boot text after the runner opened the port would shift all answers
    with served(machine) as server:
        command = [sys.executable, str(LAUNCHER), server.terminal.path, *ids, str(script), *arguments]
        code = subprocess.run(command, cwd=script.parent, check=False).returncode
    if code:
        state = machine.post_mortem or machine.situation()
        raise UserError(f"{script} ended with exit code {code}; its messages are above; at the end {state}")


def boot(machine: "VirtualBoard") -> None:
    """Run the firmware until it waits for its first command, and drop what it prints.

    Raises:
        UserError: it stopped for good.
    """
    from virtual import StopReason

    reason = StopReason.OUTPUT
    while reason is StopReason.OUTPUT:
        reason = machine.run(BOOT_CYCLES)
    machine.receive()
    if reason is StopReason.LOCKUP:
        raise UserError(f"the firmware does not start: {machine.post_mortem or machine.situation()}")
