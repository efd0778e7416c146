"""The PlatformIO project of an image with TensorFlow Lite Micro's interpreter."""

from pathlib import Path

import numpy as np

from common.artifact import ModelInfo
from common.benchmark import Benchmark
from common.board import Board
from generator.graph import Graph
from generator.placement import Placement
from generator.program import Constant, Port, Program, State
from generator.render import COMMON_FILES, project_context, render_files
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
    folder: Path,
    program: Program,
    content: bytes,
    operators: tuple[str, ...],
    arena_bytes: int,
    library: Library,
    placement: Placement,
    model: ModelInfo,
    board: Board,
    benchmark: Benchmark,
    *,
    energy: bool,
    platform: str,
) -> dict[str, str]:
    """Relative path -> text of every generated file, as `generator.render.render_project`.

    ``content``: the model's bytes; ``operators``: what `registrations` says of them.
    """
    context = {
        **project_context(folder, program, placement, model, board, benchmark, energy=energy, platform=platform),
        "content": Constant("model_data", np.frombuffer(content, np.uint8)),
        "operators": operators,
        "arena_bytes": arena_bytes,
        "library": library,
        "library_flags": library.flags(folder),
    }
    wrapper = {f"{WRAPPER}/library.json": "tflm/library.json.j2"} if library.tree is not None else {}
    return render_files({**COMMON_FILES, **FILES, **wrapper}, {**context, "tree": library.tree}, board)
