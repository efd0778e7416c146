"""The artefact between rooms: what ``build/<board>/<bench>/build.json`` says of a built firmware image."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from common.benchmark import Benchmark, benchmark_names
from common.errors import UserError
from common.files import sha256, write_atomic
from common.paths import BUILD

SCHEMA = 7
MODEL_FILE = "model.tflite"
ENERGY_BAUD = 9600  # what EEMBC's IO manager speaks


@dataclass(frozen=True)
class ModelInfo:
    name: str  # file name
    sha256: str
    bytes: int


@dataclass(frozen=True)
class StepInfo:
    """One kernel call of an inference."""

    operator: int
    name: str
    kernel: str
    macs: int


@dataclass(frozen=True)
class Firmware:
    """A built image. All sizes in bytes; files are named relative to ``folder``.

    ``flash_bytes`` is everything programmed into flash, ``ram_bytes`` everything the image reserves in RAM:
    data, bss, tensor arena, stack, and ``copied_bytes`` of code and constants that are in flash, too, see
    ``optimize``. ``arena_lower_bound_bytes`` is the largest sum of simultaneously live tensors.
    ``remembers``: the model has tensors that live from one inference to the next. ``notes``: what a user should know of
    the model before believing any number. ``changes``: what the graph passes did to it.
    ``plan``: the memory plan in a sentence. ``energy_of``: of an image for energy mode, the hash of the performance
    image that was built with it from the same code; empty for a performance image. ``prefetch``: whether the flash
    reads ahead of the code; None in a description that does not say.
    """

    board: str
    benchmark: Benchmark
    runtime: str
    optimize: str  # objective of the placement, generator/placement.py
    model: ModelInfo
    elf_sha256: str
    flash_bytes: int
    ram_bytes: int
    arena_bytes: int
    arena_lower_bound_bytes: int
    stack_bytes: int
    copied_bytes: int
    tools: dict[str, str]
    steps: tuple[StepInfo, ...]
    remembers: bool = False
    notes: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    plan: str = ""
    energy_of: str = ""
    prefetch: bool | None = None
    schema: int = SCHEMA

    @property
    def energy(self) -> bool:
        """Whether timestamps are pulses on a pin, as power monitors need them."""
        return bool(self.energy_of)

    @property
    def bench(self) -> str:
        return self.benchmark.name

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference."""
        return sum(step.macs for step in self.steps)

    @property
    def baud(self) -> int:
        return ENERGY_BAUD if self.energy else self.benchmark.baud

    @property
    def folder(self) -> Path:
        return build_folder(self.board, self.bench, energy=self.energy)

    @property
    def elf(self) -> Path:
        return self.folder / "firmware.elf"

    @property
    def bin(self) -> Path:
        return self.folder / "firmware.bin"

    @property
    def model_file(self) -> Path:
        return self.folder / MODEL_FILE


def runs_folder() -> Path:
    """Where every run is archived."""
    return BUILD / "runs"


def build_folder(board: str, bench: str, *, energy: bool = False) -> Path:
    """The image for energy mode lies below the performance image."""
    return BUILD / board / bench / "energy" if energy else BUILD / board / bench


def built_benches(board: str) -> list[str]:
    """Names of the benchmarks of this project that have been built for a board."""
    return [name for name in benchmark_names() if (build_folder(board, name) / "build.json").is_file()]


def save_firmware(firmware: Firmware) -> None:
    """Write ``build.json``, and remember a performance image as the last build."""
    data = dataclasses.asdict(firmware) | {"benchmark": firmware.benchmark.to_json()}
    write_atomic(firmware.folder / "build.json", json.dumps(data, indent=2) + "\n")
    if firmware.energy:
        return
    write_atomic(BUILD / "last.json", json.dumps({"board": firmware.board, "bench": firmware.bench}) + "\n")


def load_energy_firmware(performance: Firmware) -> Firmware:
    """The energy image that was built together with a performance image.

    Raises:
        UserError: there is none, or it is damaged.
    """
    what = f"--bench {performance.bench}" if performance.bench in benchmark_names() else "--model FILE"
    again = f"run `invoke build --board {performance.board} {what} --energy`, with the options of the build before"
    try:
        firmware = load_firmware(performance.board, performance.bench, energy=True)
    except UserError as error:
        raise UserError(f"no energy-mode image: {again}") from error
    if firmware.energy_of != performance.elf_sha256:
        raise UserError(f"the energy-mode image belongs to another build: {again}")
    return firmware


def load_firmware(board: str, bench: str, *, energy: bool = False) -> Firmware:
    """Read a build and check that its ELF is the one it speaks of.

    Raises:
        UserError: there is no such build, or it is damaged.
    """
    path = build_folder(board, bench, energy=energy) / "build.json"
    what = f"--bench {bench}" if bench in benchmark_names() else "--model FILE"
    again = f"run `invoke build --board {board} {what}`"
    if not path.is_file():
        raise UserError(f"no build for {board}/{bench}; {again}")
    try:
        data = json.loads(path.read_text())
        if data["schema"] != SCHEMA:
            raise ValueError(f"schema {data['schema']}")
        firmware = Firmware(
            **{
                **data,
                "benchmark": Benchmark.from_json(data["benchmark"], path.with_name(MODEL_FILE)),
                "model": ModelInfo(**data["model"]),
                "steps": tuple(StepInfo(**step) for step in data["steps"]),
                "notes": tuple(data["notes"]),
                "changes": tuple(data["changes"]),
            }
        )
        intact = sha256(firmware.elf) == firmware.elf_sha256
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is damaged ({error}); {again}") from error
    if not intact:
        raise UserError(f"{firmware.elf} is not the image that {path} describes; {again}")
    return firmware


def last_firmware() -> Firmware | None:
    """The last build, or None when nothing was built yet.

    Raises:
        UserError: the last build is damaged.
    """
    try:
        last = json.loads((BUILD / "last.json").read_text())
        board, bench = last["board"], last["bench"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return load_firmware(board, bench)
