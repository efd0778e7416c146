"""The truth about a model's outputs: TensorFlow Lite Micro with its reference kernels (PyPI ``tflite-micro``)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tflite
from numpy.typing import NDArray

from common.errors import UserError

ORACLE_ARENA_BYTES = 16 << 20  # its own guess, ten times the model's size, is too small for small ones


@dataclass(frozen=True)
class TensorInfo:
    """A number q of an integer tensor stands for (q - zero_point) * scale, or for itself where scale is None."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    scale: np.float32 | None
    zero_point: int

    @property
    def elements(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))


class Oracle:
    """A model, run as TensorFlow Lite Micro does. ``inputs`` and ``outputs`` describe its tensors."""

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
        graph = tflite.Model.GetRootAsModel(model, 0).Subgraphs(0)
        self.inputs = tuple(_info(self._interpreter.get_input_details(i)) for i in range(graph.InputsLength()))
        self.outputs = tuple(_info(self._interpreter.get_output_details(i)) for i in range(graph.OutputsLength()))

    def run(self, inputs: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        """Every output, flat, for one array per input of any shape, the right number of elements and its own type."""
        for index, (values, tensor) in enumerate(zip(inputs, self.inputs, strict=True)):
            self._interpreter.set_input(values.reshape(tensor.shape), index)
        return self._invoke()

    def _invoke(self) -> list[NDArray[Any]]:
        self._interpreter.invoke()
        return [np.array(self._interpreter.get_output(index)).reshape(-1) for index in range(len(self.outputs))]

    def infer(self, values: NDArray[Any]) -> NDArray[Any]:
        """The output, flat, of a model with one input and one output."""
        (output,) = self.run([values])
        return output

    def infer_real(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """float32 [n, input elements], quantised, run and dequantised, to float32 [n, output elements]."""
        outputs = np.stack([self.infer(row) for row in self.quantize(values)])
        (output,) = self.outputs
        if output.scale is None:
            return outputs
        real: NDArray[np.float32] = (outputs.astype(np.float32) - np.float32(output.zero_point)) * output.scale
        return real

    def quantize(self, values: NDArray[np.float32]) -> NDArray[Any]:
        """Float input as the model's own type: round(x / scale) + zero point, halves away from zero, clamped."""
        (tensor,) = self.inputs
        if tensor.scale is None:
            return values
        ratio = values.astype(np.float32) / tensor.scale
        rounded = np.trunc(ratio + np.copysign(0.5, ratio.astype(np.float64)))
        quantized: NDArray[np.int8] = np.clip(rounded + tensor.zero_point, -128, 127).astype(np.int8)
        return quantized


class StreamOracle(Oracle):
    """The same for a model that gets one step along ``axis`` of its one input at a time.

    Each inference sees the last steps, the newest at the end; before the first one they are zero bytes.
    """

    def __init__(self, model: bytes, axis: int) -> None:
        """Raises UserError as `Oracle`."""
        super().__init__(model)
        (whole,) = self.inputs
        self._axis = axis
        self._window = np.zeros(whole.shape, whole.dtype)
        self.inputs = (replace(whole, shape=(*whole.shape[:axis], 1, *whole.shape[axis + 1 :])),)

    def run(self, inputs: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        """Every output, flat, for the window that ends with this step."""
        (step,) = inputs
        newest = step.reshape(self.inputs[0].shape)
        kept = np.delete(self._window, 0, axis=self._axis)
        self._window = np.concatenate([kept, newest], axis=self._axis)
        self._interpreter.set_input(self._window, 0)
        return self._invoke()


def _info(details: dict[str, Any]) -> TensorInfo:
    """From the interpreter's description. It gives tensors without quantisation no scale, or a scale of 0."""
    scales = np.asarray(details["quantization_parameters"]["scales"], np.float32)
    zero_points = details["quantization_parameters"]["zero_points"]
    quantized = scales.size > 0 and scales[0] != 0
    return TensorInfo(
        np.dtype(details["dtype"]),
        tuple(int(size) for size in details["shape"]),
        np.float32(scales[0]) if quantized else None,
        int(zero_points[0]) if quantized else 0,
    )
