"""The build from end to end: model file in, firmware image and its description out."""

import hashlib
import math
import platform as host_platform
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from elftools.elf.elffile import ELFFile

from common import __version__
from common.artifact import MODEL_FILE, Firmware, ModelInfo, StepInfo, build_folder, save_firmware
from common.benchmark import ELEMENT_BYTES, MSE, Benchmark
from common.board import Board
from common.errors import UserError
from common.files import sha256, write_atomic
from common.paths import FIRMWARE
from generator import platformio
from generator.compile import compile_model
from generator.importer import read_model
from generator.placement import place
from generator.plan import Plan
from generator.plan_report import plan_summary
from generator.program import Port, Program
from generator.render import STACK_BYTES, write_project
from generator.straight import with_straight
from generator.tuning import Tuning, load_tuning

RUNTIMES = ("aot",)
Report = Callable[[str], None]


def build(
    board: Board,
    benchmark: Benchmark,
    model: Path,
    runtime: str,
    report: Report,
    notes: tuple[str, ...] = (),
    *,
    dead_channels: bool = True,
    optimize: str = "latency",
    ram_budget: int | None = None,
    flash_budget: int | None = None,
    tuning: Tuning | None = None,
    energy: bool = False,
    platform: str = platformio.OWN_PLATFORM,
) -> Firmware:
    """Build the firmware that runs ``model`` as ``benchmark`` on ``board``, below ``build/<board>/<bench>/``.

    ``notes`` are kept with it, see `Firmware`. ``dead_channels``: drop channels that change nothing.
    ``optimize``, ``ram_budget``: see `generator.placement.place`. ``flash_budget``, too: bytes the image may take.
    ``tuning``: None for what the repository holds for this model. ``platform``: PlatformIO's, that compiles.
    ``energy``: build the image for energy mode, too, from the same code: ``energy/`` in that folder.

    The folder's ``firmware.*`` and ``build.json`` change only when everything succeeded.

    Raises:
        UserError: anything the user can do something about.
    """
    if runtime not in RUNTIMES:
        raise UserError(f"unknown runtime '{runtime}'; runtimes are: {', '.join(RUNTIMES)}")
    if benchmark.front_end:
        _check_wakeword(board, benchmark, energy)
    platformio.require_platform(platform)
    compiler = platformio.require_compiler() if platform == platformio.OWN_PLATFORM else f"PlatformIO {platform}"
    report(f"compiling {model.name}")
    content = read_model(model)
    digest = hashlib.sha256(content).hexdigest()
    if tuning is None:
        tuning = load_tuning(board.name, digest, optimize)
    compiled = compile_model(
        content,
        str(model),
        dead_channels=dead_channels,
        compact=optimize == "memory",
        tuning=tuning,
        streaming=benchmark.streaming,
        front_end=benchmark.front_end,
    )
    program, memory = compiled.program, compiled.memory
    check_ports(program, benchmark, model)
    placement = place(program, board, optimize, check_fit(program, memory, board, benchmark), ram_budget)
    program = with_straight(program, placement.straight)
    info = ModelInfo(model.name, digest, len(content))

    def image(energy_of: str) -> Firmware:
        mode = "energy" if energy_of else "performance"
        folder = build_folder(board.name, benchmark.name, energy=bool(energy_of))
        report(f"rendering sources for {mode} mode")
        write_project(
            folder, program, memory, placement, info, board, benchmark, energy=bool(energy_of), platform=platform
        )
        report(f"compiling with PlatformIO for {mode} mode")
        platformio.run(folder, "--disable-auto-clean", platform=platform)
        output = folder / ".pio" / "build" / board.name
        sizes = image_sizes(output / "firmware.elf")
        _check_budget("flash", sizes.flash, flash_budget)
        _check_budget("RAM", sizes.ram, ram_budget)
        for suffix in ("elf", "bin", "map"):
            write_atomic(folder / f"firmware.{suffix}", (output / f"firmware.{suffix}").read_bytes())
        write_atomic(folder / MODEL_FILE, content)
        return Firmware(
            board=board.name,
            benchmark=replace(benchmark, model=folder / MODEL_FILE, untrained=""),
            runtime=runtime,
            optimize=optimize,
            model=info,
            elf_sha256=sha256(folder / "firmware.elf"),
            flash_bytes=sizes.flash,
            ram_bytes=sizes.ram,
            arena_bytes=memory.arena_bytes,
            arena_lower_bound_bytes=memory.lower_bound_bytes,
            stack_bytes=STACK_BYTES,
            copied_bytes=sizes.copied,
            tools={
                "firmbench": __version__,
                "python": host_platform.python_version(),
                "platformio": version("platformio"),
                "scons": version("scons"),
                "compiler": compiler,
            },
            steps=tuple(StepInfo(step.operator, step.operator_name, step.kernel, step.macs) for step in program.steps),
            remembers=bool(program.states),
            notes=notes,
            changes=compiled.changes,
            plan=plan_summary(program, memory),
            energy_of=energy_of,
        )

    firmware = image("")
    save_firmware(firmware)
    if energy:
        save_firmware(image(firmware.elf_sha256))
    return firmware


def _check_wakeword(board: Board, benchmark: Benchmark, energy: bool) -> None:
    if not (FIRMWARE / "soc" / board.soc / "pins.c").is_file():
        raise UserError(
            f"benchmark '{benchmark.name}' needs pins for instruments, which {board.title} has not got here"
        )
    if energy:
        raise UserError(f"there is no energy-mode image of benchmark '{benchmark.name}'; leave out --energy")


def check_ports(program: Program, benchmark: Benchmark, model: Path) -> None:
    """Refuse a model whose inputs or outputs are not the benchmark's."""
    misfit = f"{model} does not fit benchmark '{benchmark.name}'"
    outputs = program.outputs[:-1] if benchmark.front_end else program.outputs  # without the features
    for side, ports, shapes in (
        ("input", program.inputs, [wire.shape for wire in benchmark.inputs]),
        ("output", outputs, benchmark.output_shapes),
    ):
        if len(ports) != len(shapes):
            wanted = "one" if len(shapes) == 1 else len(shapes)
            raise UserError(f"{misfit}: it has {len(ports)} {side}s, not {wanted}")
        for port, shape in zip(ports, shapes, strict=True):
            if port.elements != math.prod(shape):
                raise UserError(
                    f"{misfit}: its {side} has {port.elements} elements,"
                    f" the benchmark's has {math.prod(shape)} {list(shape)}"
                )
            if port.dtype not in ELEMENT_BYTES:
                raise UserError(f"{model}: its {side} is {port.dtype}; supported are {', '.join(ELEMENT_BYTES)}")
    for wire, port in zip(benchmark.inputs, program.inputs, strict=True):
        if not converts(wire.dtype, port):
            quantised = "" if port.quantization is not None else " without quantisation"
            raise UserError(f"{misfit}: its input is {port.dtype}{quantised}, which {wire.dtype} cannot become")
    if benchmark.results == MSE and (
        [wire.dtype for wire in benchmark.inputs] != ["float32"]
        or [port.elements for port in program.outputs] != [benchmark.inputs[0].elements]
    ):
        raise UserError(f"{misfit}: results '{MSE}' need one float32 input and one output with as many elements")


def converts(wire: str, port: Port) -> bool:
    """Whether firmware/core/tensor.h makes this input tensor of numbers of type ``wire``."""
    same = port.dtype in (wire, "float32") or {wire, port.dtype} == {"int8", "uint8"}
    return same or (port.dtype in ("int8", "uint8", "int16") and port.quantization is not None)


def check_fit(program: Program, memory: Plan, board: Board, benchmark: Benchmark) -> int:
    """Refuse early what cannot fit whatever the compiler does; the linker has the last word.

    Returns the bytes of RAM that arena, stack and buffers need.
    """
    excess = program.constant_bytes - board.flash.size
    if excess > 0:
        raise UserError(
            f"the model is too large for {board.title}: its weights need {program.constant_bytes:,} bytes of flash,"
            f" {excess:,} more than the {board.flash.size:,} there are"
        )
    ram = board.ram_bytes
    buffers = benchmark.max_input_bytes + (benchmark.input_bytes if benchmark.results == MSE else 0)
    needed = memory.arena_bytes + STACK_BYTES + buffers
    if needed > ram:
        raise UserError(
            f"the model is too large for {board.title}: tensor arena, input buffer and stack need {needed:,} bytes of"
            f" RAM, {needed - ram:,} more than the {ram:,} there are"
        )
    return needed


def _check_budget(memory: str, size: int, budget: int | None) -> None:
    if budget is not None and size > budget:
        raise UserError(
            f"the image needs {size:,} bytes of {memory}, {size - budget:,} more than the budget of {budget:,}"
        )


@dataclass(frozen=True)
class Sizes:
    """Bytes of flash programmed, of RAM reserved, and of that what is copied from flash: code, constants and data."""

    flash: int
    ram: int
    copied: int


def image_sizes(elf: Path) -> Sizes:
    with elf.open("rb") as file:
        image = ELFFile(file)
        loaded = [s for s in image.iter_segments("PT_LOAD") if s["p_filesz"]]
        end = max(segment["p_paddr"] + segment["p_filesz"] for segment in loaded)
        flash = end - min(segment["p_paddr"] for segment in loaded)
        size = {section.name: section["sh_size"] for section in image.iter_sections()}
    copied = sum(size.get(name, 0) for name in (".fast_code", ".constants", ".data"))
    return Sizes(flash, copied + sum(size.get(name, 0) for name in (".stack", ".bss")), copied)
