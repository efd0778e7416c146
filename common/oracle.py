"""The truth about a model's outputs: TensorFlow Lite Micro with its reference kernels (PyPI ``tflite-micro``)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import UserError

ORACLE_ARENA_BYTES = 16 << 20  # its own guess, ten times the model's size, is too small for small ones


class Oracle:
    """A model with one input and one output, run as TensorFlow Lite Micro does.

    ``input`` and ``output`` are the interpreter's descriptions: ``shape``, ``dtype``, ``quantization_parameters``.
    """

    def __init__(self, model: bytes) -> None:
        """Raises UserError when the package is missing or cannot run the model."""
        try:
            from tflite_micro.python.tflite_micro import runtime
        except ImportError:
            raise UserError(
                "this needs tflite-micro, which has packages for Linux; ./invoke installs it for the tasks that use it"
            ) from None
        try:
            self._interpreter = runtime.Interpreter.from_bytes(model, arena_size=ORACLE_ARENA_BYTES)
        except (RuntimeError, ValueError) as error:
            raise UserError(f"TensorFlow Lite Micro cannot run this model: {error}") from error
        self.input: dict[str, Any] = self._interpreter.get_input_details(0)
        self.output: dict[str, Any] = self._interpreter.get_output_details(0)

    def infer(self, values: NDArray[Any]) -> NDArray[Any]:
        """Output, flat, for one input of any shape with the right number of elements and the model's own type."""
        self._interpreter.set_input(values.reshape(self.input["shape"]), 0)
        self._interpreter.invoke()
        output: NDArray[Any] = np.array(self._interpreter.get_output(0)).reshape(-1)
        return output

    def infer_real(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """float32 [n, input elements], quantised, run and dequantised, to float32 [n, output elements]."""
        outputs = np.stack([self.infer(row) for row in self.quantize(values)])
        if self.output["dtype"] == np.float32:
            return outputs
        scale, zero_point = _affine(self.output)
        real: NDArray[np.float32] = (outputs.astype(np.float32) - np.float32(zero_point)) * scale
        return real

    def quantize(self, values: NDArray[np.float32]) -> NDArray[Any]:
        """Float input as the model's own type: round(x / scale) + zero point, halves away from zero, clamped."""
        if self.input["dtype"] == np.float32:
            return values
        scale, zero_point = _affine(self.input)
        ratio = values.astype(np.float32) / scale
        rounded = np.trunc(ratio + np.copysign(0.5, ratio.astype(np.float64)))
        quantized: NDArray[np.int8] = np.clip(rounded + zero_point, -128, 127).astype(np.int8)
        return quantized


def _affine(details: dict[str, Any]) -> tuple[np.float32, int]:
    parameters = details["quantization_parameters"]
    return np.float32(parameters["scales"][0]), int(parameters["zero_points"][0])
