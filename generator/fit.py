"""Whether a model fits a benchmark and a board, before anything is compiled, and what an image takes afterwards."""

import math
from dataclasses import dataclass
from pathlib import Path

from elftools.elf.elffile import ELFFile

from common.benchmark import ELEMENT_BYTES, MSE, Benchmark
from common.board import Board
from common.errors import UserError
from generator.program import Port, Program
from generator.render import STACK_BYTES


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


def check_fit(constant_bytes: int, arena_bytes: int, board: Board, benchmark: Benchmark) -> int:
    """Refuse early what cannot fit whatever the compiler does; the linker has the last word. Returns `data_bytes`."""
    excess = constant_bytes - board.flash.size
    if excess > 0:
        raise UserError(
            f"the model is too large for {board.title}: its weights need {constant_bytes:,} bytes of flash,"
            f" {excess:,} more than the {board.flash.size:,} there are"
        )
    ram = board.ram_bytes
    needed = data_bytes(arena_bytes, benchmark)
    if needed > ram:
        raise UserError(
            f"the model is too large for {board.title}: tensor arena, input buffer and stack need {needed:,} bytes of"
            f" RAM, {needed - ram:,} more than the {ram:,} there are"
        )
    return needed


def data_bytes(arena_bytes: int, benchmark: Benchmark) -> int:
    """RAM that arena, stack and buffers need."""
    return arena_bytes + STACK_BYTES + buffer_bytes(benchmark)


def buffer_bytes(benchmark: Benchmark) -> int:
    """RAM in which the firmware keeps inputs as they were received."""
    return benchmark.max_input_bytes + (benchmark.input_bytes if benchmark.results == MSE else 0)


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
