"""What the core is made of when compiled for the target."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .toolchain import CORE, HOST, RESULTS, TARGET, compile_c, core_sources

COMPILER = "arm-none-eabi-gcc"

# Besides its own functions, those of soc.h and those the generator renders, the core may only need these.
ALLOWED = {
    "memcpy",
    "memmove",
    "memset",
    "strchr",
    "strcmp",
    "strlen",
    "__aeabi_d2f",
    "__aeabi_f2d",
    "__aeabi_uldivmod",
}
RENDERED = {"th_final_initialize", "th_load_tensor", "th_infer", "th_results"}


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    if shutil.which(COMPILER) is None:
        pytest.skip(f"{COMPILER} is not installed")
    folder = tmp_path_factory.mktemp("target")
    return {
        path.stem: compile_c(COMPILER, [*TARGET, "-c"], [path], folder / f"{path.stem}.o") for path in core_sources()
    }


def symbols(objects: dict[str, Path], option: str) -> set[str]:
    command = ["arm-none-eabi-nm", option, "-P", *map(str, objects.values())]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return {line.split()[0] for line in lines if len(line.split()) > 1}


def test_needs_no_heap_and_no_stdio(objects: dict[str, Path]) -> None:
    foreign = symbols(objects, "--undefined-only") - symbols(objects, "--defined-only") - RENDERED
    assert {name for name in foreign if not name.startswith("soc_")} <= ALLOWED


@pytest.mark.parametrize("option", [[], ["-std=gnu11"]], ids=["c11", "gnu11"])
def test_float_operations_are_not_fused(option: list[str], objects: dict[str, Path], tmp_path: Path) -> None:
    target = compile_c(COMPILER, [*TARGET, *option, "-c"], [RESULTS], tmp_path / "results.o")
    command = ["arm-none-eabi-objdump", "-d", str(target)]
    code = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "vmul.f32" in code
    assert not any(fused in code for fused in ("vfma", "vfms", "vmla", "vmls", "vfnm", "vnml"))


@pytest.mark.parametrize("source", core_sources(), ids=lambda path: path.name)
def test_compiles_with_clang(source: Path, tmp_path: Path) -> None:
    if shutil.which("clang") is None:
        pytest.skip("clang is not installed")
    compile_c("clang", ["-O1", "-c"], [source], tmp_path / "host.o")


def test_is_formatted() -> None:
    clang_format = shutil.which("clang-format", path=str(Path(sys.executable).parent))
    if clang_format is None:
        pytest.skip("clang-format of the test dependencies is not installed")
    files = [path for folder in (CORE, HOST) for path in sorted(folder.glob("*.[ch]"))]
    done = subprocess.run([clang_format, "--dry-run", "-Werror", *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
