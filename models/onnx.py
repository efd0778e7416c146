"""ONNX models as float `.tflite`: converted by the program onnx2tf, which is not part of firmbench.

It pins the versions of its packages, TensorFlow among them, so that it lives in an environment of its own and runs as
a program. Pictures and other inputs with channels come out channels last, as microcontrollers want them.
"""

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from common.errors import UserError
from common.files import write_atomic
from common.paths import BUILD

PROGRAM = "onnx2tf"
SAMPLE = "calibration_image_sample_data_20x128x128x3_float32.npy"  # downloaded by it where there is none
SAMPLE_SHAPE = (20, 128, 128, 3)
WORDS = 3  # lines of its output in a message


def to_tflite(model: Path) -> Path:
    """The float `.tflite` of an ONNX file in `build/models`; made once for each content.

    Raises:
        UserError: the file cannot be read, the program is missing, or it fails.
    """
    try:
        content = model.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read model {model}: {error.strerror}") from error
    target = BUILD / "models" / f"{model.stem}_{hashlib.sha256(content).hexdigest()[:8]}_float32.tflite"
    if target.is_file():
        return target
    program = shutil.which(PROGRAM)
    if program is None:
        raise UserError(
            f"{model} is an ONNX model, and {PROGRAM}, which converts it, is not on PATH;"
            f" run `pipx install {PROGRAM}`, or convert it yourself and give the .tflite"
        )
    with tempfile.TemporaryDirectory() as folder:
        # Only compared with what it makes itself; a local file keeps it from the network.
        np.save(Path(folder, SAMPLE), np.random.default_rng(0).random(SAMPLE_SHAPE, np.float32))
        command = [program, "-i", str(model.resolve()), "-o", "out", "-n"]
        answer = subprocess.run(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        made = Path(folder, "out", f"{model.stem}_float32.tflite")
        if answer.returncode or not made.is_file():
            said = [line for line in answer.stdout.splitlines() if line.strip()][-WORDS:]
            raise UserError("\n".join([f"{PROGRAM} could not convert {model}:", *said]))
        write_atomic(target, made.read_bytes())
    return target
