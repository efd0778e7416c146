"""Exported projects: the outputs of TensorFlow Lite Micro, on any core, without a C library, two in one program."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from common.artifact import ModelInfo
from common.benchmark import load_benchmark
from common.errors import UserError
from common.oracle import Oracle
from common.owned_tree import write_tree
from common.paths import FIRMWARE
from generator.compile import compile_model
from generator.export import c_decimal, export_model, render_export
from models.flatbuffer import OperatorSpec, TensorSpec, build_model

WARNINGS = ["-std=c11", "-O1", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror"]
ARM = "arm-none-eabi-gcc"
CORES = {
    "m0plus": ["-mcpu=cortex-m0plus"],
    "m3": ["-mcpu=cortex-m3"],
    "m4": ["-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"],
    "m4_no_fpu": ["-mcpu=cortex-m4+nofp"],
    "m7": ["-mcpu=cortex-m7", "-mfpu=fpv5-d16", "-mfloat-abi=hard"],
    "m33": ["-mcpu=cortex-m33", "-mfpu=fpv5-sp-d16", "-mfloat-abi=hard"],
}
BARE = """
#include <stddef.h>
#include <stdint.h>
void *memcpy(void *to, const void *from, size_t n) {
    for (size_t i = 0; i < n; i++) ((volatile uint8_t *)to)[i] = ((const uint8_t *)from)[i];
    return to;
}
void *memset(void *to, int value, size_t n) {
    for (size_t i = 0; i < n; i++) ((volatile uint8_t *)to)[i] = (uint8_t)value;
    return to;
}
"""
needs_arm = pytest.mark.skipif(shutil.which(ARM) is None, reason="no arm-none-eabi-gcc")


def shipped(bench: str) -> bytes:
    return load_benchmark(bench).model.read_bytes()


def several_ports() -> bytes:
    """Two inputs, two outputs, int8 and float32."""
    tensors = [
        TensorSpec((1, 24), scales=[0.05], zero_points=[3]),
        TensorSpec((1, 24), scales=[0.02], zero_points=[-7]),
        TensorSpec((1, 24), scales=[0.06], zero_points=[1]),
        TensorSpec((1, 24), "float32"),
    ]
    operators = [OperatorSpec("ADD", [0, 1], [2]), OperatorSpec("DEQUANTIZE", [0], [3])]
    return build_model(tensors, operators, [0, 1], [2, 3])


MODELS: dict[str, Callable[[], bytes]] = {
    "ad": lambda: shipped("ad"),
    "kws": lambda: shipped("kws"),
    "ports": several_ports,
}


def exported(content: bytes, folder: Path, name: str) -> Path:
    compiled = compile_model(content, name)
    info = ModelInfo(f"{name}.tflite", "0" * 64, len(content))
    write_tree(folder, render_export(compiled.program, compiled.memory, info, name), "test")
    return folder


def sources(folder: Path) -> list[str]:
    return [str(path) for path in sorted(folder.glob("src/**/*.[cS]"))]


def includes(folder: Path) -> list[str]:
    return [f"-I{folder}/include", f"-I{folder}/src"]


def compiled_by(compiler: str, folder: Path, output: Path, *options: str) -> Path:
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler}")
    main = str(folder / "example" / "main.c")
    command = [compiler, *WARNINGS, *options, *includes(folder), main, *sources(folder), "-o", str(output), "-lm"]
    subprocess.run(command, check=True)
    return output


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("name", MODELS)
def test_example_gives_the_oracles_outputs(tmp_path: Path, name: str, compiler: str) -> None:
    content = MODELS[name]()
    folder = exported(content, tmp_path / "project", name)
    program = compiled_by(compiler, folder, tmp_path / "example", "-fsanitize=undefined", "-fno-sanitize-recover=all")
    oracle = Oracle(content)
    rng = np.random.default_rng(1)
    for _ in range(8):
        inputs = [rng.integers(-128, 128, tensor.elements).astype(tensor.dtype) for tensor in oracle.inputs]
        (tmp_path / "input").write_bytes(b"".join(values.tobytes() for values in inputs))
        answer = subprocess.run([program, tmp_path / "input"], check=True, capture_output=True, text=True)
        wanted = np.concatenate([values.astype(np.float32) for values in oracle.run(inputs)])
        np.testing.assert_array_equal(np.array(answer.stdout.split(), np.float32), wanted)
    assert subprocess.run([program, tmp_path / "absent"], check=False, capture_output=True).returncode == 1


@needs_arm
@pytest.mark.parametrize("core", CORES)
def test_every_core_links_without_a_c_library(tmp_path: Path, core: str) -> None:
    """Of the whole program only memcpy, memset and the compiler's own functions are missing."""
    folder = exported(shipped("kws"), tmp_path / "project", "kws")
    (tmp_path / "bare.c").write_text(BARE)
    entry = '#include "kws.h"\nint main(void) { kws_init(); kws_input()[0] = 1; return kws_run()[0]; }\n'
    (tmp_path / "main.c").write_text(entry)
    program = tmp_path / "image.elf"
    command = [ARM, *CORES[core], "-mthumb", *WARNINGS, *includes(folder), str(tmp_path / "bare.c"), *sources(folder)]
    flags = [
        "-nostdlib",
        "-nostartfiles",
        "-Wl,--entry=main",
        "-Wl,--fatal-warnings",
        "-fno-tree-loop-distribute-patterns",
    ]
    subprocess.run([*command, str(tmp_path / "main.c"), *flags, "-lgcc", "-o", str(program)], check=True)
    symbols = subprocess.run(["arm-none-eabi-nm", program], check=True, capture_output=True, text=True).stdout
    assert (" T fully_connected_s8_paired_eights" in symbols) == (core in ("m4", "m7", "m33"))
    assert "malloc" not in symbols


@needs_arm
@pytest.mark.slow
@pytest.mark.parametrize("core", CORES)
def test_every_kernel_compiles_for_every_core(tmp_path: Path, core: str) -> None:
    """Assembly is empty where the core lacks its instructions; the C beside it is there on all."""
    kernels = sorted(str(path) for path in (FIRMWARE / "kernels").glob("*.[cS]"))
    command = [ARM, "-c", *CORES[core], "-mthumb", *WARNINGS, f"-I{FIRMWARE}", *kernels]
    subprocess.run(command, check=True, cwd=tmp_path)
    sizes = subprocess.run(
        ["arm-none-eabi-size", *sorted(tmp_path.glob("*_m4.o"))], check=True, capture_output=True, text=True
    ).stdout.splitlines()[1:]
    assert sizes and all((int(line.split()[0]) > 0) == (core in ("m4", "m7", "m33")) for line in sizes)


@needs_arm
def test_example_compiles_for_the_target(tmp_path: Path) -> None:
    folder = exported(several_ports(), tmp_path / "project", "ports")
    compiled_by(ARM, folder, tmp_path / "image.elf", *CORES["m4"], "-mthumb", "--specs=nosys.specs", "-Wno-unused")


@pytest.mark.skipif(not shutil.which("cmake") or not shutil.which("gcc"), reason="no cmake and gcc")
def test_two_exports_in_one_program_through_cmake(tmp_path: Path) -> None:
    for name in ("kws", "ports"):
        exported(MODELS[name](), tmp_path / name, name)
    (tmp_path / "main.c").write_text(
        '#include "kws.h"\n#include "ports.h"\n'
        "int main(void) { kws_init(); ports_init(); kws_run(); ports_run(); return ports_input0() == kws_input(); }\n"
    )
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.16)\nproject(two LANGUAGES C)\n"
        "add_subdirectory(kws)\nadd_subdirectory(ports)\n"
        "add_executable(two main.c)\ntarget_link_libraries(two firmbench_kws firmbench_ports)\n"
    )
    build = tmp_path / "build"
    subprocess.run(["cmake", "-S", tmp_path, "-B", build, "-DCMAKE_C_FLAGS=-Werror"], check=True, capture_output=True)
    subprocess.run(["cmake", "--build", build, "--parallel", "2"], check=True, capture_output=True)
    subprocess.run([build / "two"], check=True)


def test_public_header_names_the_ports(tmp_path: Path) -> None:
    folder = exported(several_ports(), tmp_path / "project", "ports")
    header = (folder / "include" / "ports.h").read_text()
    for line in (
        "int8_t *ports_input0(void);",
        "int8_t *ports_input1(void);",
        "const int8_t *ports_run(void);",
        "const float *ports_output1(void);",
        "#define PORTS_INPUT1_SCALE 0.02f",
        "#define PORTS_INPUT1_ZERO_POINT -7",
    ):
        assert line in header
    assert c_decimal(1.0) == "1.0f"
    assert c_decimal(2.0**-24) == "5.9604645e-08f"


def test_same_model_same_project_and_nothing_foreign_is_lost(tmp_path: Path) -> None:
    model = tmp_path / "model.tflite"
    model.write_bytes(several_ports())
    out = tmp_path / "out"

    def export() -> None:
        export_model(model, "m", out, board="nucleo_l4r5zi", dead_channels=True, optimize="latency")

    export()
    first = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    export()
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == first
    (out / "mine.c").write_text("int mine;\n")
    with pytest.raises(UserError, match=r"did not write like that: mine\.c; give --out another folder"):
        export()
    (out / "mine.c").unlink()
    (out / "src" / "model.c").write_text("// changed\n")
    with pytest.raises(UserError, match=r"src/model\.c"):
        export()
    assert (out / "src" / "model.c").read_text() == "// changed\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.tflite", "out"]


def test_refusals(tmp_path: Path) -> None:
    model = tmp_path / "model.tflite"
    model.write_bytes(several_ports())

    def export(name: str, out: Path) -> None:
        export_model(model, name, out, board="nucleo_l4r5zi", dead_channels=True, optimize="latency")

    for name in ("", "9lives", "with space", "Upper", "a" * 33):
        with pytest.raises(UserError, match="--name"):
            export(name, tmp_path / "out")
    with pytest.raises(UserError, match="is no folder"):
        export("m", model)
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "notes.txt").write_text("x")
    with pytest.raises(UserError, match=r"theirs is not empty and `invoke export` did not write it"):
        export("m", tmp_path / "theirs")
    assert (tmp_path / "theirs" / "notes.txt").read_text() == "x"
    assert not (tmp_path / "out").exists()
