"""Compiling the firmware core for the host and, to inspect it, for the target."""

import functools
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from common.paths import FIRMWARE

HOST = Path(__file__).parent / "host"
CORE = FIRMWARE / "core"
TENSOR = CORE / "tensor.c"
RESULTS = CORE / "results.c"

STRICT = [
    "-std=c11",
    "-pedantic",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wconversion",
    "-Wsign-conversion",
    "-Wshadow",
    "-Wstrict-prototypes",
    "-Wmissing-prototypes",
    "-Wundef",
    "-ffp-contract=off",
    f"-I{FIRMWARE}",
    f"-I{HOST}",
]
SANITIZE = ["-O1", "-g", "-fsanitize=address,undefined,float-cast-overflow", "-fno-sanitize-recover=all"]
TARGET = ["-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard", "-O2", "--specs=nano.specs"]


def core_sources(*, without: Iterable[str] = ()) -> list[Path]:
    return [path for path in sorted(CORE.glob("*.c")) if path.name not in set(without)]


def compile_c(compiler: str, options: Sequence[str], sources: Iterable[Path], output: Path) -> Path:
    """Compile with the strict warnings; a diagnostic of any kind is an AssertionError showing it."""
    command = [compiler, *STRICT, *options, *map(str, sources), "-o", str(output)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return output


@functools.cache
def fuzzing_unavailable() -> str | None:
    """Why clang cannot link a libFuzzer program here; None when it can."""
    if shutil.which("clang") is None:
        return "clang is not installed"
    with tempfile.TemporaryDirectory() as folder:
        probe = Path(folder) / "probe.c"
        probe.write_text("int LLVMFuzzerTestOneInput(const char *d, unsigned long n) { return d == 0 && n > 0; }\n")
        command = ["clang", "-fsanitize=fuzzer,address,undefined", str(probe), "-o", f"{folder}/probe"]
        if subprocess.run(command, capture_output=True, check=False).returncode != 0:
            return "clang has no libFuzzer runtime (Debian: libclang-rt-14-dev)"
    return None
