"""Trees of submissions as others made them, in MLCommons' and EEMBC's formats, written in our own words."""

import json
from pathlib import Path
from typing import Any

from common.files import write_atomic
from harness.submission.system import KEYS
from tests.harness.archived_runs import answers, energy_text

RULE = "-" * 57
RATES = (23.142, 23.155, 23.169, 23.142, 23.190)
INFERENCES = 300

STREAM = """Power Edition Output
Energy data for trial 0
  Elapsed time  : 1200.002
  Inferences    : 1
  Power         : 25.6220 mW.
  Total Energy  : 30746401.810 uJ
  Energy/Inf    : 30746401.810 uJ/inf
Median energy cost is 30746401.8100 uJ/inf.
Accuracy: 44 True positives, 6 False negatives, 4 False positives
Average duty cycle: 0.56085
Average period: 0.031987 s
Estimated throughput: 55.742 inf./sec.
"""


def elapsed_us(rate: float) -> int:
    return round(INFERENCES / rate * 1e6)


def mlc_performance(rates: tuple[float, ...] = RATES, median: float = 23.155) -> dict[str, str]:
    """The files of MLCommons' runner."""
    lines = []
    entries: list[dict[str, Any]] = []
    for number, rate in enumerate(rates, 1):
        us = elapsed_us(rate)
        lines += [
            f"Performance results for window {number}",
            f"    # Inferences : {INFERENCES}",
            f"    Runtime: {us / 1e6} sec.",
            f"    Throughput: {INFERENCES / us * 1e6} inf./sec.",
            "    Runtime requirements have been met.",
        ]
        infer = {
            "results": [0.9, 0.1],
            "elapsed_time": us,
            "iterations": INFERENCES,
            "start_time": 5,
            "end_time": 5 + us,
        }
        entries.append({"file": f"{number}.bin", "classes": "12", "class": "0", "infer": infer, "mode": "p"})
    stamp = "0726.005207 ulp-mlperf: "
    lines += [f"{stamp}{RULE}", f"{stamp}Median throughput is {median:>10.3f} inf./sec.", f"{stamp}{RULE}"]
    text = "".join(f"{line}\n" for line in lines)
    return {"results.txt": text, "log.txt": f"Logging initialized.\n{text}", "results.json": json.dumps(entries)}


def eembc_performance(rates: tuple[float, ...] = RATES, median: float = 23.155) -> dict[str, str]:
    """The files of EEMBC's runner: windows 2, 4, ..., the wire in the log."""
    lines, log = [], []
    clock = 1_000_000
    for number, rate in enumerate(rates, 1):
        us = elapsed_us(rate)
        lines += [
            f"00101.615 ulp-mlperf: Performance results for window {2 * number}:",
            f"00101.616 ulp-mlperf:   # Inferences :          {INFERENCES}",
            f"00101.616 ulp-mlperf:   Runtime      :       {us / 1e6:.3f} sec.",
            f"00101.616 ulp-mlperf:   Throughput   :       {INFERENCES / us * 1e6:.3f} inf./sec.",
            "00101.616 ulp-mlperf: Runtime requirements have been met.",
        ]
        log += [
            f"00424.447 dut: m-infer-start-{INFERENCES}",
            f"00424.449 dut: m-lap-us-{clock}",
            f"00440.952 dut: m-lap-us-{clock + us}",
            "00440.954 dut: m-infer-done",
        ]
        clock += us + 40_000
    lines += [f"00101.621 ulp-mlperf: {RULE}", f"00101.622 ulp-mlperf: Median throughput is {median:.3f} inf./sec."]
    lines.append("00101.622 ulp-mlperf: Cannot compute accuracy metrics in single-run mode.")
    return {"results.txt": "\n".join(lines) + "\n", "log.txt": "\n".join(log) + "\n", "script.async": "x\n"}


def mlc_accuracy(correct: int = 902, files: int = 1000) -> dict[str, str]:
    return {
        "results.txt": f"0726.005452 ulp-mlperf: Top 1% = {100 * correct / files:2.1f}\n",
        "log.txt": "answers\n",
        "results.json": json.dumps(answers(correct, files)),
    }


def mlc_energy() -> dict[str, str]:
    return {
        "results.txt": energy_text([1820.5, 1820.1, 1821.0, 1820.0, 1822.0]),
        "log.txt": "x\n",
        "results.json": "[]",
    }


def write_tree(
    root: Path, benchmarks: dict[str, dict[str, dict[str, str]]], division: str = "closed", organisation: str = "acme"
) -> Path:
    """`<root>/<division>/<organisation>` with the system `sys1`; benchmark -> mode -> file -> text."""
    folder = root / division / organisation
    system = dict.fromkeys(KEYS, "something") | {"Status": "Available", "Division": division.capitalize()}
    write_atomic(folder / "systems" / "sys1.json", json.dumps(system, indent=1))
    write_atomic(folder / "systems" / "TinyMLPerf_v1.3_Submission_Checklist.pdf", b"%PDF")
    write_atomic(folder / "systems" / "Energy-Hookup.pdf", b"%PDF")
    write_atomic(folder / "code" / "README.md", "code\n")
    for benchmark, modes in benchmarks.items():
        for mode, files in modes.items():
            for name, text in files.items():
                write_atomic(folder / "results" / "sys1" / benchmark / mode / name, text)
    return folder


def complete_tree(root: Path) -> Path:
    """One of every kind: MLCommons' runner with energy, EEMBC's, streaming."""
    return write_tree(
        root,
        {
            "kws": {"accuracy": mlc_accuracy(), "performance": mlc_performance(), "energy": mlc_energy()},
            "vww": {
                "accuracy": {
                    "results.txt": "36424.521 ulp-mlperf: Top-1: 85.2%\n36424.524 ulp-mlperf: AUC: 0.94\n",
                    "log.txt": "x\n",
                    "script.async": "x\n",
                },
                "performance": eembc_performance(),
            },
            "sww": {
                "energy": {
                    "results.txt": STREAM,
                    "log.txt": "x\n",
                    "results.json": "[]",
                    "energy_inf_000.png": "picture",
                }
            },
        },
    )
