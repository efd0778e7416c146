"""How fast the virtual board runs on this computer: benchmarks as built last, with and without the cycle model.

All times are this process's CPU time, so that other work on the computer disturbs little. What the engine has compiled
before it takes from below ``build/``; deleting ``build/engine`` shows a first start.
"""

import time
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from common.artifact import load_firmware
from common.board import Board
from common.errors import UserError
from harness.device import Device
from harness.link import Link
from harness.ports import VIRTUAL
from harness.virtual_port import virtual_port

TARGET = 400_000_000  # instructions of a measurement, about
WARM_UP = 3  # rounds in which hot regions are found and compiled
INFER_TIMEOUT_S = 6000.0  # virtual time


@dataclass(frozen=True)
class Speed:
    """``boot`` is CPU seconds up to the first answer, the others are million instructions per CPU second."""

    boot: float
    warming_up: float
    steady: float


def measure(board: Board, bench: str, *, timing: bool) -> Speed:
    """``timing``: with the cycle model. Raises UserError when the benchmark has not been built."""
    started = time.process_time()
    machine, port = virtual_port(load_firmware(board.name, bench), board, timing=timing)
    with Link(port, VIRTUAL, lambda: machine.seconds) as link:
        Device(link).synchronise()
        boot = time.process_time() - started

        def infer(count: int) -> tuple[int, float]:
            instructions, seconds = machine.instructions, time.process_time()
            link.ask(f"infer {count} 1", INFER_TIMEOUT_S)
            return machine.instructions - instructions, time.process_time() - seconds

        one, first = infer(1)
        count = max(1, TARGET // one)
        rounds = [(one, first), *(infer(count) for _ in range(WARM_UP))]
        instructions, seconds = infer(count)
    warming_up = sum(n for n, _ in rounds) / sum(s for _, s in rounds)
    return Speed(boot, warming_up / 1e6, instructions / seconds / 1e6)


def run_engine_speed(board: Board, benches: list[str], console: Console) -> None:
    """Print a table.

    Raises:
        UserError: one of the benchmarks has not been built, or none is asked for.
    """
    if not benches:
        raise UserError(f"nothing has been built for {board.name}; run `invoke build --board {board.name} --bench ad`")
    table = Table(title=f"virtual {board.title}: speed on this computer")
    table.add_column("benchmark")
    table.add_column("cycle model")
    for column in ("boot, CPU s", "warming up, M instr/s", "steady, M instr/s"):
        table.add_column(column, justify="right")
    for bench in benches:
        for timing in (True, False):
            speed = measure(board, bench, timing=timing)
            numbers = (f"{speed.boot:.1f}", f"{speed.warming_up:.0f}", f"{speed.steady:.0f}")
            table.add_row(bench, "yes" if timing else "no", *numbers)
    console.print(table)
