"""Whole networks: firmware images of anybody for this board, with the latency that was published for them.

An image runs unmodified and is driven through its own serial port: name, profile, db load, infer. Its own timer tells
the modelled latency, by the timestamps that it prints.
"""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from common.benchmark import Benchmark, load_benchmark
from common.board import Board
from common.errors import UserError
from harness.device import Device
from harness.inputs import load_inputs
from harness.link import Link

BOOT_SECONDS = 10.0  # of virtual time, until it waits for a command
WINDOW_SECONDS = 1.0  # of virtual time; timers count microseconds, some only milliseconds
FEWEST = 3
PATIENCE = 20.0  # an inference that takes so many times its reference does not come any more
FIELDS: dict[str, tuple[type, ...]] = {
    "file": (str,),
    "bench": (str,),
    "reference_ms": (float, int),
    "source": (str,),
    "flash_read_bytes": (int,),
}


@dataclass(frozen=True)
class ThirdPartyImage:
    """``reference_ms``: latency of an inference on the real chip; ``flash_read_bytes``: 8 with DBANK = 1, else 16."""

    path: Path
    benchmark: Benchmark
    reference_ms: float
    source: str
    flash_read_bytes: int


@dataclass(frozen=True)
class ImageResult:
    """``cycles``: modelled, of an inference; ``hz``: the clock it set; ``code_share``: waiting for code."""

    image: ThirdPartyImage
    vendor: str
    hz: int
    cycles: float
    code_share: float
    diagnostics: tuple[str, ...]


def read_list(path: Path) -> tuple[ThirdPartyImage, ...]:
    """A TOML file of ``[[image]]`` tables; files are relative to it.

    Raises:
        UserError: it is unreadable, or an image is not described well; says which and what is wrong.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8")).get("image", [])
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the list of images {path}: {error}") from error
    if not tables:
        raise UserError(f"{path} lists no images; each is a table [[image]] with file, bench and reference_ms")
    return tuple(_described(table, path, f"{path}, image {number}") for number, table in enumerate(tables, start=1))


def _described(table: Mapping[str, Any], path: Path, where: str) -> ThirdPartyImage:
    for name, value in table.items():
        if name not in FIELDS:
            raise UserError(f"{where}: unknown field '{name}'; fields are: {', '.join(FIELDS)}")
        if not isinstance(value, FIELDS[name]) or isinstance(value, bool):
            raise UserError(f"{where}: {name} is {value!r}; it must be {FIELDS[name][0].__name__}")
    missing = [name for name in ("file", "bench", "reference_ms") if name not in table]
    if missing:
        raise UserError(f"{where}: {', '.join(missing)} is missing")
    return describe(
        path.parent / table["file"],
        table["bench"],
        float(table["reference_ms"]),
        table.get("source", "as given"),
        table.get("flash_read_bytes", 8),
    )


def describe(path: Path, bench: str, reference_ms: float, source: str, flash_read_bytes: int) -> ThirdPartyImage:
    """Raises UserError when the benchmark is unknown or a number is out of range."""
    if not (math.isfinite(reference_ms) and reference_ms > 0):
        raise UserError(f"{path}: a reference of {reference_ms:g} ms is not a latency")
    if flash_read_bytes not in (8, 16):
        raise UserError(f"{path}: flash_read_bytes is {flash_read_bytes}; it is 8 (dual bank) or 16 (single bank)")
    return ThirdPartyImage(path, load_benchmark(bench), reference_ms, source, flash_read_bytes)


def from_options(
    file: str | None, bench: str | None, reference_ms: str | None, flash_read_bytes: int, listed: str | None
) -> tuple[ThirdPartyImage, ...]:
    """The images that the command line names: one, a list of them, or both.

    Raises:
        UserError: an option is missing or wrong.
    """
    images = read_list(Path(listed).expanduser()) if listed else ()
    if file is None:
        if bench is not None or reference_ms is not None:
            raise UserError("--bench and --reference-ms describe an image; add --image FILE")
        return images
    if bench is None or reference_ms is None:
        raise UserError(f"--image {file} needs --bench and --reference-ms, its published latency")
    try:
        milliseconds = float(reference_ms)
    except ValueError:
        raise UserError(f"--reference-ms {reference_ms}: not a number") from None
    return (*images, describe(Path(file).expanduser(), bench, milliseconds, "as given", flash_read_bytes))


def run_image(image: ThirdPartyImage, board: Board) -> ImageResult:
    """Boot it on a virtual board and time its inferences.

    Raises:
        UserError: it does not boot, does not speak the protocol, or is another benchmark's.
    """
    from virtual import StopReason, VirtualBoard, VirtualSerial
    from virtual.timing.uncertainty import code_share

    clock = replace(board.clock, flash_read_bytes=image.flash_read_bytes)
    machine = VirtualBoard(image.path, replace(board, clock=clock))
    while machine.seconds < BOOT_SECONDS:
        reason = machine.run(machine.hz)
        if reason is StopReason.LOCKUP:
            raise UserError(f"{image.path} does not run on the virtual board: {machine.lockup}")
        if reason is StopReason.IDLE:
            break
    if machine.baud is None:
        raise UserError(f"{image.path} does not use {board.serial}, the serial port that the virtual board offers")
    port = VirtualSerial(machine, baudrate=round(machine.baud), timeout=1.0)
    with Link(port, image.path.name, lambda: machine.seconds) as link:
        device = Device(link, PATIENCE)
        vendor = device.synchronise()
        model = device.profile().model
        if model != image.benchmark.model_id:
            raise UserError(f"{image.path} runs model '{model}', not {image.benchmark.name}'s; give another --bench")
        device.load(load_inputs(image.benchmark, None).inputs[0].data)
        seconds = image.reference_ms / 1e3
        device.infer(1, 0, seconds)
        before, start = machine.stalls(), machine.cycles
        iterations = max(FEWEST, math.ceil(WINDOW_SECONDS / seconds))
        result = device.infer(iterations, 0, iterations * seconds)
        spent = {name: count - before[name] for name, count in machine.stalls().items()}
        share = code_share(spent, machine.cycles - start)
    cycles = result.elapsed_us / iterations * 1e-6 * machine.hz
    return ImageResult(image, vendor, machine.hz, cycles, share, machine.diagnostics)
