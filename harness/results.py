"""What a run leaves behind: `results.json` and `log.txt` beside the firmware."""

import json
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import serial

from common import __version__
from common.artifact import Firmware
from common.board import Board
from common.files import write_atomic
from harness.device import Profile
from harness.inputs import InputSet
from harness.performance import SUBMISSION, PerformanceResult
from harness.ports import PortChoice

SCHEMA = 1
RESULTS = "results.json"
LOG = "log.txt"
FAILED_LOG = "log-failed.txt"


@dataclass(frozen=True)
class VirtualHost:
    """How the virtual board ran on this computer, over the whole session, and what it found wrong in the firmware."""

    instructions: int
    host_seconds: float
    diagnostics: tuple[str, ...]

    @property
    def instructions_per_host_second(self) -> float:
        return self.instructions / self.host_seconds if self.host_seconds > 0 else 0.0


@dataclass(frozen=True)
class Run:
    """Everything known after a performance run."""

    firmware: Firmware
    board: Board
    port: PortChoice
    profile: Profile
    inputs: InputSet
    performance: PerformanceResult
    virtual: VirtualHost | None

    @property
    def cycles(self) -> int:
        """Core cycles of one inference, derived from the latency and the nominal clock."""
        return round(self.performance.latency_ms / 1e3 * self.board.clock.sysclk_hz)

    @property
    def reservations(self) -> tuple[str, ...]:
        """Why these numbers would not do for a submission."""
        found = list(self.performance.violations)
        if self.performance.timing != "measured":
            found.append("timing is modelled, not measured on a board")
        found += self.firmware.notes
        if self.inputs.synthetic:
            found.append("inputs are synthetic")
        return tuple(found + list(self.performance.clock_warnings))


def results_json(run: Run) -> dict[str, Any]:
    """The content of `results.json`. Times in the units their names say, sizes in bytes."""
    firmware, performance = run.firmware, run.performance
    return {
        "schema": SCHEMA,
        "unverified": True,
        "board": firmware.board,
        "bench": firmware.bench,
        "model": {"name": firmware.model.name, "sha256": firmware.model.sha256, "bytes": firmware.model.bytes},
        "runtime": firmware.runtime,
        "timing": performance.timing,
        "latency_ms": performance.latency_ms,
        "throughput": performance.throughput,
        "cycles": run.cycles,
        "cycles_note": f"derived: median latency times {run.board.clock.sysclk_hz} Hz",
        "quick": performance.quick,
        "valid_window_rules": not performance.violations,
        "reservations": list(run.reservations),
        "loop_seconds": performance.loop_seconds,
        # mlcommons/tiny's runner tests only this, over all windows and downloads together.
        "loop_at_least_10_s": performance.loop_seconds >= SUBMISSION.seconds,
        "windows": [
            {
                "input": window.input,
                "iterations": window.iterations,
                "warmup": window.warmup,
                "elapsed_us": window.elapsed_us,
                "host_seconds": window.host_seconds,
                "latency_ms": window.latency_ms,
                "throughput": window.throughput,
                "results": list(window.results),
            }
            for window in performance.windows
        ],
        "inputs": {
            "description": run.inputs.description,
            "synthetic": run.inputs.synthetic,
            "sha256": {item.name: item.sha256 for item in run.inputs.inputs},
        },
        "flash_bytes": firmware.flash_bytes,
        "ram_bytes": firmware.ram_bytes,
        "arena_bytes": firmware.arena_bytes,
        "elf_sha256": firmware.elf_sha256,
        "tools": {
            **firmware.tools,
            "firmbench": __version__,
            "pyserial": serial.__version__,
            "python": platform.python_version(),
        },
        "port": {"spec": run.port.spec, "description": run.port.description, "baud": firmware.baud},
        "device": {"name": run.profile.vendor, "profile": run.profile.firmware, "model": run.profile.model},
        "virtual": _virtual(run.virtual),
    }


def save_results(run: Run, log: str) -> Path:
    """Replace `log.txt` and `results.json` in the firmware's folder; returns the latter's path."""
    folder = run.firmware.folder
    write_atomic(folder / LOG, log)
    path = folder / RESULTS
    write_atomic(path, json.dumps(results_json(run), indent=2, allow_nan=False) + "\n")
    (folder / FAILED_LOG).unlink(missing_ok=True)
    return path


def _virtual(host: VirtualHost | None) -> dict[str, Any] | None:
    if host is None:
        return None
    return {
        "instructions": host.instructions,
        "host_seconds": host.host_seconds,
        "instructions_per_host_second": host.instructions_per_host_second,
        "diagnostics": list(host.diagnostics),
    }
