"""Archived runs and builds as `invoke bench` and `invoke build` leave them, of made-up answers."""

import dataclasses
import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from common.artifact import Firmware, ModelInfo, runs_folder, save_firmware
from common.benchmark import load_benchmark
from common.files import sha256, write_atomic
from harness.dataset import Input
from harness.performance import PerformanceResult, Window
from harness.results import ACCURACY, ENERGY, PERFORMANCE
from harness.runner_files import accuracy_text, entry, performance_entries, performance_text
from models.registry import by_name

WHEN = datetime(2026, 1, 2, 3, 4, 5)
KWS = by_name("kws_ref_model")
CLASSES = 12


def built(firmware: Firmware, bench: str = "kws", model: str = "kws_ref_model", elf: bytes = b"an image") -> Firmware:
    """A build of a reference model, with the files that go into a submission."""
    known = by_name(model)
    made = dataclasses.replace(
        firmware,
        benchmark=load_benchmark(bench),
        model=ModelInfo(known.name, known.sha256, known.bytes),
        tools={"firmbench": "0.1.0", "compiler": "arm-none-eabi-gcc 12.2.1", "python": "3.11", "platformio": "6.1"},
        changes=("dead channels: 20 became 10",),
    )
    folder = made.folder
    write_atomic(folder / "firmware.elf", elf)
    write_atomic(folder / "firmware.bin", b"binary")
    write_atomic(folder / "gen" / "model.c", "int x;\n")
    write_atomic(folder / "platformio.ini", "[env]\n")
    made = dataclasses.replace(made, elf_sha256=sha256(folder / "firmware.elf"))
    save_firmware(made)
    return made


def common_fields(firmware: Firmware) -> dict[str, Any]:
    return {
        "schema": 2,
        "unverified": True,
        "run_at": WHEN.isoformat(),
        "board": firmware.board,
        "bench": firmware.bench,
        "model": {"name": firmware.model.name, "sha256": firmware.model.sha256, "bytes": firmware.model.bytes},
        "runtime": "aot",
        "flash_bytes": firmware.flash_bytes,
        "ram_bytes": firmware.ram_bytes,
        "arena_bytes": firmware.arena_bytes,
        "elf_sha256": firmware.elf_sha256,
        "tools": firmware.tools,
        "port": {"spec": "/dev/ttyACM0", "description": "STLink", "baud": 115200, "probe_serial_number": "066AFF"},
        "device": {"name": "firmbench", "profile": "x", "model": firmware.benchmark.model_id},
        PERFORMANCE: None,
        ACCURACY: None,
        ENERGY: None,
    }


def windows(seconds: float = 10.4, count: int = 5, iterations: int = 350) -> tuple[Window, ...]:
    elapsed = round(seconds * 1e6)
    rows = [elapsed + 100 * number for number in range(count)]
    answer = (0.5, *[0.0] * (CLASSES - 1))
    return tuple(
        Window(f"tst_{number:06}.bin@0", iterations, 10, us, us / 1e6, answer) for number, us in enumerate(rows)
    )


def archive(name: str, content: dict[str, Any], mode: str, files: dict[str, str]) -> Path:
    folder = runs_folder() / name
    for file, text in files.items():
        write_atomic(folder / mode / file, text)
    write_atomic(folder / "results.json", json.dumps(content))
    return folder


def performance_run(
    firmware: Firmware,
    name: str = "20260102-030405-nucleo_l4r5zi-kws",
    *,
    timing: str = "measured",
    seconds: float = 10.4,
    count: int = 5,
    synthetic: bool = False,
) -> Path:
    """A performance run of the submission's length on real inputs, unless told otherwise."""
    result = PerformanceResult(windows(seconds, count), timing, False, seconds * count)
    inputs = [Input(window.input, b"", (window.input.partition("@")[0], "12", "0")) for window in result.windows]
    section = {
        "timing": timing,
        "latency_ms": result.latency_ms,
        "throughput": result.throughput,
        "cycles": 3_565_000,
        "reservations": list(result.violations),
        "windows": [
            dataclasses.asdict(window) | {"latency_ms": window.latency_ms, "throughput": window.throughput}
            for window in result.windows
        ],
        "inputs": {"description": "5 inputs of kws01", "synthetic": synthetic},
    }
    summary = performance_text(result, WHEN)
    files = {
        "results.txt": summary,
        "log.txt": summary,
        "results.json": json.dumps(performance_entries(result, inputs)),
    }
    return archive(name, common_fields(firmware) | {PERFORMANCE: section}, PERFORMANCE, files)


def answers(correct: int, files: int) -> list[dict[str, Any]]:
    """`results.json` of an accuracy run: ``correct`` of ``files`` answers name their class."""
    found = []
    for number in range(files):
        label = number % CLASSES
        answered = label if number < correct else (label + 1) % CLASSES
        values = [0.0] * CLASSES
        values[answered] = 1.0
        item = Input(f"tst_{number:06}.bin@0", b"", (f"tst_{number:06}.bin", str(CLASSES), str(label)))
        times = {"start_time": 0, "end_time": 1, "elapsed_time": 1}
        found.append(entry(item, "a", iterations=1, warmups=0, results=values, times=times))
    return found


def accuracy_run(
    firmware: Firmware,
    name: str = "20260102-030406-nucleo_l4r5zi-kws",
    *,
    correct: int = 902,
    files: int = 1000,
    timing: str = "measured",
    synthetic: bool = False,
) -> Path:
    from harness.submission.entries import parse_entries, quality
    from harness.submission.findings import Findings
    from harness.submission.rules import load_rules

    entries = answers(correct, files)
    parsed = parse_entries(entries, "", Findings())
    assert parsed is not None
    judged = quality(parsed, load_rules().benchmarks["kws"])
    assert not isinstance(judged, str)
    section = {
        "timing": timing,
        "top1": judged.top1,
        "auc": judged.auc,
        "samples": files,
        "passed": judged.top1 >= 90,
        "data": {"path": "data/kws01", "synthetic": synthetic},
    }
    text = {
        "results.txt": accuracy_text(judged.top1, judged.auc, WHEN),
        "log.txt": "answers\n",
        "results.json": json.dumps(entries),
    }
    return archive(name, common_fields(firmware) | {ACCURACY: section}, ACCURACY, text)


def energy_text(costs: Sequence[float], seconds: float = 10.4, inferences: int = 350) -> str:
    """`results.txt` of an energy run of these microjoules per inference."""
    lines = ["Power Edition Output"]
    for trial, cost in enumerate(costs):
        lines += [
            f"Energy data for trial {trial}",
            f"  Elapsed time  : {seconds}",
            f"  Inferences    : {inferences}",
            f"  Power         : {cost * inferences / seconds / 1e3:.4f} mW.",
            f"  Total Energy  : {cost * inferences:.3f} uJ",
            f"  Energy/Inf    : {cost:.3f} uJ/inf",
        ]
    rule = "-" * 57
    lines += [rule, f"Median energy cost is {sorted(costs)[len(costs) // 2]:.4f} uJ/inf.", rule]
    return "".join(f"{line}\n" for line in lines)
