"""The build from end to end: model file in, firmware image and its description out."""

import hashlib
import platform as host_platform
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from common import __version__
from common.artifact import MODEL_FILE, Firmware, ModelInfo, build_folder, save_firmware
from common.benchmark import Benchmark
from common.board import Board
from common.errors import UserError
from common.files import sha256, write_atomic
from generator import platformio
from generator.contents import Report, Request, compiled_contents
from generator.fit import image_sizes
from generator.importer import read_model
from generator.render import STACK_BYTES, write_project
from generator.tflm.contents import Interpreter, interpreted_contents
from generator.tuning import Tuning, load_tuning, with_flash

AOT, TFLM = "aot", "tflm"
RUNTIMES = (AOT, TFLM)
DEFAULT_OPTIMIZE = {AOT: "latency", TFLM: "memory"}


def build(
    board: Board,
    benchmark: Benchmark,
    model: Path,
    runtime: str,
    report: Report,
    notes: tuple[str, ...] = (),
    *,
    dead_channels: bool = True,
    optimize: str | None = None,
    ram_budget: int | None = None,
    flash_budget: int | None = None,
    tuning: Tuning | None = None,
    energy: bool = False,
    platform: str = platformio.OWN_PLATFORM,
    interpreter: Interpreter | None = None,
    counted_as: str = "",
) -> Firmware:
    """Build the firmware that runs ``model`` as ``benchmark`` on ``board``, below ``build/<board>/<bench>/``.

    ``notes`` are kept with it, see `Firmware`. ``dead_channels``: drop channels that change nothing.
    ``optimize``, ``ram_budget``, ``flash_budget``: see `generator.placement.place`; None is the runtime's default.
    ``tuning``: None for what the repository holds for this model. ``platform``:
    PlatformIO's, that compiles. ``energy``: build the image for energy mode, too, from the same code: ``energy/`` in
    that folder. ``interpreter``: for runtime ``tflm``, which needs it. ``counted_as``: a name under which the image of
    runtime ``aot`` also prints, after its results, the cycles that each step of the last inference took; it reads the
    core's counter between steps.

    The folder's ``firmware.*`` and ``build.json`` change only when everything succeeded.

    Raises:
        UserError: anything the user can do something about.
    """
    if runtime not in RUNTIMES:
        raise UserError(f"unknown runtime '{runtime}'; runtimes are: {', '.join(RUNTIMES)}")
    if runtime != TFLM and interpreter is not None and interpreter.library is not None:
        raise UserError("--tflm-lib names the library of runtime tflm: add --runtime tflm, or leave it out")
    if benchmark.front_end:
        _check_wakeword(board, benchmark, energy)
    platformio.require_platform(platform)
    compiler = platformio.require_compiler() if platform == platformio.OWN_PLATFORM else f"PlatformIO {platform}"
    report(f"compiling {model.name}")
    content = read_model(model)
    info = ModelInfo(model.name, hashlib.sha256(content).hexdigest(), len(content))
    optimize = optimize or DEFAULT_OPTIMIZE[runtime]
    if runtime == AOT:
        tuning = load_tuning(board.name, info.sha256, optimize) if tuning is None else tuning
        board = with_flash(board, tuning, optimize)
    else:
        tuning = Tuning()
    request = Request(
        board,
        benchmark,
        model,
        content,
        info,
        dead_channels,
        optimize,
        ram_budget,
        flash_budget,
        tuning,
        platform,
        counted_as,
    )
    if runtime == TFLM:
        if interpreter is None:
            raise ValueError("runtime tflm needs an interpreter")
        contents = interpreted_contents(request, interpreter, report)
    else:
        contents = compiled_contents(request)

    def image(energy_of: str) -> Firmware:
        mode = "energy" if energy_of else "performance"
        folder = build_folder(board.name, benchmark.name, energy=bool(energy_of))
        report(f"rendering sources for {mode} mode")
        write_project(folder, contents.files(folder, bool(energy_of)))
        report(f"compiling with PlatformIO for {mode} mode")
        platformio.run(folder, "--disable-auto-clean", platform=platform)
        output = folder / ".pio" / "build" / board.name
        sizes = image_sizes(output / "firmware.elf")
        _check_budget("flash", sizes.flash, flash_budget)
        _check_budget("RAM", sizes.ram, ram_budget)
        for suffix in ("elf", "bin", "map"):
            write_atomic(folder / f"firmware.{suffix}", (output / f"firmware.{suffix}").read_bytes())
        write_atomic(folder / MODEL_FILE, content)
        return Firmware(
            board=board.name,
            benchmark=replace(benchmark, model=folder / MODEL_FILE, untrained=""),
            runtime=runtime,
            optimize=request.optimize,
            model=info,
            elf_sha256=sha256(folder / "firmware.elf"),
            flash_bytes=sizes.flash,
            ram_bytes=sizes.ram,
            arena_bytes=contents.arena_bytes,
            arena_lower_bound_bytes=contents.arena_lower_bound_bytes,
            stack_bytes=STACK_BYTES,
            copied_bytes=sizes.copied,
            tools={
                "firmbench": __version__,
                "python": host_platform.python_version(),
                "platformio": version("platformio"),
                "scons": version("scons"),
                "compiler": compiler,
            },
            steps=contents.steps,
            remembers=contents.remembers,
            notes=(*notes, *contents.notes),
            changes=contents.changes,
            plan=contents.plan,
            energy_of=energy_of,
            prefetch=board.clock.prefetch,
        )

    firmware = image("")
    save_firmware(firmware)
    if energy:
        save_firmware(image(firmware.elf_sha256))
    return firmware


def _check_wakeword(board: Board, benchmark: Benchmark, energy: bool) -> None:
    if not board.wakeword_pins:
        raise UserError(
            f"benchmark '{benchmark.name}' needs pins for instruments, and boards/{board.name}/board.toml has no"
            " [wakeword_pins]: processing and detected"
        )
    if energy:
        raise UserError(f"there is no energy-mode image of benchmark '{benchmark.name}'; leave out --energy")


def _check_budget(memory: str, size: int, budget: int | None) -> None:
    if budget is not None and size > budget:
        raise UserError(
            f"the image needs {size:,} bytes of {memory}, {size - budget:,} more than the budget of {budget:,}"
        )
