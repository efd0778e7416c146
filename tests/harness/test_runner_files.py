"""The files of MLCommons' runner: the checker's patterns and upstream's rules."""

import re
from datetime import datetime

from harness.dataset import Input
from harness.performance import PerformanceResult, Window
from harness.runner_files import accuracy_text, performance_entries, performance_text

WHEN = datetime(2026, 3, 4, 5, 6, 7)
WINDOWS = tuple(Window(f"f{n}.bin@0", 5000, 10, 10_000_001 + n, 10.0, (0.5, 0.25), 4_294_000_000) for n in range(5))
MEDIAN = re.compile(r".* Median throughput is\s+([\d\.]+) inf\./sec\..*")


def test_performance() -> None:
    text = performance_text(PerformanceResult(WINDOWS, "measured", False, 60.0), WHEN)
    lines = text.splitlines()
    assert lines[:5] == [
        "Performance results for window 1",
        "    # Inferences : 5000",
        "    Runtime: 10.000001 sec.",
        f"    Throughput: {5000 / 10_000_001 * 1e6} inf./sec.",
        "    Runtime requirements have been met.",
    ]
    assert lines[-2] == "0304.050607 ulp-mlperf: Median throughput is    500.000 inf./sec."
    assert lines[-1] == lines[-3]
    assert re.fullmatch(r"0304\.050607 ulp-mlperf: -+", lines[-1])
    found = MEDIAN.match(lines[-2])
    assert found is not None
    assert found[1] == "500.000"


def test_upstreams_errors_replace_the_median() -> None:
    short = performance_text(PerformanceResult(WINDOWS, "measured", False, 9.9), WHEN)
    assert short.endswith("ERROR 2 - loop exited before 10 seconds elapsed.\n")
    few = performance_text(PerformanceResult(WINDOWS[:4], "measured", False, 60.0), WHEN)
    assert few.endswith("ERROR 1 - loop_count was not exactly 5.\n")
    assert not any(map(MEDIAN.match, (short + few).splitlines()))


def test_a_window_of_less_than_ten_seconds_is_not_said_to_meet_anything() -> None:
    window = Window("a", 10, 1, 2_100_000, 2.1, (0.0,))
    text = performance_text(PerformanceResult((window,) * 5, "measured", False, 10.5), WHEN)
    assert "requirements" not in text
    assert "Median throughput" in text  # upstream looks at the whole loop only


def test_accuracy() -> None:
    assert accuracy_text(90.12, 0.98765, WHEN) == (
        "0304.050607 ulp-mlperf: Top 1% = 90.1\n0304.050607 ulp-mlperf: AUC = 0.988\n"
    )
    assert "AUC" not in accuracy_text(50.0, None, WHEN)


def test_entries_of_windows() -> None:
    inputs = [Input(f"f{n}.bin@0", b"", (f"f{n}.bin", "12", str(n))) for n in range(5)]
    entries = performance_entries(PerformanceResult(WINDOWS, "measured", False, 60.0), inputs)
    assert entries[3]["file"] == "f3.bin"
    assert (entries[3]["class"], entries[3]["bytes_to_send"], entries[3]["mode"]) == ("3", None, "p")
    infer = entries[3]["infer"]
    assert infer["elapsed_time"] == 10_000_004
    assert infer["end_time"] == (infer["start_time"] + 10_000_004) % (1 << 32)  # the counter went round
    assert infer["throughput"] == 5000 / 10_000_004 * 1e6
    assert (infer["results"], infer["iterations"], infer["warmups"]) == ([0.5, 0.25], 5000, 10)
