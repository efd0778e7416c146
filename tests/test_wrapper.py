"""`./invoke` on machines that lack something: it says what to type and changes nothing."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from common.paths import ROOT

SYSTEM = ("cmp", "cp", "dirname", "rm", "sh")


def stub(folder: Path, name: str, body: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A clone with only the wrapper, and a PATH folder with hardly anything, for a user who is not root."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in SYSTEM:
        found = shutil.which(name)
        assert found is not None
        (programs / name).symlink_to(found)
    stub(programs, "id", "echo 1000")
    for name in ("invoke", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def invoke(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [folder / "invoke", *words],
        env={"PATH": str(folder / "bin"), "HOME": str(folder)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def ready_environment(folder: Path) -> None:
    """A virtual environment in which everything is installed; its Python only echoes."""
    (folder / ".venv" / "bin").mkdir(parents=True)
    stub(folder / ".venv" / "bin", "python", 'case "$1" in -c) exit 0;; esac; echo "python $*"')
    for name in ("base", "verify", "test"):
        shutil.copy(folder / "pyproject.toml", folder / ".venv" / f".installed-{name}")


def test_no_python(bare: Path) -> None:
    answer = invoke(bare, "bench")
    assert answer.returncode == 1
    assert "python3 python3-venv" in answer.stderr


def test_old_python(bare: Path) -> None:
    stub(bare / "bin", "python3", "exit 1")
    answer = invoke(bare, "bench")
    assert answer.returncode == 1
    assert "Python 3.11 or newer is needed" in answer.stderr


def test_no_compiler_and_no_root(bare: Path) -> None:
    ready_environment(bare)
    stub(bare / "bin", "apt-get", "exit 0")
    answer = invoke(bare, "bench")
    assert answer.returncode == 1
    assert "run: sudo apt-get install -y --no-install-recommends gcc-arm-none-eabi" in answer.stderr


def test_no_compiler_and_no_apt(bare: Path) -> None:
    ready_environment(bare)
    answer = invoke(bare, "bench")
    assert answer.returncode == 1
    assert "gcc-arm-none-eabi libnewlib-arm-none-eabi" in answer.stderr


def test_the_tests_need_the_host_compiler_too(bare: Path) -> None:
    ready_environment(bare)
    stub(bare / "bin", "arm-none-eabi-gcc", "exit 0")
    answer = invoke(bare, "test")
    assert answer.returncode == 1
    assert "gcc libc6-dev" in answer.stderr
    assert "gcc-arm-none-eabi" not in answer.stderr


def test_with_everything_there_invoke_gets_the_same_words(bare: Path) -> None:
    ready_environment(bare)
    stub(bare / "bin", "arm-none-eabi-gcc", "exit 0")
    answer = invoke(bare, "build", "--board", "nucleo_l4r5zi")
    assert answer.returncode == 0
    assert answer.stdout == f"python -m invoke --search-root {bare} build --board nucleo_l4r5zi\n"
    assert answer.stderr == ""


def test_it_works_from_another_folder(bare: Path) -> None:
    ready_environment(bare)
    other = bare / "other"
    other.mkdir()
    answer = subprocess.run(
        ["../invoke", "clean"], cwd=other, env={**os.environ}, capture_output=True, text=True, check=False
    )
    assert answer.stdout == f"python -m invoke --search-root {bare} clean\n"
