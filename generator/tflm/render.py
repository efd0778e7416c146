"""The PlatformIO project of an image with TensorFlow Lite Micro's interpreter."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from generator.graph import Graph
from generator.program import Constant, Port, Program, State
from generator.render import COMMON_FILES, render_files
from generator.tflm.library import WRAPPER, Library

FILES = {"gen/model.cc": "tflm/model.cc.j2", "gen/model_data.c": "tflm/model_data.c.j2"}


def interpreted(graph: Graph) -> Program:
    """The model's inputs, outputs and variables as the submitter API sees them; no steps: those are the library's."""

    def ports(indices: tuple[int, ...]) -> tuple[Port, ...]:
        tensors = [graph.tensors[index] for index in indices]
        return tuple(Port(f"t{item.index}", item.dtype, item.shape, item.quantization) for item in tensors)

    states = tuple(State(f"t{tensor.index}", 0) for tensor in graph.tensors if tensor.variable)
    return Program((), (), ports(graph.inputs), ports(graph.outputs), states=states)


def render_interpreter(
    project: Mapping[str, Any],
    content: bytes,
    operators: tuple[str, ...],
    arena_bytes: int,
    library: Library,
    folder: Path,
) -> dict[str, str]:
    """Relative path -> text of every generated file of the project in ``folder``.

    ``project``: `generator.render.project_context` of it; ``content``: the model's bytes; ``operators``: what
    `registrations` says of them.
    """
    context = {
        **project,
        "content": Constant("model_data", np.frombuffer(content, np.uint8)),
        "operators": operators,
        "arena_bytes": arena_bytes,
        "library": library,
        "library_flags": library.flags(folder),
        "tree": library.tree,
    }
    wrapper = {f"{WRAPPER}/library.json": "tflm/library.json.j2"} if library.tree is not None else {}
    return render_files({**COMMON_FILES, **FILES, **wrapper}, context, project["board"])
