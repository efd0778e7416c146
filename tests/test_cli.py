"""The command line as a user types it: exit codes, one-line errors, and no traceback for anything a user can cause."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from common.paths import ROOT
from models.flatbuffer import OperatorSpec, TensorSpec, activation, build_model
from tests.generator.cases import fully_connected


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "invoke", "--search-root", str(ROOT), *words]


def run(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "FIRMBENCH_BUILD": str(folder / "build"), **environment}
    return subprocess.run(command(*words), cwd=folder, env=variables, capture_output=True, text=True, check=False)


def refused(folder: Path, *words: str, **environment: str) -> str:
    """The error message of a call that must fail cleanly and leave nothing behind."""
    answer = run(folder, *words, **environment)
    assert answer.returncode not in (0, None)
    assert "Traceback" not in answer.stdout + answer.stderr
    assert not list(folder.glob("build/**/build.json"))
    assert not list(folder.glob("build/**/firmware.*"))
    return answer.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["build", "--board", "uno"], "error: unknown board 'uno'; boards are: b_l475e_iot01a"),
        (["build", "--bench", "xyz"], "error: unknown benchmark 'xyz'; benchmarks are: ad"),
        (["build", "--runtime", "jit"], "error: unknown runtime 'jit'; runtimes are: aot, tflm"),
        (["build", "--model", "absent.tflite"], "error: cannot read model absent.tflite: No such file"),
        (["build", "--colour", "red"], "--colour"),
        (["build", "--optimize", "beauty"], "error: unknown objective 'beauty'; objectives are: latency, balanced"),
        (["build", "--ram-budget", "much"], "error: --ram-budget much: not a number of bytes like 49152 or 48K"),
        (["build", "--flash-budget", "0"], "error: --flash-budget 0: not a number of bytes"),
        (["speed", "--bench", "xyz"], "error: unknown benchmark 'xyz'"),
        (["bench", "--board", "uno"], "error: unknown board 'uno'"),
        (["train", "--bench", "xyz"], "error: unknown benchmark 'xyz'; benchmarks are: ad, ic"),
        (["models", "--fetch", "xyz"], "error: "),
        (["verify", "--count", "many"], "error: --count many: not an integer"),
        (["check", "absent"], "error: absent is not a folder; give the one that holds closed/ and open/"),
        (["check", ".", "--version", "v0"], "error: unknown round 'v0'; rounds are: v1.0"),
        (["submission", "--org", "acme"], "error: no archived run of a benchmark on NUCLEO-L4R5ZI; run `invoke bench"),
        (["results", "--run", "2026"], "error: no run '2026'; `invoke results` lists those there are"),
        (["report"], "error: there is no run to report on; `invoke bench` makes one"),
        (["calibrate", "--image", "a.bin"], "error: --image a.bin needs --bench and --reference-ms"),
        (["calibrate", "--list", "absent.toml"], "error: cannot read the list of images absent.toml"),
        (["calibrate", "--flash-read-bytes", "wide"], "error: --flash-read-bytes wide: not an integer"),
    ],
)
def test_wrong_words(tmp_path: Path, words: list[str], message: str) -> None:
    stderr = refused(tmp_path, *words)
    assert message in stderr
    assert stderr.count("\n") <= 2


def hybrid_model() -> bytes:
    rng = np.random.default_rng(0)
    tensors = [
        TensorSpec((1, 640), "float32"),
        TensorSpec((640, 640), scales=[0.01], data=rng.integers(-127, 128, (640, 640)).astype(np.int8)),
        TensorSpec((1, 640), "float32"),
    ]
    return build_model(tensors, [OperatorSpec("FULLY_CONNECTED", [0, 1, -1], [2])], [0], [2])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not a TensorFlow Lite model"),
        (b"#!/bin/sh\n" * 50, "is not a TensorFlow Lite model"),
        (fully_connected(units=640, depth=640)[:30000], "is truncated or damaged"),
        (hybrid_model(), "operator 0 FULLY_CONNECTED: weights are int8 for an input of float32"),
    ],
    ids=["empty", "script", "truncated", "hybrid"],
)
def test_wrong_models(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "my.tflite").write_bytes(content)
    stderr = refused(tmp_path, "build", "--model", "my.tflite")
    assert message in stderr
    assert "my.tflite" in stderr or "operator 0" in stderr


def test_a_model_that_does_not_fit_the_benchmark(tmp_path: Path) -> None:
    (tmp_path / "my.tflite").write_bytes(fully_connected(units=10, depth=640))
    stderr = refused(tmp_path, "build", "--bench", "ad", "--model", "my.tflite")
    assert "my.tflite does not fit benchmark 'ad': its output has 10 elements, the benchmark's has 640" in stderr


def test_a_model_too_large_for_flash_says_by_how_much(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    width = 1800
    tensors = [
        activation(1, 640),
        TensorSpec((width, 640), scales=[0.01], data=rng.integers(-127, 128, (width, 640)).astype(np.int8)),
        activation(1, width),
        TensorSpec((640, width), scales=[0.01], data=rng.integers(-127, 128, (640, width)).astype(np.int8)),
        activation(1, 640),
    ]
    operators = [
        OperatorSpec("FULLY_CONNECTED", [0, 1, -1], [2]),
        OperatorSpec("FULLY_CONNECTED", [2, 3, -1], [4]),
    ]
    (tmp_path / "big.tflite").write_bytes(build_model(tensors, operators, [0], [4]))
    assert "more than the 2,097,152 there are" in refused(tmp_path, "build", "--model", "big.tflite")


def test_plan_draws_without_a_compiler(tmp_path: Path) -> None:
    answer = run(tmp_path, "plan", "--bench", "kws", "--out", "kws.svg", PATH=str(tmp_path))
    assert answer.returncode == 0, answer.stderr
    assert "CONV_2D" in answer.stdout
    assert (tmp_path / "kws.svg").read_text().startswith("<svg")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--model", "absent.tflite"], "cannot read model absent.tflite"),
        (["--bench", "xyz"], "unknown benchmark 'xyz'"),
        (["--out", "."], ".: Is a directory"),
    ],
)
def test_plan_refuses(tmp_path: Path, words: list[str], message: str) -> None:
    assert message in refused(tmp_path, "plan", *words)


@pytest.mark.parametrize(
    ("option", "message"),
    [("--ram-budget=8K", "bytes of RAM, "), ("--flash-budget=10K", "more than the budget of 10,240")],
)
def test_budgets(tmp_path: Path, option: str, message: str) -> None:
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("no arm-none-eabi-gcc")
    answer = run(tmp_path, "build", option)
    assert answer.returncode == 1
    assert message in answer.stderr
    assert not list(tmp_path.glob("build/*/*/build.json"))


def test_no_compiler(tmp_path: Path) -> None:
    assert "arm-none-eabi-gcc is not on PATH" in refused(tmp_path, "build", PATH=str(tmp_path))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["flash", "--via", "magic"], "methods are: mass-storage, st-flash, openocd, pyocd"),
        (["flash", "--via", "mass-storage"], "no drive of NUCLEO-L4R5ZI is mounted"),
        (["flash", "--drive", "nowhere"], "does not exist"),
        (["flash", "--drive", "."], "is not a debug probe's drive"),
        (["flash", "--port", "/dev/ttyACM7"], "a serial port cannot be flashed"),
        (["flash", "--serial", "00FF00"], "no serial port of a device with serial number 00FF00"),
        (["bench", "--serial", "00FF00"], "no serial port of a device with serial number 00FF00"),
        (["bench", "--serial", "00FF00", "--port", "virtual"], "--port and --serial both name a port"),
        (["bench", "--port", "/dev/absent"], "does not exist"),
        (["bench", "--runtime", "jit"], "runtimes are: aot, tflm"),
        (["bench", "--port", "virtual", "--data", "nowhere"], "nowhere"),
        (["verify", "--count", "0"], "at least one input"),
    ],
)
def test_wrong_use_of_a_build(built: Path, words: list[str], message: str) -> None:
    answer = run(built, *words)
    assert answer.returncode == 1
    assert message in answer.stderr
    assert "Traceback" not in answer.stdout + answer.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    answer = run(folder, "build")
    assert answer.returncode == 0, answer.stderr
    assert "tensor arena" in answer.stdout
    return folder


def test_flashing_without_the_tool_that_was_asked_for(built: Path) -> None:
    bare = os.pathsep.join(["/nonexistent"])
    answer = run(built, "flash", "--via", "openocd", PATH=bare)
    assert answer.returncode == 1
    assert "openocd is not on PATH" in answer.stderr


@pytest.mark.parametrize(
    ("tool", "words"),
    [
        ("st-flash", "WARN usb.c: Couldn't find any ST-Link devices"),
        ("openocd", "Error: open failed"),
        ("pyocd", "No available debug probes"),
    ],
)
def test_flashing_without_a_probe_shows_the_words_of_the_tool(
    built: Path, tmp_path: Path, tool: str, words: str
) -> None:
    """Stand-ins that fail as the real tools were seen to fail without a probe."""
    stand_in = tmp_path / tool
    stand_in.write_text(f'#!/bin/sh\necho "{words}"\nexit 1\n')
    stand_in.chmod(0o755)
    answer = run(built, "flash", "--via", tool, PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert answer.returncode == 1
    assert f"error: {tool} could not program NUCLEO-L4R5ZI" in answer.stderr
    assert f"  {words}\n" in answer.stderr
    assert "programmed" not in answer.stdout


@pytest.mark.parametrize(
    ("tool", "words"),
    [
        ("st-flash", "--serial 066BFF51 --reset write"),
        ("openocd", "-c adapter serial 066BFF51 -f"),
        ("pyocd", "load --uid 066BFF51 --no-wait"),
    ],
)
def test_flashing_names_the_probe_to_the_tool(built: Path, tmp_path: Path, tool: str, words: str) -> None:
    """Stand-ins that tell how they were called; no such probe can be plugged in here."""
    stand_in = tmp_path / tool
    stand_in.write_text(f'#!/bin/sh\necho "$*" > {tmp_path}/called\n')
    stand_in.chmod(0o755)
    script = (
        "from common.artifact import last_firmware; from common.board import load_board;"
        "from generator.flash import flash;"
        f"print(flash(last_firmware(), load_board('nucleo_l4r5zi'), '{tool}', None, '066BFF51'))"
    )
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    variables = {**os.environ, "FIRMBENCH_BUILD": str(built / "build"), "PATH": path}
    answer = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=variables, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    assert f"programmed NUCLEO-L4R5ZI with {tool}" in answer.stdout
    assert words in (tmp_path / "called").read_text()


def test_flash_to_a_drive_copies_the_image_and_believes_its_failure_report(built: Path, tmp_path: Path) -> None:
    (tmp_path / "DETAILS.TXT").write_text("ST-LINK\n")
    answer = run(built, "flash", "--drive", str(tmp_path))
    assert answer.returncode == 0, answer.stderr
    assert "did not report a failure" in answer.stdout
    image = built / "build" / "nucleo_l4r5zi" / "ad" / "firmware.bin"
    assert (tmp_path / "firmware.bin").read_bytes() == image.read_bytes()
    (tmp_path / "FAIL.TXT").write_text("The interface firmware failed to reset/halt the target MCU\n")
    answer = run(built, "flash", "--drive", str(tmp_path))
    assert answer.returncode == 1
    assert "failed to reset/halt" in answer.stderr


def test_flash_without_a_board_uses_the_virtual_one_and_says_so(built: Path) -> None:
    answer = run(built, "flash")
    assert answer.returncode == 0, answer.stderr
    assert "using the virtual one" in answer.stdout
    assert "answers as 'firmbench' with model 'ad01'" in answer.stdout


@pytest.mark.parametrize("words", [["bench", "--port", "virtual"], ["board"]], ids=["bench", "board"])
def test_ctrl_c_ends_a_run_cleanly(built: Path, words: list[str]) -> None:
    variables = {**os.environ, "FIRMBENCH_BUILD": str(built / "build")}
    process = subprocess.Popen(
        command(*words), cwd=built, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()  # it is running
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in stdout + stderr
    assert not list(built.glob("build/**/results.json"))
    assert not list(built.glob("build/**/.results.json*"))


@pytest.mark.slow
def test_bench_on_a_board_that_runs(built: Path) -> None:
    """Over its pseudo-terminal."""
    variables = {**os.environ, "FIRMBENCH_BUILD": str(built / "build")}
    process = subprocess.Popen(
        command("board", "--name", "desk"), cwd=built, env=variables, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        while "Ctrl-C ends it" not in process.stdout.readline():
            pass
        answer = run(built, "bench", "--quick", "--port", "board:desk")
        assert answer.returncode == 0, answer.stderr
        assert "board:desk is the virtual board 'desk', so its timing counts as modelled" in " ".join(
            answer.stdout.split()
        )
        results = json.loads((built / "build" / "nucleo_l4r5zi" / "ad" / "results.json").read_text())
        assert results["latency_ms"] > 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 130
    finally:
        process.kill()
        process.communicate()
