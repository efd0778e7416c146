"""Models of one UNIDIRECTIONAL_SEQUENCE_LSTM, and inputs for them."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.ops.lstm_tensors import DTYPES, GATES, ROLES
from models.flatbuffer import OperatorSpec, TensorSpec, build_model

POSITIONS = 24
TANH = 4


@dataclass
class Case:
    """One layer; constants follow from ``seed`` unless ``changes`` replace fields of a tensor.

    ``gain``: of the sums in the gates, where 1 is about what a trained layer has. ``spare`` puts a tensor at a position
    that has none; ``omitted`` leaves one out.
    """

    dtype: str = "int8"
    batches: int = 2
    steps: int = 3
    depth: int = 5
    units: int = 6
    time_major: bool = False
    zero_points: tuple[int, int, int] = (3, -5, 0)  # of input, hidden state, cell state
    hidden_scale: float = 2.0**-7
    cell_scale: float = 2.0**-11
    cell_clip: float = 0.0
    gain: float = 1.0
    seed: int = 0
    activation: int = TANH
    spare: int = -1
    omitted: int = -1
    changes: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def outer(self) -> tuple[int, int]:
        return (self.steps, self.batches) if self.time_major else (self.batches, self.steps)

    def tensors(self) -> dict[str, TensorSpec]:
        rng = np.random.default_rng(self.seed)
        weights, bias, cell = DTYPES.get(self.dtype, DTYPES["int8"])
        state = (self.batches, self.units)
        tensors = {"input": self._tensor((*self.outer, self.depth), self.dtype, 2.0**-5, self.zero_points[0])}
        for kind, depth in (("input", self.depth), ("recurrent", self.units)):
            for gate in GATES:
                scale = float(self.gain * rng.uniform(0.5, 2) * 0.02 / np.sqrt(depth))
                spec = self._tensor((self.units, depth), weights, scale)
                tensors[f"{kind}-to-{gate} weights"] = spec
                spec.data = self._values(rng, spec, scale)
        for gate in GATES:
            spec = self._tensor((self.units,), bias, 2.0**-5 * 0.02)
            tensors[f"{gate} gate bias"] = spec
            spec.data = rng.normal(0, 1 if self.dtype == "float32" else 2000, self.units).astype(bias)
        hidden, zero_point = self.hidden_scale, self.zero_points[1]
        tensors["hidden state"] = self._tensor(state, self.dtype, hidden, zero_point, True)
        tensors["cell state"] = self._tensor(state, cell, self.cell_scale, self.zero_points[2], True)
        tensors["output"] = self._tensor((*self.outer, self.units), self.dtype, hidden, zero_point)
        for name, fields in self.changes.items():
            for key, value in fields.items():
                setattr(tensors[name], key, value)
        return tensors

    def _tensor(
        self, shape: tuple[int, ...], dtype: str, scale: float, zero_point: int = 0, variable: bool = False
    ) -> TensorSpec:
        if self.dtype == "float32":
            return TensorSpec(shape, dtype, variable=variable)
        return TensorSpec(shape, dtype, [scale], [zero_point], variable=variable)

    def _values(self, rng: np.random.Generator, spec: TensorSpec, scale: float) -> NDArray[Any]:
        if self.dtype == "float32":
            return rng.normal(0, 60 * scale, spec.shape).astype(np.float32)
        return rng.integers(-128, 128, spec.shape).astype(np.int8)

    def model(self, inputs: int = POSITIONS) -> bytes:
        tensors = self.tensors()
        names = list(tensors)
        indices = [names.index(ROLES[i]) if i in ROLES and i != self.omitted else -1 for i in range(inputs)]
        if self.spare >= 0:
            indices[self.spare] = names.index("input gate bias")
        options = {"cell_clip": self.cell_clip, "time_major": self.time_major}
        last = len(names) - 1
        operator = OperatorSpec("UNIDIRECTIONAL_SEQUENCE_LSTM", indices, [last], self.activation, options)
        ports = [i for i, spec in enumerate(tensors.values()) if i != last and spec.data is None and not spec.variable]
        return build_model(list(tensors.values()), [operator], ports or [names.index("hidden state")], [last])

    def inputs(self, count: int = 5) -> list[list[NDArray[Any]]]:
        """Random ones and the extremes, in turn."""
        rng, shape = np.random.default_rng(self.seed + 1), (*self.outer, self.depth)
        if self.dtype == "float32":
            values = rng.normal(0, 2, (count, *shape)).astype(np.float32)
            values[2] *= 1e4
            return [[array] for array in values]
        limits = np.iinfo(self.dtype)
        integers = rng.integers(limits.min, limits.max + 1, (count, *shape)).astype(self.dtype)
        integers[1], integers[2] = limits.min, limits.max
        return [[array] for array in integers]
