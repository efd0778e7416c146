"""The command line: `invoke --list`. Each task calls one function and knows nothing itself."""

import functools
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from invoke.collection import Collection
from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from common.console import console, say
from common.errors import UserError

DEFAULT_BOARD = "nucleo_l4r5zi"
DEFAULT_BENCH = "ad"
DEFAULT_RUNTIME = "aot"
INTERRUPTED = 130  # the shell's exit code for Ctrl-C

BOARD_HELP = f"board folder below boards/ (default {DEFAULT_BOARD})"
BENCH_HELP = f"benchmark: a file below benchmarks/ (default {DEFAULT_BENCH})"
MODEL_HELP = (
    "a .tflite model; without --bench, my_model.toml beside my_model.tflite or the model itself describes its use"
)
DATA_HELP = "folder with inputs (<DIR>/<model id>/y_labels.csv and .bin files); default: synthetic ones"
RUNTIME_HELP = f"how the model runs: aot, compiled ahead of time (default {DEFAULT_RUNTIME})"
DEFAULT_OPTIMIZE = "latency"
OPTIMIZE_HELP = (
    "what RAM is spent for: latency (kernels and constants are copied there at boot), memory (nothing is) or balanced"
    f" (kernels, and constants that pay) (default {DEFAULT_OPTIMIZE})"
)
STREAMING_HELP = "axis of the input that is time: one step of it at a time, all else is kept between inferences"
NO_DCE_HELP = "keep dead channels: those that are constant or that nobody uses"
DASK_HELP = "scheduler of a Dask cluster to measure on, tcp://host:8786 (default: this computer's cores)"
PORT_HELP = (
    "serial device, socket://host:port, rfc2217://host:port, virtual, or board:NAME for one that `invoke board` runs"
    " (default: the plugged-in board, else virtual)"
)


SERIAL_HELP = "USB serial number of the board to use, or its beginning; `invoke boards` lists them"


def friendly(function: Callable[..., None]) -> Callable[..., None]:
    """Turn what a user can cause into one line on standard error and an honest exit code."""

    @functools.wraps(function)
    def wrapper(*arguments: Any, **options: Any) -> None:
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # clean up as for Ctrl-C
        try:
            function(*arguments, **options)
        except UserError as error:
            raise Exit(f"error: {error}", code=1) from None
        except OSError as error:  # disk full, read-only folder: where errors of files we own end up
            raise Exit(f"error: {error.filename or 'system'}: {error.strerror}", code=1) from None
        except KeyboardInterrupt:
            raise Exit("interrupted", code=INTERRUPTED) from None

    return wrapper


def _choice(bench: str | None, model: str | None, streaming: str | None = None) -> Any:
    from generator.choice import choose

    path = Path(model).expanduser() if model else None
    if path is not None and path.suffix == ".onnx":
        from models.onnx import to_tflite

        with console.status(f"converting {path.name}"):
            path = to_tflite(path)
    axis = _count("--streaming", streaming) if streaming else None
    choice = choose(bench, path, DEFAULT_BENCH, axis)
    if choice.found:
        say(f"{choice.model.name}: {choice.found}")
    return choice


def _build(
    board: str | None = None,
    bench: str | None = None,
    model: str | None = None,
    runtime: str | None = None,
    no_dce: bool | None = None,
    optimize: str | None = None,
    ram_budget: str | None = None,
    flash_budget: str | None = None,
    energy: bool | None = None,
    platform: str | None = None,
    streaming: str | None = None,
) -> Any:
    from common.board import load_board
    from generator.build import build as build_firmware
    from generator.platformio import OWN_PLATFORM
    from generator.report import change_lines, size_table

    chosen = load_board(board or DEFAULT_BOARD)
    choice = _choice(bench, model, streaming)
    benchmark = choice.benchmark
    with console.status("building") as status:
        firmware = build_firmware(
            chosen,
            benchmark,
            choice.model,
            runtime or DEFAULT_RUNTIME,
            lambda step: status.update(f"building {benchmark.name} for {chosen.name}: {step}"),
            choice.notes,
            dead_channels=not no_dce,
            optimize=optimize or DEFAULT_OPTIMIZE,
            ram_budget=_bytes("--ram-budget", ram_budget),
            flash_budget=_bytes("--flash-budget", flash_budget),
            energy=bool(energy),
            platform=platform or OWN_PLATFORM,
        )
    console.print(size_table(firmware, chosen))
    for line in (*change_lines(firmware.changes), f"{firmware.macs:,} MACs; memory plan: {firmware.plan}"):
        say(line)
    for note in firmware.notes:
        say(f"note: {firmware.model.name}: {note}")
    return firmware


def _built(*options: str | bool | None) -> Any:
    """The last build; a new one with the ``options`` of `_build` where any is given or nothing was built yet."""
    from common.artifact import last_firmware

    if all(option is None for option in options):
        firmware = last_firmware()
        if firmware is not None:
            return firmware
    return _build(*options)  # type: ignore[arg-type]


def _port(port: str | None, serial: str | None) -> str | None:
    """What ``--port`` and ``--serial`` mean together."""
    if port is not None and serial is not None:
        raise UserError("--port and --serial both name a port; give one of them")
    return f"serial:{serial}" if serial else port


def _energy_image(firmware: Any) -> Any:
    from common.artifact import load_energy_firmware

    return load_energy_firmware(firmware)


def _integer(option: str, text: str) -> int:
    """Invoke's own conversion ends in a traceback."""
    try:
        return int(text)
    except ValueError:
        raise UserError(f"{option} {text}: not an integer") from None


def _number(option: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UserError(f"{option} {text}: not a number") from None


def _count(option: str, text: str) -> int:
    if (number := _integer(option, text)) < 1:
        raise UserError(f"{option} {text}: at least 1")
    return number


def _bytes(option: str, text: str | None) -> int | None:
    """A size like 49152 or 48K."""
    if text is None:
        return None
    digits, unit = (text[:-1], 1024) if text[-1:] in ("k", "K") else (text, 1)
    if not digits.isdecimal() or not int(digits):
        raise UserError(f"{option} {text}: not a number of bytes like 49152 or 48K")
    return int(digits) * unit


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
) -> None:
    """Build the firmware: model -> C -> PlatformIO -> build/<board>/<bench>/firmware.elf, .bin, .map."""
    _build(board, bench, model, runtime, no_dce, optimize, ram_budget, flash_budget, energy, platform, streaming)


@task(
    help={
        "bench": BENCH_HELP,
        "model": MODEL_HELP,
        "no_dce": NO_DCE_HELP,
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
    streaming: str | None = None,
    out: str | None = None,
) -> None:
    """Show where each tensor lies in the tensor arena and when, as a table and a picture. Needs no compiler."""
    from common.files import write_atomic
    from common.paths import BUILD
    from generator.compile import compile_model
    from generator.importer import read_model
    from generator.plan_report import plan_summary, plan_svg, plan_table

    choice = _choice(bench, model, streaming)
    name = choice.model.name
    with console.status(f"compiling {name}"):
        compiled = compile_model(
            read_model(choice.model),
            str(choice.model),
            dead_channels=not no_dce,
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

    choice = _choice(bench, model)
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

    _port(port, serial)
    firmware = _energy_image(_built()) if energy else _built()
    board = load_board(firmware.board)
    number = probe_number(board, serial, console) if serial else None
    if number is None and via is None and drive is None and wants_virtual(board, port, console):
        say(flash_virtual(firmware, board))
    else:
        with console.status(f"programming {board.title}"):
            done = flash_board(firmware, board, via, Path(drive).expanduser() if drive else None, number)
        say(done)


@task(
    help={
        "board": BOARD_HELP,
        "bench": BENCH_HELP,
        "model": MODEL_HELP,
        "runtime": RUNTIME_HELP,
        "port": PORT_HELP,
        "serial": SERIAL_HELP,
        "data": DATA_HELP,
        "quick": "one short window instead of five of 10 s: not valid for a submission",
        "full": "the virtual board as a real one: windows of 10 s, not 1 s, and every input over the serial line",
        "mode": "performance, accuracy, energy or all (default performance)",
        "count": "accuracy of a subset of so many files that holds every class: not valid for a submission",
        "seed": "of the subset (default 0)",
        "jobs": "processes with a virtual board each, for accuracy (default: one a processor)",
        "dask": "address of a Dask scheduler whose workers run the accuracy inferences",
        "restart": "discard the answers of an interrupted accuracy run instead of going on with it",
        "monitor": "power monitor: lpm01a[:PORT], joulescope or ppk2[:PORT] (default: the LPM01A plugged in)",
        "volts": "what the monitor supplies (default 1.8)",
        "io": "board between host and device in energy mode: interface:PORT or arduino:PORT",
        "no_read_back": "do not compare what a real board received with what was sent, in an accuracy run",
    }
)
@friendly
def bench(
    _context: Context,
    board: str | None = None,
    bench: str | None = None,
    model: str | None = None,
    runtime: str | None = None,
    port: str | None = None,
    serial: str | None = None,
    data: str | None = None,
    quick: bool = False,
    full: bool = False,
    mode: str = "performance",
    count: str | None = None,
    seed: str = "0",
    jobs: str | None = None,
    dask: str | None = None,
    restart: bool = False,
    no_read_back: bool = False,
    monitor: str | None = None,
    volts: str = "1.8",
    io: str | None = None,
) -> None:
    """Measure speed, accuracy or energy of the last build over the serial port; builds first if need be."""
    from common.board import load_board
    from harness import Options, run_bench

    options = Options(
        port=_port(port, serial),
        data=Path(data).expanduser() if data else None,
        quick=quick,
        full=full,
        count=_integer("--count", count) if count else None,
        seed=_integer("--seed", seed),
        jobs=_count("--jobs", jobs) if jobs else None,
        dask=dask,
        restart=restart,
        read_back=not no_read_back,
        monitor=monitor,
        volts=_number("--volts", volts),
        io=io,
    )
    firmware = _built(board, bench, model, runtime)
    run_bench(firmware, load_board(firmware.board), mode, options, console)


@task(
    help={
        "board": BOARD_HELP,
        "bench": BENCH_HELP,
        "model": MODEL_HELP,
        "runtime": RUNTIME_HELP,
        "count": "how many random inputs, and at most how many of the data set's",
        "seed": "of the random inputs",
        "data": DATA_HELP,
    }
)
@friendly
def verify(
    _context: Context,
    board: str | None = None,
    bench: str | None = None,
    model: str | None = None,
    runtime: str | None = None,
    count: str = "300",
    seed: str = "0",
    data: str | None = None,
) -> None:
    """Check that all outputs of the last build equal TensorFlow Lite Micro's, on the virtual board or QEMU."""
    from common.board import load_board
    from harness.verify import verify_firmware

    inputs, start = _integer("--count", count), _integer("--seed", seed)
    firmware = _built(board, bench, model, runtime)
    folder = Path(data).expanduser() if data else None
    verify_firmware(firmware, load_board(firmware.board), folder, inputs, start, console)


@task(
    help={
        "html": "file for the picture (default profile.html beside the image)",
        "trace": "also write a trace for Perfetto or chrome://tracing to this file",
    }
)
@friendly
def profile(_context: Context, html: str | None = None, trace: str | None = None) -> None:
    """Show where the cycles of the last build's inference go on the virtual board: operators, functions, stalls."""
    from common.board import load_board
    from harness.profile import profile_firmware

    firmware = _built()
    picture, events = (Path(name).expanduser() if name else None for name in (html, trace))
    profile_firmware(firmware, load_board(firmware.board), console, picture=picture, trace=events)


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
    path = Path(page).expanduser() if page else None
    run_speed(chosen, benches, path, console, others=others)


@task(help={"board": BOARD_HELP, "bench": "a benchmark that has been built (default: all that have been)"})
@friendly
def engine_speed(_context: Context, board: str | None = None, bench: str | None = None) -> None:
    """Show how fast the virtual board runs on this computer: instructions a second, with and without cycle model."""
    from common.artifact import built_benches
    from common.board import load_board
    from studies.engine_speed import run_engine_speed

    target = load_board(board or DEFAULT_BOARD)
    run_engine_speed(target, [bench] if bench else built_benches(target.name), console)


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

    choice = _choice(bench, model)
    picture = Path(out).expanduser() if out else None
    run_explore(load_board(board or DEFAULT_BOARD), choice.benchmark.name, choice.model, picture, dask, console)


@task(
    help={
        "board": BOARD_HELP,
        "bench": BENCH_HELP,
        "model": MODEL_HELP,
        "optimize": OPTIMIZE_HELP,
        "dask": DASK_HELP,
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
) -> None:
    """Measure kernels and block sizes operator by operator on the virtual board and keep the fastest in tuning/."""
    from common.board import load_board
    from studies.tune import run_tune

    choice = _choice(bench, model)
    chosen = load_board(board or DEFAULT_BOARD)
    path = run_tune(chosen, choice.benchmark.name, choice.model, optimize or DEFAULT_OPTIMIZE, dask, console)
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
    reads = _integer("--flash-read-bytes", flash_read_bytes)
    images = from_options(image, bench, reference_ms, reads, list)
    if flash_first:
        say(program_image(chosen))
    run_calibration(chosen, console, port=port, images=images, page=Path(page).expanduser() if page else None)


@task(
    help={
        "board": BOARD_HELP,
        "image": "firmware to run: .elf, .bin or .hex (default: the last build)",
        "name": "of the board, to tell several apart (default: the board's)",
        "link": "also make this symbolic link to the pseudo-terminal",
        "realtime": "no faster than the real chip",
        "halt": "wait for a debugger before the first instruction",
        "gdb_port": "TCP port for GDB (default: any free one)",
        "status": "of a running board: lights, buttons, cycles, diagnostics",
        "pins": "of a running board: mode and level of its pins",
        "press": "press this button of a running board for 0.1 s",
        "hold": "press this button and keep it down",
        "release": "let go of this button",
        "drive": "drive a pin of a running board from outside: C13=1, C13=0 or C13=float",
        "reset": "press the reset button of a running board",
        "stop": "end a running board",
    }
)
@friendly
def board(
    _context: Context,
    board: str | None = None,
    image: str | None = None,
    name: str | None = None,
    link: str | None = None,
    realtime: bool = False,
    halt: bool = False,
    gdb_port: str = "0",
    status: bool = False,
    pins: bool = False,
    press: str | None = None,
    hold: str | None = None,
    release: str | None = None,
    drive: str | None = None,
    reset: bool = False,
    stop: bool = False,
) -> None:
    """Run the virtual board as a process (serial line, GDB, buttons, lights), until Ctrl-C; or ask one that runs."""
    from common.board import load_board
    from harness.board import ask_board, run_board

    switches = {"status": status, "pins": pins, "reset": reset, "stop": stop}
    words = {"press": press, "hold": hold, "release": release, "drive": drive and drive.replace("=", " ")}
    commands = [f"{word} {value}" for word, value in words.items() if value]
    commands += [word for word, wanted in switches.items() if wanted]
    for command in commands:
        answer = ask_board(name, command)
        if answer:
            console.print_json(data=answer)
    if commands:
        return
    firmware: Any = Path(image).expanduser() if image else _built()
    run_board(
        load_board(board or (DEFAULT_BOARD if image else firmware.board)),
        firmware,
        name=name,
        link=Path(link).expanduser() if link else None,
        realtime=realtime,
        halted=halt,
        gdb_port=_integer("--gdb-port", gdb_port),
        console=console,
    )


@task(
    help={
        "fetch": "fetch this file into build/models, or go on doing so",
        "from_": "folder to take it from instead of the network",
        "mirror": "URL of a folder that holds the files (default $FIRMBENCH_MIRROR)",
        "show": "all that is known of one file: licence, provenance, published quality, URL",
    }
)
@friendly
def models(
    _context: Context,
    fetch: str | None = None,
    from_: str | None = None,
    mirror: str | None = None,
    show: str | None = None,
) -> None:
    """List the models and training archives firmbench knows, or fetch one, checked by its SHA-256."""
    from models.listing import describe, fetch_model, models_table

    if show is not None:
        say("\n".join(describe(show)))
    elif fetch is None:
        console.print(models_table())
    else:
        say(fetch_model(fetch, Path(from_).expanduser() if from_ else None, mirror, console))


@task(
    help={
        "fetch": "fetch this data set into build/datasets, or go on doing so",
        "from_": "folder, or URL of one, to take it from instead of its repository",
        "trust": "accept files whose SHA-256 is not known here, and record it",
    }
)
@friendly
def data(_context: Context, fetch: str | None = None, from_: str | None = None, trust: bool = False) -> None:
    """List the data sets of the accuracy runs, or fetch one, checked by its SHA-256 as far as that is known."""
    from datasets.listing import datasets_table, fetch_dataset

    if fetch is None:
        console.print(datasets_table())
    else:
        say(fetch_dataset(fetch, from_, trust, console))


@task(
    help={
        "bench": BENCH_HELP,
        "data": "the data set's archive or folder (default for ad: sounds that are synthesised)",
        "recipe": "reference: as upstream trains; shipped: as the models of this repository were made",
        "epochs": "instead of the recipe's number",
        "out": "folder for the model, checkpoints and logs (default build/train/<bench>)",
        "resume": "go on after the last finished epoch",
        "smoke": "a few steps, to see that everything works",
    }
)
@friendly
def train(
    _context: Context,
    bench: str = DEFAULT_BENCH,
    data: str | None = None,
    recipe: str = "reference",
    epochs: str | None = None,
    out: str | None = None,
    seed: str = "0",
    resume: bool = False,
    smoke: bool = False,
) -> None:
    """Train a benchmark's network and quantise it. Needs TensorFlow."""
    from models.training import train as train_model

    message = train_model(
        bench,
        Path(out).expanduser() if out else None,
        _integer("--seed", seed),
        smoke,
        say,
        data=Path(data).expanduser() if data else None,
        recipe=recipe,
        epochs=_integer("--epochs", epochs) if epochs else None,
        resume=resume,
    )
    say(message)


@task(
    help={
        "bench": BENCH_HELP,
        "model": "a float model: Keras file, .tflite, or the name of one that `invoke models` lists",
        "data": "the data set's archive or folder, for calibration",
        "kind": "int8, or int16x8: 16-bit activations (default int8)",
        "indices": "which samples calibrate: a .npy or a text of indices (default: 120, evenly over the classes)",
        "out": "file to write (default build/quantized/<model>_<kind>.tflite)",
    }
)
@friendly
def quantize(
    _context: Context,
    bench: str,
    model: str,
    data: str,
    kind: str = "int8",
    indices: str | None = None,
    out: str | None = None,
) -> None:
    """Quantise a benchmark's float model and show what that does to each layer. Needs TensorFlow."""
    from models.training import quantize as quantize_model

    list_ = Path(indices).expanduser() if indices else None
    target = Path(out).expanduser() if out else None
    source = Path(data).expanduser()
    say(quantize_model(bench, model, source, console, say, kind=kind, indices=list_, out=target))


@task(
    help={
        "bench": BENCH_HELP,
        "data": "folder with <DIR>/<model id>/y_labels.csv and .bin files",
        "model": "a .tflite or Keras file (default: the benchmark's)",
        "kernels": "tflm: TensorFlow Lite Micro, as the firmware; tflite: TensorFlow Lite (default tflm)",
        "count": "at most this many files, of every class some",
        "out": "file for each file's results (default build/evaluation/<model>.csv)",
    }
)
@friendly
def evaluate(
    _context: Context,
    bench: str,
    data: str,
    model: str | None = None,
    kernels: str = "tflm",
    count: str | None = None,
    out: str | None = None,
) -> None:
    """Score a model on this computer as `invoke bench --mode accuracy` scores a board."""
    from common.benchmark import load_benchmark
    from common.paths import BUILD
    from models.evaluate import evaluate as evaluate_model
    from models.evaluate import evaluation_table, write_files

    benchmark = load_benchmark(bench)
    path = Path(model).expanduser() if model else _choice(bench, None).model
    number = _integer("--count", count) if count else None
    result = evaluate_model(benchmark, path, Path(data).expanduser(), kernels=kernels, count=number, console=console)
    target = Path(out).expanduser() if out else BUILD / "evaluation" / f"{path.stem}.csv"
    write_files(result, target)
    console.print(evaluation_table(benchmark, result))
    say(f"results of each file: {target}")


@task(
    help={
        "run": "a run of the archive, or the beginning of its name; repeat it for several (default: the newest)",
        "out": "file for the page (default build/report.html)",
    },
    iterable=["run"],
)
@friendly
def report(_context: Context, run: list[str], out: str | None = None) -> None:
    """Write one self-contained HTML page on runs, beside the published results on the same chip."""
    from studies.report.page import write_report

    with console.status("writing the report"):
        write_report(run, Path(out).expanduser() if out else None, console)


@task
@friendly
def boards(_context: Context) -> None:
    """List the boards that are plugged in, and the virtual ones that run."""
    from harness.boards import show_boards

    show_boards(console)


@task(
    help={
        "org": "the submitting organisation, as its folder is called",
        "division": "closed or open (default closed)",
        "system": "name of the system (default: the board's)",
        "board": BOARD_HELP,
        "bench": "submit only these benchmarks, separated by commas (default: all with archived runs)",
        "version": "round, like v1.3 (default: the newest known)",
        "out": "folder for the tree (default build/submission)",
        "facts": "file with what firmbench cannot know (default build/submission.toml; made where there is none)",
        "rehearsal": "write the tree whatever the rules say, marked as a rehearsal",
    }
)
@friendly
def submission(
    _context: Context,
    org: str,
    division: str = "closed",
    system: str | None = None,
    board: str | None = None,
    bench: str | None = None,
    version: str | None = None,
    out: str | None = None,
    facts: str | None = None,
    rehearsal: bool = False,
) -> None:
    """Write the tree of a submission from archived runs; refuse with every reason when it would not be valid."""
    from common.board import load_board
    from harness.submission.console import show_written
    from harness.submission.write import FACTS_FILE, OUT, Request, write_submission

    request = Request(
        organisation=org,
        division=division,
        system=system,
        version=version,
        benches=tuple(name for name in (bench or "").split(",") if name),
        out=Path(out).expanduser() if out else OUT,
        facts=Path(facts).expanduser() if facts else FACTS_FILE,
        rehearsal=rehearsal,
    )
    with console.status("writing the submission"):
        written = write_submission(load_board(board or DEFAULT_BOARD), request)
    show_written(written, console)


@task(
    help={
        "folder": "the one that holds closed/ and open/",
        "version": "round, like v1.3 (default: the newest known)",
        "submitter": "check only this organisation's",
    },
    positional=["folder"],
)
@friendly
def check(_context: Context, folder: str, version: str | None = None, submitter: str | None = None) -> None:
    """Check a tree of a submission, anybody's, against the rules; exit code 1 when there are errors."""
    from harness.submission.check import check_tree
    from harness.submission.console import show_checked

    with console.status(f"checking {folder}"):
        checked = check_tree(Path(folder).expanduser(), version, submitter)
    show_checked(checked, console)
    if checked.findings.errors:
        raise Exit(code=1)


@task(help={"run": "a run of the archive, or the beginning of its name, twice to compare two"}, iterable=["run"])
@friendly
def results(_context: Context, run: list[str]) -> None:
    """List past runs, show one, or compare two."""
    from harness.results_console import show_runs

    show_runs(run, console)


@task
@friendly
def lint(_context: Context) -> None:
    """Check formatting, lint and types of Python, and the formatting of C."""
    from common.checks import lint as run_lint

    run_lint(console)


@task(help={"slow": "also the exhaustive tests", "train": "only the models' tests, with TensorFlow"})
@friendly
def test(_context: Context, slow: bool = False, train: bool = False) -> None:
    """Run the tests; those that need TensorFlow are skipped where it is missing."""
    import subprocess

    from common.paths import ROOT

    selection = [*([] if slow else ["-m", "not slow"]), *(["tests/models"] if train else [])]
    answer = subprocess.run([sys.executable, "-m", "pytest", *selection], cwd=ROOT, check=False)
    if answer.returncode != 0:
        raise Exit(code=answer.returncode)


@task
@friendly
def clean(_context: Context) -> None:
    """Remove everything that was built."""
    import shutil

    from common.paths import BUILD

    shutil.rmtree(BUILD, ignore_errors=True)


@task(
    help={
        "port": PORT_HELP,
        "baud": "baud rate (default: that of the last build)",
        "boot": "seconds to wait for the boot text after the port was opened: reset the board meanwhile",
        "report": "file for the report (default build/conformance/<port>.json)",
        "board": BOARD_HELP,
        "bench": BENCH_HELP,
        "energy": "the image for energy mode, of `invoke build --energy`",
    }
)
@friendly
def conformance(
    _context: Context,
    port: str | None = None,
    baud: str | None = None,
    boot: str = "0",
    report: str | None = None,
    board: str | None = None,
    bench: str | None = None,
    energy: bool = False,
) -> None:
    """Check a device, of any maker, against every rule of the wire protocol; the virtual board by default."""
    from common.board import load_board
    from harness.conformance import conform

    conform(
        load_board(board or DEFAULT_BOARD),
        lambda: _energy_image(_built(board, bench)) if energy else _built(board, bench),
        port or "virtual",
        None if baud is None else _integer("--baud", baud),
        float(_integer("--boot", boot)),
        Path(report).expanduser() if report else None,
        console,
    )


@task(
    help={
        "dir_": "benchmark/runner of a checkout of mlcommons/tiny",
        "options": "the runner's own options, in one string",
        "fast": "count instructions instead of cycles: for accuracy, not for time",
    }
)
@friendly
def runner(_context: Context, dir_: str, options: str = "", fast: bool = False) -> None:
    """Run MLCommons' runner, unmodified, against the last build on the virtual board."""
    import shlex

    from common.board import load_board
    from harness.runner import run_upstream

    firmware = _built()
    run_upstream(Path(dir_), shlex.split(options), firmware, load_board(firmware.board), timing=not fast)


namespace = Collection(
    build,
    plan,
    export,
    new_board,
    flash,
    bench,
    verify,
    profile,
    speed,
    engine_speed,
    explore,
    tune,
    board,
    calibrate,
    models,
    data,
    train,
    quantize,
    evaluate,
    lint,
    test,
    clean,
    report,
    boards,
    submission,
    check,
    results,
    conformance,
    runner,
)
