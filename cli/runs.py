"""Tasks that run the firmware of the last build, or a device: what it does, and how fast."""

from pathlib import Path
from typing import Any

from invoke.context import Context
from invoke.tasks import task

from cli.last_build import built, energy_image
from cli.options import (
    BENCH_HELP,
    BOARD_HELP,
    DATA_HELP,
    DEFAULT_BOARD,
    MODEL_HELP,
    PORT_HELP,
    RUNTIME_HELP,
    SERIAL_HELP,
    TFLM_LIB_HELP,
    count_of,
    friendly,
    integer,
    number,
    path_of,
    port_of,
)
from common.console import console


@task(
    help={
        "board": BOARD_HELP,
        "bench": BENCH_HELP,
        "model": MODEL_HELP,
        "runtime": RUNTIME_HELP,
        "tflm_lib": TFLM_LIB_HELP,
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
        "i2s": "of sww: play the sound into the virtual board's I2S input, as the benchmark's rules have it",
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
    tflm_lib: str | None = None,
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
    i2s: bool = False,
) -> None:
    """Measure speed, accuracy or energy of the last build over the serial port; builds first if need be."""
    from common.board import load_board
    from harness import Options, run_bench

    options = Options(
        port=port_of(port, serial),
        data=path_of(data),
        quick=quick,
        full=full,
        count=integer("--count", count) if count else None,
        seed=integer("--seed", seed),
        jobs=count_of("--jobs", jobs) if jobs else None,
        dask=dask,
        restart=restart,
        read_back=not no_read_back,
        monitor=monitor,
        volts=number("--volts", volts),
        io=io,
        i2s=i2s,
    )
    firmware = built(board, bench, model, runtime, tflm_lib=tflm_lib)
    run_bench(firmware, load_board(firmware.board), mode, options, console)


@task(
    help={
        "board": BOARD_HELP,
        "bench": BENCH_HELP,
        "model": MODEL_HELP,
        "runtime": RUNTIME_HELP,
        "tflm_lib": TFLM_LIB_HELP,
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
    tflm_lib: str | None = None,
    count: str = "300",
    seed: str = "0",
    data: str | None = None,
) -> None:
    """Check that all outputs of the last build equal TensorFlow Lite Micro's, on the virtual board or QEMU."""
    from common.board import load_board
    from harness.verify import verify_firmware

    inputs, start = integer("--count", count), integer("--seed", seed)
    firmware = built(board, bench, model, runtime, tflm_lib=tflm_lib)
    folder = path_of(data)
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

    firmware = built()
    picture, events = (path_of(name) for name in (html, trace))
    profile_firmware(firmware, load_board(firmware.board), console, picture=picture, trace=events)


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
        lambda: energy_image(built(board, bench)) if energy else built(board, bench),
        port or "virtual",
        None if baud is None else integer("--baud", baud),
        float(integer("--boot", boot)),
        path_of(report),
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

    firmware = built()
    run_upstream(Path(dir_), shlex.split(options), firmware, load_board(firmware.board), timing=not fast)


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
    firmware: Any = Path(image).expanduser() if image else built()
    run_board(
        load_board(board or (DEFAULT_BOARD if image else firmware.board)),
        firmware,
        name=name,
        link=path_of(link),
        realtime=realtime,
        halted=halt,
        gdb_port=integer("--gdb-port", gdb_port),
        console=console,
    )


@task
@friendly
def boards(_context: Context) -> None:
    """List the boards that are plugged in, and the virtual ones that run."""
    from harness.boards import show_boards

    show_boards(console)
