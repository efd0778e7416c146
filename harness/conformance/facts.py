"""What of a device shows on the wire: asked of it, and looked up by the name of its model."""

from collections.abc import Callable
from dataclasses import dataclass

from common.benchmark import benchmark_names, load_benchmark


@dataclass(frozen=True)
class Shape:
    """What one inference takes and prints. ``elements`` numbers of ``element_bytes`` each on the wire."""

    elements: int
    element_bytes: int
    results: int

    @property
    def input_bytes(self) -> int:
        return self.elements * self.element_bytes


@dataclass(frozen=True)
class Facts:
    """``max_bytes``: the input buffer, None when the device does not tell. ``shape``: None for an unknown model.

    ``energy``: built for energy mode, in which timestamps are pulses on a pin.
    """

    vendor: str
    model: str
    max_bytes: int | None
    shape: Shape | None
    energy: bool = False


ShapeOf = Callable[[str], Shape | None]


def known_shape(model: str) -> Shape | None:
    """The shape of the benchmark that ``model``, a name as `profile` gives it, belongs to."""
    for name in benchmark_names():
        benchmark = load_benchmark(name)
        if benchmark.model_id == model:
            size = benchmark.element_bytes
            return Shape(benchmark.input_bytes // size, size, benchmark.result_count)
    return None
