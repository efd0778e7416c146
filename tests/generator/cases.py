"""Models and the ways to run them that the generator's tests share."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from common.artifact import ModelInfo
from common.benchmark import load_benchmark
from common.board import load_board
from common.files import sha256
from common.oracle import ORACLE_ARENA_BYTES
from common.paths import FIRMWARE
from generator.importer import read_graph
from generator.lower import lower
from generator.placement import place
from generator.plan import plan
from generator.program import Program
from generator.render import render_project
from models.flatbuffer import OperatorSpec, TensorSpec, build_model

HOST_FLAGS = ["-std=c11", "-O1", "-g", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror"]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


def fully_connected(
    *,
    units: int,
    depth: int,
    batches: int = 1,
    per_channel: bool = False,
    activation: int = 0,
    with_bias: bool = True,
    seed: int = 0,
    **changes: dict[str, Any],
) -> bytes:
    """A one-layer model with random constants; ``changes`` replace fields of the tensors by name."""
    rng = np.random.default_rng(seed)
    scales = rng.uniform(0.001, 0.02, units if per_channel else 1).tolist()
    input_scale, output_scale = 0.05, float(rng.uniform(0.02, 0.3))
    zero_points = [int(value) for value in rng.integers(-128, 128, 2)]
    tensors = {
        "input": TensorSpec((batches, depth), scales=[input_scale], zero_points=[zero_points[0]]),
        "weights": TensorSpec(
            (units, depth), scales=scales, data=rng.integers(-127, 128, (units, depth)).astype(np.int8)
        ),
        "bias": TensorSpec(
            (units,),
            dtype="int32",
            scales=[input_scale * scale for scale in scales],
            data=rng.integers(-3000, 3000, units).astype(np.int32),
        ),
        "output": TensorSpec((batches, units), scales=[output_scale], zero_points=[zero_points[1]]),
    }
    for name, fields in changes.items():
        for key, value in fields.items():
            setattr(tensors[name], key, value)
    operator = OperatorSpec("FULLY_CONNECTED", [0, 1, 2 if with_bias else -1], [3], activation)
    return build_model(list(tensors.values()), [operator], [0], [3])


def generate(model: Path, folder: Path) -> Program:
    """Import, lower, plan and render a model below ``folder``."""
    program = lower(read_graph(model))
    info = ModelInfo(model.name, sha256(model), model.stat().st_size)
    board, benchmark = load_board("nucleo_l4r5zi"), load_benchmark("ad")
    memory = plan(program)
    placement = place(program, board, "latency", memory.arena_bytes)
    for path, text in render_project(folder, program, memory, placement, info, board, benchmark).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return program


def run_on_host(model: bytes, inputs: NDArray[Any], output_dtype: str, folder: Path) -> NDArray[Any]:
    """Outputs [n, elements] of the generated C, built with sanitizers, for inputs [n, ...]."""
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("no host compiler (gcc)")
    path = folder / "model.tflite"
    path.write_bytes(model)
    headers = {step.header for step in generate(path, folder).steps}
    program = folder / "run_model"
    sources = [
        Path(__file__).parent / "host" / "run_model.c",
        folder / "gen" / "model.c",
        folder / "gen" / "weights.c",
        *sorted((FIRMWARE / header).with_suffix(".c") for header in headers),
    ]
    subprocess.run(
        [compiler, *HOST_FLAGS, *SANITIZERS, f"-I{FIRMWARE}", f"-I{folder / 'gen'}", *sources, "-o", program, "-lm"],
        check=True,
    )
    answer = subprocess.run([program], input=inputs.tobytes(), capture_output=True, check=True)
    return np.frombuffer(answer.stdout, output_dtype).reshape(len(inputs), -1)


def run_oracle(model: bytes, inputs: NDArray[Any]) -> NDArray[Any]:
    """Outputs [n, elements] of TensorFlow Lite Micro's reference kernels."""
    runtime = pytest.importorskip("tflite_micro.python.tflite_micro.runtime")
    interpreter = runtime.Interpreter.from_bytes(model, arena_size=ORACLE_ARENA_BYTES)
    outputs = []
    for values in inputs:
        interpreter.set_input(values, 0)
        interpreter.invoke()
        outputs.append(interpreter.get_output(0).reshape(-1).copy())
    return np.stack(outputs)
