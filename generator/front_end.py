"""The sound front end of the streaming wakeword benchmark as steps before a program: samples -> int8 mel features.

Facts: mlcommons/tiny, benchmark/reference_submissions/streaming_wakeword. 16 kHz, frames of 1024 samples every 512,
pre-emphasis 0.96875, periodic Hamming window, |X|^2 / 1024, 40 mel bands from 0 to 8 kHz (HTK scale, triangles as in
``tf.signal.linear_to_mel_weight_matrix``), 10 log10, (dB + 52) / 64 clipped to 0 .. 1, quantised with the model's input
scale, cut off towards zero.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from common.errors import UserError
from generator.program import Buffer, Port, Program, State, Step, Value

SAMPLE_RATE_HZ = 16_000
LENGTH, HOP = 1024, 512
BINS = LENGTH // 2 + 1
BANDS = 40
LOW_HZ, HIGH_HZ = 0.0, 8000.0
FLOOR, OFFSET_DB, RANGE_DB = 1e-30, 52.0, 64.0
# The kernels' integers are 32 * 2^15 times the reference's numbers and the power four times |X|^2.
WINDOW_SCALE = 1 / (32 * 2**15) / np.sqrt(4 * LENGTH)
Parameters = dict[str, Value]
SAMPLES, HISTORY, FRAME, POWER = "samples", "history", "frame", "power"


def with_front_end(program: Program) -> Program:
    """The streaming ``program`` of one frame of features with the samples of a hop, int16[1, 512], as its input.

    Its features become a second output.

    Raises:
        UserError: the program does not take int8 features of one frame.
    """
    (source,) = program.inputs
    if program.prime is None or source.dtype != "int8" or source.elements != BANDS or source.quantization is None:
        given = f"{source.elements} {source.dtype}"
        raise UserError(f"the sound front end gives {BANDS} int8 features a frame, the model takes {given}")
    number = max(step.operator for step in program.steps) + 1
    frame: Parameters = {"hop": HOP, "length": LENGTH, "window": window()}
    bands = _bands(source.quantization.scale, source.quantization.zero_point)
    steps = (
        Step(number, "FRAME", "frame_s16", "kernels/frame_s16.h", "FrameS16", frame, (SAMPLES, HISTORY), (FRAME,)),
        Step(
            number + 1,
            "RFFT",
            "rfft_power_f32",
            "kernels/rfft_power_f32.h",
            "RfftPower",
            _twiddles(),
            (FRAME,),
            (POWER,),
        ),
        Step(
            number + 2, "LOG_MEL", "log_mel_s8", "kernels/log_mel_s8.h", "LogMelS8", bands, (POWER,), (source.buffer,)
        ),
    )
    kept = 2 * (LENGTH - HOP + 1)
    sizes = {SAMPLES: 2 * HOP, HISTORY: kept, FRAME: 4 * LENGTH, POWER: 4 * BINS}
    return replace(
        program,
        buffers=(*(Buffer(name, size) for name, size in sizes.items()), *program.buffers),
        steps=(*steps, *program.steps),
        inputs=(Port(SAMPLES, "int16", (1, HOP), None),),
        outputs=(*program.outputs, replace(source, shape=(1, BANDS))),
        # The sample before the window outlives a reset, as a static variable of the reference firmware does.
        states=(State(HISTORY, 0, kept=2), *program.states),
        prime=replace(program.prime, first=len(steps)),
    )


def window() -> NDArray[np.float32]:
    """float32[1024], scaled so that the power spectrum is |X|^2 / 1024 of samples as fractions of full scale."""
    hamming = (0.54 - 0.46 * np.cos(2 * np.pi * np.arange(LENGTH) / LENGTH)).astype(np.float32)
    return hamming * np.float32(WINDOW_SCALE)


def _twiddles() -> Parameters:
    n, k = np.arange(64)[:, None], np.arange(1, 8)
    return {
        "rotations": _pairs(np.exp(-2j * np.pi * n * k / 512)),
        "half_angles": _pairs(np.exp(-2j * np.pi * np.arange(257) / 1024)),
    }


def _pairs(values: NDArray[np.complex128]) -> NDArray[np.float32]:
    return np.stack([values.real, values.imag], axis=-1).astype(np.float32).reshape(-1)


def mel_weights() -> NDArray[np.float64]:
    """float64[513, 40]: the share of each bin in each band."""
    bins = _mel(np.linspace(0, SAMPLE_RATE_HZ / 2, BINS))[:, None]
    lowest, highest = _mel(np.array([LOW_HZ, HIGH_HZ])).tolist()
    edges = np.linspace(lowest, highest, BANDS + 2)
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    weights = np.maximum(0, np.minimum((bins - low) / (middle - low), (high - bins) / (high - middle)))
    weights[0] = 0.0
    return np.asarray(weights)


def _mel(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1127 * np.log1p(hertz / 700))


def _bands(scale: np.float32, zero_point: int) -> Parameters:
    weights = mel_weights()
    used = weights > 0
    first, bins = used.argmax(axis=0), used.sum(axis=0)
    return {
        "bands": BANDS,
        "first": first.astype(np.int16),
        "bins": bins.astype(np.int16),
        "weights": weights.T[used.T].astype(np.float32),
        "floor": np.float32(FLOOR),
        "offset": np.float32(OFFSET_DB),
        "factor": np.float32(1 / RANGE_DB),
        "scale": scale,
        "zero_point": zero_point,
    }
