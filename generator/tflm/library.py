"""Where TensorFlow Lite Micro comes from: a folder, or a package that PlatformIO fetches."""

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from common.errors import UserError
from common.files import write_atomic
from generator import platformio

HEADER = "tensorflow/lite/micro/micro_interpreter.h"
CMSIS_NN = "tensorflow/lite/micro/kernels/cmsis_nn"
MAKEFILE = "tensorflow/lite/micro/tools/make/Makefile"
MANIFESTS = ("library.json", "library.properties")
INSTALLED = "tflm-lib.txt"  # what was fetched for a project
WRAPPER = "tflm"  # folder of the manifest that makes a tree a library
# Include paths of a tree, as upstream's own makefiles have them (tflite-micro, tools/make).
TREE_INCLUDES = (
    *("third_party/flatbuffers/include", "third_party/gemmlowp", "third_party/ruy", "third_party/kissfft"),
    *("third_party/cmsis_nn", "third_party/cmsis_nn/Include", "third_party/cmsis/CMSIS/Core/Include"),
)
# No heap, CMSIS-NN's kernels, and no messages: nothing would print them.
DEFINES = ("-DTF_LITE_STATIC_MEMORY", "-DTF_LITE_STRIP_ERROR_STRINGS", "-DCMSIS_NN", "-DNDEBUG")
PINNED = re.compile(r"[\w.-]+/[^@\s]+@\s*\d[\w.+-]*|\S+://\S+#\S+")
PACKAGE = re.compile(r"[\w.-]+/[^@/\s]+(@.*)?|\S+://\S+")
MAKE_TREE = (
    "python3 tensorflow/lite/micro/tools/project_generation/create_tflm_tree.py --makefile_options"
    ' "TARGET=cortex_m_generic TARGET_ARCH=cortex-m4+fp OPTIMIZED_KERNEL_DIR=cmsis_nn" DIR'
)
HOW = (
    "--tflm-lib DIR: a tree that a checkout of github.com/tensorflow/tflite-micro writes with"
    f" `{MAKE_TREE}`, or a PlatformIO library that holds {HEADER};"
    " --tflm-lib OWNER/NAME@1.2.3 or URL#COMMIT: one that PlatformIO fetches (docs/runtimes.md)"
)


@dataclass(frozen=True)
class Library:
    """``dependency``: its line in ``lib_deps``; ``root``: the folder that holds ``tensorflow/``.

    ``tree``: relative path from its manifest's folder to a tree without one. ``notes``: what a user should know of it.
    """

    dependency: str
    root: Path
    includes: tuple[Path, ...]
    tree: str | None = None
    notes: tuple[str, ...] = ()

    def flags(self, project: Path) -> tuple[str, ...]:
        """The compiler's options for all sources of a project; warnings of the library's headers are its own."""
        paths = (Path(os.path.relpath(path, project)).as_posix() for path in self.includes)
        return (*DEFINES, *(f"-isystem {path}" for path in paths))


def find_library(name: str | None, project: Path, board: str, *, platform: str = platformio.OWN_PLATFORM) -> Library:
    """What ``--tflm-lib`` names, for a PlatformIO project with the environment ``board``; fetches it if need be.

    Raises:
        UserError: nothing is named, or it is not there, not pinned, not to be had, or something else.
    """
    if not name:
        raise UserError(f"runtime tflm needs TensorFlow Lite Micro, which is not part of firmbench; name it with {HOW}")
    folder = Path(name).expanduser()
    if folder.is_dir():
        return _folder(folder.resolve(), project)
    if PINNED.fullmatch(name):
        return _package(name, project, board, platform)
    if PACKAGE.fullmatch(name) and not name.startswith((".", "~")):
        raise UserError(
            f"--tflm-lib {name} is not pinned, and the image would depend on the day; add @1.2.3 or #COMMIT"
        )
    raise UserError(f"--tflm-lib {name}: there is no such folder, and it is no library of PlatformIO's; {HOW}")


def _folder(folder: Path, project: Path) -> Library:
    if any((folder / manifest).is_file() for manifest in MANIFESTS):
        root = _root(folder)
        if root is None:
            raise UserError(f"{folder} is a library, but not TensorFlow Lite Micro: it holds no {HEADER}; {HOW}")
        path = Path(os.path.relpath(folder, project)).as_posix()
        return Library(f"symlink://{path}", root, _includes(root), notes=_notes(root))
    if (folder / MAKEFILE).is_file():
        raise UserError(f"{folder} is a checkout of tflite-micro; write a tree with `{MAKE_TREE}` there, and name that")
    if not (folder / HEADER).is_file():
        raise UserError(f"{folder} is not TensorFlow Lite Micro: it holds no {HEADER}; {HOW}")
    tree = Path(os.path.relpath(folder, project / WRAPPER)).as_posix()
    return Library(f"symlink://{WRAPPER}", folder, _includes(folder), tree, _notes(folder))


def _package(name: str, project: Path, board: str, platform: str) -> Library:
    storage, installed = project / ".pio" / "libdeps" / board, project / INSTALLED
    root = _root(storage)
    if root is None or not installed.is_file() or installed.read_text() != name:
        shutil.rmtree(storage, ignore_errors=True)
        try:
            platformio.install_library(name, storage, project, platform=platform)
        except platformio.RunError as error:
            raise UserError(
                f"PlatformIO cannot get the library {name}: {error}\ncheck the name and the network, or take {HOW}"
            ) from error
        write_atomic(installed, name)
        root = _root(storage)
    if root is None:
        raise UserError(f"the library {name} is not TensorFlow Lite Micro: there is no {HEADER} below {storage}; {HOW}")
    return Library(name, root, _includes(root), notes=_notes(root))


def _root(folder: Path) -> Path | None:
    """The folder below which the headers are, ``src`` of Arduino's libraries or another."""
    steps = len(Path(HEADER).parts)
    return next((path.parents[steps - 1] for path in sorted(folder.rglob(HEADER))), None)


def _includes(root: Path) -> tuple[Path, ...]:
    return (root, *(root / path for path in TREE_INCLUDES if (root / path).is_dir()))


def _notes(root: Path) -> tuple[str, ...]:
    if (root / CMSIS_NN).is_dir():
        return ()
    return (f"the library has no {CMSIS_NN}: its kernels are the reference ones, several times slower",)
