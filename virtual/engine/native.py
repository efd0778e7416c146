"""LLVM: from a region's text to machine code, which is kept below ``build/`` for the next time."""

import contextlib
import ctypes
import hashlib
import itertools
from functools import cache
from pathlib import Path

from llvmlite import binding as llvm

from common.files import write_atomic
from common.paths import BUILD
from virtual.timing import sources_digest

FOLDER = Path(__file__).parent
MOST_BYTES = 100_000_000  # that the cache keeps from one process to the next
QUICK, OPTIMISED = 0, 2  # levels of code generation: the second takes twenty times as long


@cache
def translator_digest() -> str:
    """Of everything that decides what a region becomes: the sources here and the cost model, LLVM, the host."""
    texts = [path.read_bytes() for path in sorted(FOLDER.glob("*.py"))]
    host = f"{sources_digest()} {llvm.llvm_version_info} {llvm.get_host_cpu_name()}"
    return hashlib.sha256(b"".join(texts) + host.encode()).hexdigest()[:16]


@cache
def _machine(level: int) -> llvm.TargetMachine:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple()
    features = llvm.get_host_cpu_features().flatten()
    return target.create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=features, opt=level, reloc="pic", codemodel="small"
    )


def compile_text(text: str, level: int) -> bytes:
    """An object file with the function ``region``."""
    machine = _machine(level)
    module = llvm.parse_assembly(text)
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=1))
    passes = llvm.create_new_function_pass_manager()
    passes.add_sroa_pass()
    if level == OPTIMISED:
        passes.add_instruction_combine_pass()
        passes.add_simplify_cfg_pass()
        passes.add_dead_store_elimination_pass()
    for function in module.functions:
        if not function.is_declaration:
            passes.run(function, builder)
    return bytes(machine.emit_object(module))


class Linker:
    """Loads object files into this process."""

    def __init__(self) -> None:
        self._machine = _machine(QUICK)
        self._jit = llvm.create_lljit_compiler(self._machine)
        self._names = itertools.count()
        self._kept: list[object] = []

    def link(self, code: bytes) -> int:
        """Address of the object's ``region``."""
        builder = llvm.JITLibraryBuilder().add_object_img(code).export_symbol("region").add_current_process()
        tracker = builder.link(self._jit, f"r{next(self._names)}")
        self._kept.append(tracker)
        return int(tracker["region"])


class CodeCache:
    """Object files on disk, by what they were translated from."""

    def __init__(self, folder: Path = BUILD / "engine") -> None:
        self._folder = folder / translator_digest()
        self._pruned = False

    def _path(self, text: str, level: int) -> Path:
        return self._folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.{level}.o"

    def load(self, text: str, level: int) -> bytes | None:
        try:
            return self._path(text, level).read_bytes()
        except OSError:
            return None

    def save(self, text: str, level: int, code: bytes) -> None:
        """Nothing is lost when it cannot be written: it is only a cache."""
        try:
            if not self._pruned:
                self._pruned = True
                prune(self._folder.parent, MOST_BYTES)
            write_atomic(self._path(text, level), code)
        except OSError:
            return


def prune(folder: Path, most: int) -> None:
    """Delete the oldest object files below a folder until ``most`` bytes are left, and folders that are empty then."""
    found = sorted((path.stat().st_mtime, path.stat().st_size, path) for path in folder.glob("*/*.o"))
    excess = sum(size for _, size, _ in found) - most
    for _, size, path in found:
        if excess <= 0:
            break
        path.unlink(missing_ok=True)
        excess -= size
    for place in folder.glob("*/"):
        with contextlib.suppress(OSError):  # not empty
            place.rmdir()


def call(function: int, state: int, entry: int) -> None:
    """Run a region by itself."""
    ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int32)(function)(state, entry)
