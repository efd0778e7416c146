"""Program, plan, board and benchmark -> the files of a PlatformIO project. All text comes from ``templates/``."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from common import templates
from common.artifact import ENERGY_BAUD, ModelInfo
from common.benchmark import Benchmark
from common.board import Board, Memory
from common.files import write_if_changed
from common.paths import FIRMWARE, ROOT
from generator.flash import MASS_STORAGE, METHODS
from generator.placement import Placement
from generator.plan import Plan
from generator.platformio import OWN_PLATFORM
from generator.program import Constant, Program, Symbol, Value, is_constant
from generator.quantization import Rescale

STACK_BYTES = 4096
VALUES_PER_LINE = 32
WAKEWORD_SOURCES = ["core/float_decimal.c", "core/format.c", "core/print.c", "core/text.c", "wakeword/*.c"]
C_TYPES = {
    "bool": "uint8_t",
    "float32": "float",
    "int16": "int16_t",
    "int32": "int32_t",
    "int64": "int64_t",
    "int8": "int8_t",
    "uint16": "uint16_t",
    "uint8": "uint8_t",
}


def write_project(
    folder: Path,
    program: Program,
    plan: Plan,
    placement: Placement,
    model: ModelInfo,
    board: Board,
    benchmark: Benchmark,
    *,
    energy: bool = False,
    platform: str = OWN_PLATFORM,
) -> None:
    """Write ``platformio.ini``, the board manifest and ``gen/`` below ``folder``; unchanged files are not touched."""
    project = render_project(
        folder, program, plan, placement, model, board, benchmark, energy=energy, platform=platform
    )
    for path, text in project.items():
        write_if_changed(folder / path, text)


def render_project(
    folder: Path,
    program: Program,
    plan: Plan,
    placement: Placement,
    model: ModelInfo,
    board: Board,
    benchmark: Benchmark,
    *,
    energy: bool = False,
    platform: str = OWN_PLATFORM,
) -> dict[str, str]:
    """Relative path -> text of every generated file. Same arguments, same text. ``energy``: for energy mode."""
    environment = template_environment()
    headers = sorted({step.header for step in program.steps})
    root = Path(os.path.relpath(ROOT, folder)).as_posix()
    context: dict[str, Any] = {
        "program": program,
        "plan": plan,
        "model": model,
        "board": board,
        "benchmark": benchmark,
        "energy": energy,
        "baud": ENERGY_BAUD if energy else benchmark.baud,
        "bytes_of": {buffer.name: buffer.bytes for buffer in program.buffers},
        "headers": headers,
        "core_sources": WAKEWORD_SOURCES if benchmark.front_end else ["core/*.c"],
        "kernel_sources": [source for header in headers for source in kernel_sources(header)],
        "placement": placement,
        "in_ram": placement.in_ram,
        "beside_data": placement.beside_data,
        "regions": [Memory("flash", "flash", board.flash.origin, board.flash.size), *placement.regions],
        "stack_bytes": STACK_BYTES,
        "exported": False,
        "root": root,
        "platform": platform,
        "gen_from_src": Path(os.path.relpath(folder / "gen", ROOT / "firmware")).as_posix(),
    }
    generated = {
        "gen/board_config.h": "board_config.h.j2",
        "gen/benchmark_config.h": "benchmark_config.h.j2",
        "gen/model.h": "model.h.j2",
        "gen/model.c": "model.c.j2",
        "gen/weights.h": "weights.h.j2",
        "gen/weights.c": "weights.c.j2",
        "gen/straight_m4.S": "straight_m4.S.j2",
        "gen/submitter_implemented.c": "submitter_implemented.c.j2",
        "gen/memory.ld": "memory.ld.j2",
        "platformio.ini": "platformio.ini.j2",
    }
    if benchmark.front_end:
        del generated["gen/submitter_implemented.c"]
    files = {path: environment.get_template(template).render(context) for path, template in generated.items()}
    files[f"boards/{board.name}.json"] = json.dumps(board_manifest(board), indent=2) + "\n"
    return files


def kernel_sources(header: str) -> Iterator[str]:
    """A kernel's C, and its assembly for the Cortex-M4 where it has one."""
    yield header.replace(".h", ".c")
    assembly = header.replace(".h", "_m4.S")
    if (FIRMWARE / assembly).is_file():
        yield assembly


def board_manifest(board: Board) -> dict[str, Any]:
    """PlatformIO's description of a board."""
    return {
        "build": {
            "mcu": board.mcu.lower(),
            "cpu": board.core.name,
            "fpu": board.core.fpu,
            "float_abi": board.core.float_abi,
            "f_cpu": f"{board.clock.sysclk_hz}L",
        },
        "frameworks": [],
        "name": board.title,
        "platforms": ["firmbench", "ststm32"],
        "upload": {
            "maximum_size": board.flash.size,
            "maximum_ram_size": board.ram_bytes,
            "offset_address": f"0x{board.flash.origin:08x}",
            "openocd_interface": board.probe.openocd_interface,
            "openocd_target": board.probe.openocd_target,
            "pyocd_target": board.probe.pyocd_target,
            "protocol": MASS_STORAGE,
            "protocols": METHODS,
        },
        "url": board.url,
        "vendor": board.vendor,
    }


def template_environment() -> jinja2.Environment:
    environment = templates.template_environment()
    environment.filters["c_float"] = c_float
    environment.filters["c_value"] = c_value
    environment.filters["c_type"] = C_TYPES.__getitem__
    environment.filters["port_number"] = lambda pin: ord(pin[0]) - ord("A")
    environment.filters["element_type"] = element_type
    environment.filters["initializer_lines"] = initializer_lines
    return environment


def c_float(value: np.float32) -> str:
    """A float32 as a C literal that reads back as the same float32."""
    if np.isinf(value):
        return "-INFINITY" if value < 0 else "INFINITY"
    return "NAN" if np.isnan(value) else f"{float(value).hex()}f"


def c_rescale(rescale: Rescale) -> str:
    """The initialiser of a `Rescale` of firmware/kernels/requantize.h."""
    return f"{{{rescale.multiplier}, {max(rescale.shift, 0)}, {max(-rescale.shift, 0)}}}"


def c_value(value: Value, constant: str) -> str:
    """A field of a parameter struct as a C initialiser; ``constant``: name of the array it points to, if it does."""
    if value is None:
        return "NULL"
    if is_constant(value):
        return constant
    if isinstance(value, Symbol):
        return value.name
    if isinstance(value, Rescale):
        return c_rescale(value)
    if isinstance(value, np.float32):
        return c_float(value)
    if isinstance(value, tuple):
        return "{" + ", ".join(str(item) for item in value) + "}"
    return str(int(value))


def element_type(constant: Constant) -> str:
    return "Rescale" if isinstance(constant.values, tuple) else C_TYPES[constant.values.dtype.name]


def initializer_lines(constant: Constant) -> Iterator[str]:
    """The lines of a C initialiser list."""
    if isinstance(constant.values, tuple):
        texts = [c_rescale(rescale) for rescale in constant.values]
    else:
        floating = constant.values.dtype == np.float32
        texts = [c_float(value) if floating else str(int(value)) for value in constant.values.reshape(-1)]
    for start in range(0, len(texts), VALUES_PER_LINE):
        yield ", ".join(texts[start : start + VALUES_PER_LINE]) + ","
