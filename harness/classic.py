"""The classic command set of ad, ic, kws and vww, which not every benchmark speaks."""

from common.benchmark import Benchmark
from common.errors import UserError


def require_classic(benchmark: Benchmark, task: str) -> None:
    """Raises UserError where ``task`` needs commands that the benchmark's firmware does not have."""
    if benchmark.front_end:
        raise UserError(
            f"{task} needs the command `infer`, which {benchmark.name} does not have; `invoke bench` runs it frame by"
            " frame, with the cycles of features and network"
        )
