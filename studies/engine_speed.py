"""How fast the virtual board runs on this computer: the last build of each benchmark, with and without the cycle model.

``python -m studies.engine_speed [bench ...]`` after ``invoke build``; uses what is below ``build/``.
"""

import sys
import time

from common.artifact import load_firmware
from common.errors import UserError
from harness.device import Device
from harness.link import Link
from harness.ports import VIRTUAL
from harness.virtual_port import virtual_port

BOARD = "nucleo_l4r5zi"
BENCHES = ("ad", "kws", "ic", "vww")
TARGET = 400_000_000  # instructions of a measurement, about
WARM_UP = 3  # rounds in which hot regions are found and compiled
INFER_TIMEOUT_S = 6000.0  # virtual time


def measure(bench: str, *, timing: bool) -> tuple[float, float, float]:
    """(CPU seconds to boot, million instructions a CPU second while hot code is found, and after that)."""
    from common.board import load_board

    started = time.process_time()
    machine, port = virtual_port(load_firmware(BOARD, bench), load_board(BOARD), timing=timing)
    with Link(port, VIRTUAL, lambda: machine.seconds) as link:
        Device(link).synchronise()
        boot = time.process_time() - started

        def infer(count: int) -> tuple[int, float]:
            instructions, seconds = machine.instructions, time.process_time()
            link.ask(f"infer {count} 1", INFER_TIMEOUT_S)
            return machine.instructions - instructions, time.process_time() - seconds

        one, _ = infer(1)
        count = max(1, TARGET // one)
        rounds = [infer(count) for _ in range(WARM_UP)]
        instructions, seconds = infer(count)
    first = sum(n for n, _ in rounds) / sum(s for _, s in rounds)
    return boot, first / 1e6, instructions / seconds / 1e6


def main() -> None:
    print(f"{'bench':6}{'timing':8}{'boot s':>8}{'M/s warming':>13}{'M/s':>8}")
    for bench in sys.argv[1:] or BENCHES:
        for timing in (True, False):
            try:
                boot, first, speed = measure(bench, timing=timing)
            except UserError as error:
                sys.exit(str(error))
            print(f"{bench:6}{'full' if timing else 'none':8}{boot:8.1f}{first:13.1f}{speed:8.1f}", flush=True)


if __name__ == "__main__":
    main()
