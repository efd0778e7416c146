"""Runs a lowered program on the host, in this process: every kernel called through cffi at the planned offsets.

Kernels are built once per source text, with the undefined-behaviour sanitizer, in a portable and a DSP flavour (the
latter with the instructions in C, firmware/kernels/dsp.h), so that thousands of cases run in seconds.
"""

import functools
import hashlib
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cffi
import numpy as np
import pycparser
import pytest
from numpy.typing import NDArray
from pycparser import c_ast, c_generator

from common.oracle import ORACLE_ARENA_BYTES
from common.paths import BUILD, FIRMWARE
from generator.graph import Graph
from generator.importer import parse_graph
from generator.lower import lower
from generator.plan import Plan, check_plan, plan
from generator.program import Program, Symbol, Value, is_constant
from generator.quantization import Rescale

FLAGS = ["-std=c11", "-O1", "-g", "-fPIC", "-shared", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror"]
SANITIZERS = ["-fsanitize=undefined", "-fno-sanitize-recover=all"]
CANARY_BYTES = 256
SYSTEM_HEADERS = ("assert.h", "float.h", "limits.h", "math.h", "stdbool.h", "stddef.h", "stdint.h", "string.h")


class Kernels:
    """The functions of one kernel header, e.g. ``kernels/quantize.h`` with ``kernels/quantize.c``."""

    def __init__(self, header: str, dsp: bool) -> None:
        compiler = shutil.which("gcc")
        if compiler is None:
            pytest.skip("no host compiler (gcc)")
        path = FIRMWARE / header
        defines = [f"-DFIRMBENCH_DSP={int(dsp)}", f"-I{FIRMWARE}"]
        sources = [path.with_suffix(".c"), *sorted((FIRMWARE / "kernels").glob("*.h"))]
        digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]
        folder = BUILD / "host_kernels"
        library = folder / f"{path.stem}_{int(dsp)}_{digest}.so"
        if not library.exists():
            folder.mkdir(parents=True, exist_ok=True)
            unfinished = library.with_suffix(f".{np.random.default_rng().integers(1 << 62)}")
            source = str(path.with_suffix(".c"))
            subprocess.run([compiler, *FLAGS, *SANITIZERS, *defines, source, "-o", unfinished, "-lm"], check=True)
            unfinished.rename(library)
        self.ffi = cffi.FFI()
        self.ffi.cdef(_declarations(compiler, path, defines))
        self.library = self.ffi.dlopen(str(library))


@functools.cache
def kernels(header: str, dsp: bool) -> Kernels:
    return Kernels(header, dsp)


def _declarations(compiler: str, header: Path, defines: list[str]) -> str:
    """The types and prototypes that a header declares, without what it includes of the system."""
    empty = BUILD / "host_kernels" / "include"
    empty.mkdir(parents=True, exist_ok=True)
    for name in SYSTEM_HEADERS:
        (empty / name).touch()
    command = [compiler, "-E", "-P", "-nostdinc", f"-I{empty}", *defines, str(header)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    known = "".join(f"typedef int {name};\n" for name in ("size_t", "bool", "ptrdiff_t", "intptr_t", "uintptr_t"))
    known += "".join(f"typedef int {sign}int{bits}_t;\n" for sign in ("", "u") for bits in (8, 16, 32, 64))
    tree = pycparser.CParser().parse(known + text)
    skipped = known.count("\n")
    generator = c_generator.CGenerator()
    wanted = [node for node in tree.ext[skipped:] if not isinstance(node, c_ast.FuncDef | c_ast.StaticAssert)]
    return "".join(f"{generator.visit(node)};\n" for node in wanted)


class HostProgram:
    """A program with its arena and its parameter structs."""

    def __init__(self, program: Program, memory: Plan, dsp: bool) -> None:
        self.program, self.memory = program, memory
        rng = np.random.default_rng(0)
        self._arena = rng.integers(0, 256, memory.arena_bytes + 2 * CANARY_BYTES + 16).astype(np.uint8)
        self._start = CANARY_BYTES + -(self._arena.ctypes.data + CANARY_BYTES) % 16
        self._initial = self._arena.copy()
        self._alive: list[Any] = []
        self._tensors = {constant.name: np.ascontiguousarray(constant.values) for constant in program.tensors}
        self._sizes = {buffer.name: buffer.bytes for buffer in program.buffers}
        self._calls = [self._call(step, dsp) for step in program.steps]
        for state in program.states:
            self._bytes(state.buffer, state.kept)[:] = 0
        self.reset()

    def _call(self, step: Any, dsp: bool) -> Any:
        loaded = kernels(step.header, dsp)
        fields = {name: self._field(loaded.ffi, value) for name, value in step.parameters.items()}
        parameters = loaded.ffi.new(f"{step.struct} *", fields)
        arguments = [loaded.ffi.cast("void *", self._address(name)) for name in step.arguments]
        self._alive.append(parameters)
        return functools.partial(getattr(loaded.library, step.kernel), parameters, *arguments)

    def _field(self, ffi: Any, value: Value) -> Any:
        assert not isinstance(value, Symbol), "placement names code, which a host program has none of"
        if value is None:
            return ffi.NULL
        if isinstance(value, Rescale):
            return _rescale(value)
        if is_constant(value):
            if isinstance(value, tuple):
                array = ffi.new("Rescale[]", [_rescale(item) for item in value if isinstance(item, Rescale)])
            else:
                contiguous = np.ascontiguousarray(value)
                self._alive.append(contiguous)
                array = ffi.cast("void *", contiguous.ctypes.data)
            self._alive.append(array)
            return array
        if isinstance(value, tuple):
            return list(value)
        return float(value) if isinstance(value, np.floating) else int(value)

    def _address(self, name: str | None) -> int:
        if name is None:
            return 0
        if name in self._tensors:
            return int(self._tensors[name].ctypes.data)
        return int(self._arena.ctypes.data) + self._start + self.memory.offsets[name]

    def _bytes(self, buffer: str, size: int) -> NDArray[np.uint8]:
        offset = self._start + self.memory.offsets[buffer]
        return self._arena[offset : offset + size]

    def reset(self) -> None:
        """Initial values of the states."""
        for state in self.program.states:
            memory = self._bytes(state.buffer, self._sizes[state.buffer])[state.kept :]
            memory[:] = state.fill & 0xFF
            if state.initial is not None:
                values = np.asarray(state.initial.values).view(np.uint8)
                memory[: values.size] = values
        prime = self.program.prime
        if prime is not None:
            for _ in range(prime.runs):
                self._bytes(prime.buffer, prime.bytes)[:] = 0
                for call in self._calls[prime.first :]:
                    call()

    def run(self, inputs: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        """One inference: an array per model input in, one per model output out, in the model's types and shapes."""
        for port, values in zip(self.program.inputs, inputs, strict=True):
            raw = np.frombuffer(np.ascontiguousarray(values, _dtype(port.dtype)).tobytes(), np.uint8)
            self._bytes(port.buffer, raw.size)[:] = raw
        for call in self._calls:
            call()
        end = self._start + self.memory.arena_bytes
        np.testing.assert_array_equal(self._arena[: self._start], self._initial[: self._start], "before the arena")
        np.testing.assert_array_equal(self._arena[end:], self._initial[end:], "after the arena")
        return [
            np.frombuffer(self._bytes(port.buffer, port.elements * _dtype(port.dtype).itemsize), _dtype(port.dtype))
            .reshape(port.shape)
            .copy()
            for port in self.program.outputs
        ]


def _rescale(rescale: Rescale) -> dict[str, int]:
    return {"multiplier": rescale.multiplier, "left": max(rescale.shift, 0), "right": max(-rescale.shift, 0)}


def _dtype(name: str) -> np.dtype[Any]:
    return np.dtype(name)


def host_program(model: bytes, dsp: bool) -> HostProgram:
    return host_graph(parse_graph(model, "model"), dsp)


def host_graph(graph: Graph, dsp: bool) -> HostProgram:
    program = lower(graph)
    memory = plan(program)
    check_plan(program, memory)
    return HostProgram(program, memory, dsp)


def oracle_outputs(model: bytes, inputs: Sequence[Sequence[NDArray[Any]]]) -> list[list[NDArray[Any]]]:
    """Outputs of TensorFlow Lite Micro's reference kernels for inferences one after another."""
    runtime = pytest.importorskip("tflite_micro.python.tflite_micro.runtime")
    interpreter = runtime.Interpreter.from_bytes(model, arena_size=ORACLE_ARENA_BYTES)
    graph = parse_graph(model, "model")
    results = []
    for values in inputs:
        for position, value in enumerate(values):
            interpreter.set_input(value, position)
        interpreter.invoke()
        results.append([np.array(interpreter.get_output(i)) for i in range(len(graph.outputs))])
    return results


def assert_equals_oracle(
    model: bytes, inputs: Sequence[Sequence[NDArray[Any]]], *, rtol: float = 0, graph: Graph | None = None
) -> None:
    """Both flavours of the kernels give the oracle's outputs bit for bit, inference after inference.

    ``inputs``: for each inference one array per model input. ``rtol``: tolerance for float outputs relative to their
    largest magnitude; 0 compares bits, NaN included.
    """
    wanted = oracle_outputs(model, inputs)
    for dsp in (False, True):
        machine = host_program(model, dsp) if graph is None else host_graph(graph, dsp)
        for number, (values, expected) in enumerate(zip(inputs, wanted, strict=True)):
            for position, (got, want) in enumerate(zip(machine.run(values), expected, strict=True)):
                where = f"dsp={dsp}, inference {number}, output {position}"
                if rtol and got.dtype.kind == "f":
                    bound = rtol * float(np.max(np.abs(want), initial=0))
                    np.testing.assert_allclose(got.reshape(-1), want.reshape(-1), rtol=rtol, atol=bound, err_msg=where)
                else:
                    np.testing.assert_array_equal(got.reshape(-1), want.reshape(-1), where)


def run_both(
    program: Program, memory: Plan, inputs: Sequence[Sequence[NDArray[Any]]], wanted: Sequence[Sequence[NDArray[Any]]]
) -> None:
    """Both flavours of the kernels, at the places of ``memory``, give the outputs ``wanted`` one after another."""
    for dsp in (False, True):
        machine = HostProgram(program, memory, dsp)
        for values, (expected,) in zip(inputs, wanted, strict=True):
            np.testing.assert_array_equal(machine.run(values)[0].reshape(-1), expected.reshape(-1))
