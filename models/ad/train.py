"""Makes the shipped anomaly detection model: ``python -m models.ad.train [--smoke] [--seed N] [--out DIR]``.

Synthesises machine sounds, trains the autoencoder on them, folds and quantises it, and judges it on held-out clips.
"""

import argparse
import dataclasses
import hashlib
import json
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import UserError
from common.files import write_atomic
from common.oracle import Oracle
from common.paths import BUILD
from generator.graph import Graph
from generator.importer import parse_graph
from models.ad import convert, dataset, folding, network, scoring, structure
from models.ad.dataset import Sizes
from models.ad.machines import FAULTS, MACHINES
from models.ad.sounds import SAMPLE_RATE, SECONDS
from models.backend import tensorflow

NAME = "ad_synthetic_int8"
SEED = 0

Report = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    sizes: Sizes
    epochs: int
    batch: int


FULL = Plan(dataset.FULL, epochs=100, batch=512)  # epochs and batch as upstream
SMOKE = Plan(dataset.SMOKE, epochs=20, batch=64)


def make(out_dir: Path, *, seed: int = SEED, smoke: bool = False, report: Report = print) -> Path:
    """Train, quantise, judge and write the model with its description beside it.

    Args:
        out_dir: where ``ad_synthetic_int8.tflite`` and ``.json`` go; both are replaced only at the very end.
        seed: of sounds, initial weights and shuffling.
        smoke: a run of under a minute on little data, to see that everything works.
        report: called with each line about the progress.

    Returns:
        The model file.

    Raises:
        UserError: TensorFlow is missing, the training diverged or was interrupted; what was there before stays.
    """
    _check_writable(out_dir)
    try:
        content, description = _make(seed, SMOKE if smoke else FULL, smoke, report)
    except KeyboardInterrupt:
        raise UserError(f"training of {NAME} was interrupted; nothing was written to {out_dir}") from None
    path = out_dir / f"{NAME}.tflite"
    write_atomic(path, content)
    write_atomic(path.with_suffix(".json"), json.dumps(description, indent=2) + "\n")
    report(f"wrote {path} and {path.with_suffix('.json').name}")
    return path


def _make(seed: int, plan: Plan, smoke: bool, report: Report) -> tuple[bytes, dict[str, Any]]:
    tf = tensorflow()
    started = time.monotonic()
    tf.keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()

    training = dataset.training_clips(plan.sizes)
    report(f"synthesising {len(training)} training clips")
    windows = dataset.window_matrix(training, seed, report)

    report(f"training on {len(windows)} windows for {plan.epochs} epochs")
    fitted = time.monotonic()
    model = network.build()
    history = network.fit(
        model,
        windows,
        epochs=plan.epochs,
        batch=plan.batch,
        progress=lambda epoch, losses: _progress(report, plan, epoch, losses),
    )
    training_seconds = time.monotonic() - fitted
    _check_converged(history)

    report("folding batch normalisation and quantising")
    folded = network.folded_layers(model)
    content = convert.to_int8(folded, windows)
    graph = parse_graph(content, NAME)
    structure.check(graph)
    oracle = Oracle(content)

    clips = dataset.held_out_clips(plan.sizes)
    report(f"judging on {len(clips)} held-out clips")
    held_out = dataset.window_matrix(clips, seed, report)
    trained = np.asarray(model.predict(held_out, batch_size=1024, verbose=0), np.float32)
    plain = folding.reconstruct(folded, held_out)
    float_scores = scoring.clip_scores(held_out, plain, len(clips))
    int8_scores = scoring.clip_scores(held_out, oracle.infer_real(held_out), len(clips))
    float_quality, int8_quality = scoring.quality(float_scores, clips), scoring.quality(int8_scores, clips)
    report(f"AUC {float_quality.auc:.3f} in float, {int8_quality.auc:.3f} in int8")

    return content, {
        "name": f"{NAME}.tflite",
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "seed": seed,
        "smoke": smoke,
        "data": _describe_data(plan.sizes, len(windows)),
        "architecture": _describe_architecture(graph),
        "training": {
            "epochs": len(history),
            "batch": plan.batch,
            **{name: round(value, 4) for name, value in history[-1].items()},
            "fit_seconds": round(training_seconds, 1),
            "total_seconds": round(time.monotonic() - started, 1),
        },
        "folding_max_abs_difference_db": round(float(np.abs(trained - plain).max()), 6),
        "metrics": {
            "note": "on synthetic clips; says nothing about recorded machines",
            "float": dataclasses.asdict(float_quality),
            "int8": dataclasses.asdict(int8_quality),
            "int8_mean_score": {
                "normal": _mean(int8_scores, clips, False),
                "anomalous": _mean(int8_scores, clips, True),
            },
        },
        "tools": {"python": platform.python_version(), "numpy": np.__version__, "tensorflow": tf.__version__},
    }


def _check_writable(folder: Path) -> None:
    """Find out before the training, not after it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError(f"cannot write to {folder} ({error.strerror}); choose another folder with --out") from error


def _check_converged(history: list[dict[str, float]]) -> None:
    if not all(np.isfinite(losses["loss"]) for losses in history):
        raise UserError(f"training of {NAME} diverged in epoch {len(history)}; nothing was written, try another --seed")


def _progress(report: Report, plan: Plan, epoch: int, losses: dict[str, float]) -> None:
    if (epoch + 1) % max(1, plan.epochs // 10) == 0:
        report(f"  epoch {epoch + 1}: loss {losses['loss']:.3f}, validation {losses['val_loss']:.3f}")


def _mean(scores: NDArray[np.float64], clips: list[dataset.Clip], anomalous: bool) -> float:
    return round(float(np.mean([s for s, c in zip(scores, clips, strict=True) if c.anomalous is anomalous])), 3)


def _describe_architecture(graph: Graph) -> dict[str, Any]:
    per_channel = any(tensor.quantization and tensor.quantization.per_channel for tensor in graph.tensors)
    return {
        "operators": f"{len(graph.operators)} x FULLY_CONNECTED, ReLU on all but the last",
        "widths": list(structure.WIDTHS),
        "parameters": structure.PARAMETERS,
        "macs": structure.MACS,
        "weights": "int8, per channel" if per_channel else "int8, per tensor",
        "input": _describe_tensor(graph, graph.inputs[0]),
        "output": _describe_tensor(graph, graph.outputs[0]),
    }


def _describe_tensor(graph: Graph, index: int) -> dict[str, Any]:
    quantization = graph.tensors[index].quantization
    assert quantization is not None
    return {"scale": float(quantization.scale), "zero_point": quantization.zero_point}


def _describe_data(sizes: Sizes, windows: int) -> dict[str, Any]:
    return {
        "what": f"synthetic machine sounds of models/ad/sounds.py, {SECONDS} s at {SAMPLE_RATE} Hz",
        "machines": [machine.id for machine in MACHINES],
        "faults": [fault.name for fault in FAULTS],
        "training_clips_per_machine": sizes.training,
        "training_windows": windows,
        "held_out_normal_clips_per_machine": sizes.normal,
        "held_out_anomalous_clips_per_machine_and_fault": sizes.anomalous,
    }


def main(arguments: list[str] | None = None) -> int:
    """Command line of this module; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m models.ad.train", description="Make the shipped ad model.")
    parser.add_argument("--out", type=Path, default=BUILD / "train" / "ad", help="folder for the two files")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--smoke", action="store_true", help="little data, few epochs: does everything work?")
    options = parser.parse_args(arguments)
    try:
        make(options.out, seed=options.seed, smoke=options.smoke)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
