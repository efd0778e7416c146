"""Tasks that compare many builds or runs."""

from typing import Any

from invoke.context import Context
from invoke.tasks import task

from cli.last_build import chosen_model
from cli.options import (
    BENCH_HELP,
    BOARD_HELP,
    DASK_HELP,
    DEFAULT_BOARD,
    DEFAULT_OPTIMIZE,
    MODEL_HELP,
    OPTIMIZE_HELP,
    SERIAL_HELP,
    friendly,
    integer,
    path_of,
    port_of,
)
from common.console import console, say


def _bench(choice: Any) -> str:
    """Of a choice of a model: the benchmark's name, empty for a model that none of them has."""
    from common.benchmark import benchmark_names

    name: str = choice.benchmark.name
    return name if name in benchmark_names() else ""


@task(
    help={
        "board": BOARD_HELP,
        "bench": "a file below benchmarks/ (default: all with published results)",
        "page": "also write the results as a Markdown page to this file",
        "others": "also a dozen other networks with random weights",
    }
)
@friendly
def speed(
    _context: Context,
    board: str | None = None,
    bench: str | None = None,
    page: str | None = None,
    others: bool = False,
) -> None:
    """Show cycles, flash and RAM of the reference models for every objective, beside the best published results."""
    from common.benchmark import benchmark_names, load_benchmark
    from common.board import load_board
    from studies.speed import published_results, run_speed

    chosen = load_board(board or DEFAULT_BOARD)
    benches = [load_benchmark(bench).name] if bench else sorted(published_results(chosen)) or benchmark_names()
    path = path_of(page)
    run_speed(chosen, benches, path, console, others=others)


@task(
    help={
        "board": BOARD_HELP,
        "bench": BENCH_HELP,
        "model": MODEL_HELP,
        "out": "file for the picture (default build/explore/<bench>.svg)",
        "dask": DASK_HELP,
    }
)
@friendly
def explore(
    _context: Context,
    board: str | None = None,
    bench: str | None = None,
    model: str | None = None,
    out: str | None = None,
    dask: str | None = None,
) -> None:
    """Show what latency costs in RAM and flash: images for every objective and several RAM budgets, the best marked."""
    from common.board import load_board
    from studies.explore import run_explore

    choice = chosen_model(bench, model)
    picture = path_of(out)
    run_explore(load_board(board or DEFAULT_BOARD), _bench(choice), choice.model, picture, dask, console)


@task(
    help={
        "board": BOARD_HELP,
        "bench": BENCH_HELP,
        "model": MODEL_HELP,
        "optimize": OPTIMIZE_HELP,
        "dask": DASK_HELP,
        "port": "serial port of a real board to measure on; every candidate is programmed (default: the virtual board)",
        "serial": SERIAL_HELP,
    }
)
@friendly
def tune(
    _context: Context,
    board: str | None = None,
    bench: str | None = None,
    model: str | None = None,
    optimize: str | None = None,
    dask: str | None = None,
    port: str | None = None,
    serial: str | None = None,
) -> None:
    """Measure kernels, block sizes and the flash's prefetch, on the virtual board or a real one; tuning/ keeps them."""
    from common.board import load_board
    from studies.on_board import board_meter
    from studies.tune import run_tune

    choice = chosen_model(bench, model)
    chosen = load_board(board or DEFAULT_BOARD)
    device = board_meter(chosen, port_of(port, serial), dask, console)
    objective = optimize or DEFAULT_OPTIMIZE
    path = run_tune(chosen, _bench(choice), choice.model, objective, console, cluster=dask, device=device)
    if path is not None:
        say(f"choices: {path}; builds of this model use them from now on")


@task(
    help={
        "board": BOARD_HELP,
        "port": "a real board that runs the image: its times become the references, and free constants are fitted",
        "flash_first": "program the image onto the plugged-in board before (with --port)",
        "image": "a firmware image (.bin, .hex, .elf) of anybody for this board; needs --bench and --reference-ms",
        "bench": "the image's benchmark",
        "reference_ms": "the image's published latency",
        "flash_read_bytes": "bytes of a flash read the image was published with: 8 (dual bank, default) or 16",
        "list": "a TOML file that lists images: [[image]] with file, bench, reference_ms, flash_read_bytes, source",
        "page": "also write the model, its errors and its interval as a Markdown page to this file",
    }
)
@friendly
def calibrate(
    _context: Context,
    board: str | None = None,
    port: str | None = None,
    flash_first: bool = False,
    image: str | None = None,
    bench: str | None = None,
    reference_ms: str | None = None,
    flash_read_bytes: str = "8",
    list: str | None = None,
    page: str | None = None,
) -> None:
    """Compare the cycle model with manuals, published latencies or a real board, and say how far it is off."""
    from common.board import load_board
    from studies.calibration.images import from_options
    from studies.calibration.run import program_image, run_calibration

    chosen = load_board(board or DEFAULT_BOARD)
    reads = integer("--flash-read-bytes", flash_read_bytes)
    images = from_options(image, bench, reference_ms, reads, list)
    if flash_first:
        say(program_image(chosen))
    run_calibration(chosen, console, port=port, images=images, page=path_of(page))


@task(help={"board": BOARD_HELP, "bench": "a benchmark that has been built (default: all that have been)"})
@friendly
def engine_speed(_context: Context, board: str | None = None, bench: str | None = None) -> None:
    """Show how fast the virtual board runs on this computer: instructions a second, with and without cycle model."""
    from common.artifact import built_benches
    from common.board import load_board
    from studies.engine_speed import run_engine_speed

    target = load_board(board or DEFAULT_BOARD)
    run_engine_speed(target, [bench] if bench else built_benches(target.name), console)
