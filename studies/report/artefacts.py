"""What a run's build folder still knows of its image: memories, time of each layer, the tensor arena's plan."""

import json
from dataclasses import dataclass
from itertools import product

from common.artifact import Firmware, load_firmware
from common.board import Board
from common.errors import UserError
from harness.profile import PROFILE
from harness.runs import RunRecord
from studies.report.memory_map import MemoryUse, memory_map


@dataclass(frozen=True)
class LayerTime:
    """One operator of an inference. Cycles are the virtual board's: modelled."""

    operator: int
    name: str
    kernel: str
    macs: int
    cycles: int


@dataclass(frozen=True)
class Tensor:
    """A buffer of the arena: bytes at an offset, alive from step ``first`` to ``last``."""

    name: str
    kind: str
    offset: int
    bytes: int
    first: int
    last: int


@dataclass(frozen=True)
class Artefacts:
    """Empty lists where something is not known. ``plan``: the memory plan in a sentence."""

    firmware: Firmware | None = None
    memories: tuple[MemoryUse, ...] = ()
    layers: tuple[LayerTime, ...] = ()
    tensors: tuple[Tensor, ...] = ()
    plan: str = ""


def artefacts_of(record: RunRecord, board: Board) -> Artefacts:
    """Nothing, when the build folder holds another image by now."""
    try:
        firmware = load_firmware(record.board, record.bench)
    except UserError:
        return Artefacts()
    if firmware.elf_sha256 != record.elf_sha256:
        return Artefacts()
    memories = tuple(memory_map(firmware.elf, board))
    return Artefacts(firmware, memories, _layers(firmware), _tensors(firmware), firmware.plan)


def _layers(firmware: Firmware) -> tuple[LayerTime, ...]:
    """From `invoke profile`, if it was of this image."""
    try:
        content = json.loads((firmware.folder / PROFILE).read_text())
        if content["elf_sha256"] != firmware.elf_sha256:
            return ()
        return tuple(LayerTime(**step) for step in content["steps"])
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def _tensors(firmware: Firmware) -> tuple[Tensor, ...]:
    """The plan made again from the model; only if it comes out as the image's did."""
    from generator.compile import compile_model
    from generator.contents import columns_bytes
    from generator.ops.conv_2d import FEW_COLUMNS_BYTES
    from generator.plan_report import planned_tensors

    if firmware.runtime != "aot":
        return ()
    columns = dict.fromkeys((columns_bytes(firmware.optimize), FEW_COLUMNS_BYTES))
    for dead_channels, planes, most_bytes in product((True, False), (True, False), columns):
        try:
            content = firmware.model_file.read_bytes()
            compiled = compile_model(
                content,
                firmware.model.name,
                dead_channels=dead_channels,
                compact=firmware.optimize == "memory",
                planes=planes,
                columns_bytes=most_bytes,
            )
        except (OSError, UserError):
            return ()
        if compiled.memory.arena_bytes == firmware.arena_bytes:
            return tuple(
                Tensor(item.life.name, item.kind, item.offset, item.life.bytes, item.life.first, item.life.last)
                for item in planned_tensors(compiled.program, compiled.memory)
            )
    return ()
