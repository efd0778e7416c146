"""Tasks that make firmware: from a model to a programmed board."""

from pathlib import Path

from invoke.context import Context
from invoke.tasks import task

from cli.last_build import build_firmware, built, chosen_model, energy_image
from cli.options import (
    BENCH_HELP,
    BOARD_HELP,
    DEFAULT_BOARD,
    DEFAULT_OPTIMIZE,
    MODEL_HELP,
    NO_DCE_HELP,
    OPTIMIZE_HELP,
    RUNTIME_HELP,
    SERIAL_HELP,
    STREAMING_HELP,
    TFLM_LIB_HELP,
    friendly,
    path_of,
    port_of,
)
from common.console import console, say


@task(
    help={
        "board": BOARD_HELP,
        "bench": BENCH_HELP,
        "model": MODEL_HELP,
        "runtime": RUNTIME_HELP,
        "no_dce": NO_DCE_HELP,
        "optimize": OPTIMIZE_HELP,
        "ram_budget": "bytes of RAM the image may take, 49152 or 48K (default: the board's)",
        "flash_budget": "bytes of flash the image may take (default: the board's)",
        "energy": "also the image for energy mode, in energy/ of that folder: timestamps on a pin, 9600 baud",
        "platform": "PlatformIO platform: firmbench, or ststm32 where it is installed (default firmbench)",
        "streaming": STREAMING_HELP,
        "tflm_lib": TFLM_LIB_HELP,
    }
)
@friendly
def build(
    _context: Context,
    board: str | None = None,
    bench: str | None = None,
    model: str | None = None,
    runtime: str | None = None,
    no_dce: bool = False,
    optimize: str | None = None,
    ram_budget: str | None = None,
    flash_budget: str | None = None,
    energy: bool = False,
    platform: str | None = None,
    streaming: str | None = None,
    tflm_lib: str | None = None,
) -> None:
    """Build the firmware: model -> C -> PlatformIO -> build/<board>/<bench>/firmware.elf, .bin, .map."""
    build_firmware(
        board, bench, model, runtime, no_dce, optimize, ram_budget, flash_budget, energy, platform, streaming, tflm_lib
    )


@task(
    help={
        "bench": BENCH_HELP,
        "model": MODEL_HELP,
        "no_dce": NO_DCE_HELP,
        "optimize": OPTIMIZE_HELP,
        "streaming": STREAMING_HELP,
        "out": "file for the picture (default build/plans/<model>.svg)",
    }
)
@friendly
def plan(
    _context: Context,
    bench: str | None = None,
    model: str | None = None,
    no_dce: bool = False,
    optimize: str | None = None,
    streaming: str | None = None,
    out: str | None = None,
) -> None:
    """Show where each tensor lies in the tensor arena and when, as a table and a picture. Needs no compiler."""
    from common.files import write_atomic
    from common.paths import BUILD
    from generator.compile import compile_model
    from generator.contents import columns_bytes
    from generator.importer import read_model
    from generator.placement import check_objective
    from generator.plan_report import plan_summary, plan_svg, plan_table

    choice = chosen_model(bench, model, streaming)
    objective = check_objective(optimize or DEFAULT_OPTIMIZE)
    name = choice.model.name
    with console.status(f"compiling {name}"):
        compiled = compile_model(
            read_model(choice.model),
            str(choice.model),
            dead_channels=not no_dce,
            compact=objective == "memory",
            columns_bytes=columns_bytes(objective),
            streaming=choice.benchmark.streaming,
            front_end=choice.benchmark.front_end,
        )
    console.print(plan_table(compiled.program, compiled.memory))
    say(f"{name}: {plan_summary(compiled.program, compiled.memory)}")
    path = Path(out).expanduser() if out else BUILD / "plans" / f"{choice.model.stem}.svg"
    write_atomic(path, plan_svg(compiled.program, compiled.memory, f"Tensor arena of {name}"))
    say(f"picture: {path}")


@task(
    help={
        "out": "folder for the project; absent, empty, or an earlier export",
        "name": "what its functions begin with (default: the benchmark's or the model's name)",
        "board": f"{BOARD_HELP}: whose tuned choices are used",
        "bench": BENCH_HELP,
        "model": MODEL_HELP,
        "no_dce": NO_DCE_HELP,
        "optimize": "memory: no weights that are larger than the model's to be faster (default: as fast as possible)",
    }
)
@friendly
def export(
    _context: Context,
    out: str,
    name: str | None = None,
    board: str | None = None,
    bench: str | None = None,
    model: str | None = None,
    no_dce: bool = False,
    optimize: str | None = None,
) -> None:
    """Write the compiled model as a C project of its own, for any firmware (docs/export.md)."""
    from common.board import load_board
    from generator.export import export_model
    from generator.placement import check_objective

    choice = chosen_model(bench, model)
    chosen = load_board(board or DEFAULT_BOARD)
    objective = check_objective(optimize or DEFAULT_OPTIMIZE)
    folder = Path(out).expanduser()
    with console.status(f"compiling {choice.model.name}"):
        compiled = export_model(
            choice.model,
            name or choice.benchmark.name,
            folder,
            board=chosen.name,
            dead_channels=not no_dce,
            optimize=objective,
        )
    for note in choice.notes:
        say(f"note: {choice.model.name}: {note}")
    constants, arena = compiled.program.constant_bytes, compiled.memory.arena_bytes
    say(f"{choice.model.name} as C, {constants:,} bytes of constants, {arena:,} bytes of RAM: {folder / 'README.md'}")


@task(positional=["name"], help={"name": "the new folder below boards/", "like": "a board of the same chip family"})
@friendly
def new_board(_context: Context, name: str, like: str = DEFAULT_BOARD) -> None:
    """Make the folder of a board like a known one, and say what to fill in."""
    from common.new_board import marks
    from common.new_board import new_board as make_board

    path = make_board(name, like)
    say(f"{path}: look these up and take the marks away (docs/boards.md):")
    say("\n".join(f"  {line}" for line in marks(path)))
    say(f"then: invoke build --board {name} --bench ad")


@task(
    help={
        "port": "virtual: boot the image on the virtual board; default: the plugged-in board, else virtual",
        "via": "mass-storage, st-flash, openocd or pyocd (default: the drive if mounted, else the first tool on PATH)",
        "energy": "the image for energy mode, of `invoke build --energy`",
        "drive": "folder where the board's drive is mounted, for mass-storage",
        "serial": SERIAL_HELP,
    }
)
@friendly
def flash(
    _context: Context,
    port: str | None = None,
    via: str | None = None,
    drive: str | None = None,
    serial: str | None = None,
    energy: bool = False,
) -> None:
    """Program the last build onto the board, or boot it on the virtual one."""
    from common.board import load_board
    from generator.flash import flash as flash_board
    from harness.flash import flash_virtual, probe_number, wants_virtual

    port_of(port, serial)
    firmware = energy_image(built()) if energy else built()
    board = load_board(firmware.board)
    number = probe_number(board, serial, console) if serial else None
    if number is None and via is None and drive is None and wants_virtual(board, port, console):
        say(flash_virtual(firmware, board))
    else:
        with console.status(f"programming {board.title}"):
            done = flash_board(firmware, board, via, path_of(drive), number)
        say(done)
