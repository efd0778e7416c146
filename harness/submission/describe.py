"""The systems file of our own submissions: every key of the template, from what is known of board, build and runs."""

from collections.abc import Sequence

from common.board import Board
from harness.submission.candidates import Candidate, declarations
from harness.submission.facts import Facts
from harness.submission.provenance import REHEARSAL
from harness.submission.rules import OPEN
from harness.submission.system import KEYS

NONE = "none"
CORES = {"cortex-m4": "Arm Cortex-M4", "cortex-m7": "Arm Cortex-M7", "cortex-m33": "Arm Cortex-M33"}
OTHER_TOOLS = ("platformio", "scons", "python")
INT8 = "int8, post-training quantization by TensorFlow Lite: the reference model's own"


def system_description(
    board: Board, organisation: str, division: str, facts: Facts, candidates: Sequence[Candidate], rehearsal: bool
) -> dict[str, str]:
    """Key and value, in the template's order."""
    tools: dict[str, str] = {}
    for candidate in candidates:
        tools |= candidate.firmware.tools if candidate.firmware else {}
    firmbench = f"firmbench {tools.get('firmbench', '')}".strip()
    ram, flash = f"{board.ram_bytes >> 10} KB", f"{board.flash.size >> 10} KB"
    mark = f"{REHEARSAL}. " if rehearsal else ""
    values = {
        "Submitter": organisation,
        "Division": division.capitalize(),
        "Status": facts.status.capitalize() if facts.status.lower() != "rdi" else "RDI",
        "Board Name": board.title,
        "Board Memory capacity (not including SoC, processor, or accelerator)": NONE,
        "Board Memory type": NONE,
        "Board storage capacity": NONE,
        "Board storage type": NONE,
        "SoC Name": board.mcu,
        "SoC Memory capacity (not including processor or accelerator)": ram,
        "SoC Memory type": "SRAM",
        "SoC storage capacity": flash,
        "SoC storage type": "flash",
        "Processor(s) Name": CORES.get(board.core.name, board.core.name) + (" with FPU" if board.core.fpu else ""),
        "Processor(s) Frequencies": f"{board.clock.sysclk_hz / 1e6:g} MHz",
        "Processor memory type and capacity": f"{ram} SRAM of the SoC",
        "Processor storage type and capacity": f"{flash} flash of the SoC",
        "Accelerator": NONE,
        "Accelerator(s) Frequencies": NONE,
        "Accelerator memory type and capacity": NONE,
        "Accelerator storage type and capacity": NONE,
        "Hardware Notes": f"{mark}Supply: {facts.supply}. {_flash(board, candidates)}",
        "Inference Framework": firmbench,
        "Software Libraries": f"{firmbench}: generated C and its own kernels",
        "Operating System ": "bare metal",
        "Other Software Stack": NONE,
        "Software Notes": mark + _software(candidates),
        "Quantization Method": facts.training if division == OPEN else INT8,
        "Training framework (open division)": facts.training if division == OPEN else "not applicable",
        "ML Model Compiler(s)": firmbench,
        "General Compiler(s)": tools.get("compiler", ""),
        "Other Software": ", ".join(
            f"{name} {tools[name]}" for name in ("platformio", "scons", "python") if name in tools
        ),
        "Training and Quantization Notes": "; ".join(_model(candidate) for candidate in candidates),
    }
    return {key: facts.system.get(key, values[key]) for key in KEYS}


def _flash(board: Board, candidates: Sequence[Candidate]) -> str:
    clock = board.clock
    images = [candidate.firmware for candidate in candidates if candidate.firmware is not None]
    set_to = {clock.prefetch if image.prefetch is None else image.prefetch for image in images} or {clock.prefetch}
    prefetch = "on or off by benchmark" if len(set_to) > 1 else "on" if set_to.pop() else "off"
    width = 8 * clock.flash_read_bytes
    return f"Flash: {clock.flash_wait_states} wait states, reads of {width} bits, prefetch {prefetch}."


def _software(candidates: Sequence[Candidate]) -> str:
    """What was optimised for, and the dead code that was left out, declared because a reader may ask."""
    sentences = []
    for candidate in candidates:
        firmware = candidate.firmware
        if firmware is None:
            continue
        sentences.append(
            f"{candidate.name}: optimised for {firmware.optimize}, {firmware.flash_bytes} bytes of flash,"
            f" {firmware.ram_bytes} of RAM, {firmware.arena_bytes} of them tensor arena."
        )
        if declared := declarations(candidate):
            sentences.append(f"Dead code left out, outputs unchanged for every input: {'; '.join(declared)}.")
    return " ".join(sentences)


def _model(candidate: Candidate) -> str:
    run = next(iter(candidate.runs.values()))
    return f"{candidate.name}: {run.model}, SHA-256 {run.model_sha256}"
