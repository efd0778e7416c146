"""The host builds of the firmware core, each compiled once per run."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from .toolchain import CORE, HOST, RESULTS, SANITIZE, TENSOR, compile_c, core_sources

Session = Callable[..., bytes]


@pytest.fixture(scope="session")
def host_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    return tmp_path_factory.mktemp("host")


@pytest.fixture(scope="session")
def session(host_folder: Path) -> Session:
    """The interpreter under the sanitizers: bytes on the wire from power-on, and what it sends; ``early`` before that.

    `char` is unsigned as on the target; the fuzz build has it signed.
    """
    sources = [*core_sources(), HOST / "soc_stdio.c", HOST / "submission.c"]
    program = compile_c("gcc", [*SANITIZE, "-funsigned-char"], sources, host_folder / "core")

    def run(sent: bytes, early: str = "") -> bytes:
        environment = {"EARLY_BYTES": early}
        done = subprocess.run([program], input=sent, capture_output=True, check=False, timeout=20, env=environment)
        assert done.returncode == 0 and not done.stderr, done.stderr.decode(errors="replace")
        return done.stdout

    return run


@pytest.fixture(scope="session")
def format_check(host_folder: Path) -> Path:
    sources = [HOST / "format_check.c", CORE / "format.c", CORE / "float_decimal.c"]
    return compile_c("gcc", SANITIZE, sources, host_folder / "format_check")


@pytest.fixture(scope="session")
def inputs_check(host_folder: Path) -> Path:
    return compile_c("gcc", SANITIZE, [HOST / "inputs_check.c", TENSOR, RESULTS], host_folder / "inputs_check")
