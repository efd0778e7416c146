"""What an energy run leaves: its section of `results.json`, and the files of MLCommons' runner.

Source of the runner's: mlcommons/tiny, benchmark/runner/script.py and tools/submission/submission_checker.py.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.markup import escape
from rich.table import Table

from common.artifact import Firmware
from common.board import Board
from harness.dataset import Input
from harness.energy.recording import PERIOD_S
from harness.energy.windows import EnergyResult
from harness.inputs import InputSet
from harness.performance import SUBMISSION
from harness.runner_files import RULE, entry

TOO_SHORT = "  <<<< below minimum duration"


def energy_text(result: EnergyResult) -> str:
    """`results.txt`."""
    lines = ["Power Edition Output"]
    for number, window in enumerate(result.windows, 1):
        seconds, joules = window.span.seconds, window.span.total_joules
        lines += [
            f"Energy data for trial {number}",
            f"  Elapsed time  : {seconds:.3f}{TOO_SHORT if seconds < SUBMISSION.seconds else ''}",
            f"  Inferences    : {window.iterations}",
            f"  Power         : {window.milliwatts:.3f} mW.",
            f"  Total Energy  : {joules * 1e6:.3f} uJ",
            f"  Energy/Inf    : {window.uj_per_inference:.3f} uJ/inf",
            RULE,
        ]
    lines += [f"Median energy cost is {result.median_uj:.3f} uJ/inf.", RULE]
    return "".join(f"{line}\n" for line in lines)


def energy_entries(result: EnergyResult, inputs: Sequence[Input]) -> list[dict[str, Any]]:
    """`results.json` of the runner: one entry a window. Samples in joules, times in seconds from the first pulse."""
    rows = {item.name: item for item in inputs}
    entries = []
    for window in result.windows:
        times = {"start_time": None, "end_time": None, "elapsed_time": round(window.span.seconds * 1e6)}
        item = rows[window.input]
        row = entry(item, "e", iterations=window.iterations, warmups=window.warmup, results=window.results, times=times)
        samples = list(window.span.joules)
        power = {
            "samples": samples,
            "timestamps": [0.0, window.span.seconds],
            "extracted_power": samples,
            "voltage": result.volts,
        }
        entries.append(row | {"power": power})
    return entries


def energy_section(result: EnergyResult, firmware: Firmware, inputs: InputSet) -> dict[str, Any]:
    """The section `energy` of `results.json`."""
    reservations = list(result.violations)
    if result.timing != "measured":
        reservations.append("energy is modelled, not measured on a board")
    reservations += firmware.notes
    if inputs.synthetic:
        reservations.append("inputs are synthetic")
    return {
        "timing": result.timing,
        "uj_per_inference": result.median_uj,
        "median": result.median_uj,
        "monitor": result.monitor,
        "volts": result.volts,
        "elf_sha256": firmware.elf_sha256,
        "valid_window_rules": not result.violations,
        "reservations": reservations,
        "windows": [
            {
                "input": window.input,
                "iterations": window.iterations,
                "warmup": window.warmup,
                "seconds": window.span.seconds,
                "joules": window.span.total_joules,
                "milliwatts": window.milliwatts,
                "uj_per_inference": window.uj_per_inference,
                "throughput": window.throughput,
                "results": list(window.results),
            }
            for window in result.windows
        ],
        "inputs": {"description": inputs.description, "synthetic": inputs.synthetic},
    }


def energy_table(result: EnergyResult, firmware: Firmware, board: Board) -> Table:
    """The results as a two-column table; says measured or modelled, and that nothing was verified."""
    table = Table(title=f"{firmware.bench} on {board.title}: energy, {result.timing}", show_header=False)
    table.add_column("what")
    table.add_column("value", justify="right")
    peak = max(float(np.max(window.span.joules)) for window in result.windows) / PERIOD_S * 1e3
    rows = [
        ("model", f"{firmware.model.name} ({firmware.runtime})"),
        ("energy", result.timing),
        ("monitor", f"{result.monitor}, {result.volts} V"),
        ("energy per inference", f"{result.median_uj:.3f} uJ"),
        ("power", f"{np.median([window.milliwatts for window in result.windows]):.3f} mW, peak {peak:.3f} mW"),
        ("windows", f"{len(result.windows)} ({', '.join(f'{w.span.seconds:.2f}' for w in result.windows)} s)"),
        *(("reservation", text) for text in result.violations),
        ("status", "unverified, not submitted"),
    ]
    for name, value in rows:
        table.add_row(escape(name), escape(value))
    return table
