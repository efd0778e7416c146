"""What runs leave behind: `results.json` and `log.txt` beside the firmware, and an archive of each invocation."""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import serial

from common import __version__
from common.artifact import Firmware, runs_folder
from common.board import Board
from common.files import write_atomic
from harness.device import Profile
from harness.inputs import InputSet
from harness.performance import SUBMISSION, PerformanceResult
from harness.ports import PortChoice

SCHEMA = 2
RESULTS = "results.json"
SUMMARY = "results.txt"
LOG = "log.txt"
FAILED_LOG = "log-failed.txt"
PERFORMANCE, ACCURACY, ENERGY = MODES = ("performance", "accuracy", "energy")
# What schema 1 had at the top, and readers may rely on: the performance section's, null without one.
TOP_LEVEL = (
    "timing",
    "latency_ms",
    "throughput",
    "cycles",
    "cycles_note",
    "quick",
    "valid_window_rules",
    "reservations",
    "loop_seconds",
    "loop_at_least_10_s",
    "windows",
    "inputs",
)


@dataclass(frozen=True)
class VirtualHost:
    """How the virtual board ran on this computer, over the whole session, and what it found wrong in the firmware."""

    instructions: int
    host_seconds: float
    diagnostics: tuple[str, ...]
    interval_percent: float | None = None  # a modelled time may be off by so much to either side

    @property
    def instructions_per_host_second(self) -> float:
        return self.instructions / self.host_seconds if self.host_seconds > 0 else 0.0


@dataclass(frozen=True)
class Setup:
    """What ran where: the image, the board, how it was reached and who answered there."""

    firmware: Firmware
    board: Board
    port: PortChoice
    profile: Profile
    virtual: VirtualHost | None


@dataclass(frozen=True)
class ModeRun:
    """What one mode leaves: its section of `results.json`, and the files of MLCommons' runner.

    ``summary``: `results.txt`. ``entries``: the runner's `results.json`. ``files``: more files of its folder.
    ``scratch``: what is deleted once all this is saved.
    """

    mode: str
    setup: Setup
    section: dict[str, Any]
    log: str
    summary: str
    entries: list[dict[str, Any]]
    files: Mapping[str, bytes] = field(default_factory=dict)
    scratch: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Run:
    """Everything known after a performance run."""

    setup: Setup
    inputs: InputSet
    performance: PerformanceResult

    @property
    def cycles(self) -> int:
        """Core cycles of one inference, derived from the latency and the nominal clock."""
        return round(self.performance.latency_ms / 1e3 * self.setup.board.clock.sysclk_hz)

    @property
    def reservations(self) -> tuple[str, ...]:
        """Why these numbers would not do for a submission."""
        found = list(self.performance.violations)
        if self.performance.timing != "measured":
            found.append("timing is modelled, not measured on a board")
        found += self.setup.firmware.notes
        if self.inputs.synthetic:
            found.append("inputs are synthetic")
        return tuple(found + list(self.performance.clock_warnings))


def performance_section(run: Run) -> dict[str, Any]:
    """The section `performance` of `results.json`. Times in the units their names say."""
    performance = run.performance
    per_window = not performance.violations
    loop = performance.loop_seconds >= SUBMISSION.seconds
    return {
        "timing": performance.timing,
        "latency_ms": performance.latency_ms,
        "throughput": performance.throughput,
        "cycles": run.cycles,
        "cycles_note": f"derived: median latency times {run.setup.board.clock.sysclk_hz} Hz",
        "quick": performance.quick,
        "valid_window_rules": per_window,
        "reservations": list(run.reservations),
        "loop_seconds": performance.loop_seconds,
        "loop_at_least_10_s": loop,
        "rules": {
            "each_window_10_s": per_window,
            # mlcommons/tiny's runner tests only this, over all windows and downloads together.
            "whole_loop_10_s": loop and len(performance.windows) == SUBMISSION.windows,
            "violations": list(performance.violations),
        },
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
    }


def results_json(runs: Sequence[ModeRun], earlier: Mapping[str, Any], when: datetime) -> dict[str, Any]:
    """The content of `results.json`. Sizes in bytes. ``earlier``: sections that other runs of this image left."""
    setup = runs[-1].setup
    firmware = setup.firmware
    sections: dict[str, Any] = {mode: earlier.get(mode) for mode in MODES}
    for run in runs:
        sections[run.mode] = run.section | {"provenance": _provenance(run.setup, when)}
    performance = sections[PERFORMANCE] or {}
    return {
        "schema": SCHEMA,
        "unverified": True,
        "run_at": when.isoformat(timespec="seconds"),
        "board": firmware.board,
        "bench": firmware.bench,
        "model": _model(firmware),
        "runtime": firmware.runtime,
        **{key: performance.get(key) for key in TOP_LEVEL},
        "flash_bytes": firmware.flash_bytes,
        "ram_bytes": firmware.ram_bytes,
        "arena_bytes": firmware.arena_bytes,
        "elf_sha256": firmware.elf_sha256,
        "tools": _tools(firmware),
        "port": _port(setup),
        "device": _device(setup),
        "virtual": _virtual(setup.virtual),
        **sections,
    }


def save_runs(runs: Sequence[ModeRun], when: datetime) -> Path:
    """Write what an invocation's runs have to say: first its archive, then the firmware's `results.json` and `log.txt`.

    Sections of other modes are kept when they are of the very same image. Returns the path of that `results.json`.

    Raises:
        OSError: it cannot be written; earlier results stay.
    """
    setup = runs[-1].setup
    folder = setup.firmware.folder
    path = folder / RESULTS
    text = _json(results_json(runs, _earlier_sections(path, setup.firmware), when))
    archive = _archive_folder(setup.firmware, when)
    for run in runs:
        files = {LOG: run.log.encode(), SUMMARY: run.summary.encode(), RESULTS: _json(run.entries).encode()}
        for name, content in {**files, **run.files}.items():
            write_atomic(archive / run.mode / name, content)
    write_atomic(archive / RESULTS, text)
    write_atomic(folder / LOG, runs[-1].log)
    write_atomic(path, text)
    for leftover in (folder / FAILED_LOG, *(path for run in runs for path in run.scratch)):
        leftover.unlink(missing_ok=True)
    return path


def _archive_folder(firmware: Firmware, when: datetime) -> Path:
    """`build/runs/<time>-<board>-<bench>`, with a number behind it when two runs began in the same second."""
    name = f"{when:%Y%m%d-%H%M%S}-{firmware.board}-{firmware.bench}"
    runs = runs_folder()
    folder, number = runs / name, 1
    while True:
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            number += 1
            folder = runs / f"{name}-{number}"
        else:
            return folder


def _earlier_sections(path: Path, firmware: Firmware) -> dict[str, Any]:
    """The sections an earlier run left of this very image; none when its file is not readable."""
    try:
        earlier = json.loads(path.read_text())
        same = earlier["schema"] == SCHEMA and earlier["elf_sha256"] == firmware.elf_sha256
        return {mode: earlier[mode] for mode in MODES} if same else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _provenance(setup: Setup, when: datetime) -> dict[str, Any]:
    """Where a section comes from, as sections of several invocations share a file."""
    return {
        "run_at": when.isoformat(timespec="seconds"),
        "model_sha256": setup.firmware.model.sha256,
        "elf_sha256": setup.firmware.elf_sha256,
        "board": setup.board.title,
        "tools": _tools(setup.firmware),
        "port": _port(setup),
        "device": _device(setup),
        "virtual": _virtual(setup.virtual),
    }


def _model(firmware: Firmware) -> dict[str, Any]:
    return {"name": firmware.model.name, "sha256": firmware.model.sha256, "bytes": firmware.model.bytes}


def _tools(firmware: Firmware) -> dict[str, str]:
    return {
        **firmware.tools,
        "firmbench": __version__,
        "pyserial": serial.__version__,
        "python": platform.python_version(),
    }


def _port(setup: Setup) -> dict[str, Any]:
    port = setup.port
    return {
        "spec": port.spec,
        "description": port.description,
        "baud": setup.firmware.baud,
        "probe_serial_number": port.serial_number,
    }


def _device(setup: Setup) -> dict[str, str]:
    return {"name": setup.profile.vendor, "profile": setup.profile.firmware, "model": setup.profile.model}


def _virtual(host: VirtualHost | None) -> dict[str, Any] | None:
    if host is None:
        return None
    return {
        "instructions": host.instructions,
        "host_seconds": host.host_seconds,
        "instructions_per_host_second": host.instructions_per_host_second,
        "diagnostics": list(host.diagnostics),
        "modelled_interval_percent": host.interval_percent,
    }


def _json(content: Any) -> str:
    return json.dumps(content, indent=2, allow_nan=False) + "\n"
