"""A compiled model as a C project of its own, to be dropped into anybody's firmware: `invoke export`."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common.artifact import ModelInfo
from common.errors import UserError
from common.owned_tree import write_tree
from common.paths import FIRMWARE, ROOT
from generator.compile import Compiled, compile_model
from generator.importer import read_model
from generator.plan import Plan
from generator.program import Port, Program
from generator.render import kernel_sources, template_environment
from generator.tuning import load_tuning

NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
INCLUDE = re.compile(r'^#include "(.+)"$', re.MULTILINE)
LIBM = "#include <math.h>"
ARENA_ALIGNMENT = 16
PRINTED = {"float32": ("%.9g", "(double)"), "int64": ("%lld", "(long long)")}  # others: as int
SOURCES = {  # file: template
    "include/{name}.h": "export/api.h.j2",
    "src/{name}.c": "export/api.c.j2",
    "src/symbols.h": "export/symbols.h.j2",
    "src/model.h": "model.h.j2",
    "src/model.c": "model.c.j2",
    "src/weights.h": "weights.h.j2",
    "src/weights.c": "weights.c.j2",
    "example/main.c": "export/main.c.j2",
    "CMakeLists.txt": "export/CMakeLists.txt.j2",
    "README.md": "export/README.md.j2",
}


@dataclass(frozen=True)
class ApiPort:
    """An input or output in the public header: its accessor function and the beginning of its macros."""

    port: Port
    function: str
    macro: str
    alignment: int

    @property
    def format(self) -> str:
        """Of printf, for one element."""
        return PRINTED.get(self.port.dtype, ("%d", ""))[0]

    @property
    def cast(self) -> str:
        return PRINTED.get(self.port.dtype, ("", "(int)"))[1]


def export_model(model: Path, name: str, out: Path, *, board: str, dead_channels: bool, optimize: str) -> Compiled:
    """Write the project of ``model`` to the folder ``out``; its functions are called ``<name>_...``.

    ``board``: whose tuned choices are used; ``optimize``: "memory" for no weights that are larger than the model's.

    Raises:
        UserError: the name is none for C, the model cannot be compiled, or ``out`` holds anything else than an
            unchanged export.
    """
    if not NAME.fullmatch(name):
        raise UserError(
            f"--name {name}: it must begin with a letter, then letters, digits and '_', all small, up to 32"
        )
    content = read_model(model)
    digest = hashlib.sha256(content).hexdigest()
    tuning = load_tuning(board, digest, optimize)
    compiled = compile_model(
        content, str(model), dead_channels=dead_channels, compact=optimize == "memory", tuning=tuning
    )
    info = ModelInfo(model.name, digest, len(content))
    write_tree(out, render_export(compiled.program, compiled.memory, info, name), "invoke export")
    return compiled


def render_export(program: Program, plan: Plan, model: ModelInfo, name: str) -> dict[str, str]:
    """Relative path -> text of every file. Same arguments, same text."""
    headers = sorted({step.header for step in program.steps})
    kernels = [f"src/{source}" for header in headers for source in kernel_sources(header)]
    copied = {f"src/{path}": (FIRMWARE / path).read_text() for path in _closure(headers)}
    weights = [constant.name for constant in program.constants]
    inputs = _api_ports(name, "input", program.inputs, plan)
    outputs = _api_ports(name, "output", program.outputs, plan)
    context: dict[str, Any] = {
        "name": name,
        "guard": f"{name.upper()}_H",
        "target": f"firmbench_{name}",
        "program": program,
        "plan": plan,
        "model": model,
        "bytes_of": {buffer.name: buffer.bytes for buffer in program.buffers},
        "headers": headers,
        "exported": True,
        "counted_as": "",
        "library": None,
        "in_ram": frozenset(),
        "beside_data": frozenset(),
        "inputs": inputs,
        "outputs": outputs,
        "symbols": sorted({*weights, *_model_symbols(program)}),
        "sources": ["src/model.c", "src/weights.c", f"src/{name}.c", *(k for k in kernels if k.endswith(".c"))],
        "assembly": [kernel for kernel in kernels if kernel.endswith(".S")],
        "libm": any(LIBM in text for text in copied.values()),
        "memmove": any("memmove(" in text for text in copied.values()),
    }
    environment = template_environment()
    environment.filters["c_decimal"] = c_decimal
    rendered = {
        path.format(name=name): environment.get_template(template).render(context) for path, template in SOURCES.items()
    }
    return {**rendered, **copied, "LICENSE": (ROOT / "LICENSE").read_text()}


def c_decimal(value: float) -> str:
    """A float32 as the shortest decimal literal that reads back the same; C++ before 2017 has no other ones."""
    return f"{np.float32(value)!s}f"


def _api_ports(name: str, side: str, ports: Sequence[Port], plan: Plan) -> list[ApiPort]:
    found = []
    for index, port in enumerate(ports):
        word = f"{name}_{side}" + (str(index) if len(ports) > 1 else "")
        offset = plan.offsets[port.buffer]
        alignment = min(ARENA_ALIGNMENT, offset & -offset) if offset else ARENA_ALIGNMENT
        found.append(ApiPort(port, word, word.upper(), alignment))
    return found


def _model_symbols(program: Program) -> Iterator[str]:
    yield from ("tensor_arena", "model_infer", "model_reset")
    for side, ports in (("input", program.inputs), ("output", program.outputs)):
        yield from (f"model_{side}{index}" for index in range(len(ports)))


def _closure(headers: Sequence[str]) -> list[str]:
    """The kernels' files below firmware/: headers, sources, and all they include."""
    pending = [path for header in headers for path in (header, *kernel_sources(header))] + ["kernels/requantize.h"]
    found: set[str] = set()
    while pending:
        path = pending.pop()
        if path in found:
            continue
        found.add(path)
        for included in INCLUDE.findall((FIRMWARE / path).read_text()):
            beside = (Path(path).parent / included).as_posix()
            pending.append(beside if (FIRMWARE / beside).is_file() else included)
    return sorted(found)
