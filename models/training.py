"""What `invoke train` runs: which script makes the model of a benchmark."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from common.errors import UserError
from common.paths import BUILD
from models.ad.train import make as make_ad


class Make(Protocol):
    """Trains, quantises and judges a model, writes it with its description, and returns the file."""

    def __call__(self, out_dir: Path, *, seed: int, smoke: bool, report: Callable[[str], None]) -> Path: ...


SCRIPTS: dict[str, Make] = {"ad": make_ad}


def train(bench: str, out: Path | None, seed: int, smoke: bool, report: Callable[[str], None]) -> str:
    """Make the model of a benchmark in ``out``, by default ``build/train/<bench>``, and say how to run it.

    Raises:
        UserError: no script for this benchmark, or the training failed.
    """
    script = SCRIPTS.get(bench)
    if script is None:
        raise UserError(f"no training script for benchmark '{bench}'; there are: {', '.join(sorted(SCRIPTS))}")
    path = script(out or BUILD / "train" / bench, seed=seed, smoke=smoke, report=report)
    return f"run it with `invoke build --bench {bench} --model {path}`"
