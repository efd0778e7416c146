"""`invoke board` as a user types it: several at once, their ends, their names, foreign image files."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import serial

from common import running
from common.running import RunningBoard, running_boards
from tests.test_cli import command, run
from tests.virtual.conftest import Build

OBJCOPY = "arm-none-eabi-objcopy"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the boards' folders are, for the processes and for this one."""
    monkeypatch.setattr(running, "FOLDER", tmp_path / "build" / "boards")
    return tmp_path


@contextmanager
def started(folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """`invoke board` once it can be used; killed at the end if it still runs."""
    variables = {**os.environ, "FIRMBENCH_BUILD": str(folder / "build")}
    process = subprocess.Popen(
        command("board", *words), cwd=folder, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        while (line := process.stdout.readline()) and "Ctrl-C ends it" not in line:
            pass
        if line:
            while all(board.pid != process.pid for board in running_boards()):
                time.sleep(0.02)
        yield process
    finally:
        process.kill()
        process.communicate()


def board_named(name: str) -> RunningBoard:
    return next(board for board in running_boards() if board.name == name)


def exchange(board: RunningBoard) -> None:
    with serial.Serial(board.tty, 115200, timeout=10) as port:
        port.write(b"H")
        assert port.read_until(b"I").endswith(b"I")


def ended(process: subprocess.Popen[str], code: int) -> None:
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == code, stderr
    assert "Traceback" not in stderr


def test_boards_of_all_image_formats_live_and_end_side_by_side(folder: Path, build: Build) -> None:
    elf = build("echo")
    images = {"one": elf, "two": folder / "echo.bin", "nucleo_l4r5zi": folder / "echo.hex"}
    for name, target in (("two", "binary"), ("nucleo_l4r5zi", "ihex")):
        subprocess.run([OBJCOPY, "-O", target, str(elf), str(images[name])], check=True)
    link = folder / "port"
    with (
        started(folder, "--name", "one", "--image", str(elf), "--link", str(link)) as one,
        started(folder, "--name", "two", "--image", str(images["two"])) as two,
        started(folder, "--image", str(images["nucleo_l4r5zi"])) as three,
    ):
        assert {board.name: board.pid for board in running_boards()} == {
            "one": one.pid,
            "two": two.pid,
            "nucleo_l4r5zi": three.pid,
        }
        for name, image in images.items():
            assert board_named(name).image == str(image)
            exchange(board_named(name))
        listed = run(folder, "boards", COLUMNS="300")
        assert listed.returncode == 0
        assert all(name in listed.stdout for name in images)

        taken = run(folder, "board", "--name", "one", "--image", str(elf))
        assert taken.returncode == 1
        assert "error: a board named 'one' runs already; choose another --name" in taken.stderr
        which = run(folder, "board", "--status")
        assert which.returncode == 1
        assert "several boards run: nucleo_l4r5zi, one, two; choose one with --name" in which.stderr

        stopped = run(folder, "board", "--name", "one", "--stop")
        assert stopped.returncode == 0, stopped.stderr
        ended(one, 0)
        assert not link.is_symlink()
        two.send_signal(signal.SIGTERM)
        ended(two, 130)
        three.send_signal(signal.SIGINT)
        ended(three, 130)
        assert running_boards() == []
        assert not list((folder / "build" / "boards").iterdir())


def test_what_a_killed_board_leaves_is_recognised(folder: Path, build: Build) -> None:
    words = ("--name", "desk", "--image", str(build("echo")))
    with started(folder, *words) as first:
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        assert (folder / "build" / "boards" / "desk" / "state.json").exists()
        with started(folder, *words) as second:
            assert board_named("desk").pid == second.pid
            exchange(board_named("desk"))
            os.kill(second.pid, signal.SIGKILL)
            second.wait()
    nobody = run(folder, "board", "--status")
    assert nobody.returncode == 1
    assert "error: no virtual board runs; start one with `invoke board`" in nobody.stderr
    assert not list((folder / "build" / "boards").iterdir())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--image", "absent.elf"], "absent.elf"),
        (["--image", "text.bin"], "text.bin"),
        (["--name", "a/b", "--image", "echo.elf"], "'a/b' is no name for a board"),
    ],
)
def test_what_board_refuses(folder: Path, build: Build, words: list[str], message: str) -> None:
    (folder / "text.bin").write_text("no firmware")
    (folder / "echo.elf").write_bytes(build("echo").read_bytes())
    answer = run(folder, "board", *words)
    assert answer.returncode == 1
    assert message in answer.stderr
    assert "Traceback" not in answer.stdout + answer.stderr
    assert running_boards() == []
