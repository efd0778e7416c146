"""The build from end to end: model file in, firmware image and its description out."""

import hashlib
import math
import platform
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from elftools.elf.elffile import ELFFile

from common import __version__
from common.artifact import Firmware, ModelInfo, StepInfo, build_folder, save_firmware
from common.benchmark import Benchmark
from common.board import Board
from common.errors import UserError
from common.files import sha256, write_atomic
from generator import platformio
from generator.importer import parse_graph, read_model
from generator.lower import lower
from generator.plan import Plan, plan
from generator.program import Program
from generator.render import STACK_BYTES, ram_region, write_project

RUNTIMES = ("aot",)
Report = Callable[[str], None]


def build(board: Board, benchmark: Benchmark, model: Path, runtime: str, report: Report) -> Firmware:
    """Build the firmware that runs ``model`` as ``benchmark`` on ``board``, below ``build/<board>/<bench>/``.

    The folder's ``firmware.*`` and ``build.json`` change only when everything succeeded.

    Raises:
        UserError: anything the user can do something about.
    """
    if runtime not in RUNTIMES:
        raise UserError(f"unknown runtime '{runtime}'; runtimes are: {', '.join(RUNTIMES)}")
    compiler = platformio.require_compiler()
    report(f"reading {model.name}")
    content = read_model(model)
    program = lower(parse_graph(content, str(model)))
    check_ports(program, benchmark, model)
    report("planning memory")
    memory = plan(program)
    check_fit(program, memory, board)
    folder = build_folder(board.name, benchmark.name)
    info = ModelInfo(model.name, hashlib.sha256(content).hexdigest(), len(content))
    report("rendering sources")
    write_project(folder, program, memory, info, board, benchmark)
    report("compiling with PlatformIO")
    platformio.run(folder, "--disable-auto-clean")
    output = folder / ".pio" / "build" / board.name
    flash_bytes, ram_bytes = image_sizes(output / "firmware.elf")
    for suffix in ("elf", "bin", "map"):
        write_atomic(folder / f"firmware.{suffix}", (output / f"firmware.{suffix}").read_bytes())
    write_atomic(folder / "model.tflite", content)
    firmware = Firmware(
        board=board.name,
        bench=benchmark.name,
        runtime=runtime,
        model=info,
        baud=benchmark.baud,
        elf_sha256=sha256(folder / "firmware.elf"),
        flash_bytes=flash_bytes,
        ram_bytes=ram_bytes,
        arena_bytes=memory.arena_bytes,
        arena_lower_bound_bytes=memory.lower_bound_bytes,
        stack_bytes=STACK_BYTES,
        tools={
            "firmbench": __version__,
            "python": platform.python_version(),
            "platformio": version("platformio"),
            "scons": version("scons"),
            "compiler": compiler,
        },
        steps=tuple(StepInfo(step.operator, step.operator_name, step.kernel, step.macs) for step in program.steps),
    )
    save_firmware(firmware)
    return firmware


def check_ports(program: Program, benchmark: Benchmark, model: Path) -> None:
    """Refuse a model whose input or output is not the benchmark's."""
    for side, ports, shape in (
        ("input", program.inputs, benchmark.input_shape),
        ("output", program.outputs, benchmark.output_shape),
    ):
        if len(ports) != 1:
            raise UserError(f"{model} does not fit benchmark '{benchmark.name}': it has {len(ports)} {side}s, not one")
        (port,) = ports
        elements = math.prod(shape)
        if port.elements != elements:
            raise UserError(
                f"{model} does not fit benchmark '{benchmark.name}': its {side} has {port.elements} elements,"
                f" the benchmark's has {elements} {list(shape)}"
            )
        if port.dtype not in ("int8", "float32") or (port.dtype == "int8" and port.quantization is None):
            raise UserError(f"{model}: its {side} is {port.dtype}; supported are quantised int8 and float32")


def check_fit(program: Program, memory: Plan, board: Board) -> None:
    """Refuse early what cannot fit whatever the compiler does; the linker has the last word."""
    excess = program.constant_bytes - board.flash.size
    if excess > 0:
        raise UserError(
            f"the model is too large for {board.title}: its weights need {program.constant_bytes:,} bytes of flash,"
            f" {excess:,} more than the {board.flash.size:,} there are"
        )
    ram = ram_region(board).size
    needed = memory.arena_bytes + STACK_BYTES
    if needed > ram:
        raise UserError(
            f"the model is too large for {board.title}: tensor arena and stack need {needed:,} bytes of RAM,"
            f" {needed - ram:,} more than the {ram:,} there are"
        )


def image_sizes(elf: Path) -> tuple[int, int]:
    """Bytes of flash programmed and of RAM reserved (stack, data, bss incl. tensor arena) by an ELF image."""
    with elf.open("rb") as file:
        image = ELFFile(file)
        flash = sum(segment["p_filesz"] for segment in image.iter_segments("PT_LOAD"))
        ram = sum(
            section["sh_size"] for section in map(image.get_section_by_name, (".stack", ".data", ".bss")) if section
        )
    return flash, ram
