"""MLCommons' Python runner, from a checkout of the user's, against the virtual board."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from common.artifact import Firmware
from common.board import Board
from common.errors import UserError

LAUNCHER = Path(__file__).with_name("runner_launcher.py")


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
    with served(machine, backlog=0) as server:  # boot text after the open would shift all of the runner's answers
        command = [sys.executable, str(LAUNCHER), server.terminal.path, *ids, str(script), *arguments]
        code = subprocess.run(command, cwd=script.parent, check=False).returncode
    if code:
        raise UserError(f"{script} ended with exit code {code}; its messages are above")
