"""The firmware that a task works on: built now, or the last build."""

from typing import Any

from cli.options import DEFAULT_BENCH, DEFAULT_BOARD, DEFAULT_RUNTIME, byte_count, count_of, path_of
from common.console import console, say


def chosen_model(bench: str | None, model: str | None, streaming: str | None = None) -> Any:
    from generator.choice import choose

    path = path_of(model)
    if path is not None and path.suffix == ".onnx":
        from models.onnx import to_tflite

        with console.status(f"converting {path.name}"):
            path = to_tflite(path)
    axis = count_of("--streaming", streaming) if streaming else None
    choice = choose(bench, path, DEFAULT_BENCH, axis)
    if choice.found:
        say(f"{choice.model.name}: {choice.found}")
    return choice


def build_firmware(
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
    tflm_lib: str | None = None,
) -> Any:
    from common.board import load_board
    from generator.build import build
    from generator.platformio import OWN_PLATFORM
    from generator.report import size_table, summary
    from generator.tflm.contents import Interpreter
    from harness import arena

    chosen = load_board(board or DEFAULT_BOARD)
    choice = chosen_model(bench, model, streaming)
    benchmark = choice.benchmark
    with console.status("building") as status:
        firmware = build(
            chosen,
            benchmark,
            choice.model,
            runtime or DEFAULT_RUNTIME,
            lambda step: status.update(f"building {benchmark.name} for {chosen.name}: {step}"),
            choice.notes,
            dead_channels=not no_dce,
            optimize=optimize,
            ram_budget=byte_count("--ram-budget", ram_budget),
            flash_budget=byte_count("--flash-budget", flash_budget),
            energy=bool(energy),
            platform=platform or OWN_PLATFORM,
            interpreter=Interpreter(tflm_lib, arena),
        )
    console.print(size_table(firmware, chosen))
    for line in summary(firmware):
        say(line)
    for note in firmware.notes:
        say(f"note: {firmware.model.name}: {note}")
    return firmware


def built(*options: str | None, tflm_lib: str | None = None) -> Any:
    """The last build; a new one where any of the ``options`` of `build_firmware` is given or nothing was built yet."""
    from common.artifact import last_firmware

    if all(option is None for option in (*options, tflm_lib)):
        firmware = last_firmware()
        if firmware is not None:
            return firmware
    return build_firmware(*options, tflm_lib=tflm_lib)  # type: ignore[arg-type,misc]


def energy_image(firmware: Any) -> Any:
    from common.artifact import load_energy_firmware

    return load_energy_firmware(firmware)
