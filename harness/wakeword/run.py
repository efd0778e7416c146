"""`invoke bench` for the streaming wakeword benchmark."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from common.artifact import Firmware
from common.board import Board
from common.console import say
from common.errors import UserError
from common.files import write_atomic
from harness.answers import DeviceError
from harness.options import Options
from harness.ports import find_port
from harness.results import FAILED_LOG, PERFORMANCE, ModeRun, Setup, save_runs
from harness.session import Target, connect, heading
from harness.wakeword.device import StreamDevice
from harness.wakeword.listening import listen
from harness.wakeword.scoring import FRAME_SECONDS, Score, detection_times, score, thinned
from harness.wakeword.sound import Sound, load_sound

if TYPE_CHECKING:
    from virtual import VirtualBoard

QUICK_FRAMES = 10
START, END = "model_infer", "soc_microseconds"  # what the firmware calls around a frame's kernels
LAST_OF_FRONT_END = "LOG_MEL"


@dataclass(frozen=True)
class FrameCycles:
    """Of one frame on the virtual board."""

    features: int
    network: int


@dataclass(frozen=True)
class StreamResult:
    """``seconds``: mean time of a frame. ``cycles``: None on a real board."""

    sound: Sound
    activations: tuple[int, ...]  # the wakeword's score in each frame
    seconds: float
    cycles: tuple[FrameCycles, ...]
    timing: str
    i2s: bool

    @property
    def detections(self) -> tuple[float, ...]:
        return detection_times(self.activations)

    @property
    def score(self) -> Score | None:
        return None if self.sound.words is None else score(self.detections, self.sound.words)


def run_wakeword(firmware: Firmware, board: Board, mode: str, options: Options, console: Console) -> Path:
    """Stream a sound through the device frame by frame, save and show what came of it.

    Returns:
        The path of `results.json`.

    Raises:
        UserError: another mode than performance, no usable sound, no device, the wrong one, or it failed.
    """
    if mode != PERFORMANCE:
        raise UserError(f"--mode {mode}: {firmware.bench} has the mode {PERFORMANCE} only, which scores detections too")
    when = datetime.now()
    sound = load_sound(options.data)
    choice = find_port(board, options.port, firmware.baud)
    if options.i2s:
        _check_i2s(board, choice.is_virtual)
    if choice.notice:
        say(f"note: {choice.notice}", console)
    connection = connect(Target(firmware.elf, board, firmware.benchmark), choice)
    with connection.link as link:
        try:
            device = StreamDevice(link, connection.virtual, options.full)
            profile = device.profile()
            if profile.model != firmware.benchmark.model_id:
                raise DeviceError(f"the device runs model '{profile.model}'; flash the right firmware")
            result = _stream(firmware, device, connection.virtual, sound, options, console)
        except UserError:
            write_atomic(firmware.folder / FAILED_LOG, link.transcript.text(heading(choice, firmware)))
            say(f"transcript of the failed run: {firmware.folder / FAILED_LOG}", console)
            raise
        finally:
            for diagnostic in connection.diagnostics:
                say(f"virtual board: {diagnostic}", console)
    setup = Setup(firmware, board, choice, profile, connection.virtual_host)
    log = link.transcript.text(heading(choice, firmware))
    console.print(_table(firmware, board, result))
    path = save_runs([ModeRun(PERFORMANCE, setup, _section(result, board), log, _summary(result), [])], when)
    say(f"results: {path}", console)
    return path


def _stream(
    firmware: Firmware,
    device: StreamDevice,
    machine: "VirtualBoard | None",
    sound: Sound,
    options: Options,
    console: Console,
) -> StreamResult:
    marks = _watch(machine, firmware) if machine is not None else []
    blocks = sound.frames(firmware.benchmark.inputs[0].elements)
    count = min(len(blocks), options.count or len(blocks), QUICK_FRAMES if options.quick else len(blocks))
    if not count:
        raise UserError(f"{sound.name} is shorter than a frame of {1000 * FRAME_SECONDS:.0f} ms")
    device.reset()
    marks.clear()
    if options.i2s and machine is not None:
        activations = listen(device, machine, blocks[:count].reshape(-1), sound.name, console)
    else:
        activations = tuple(
            device.frame(block.astype("<i2").tobytes()).activations[0]
            for block in track(blocks[:count], sound.name, console=console, transient=True)
        )
    cycles = _frame_cycles(firmware, marks)
    if len(activations) != count:
        raise DeviceError(f"the device ran {len(activations)} frames, {count} were sent")
    if machine is None:
        return StreamResult(sound, activations, device.processing_us() / 1e6 / count, (), "measured", False)
    mean = fmean(item.features + item.network for item in cycles)
    return StreamResult(sound, activations, mean / machine.hz, cycles, "modelled", options.i2s)


def _check_i2s(board: Board, virtual: bool) -> None:
    if board.i2s is None:
        raise UserError(f"--i2s: {board.title} has no I2S input; boards/{board.name}/board.toml has no [i2s]")
    if not virtual:
        raise UserError(
            "--i2s plays the sound into the virtual board; a real one gets it from MLCommons' interface board, which"
            " MLCommons' runner drives: `invoke runner --dir DIR`"
        )


def _watch(machine: "VirtualBoard", firmware: Firmware) -> list[tuple[str, int]]:
    """Entries of the first kernel behind the front end and of what is called around all of them, with the cycle."""
    marks: list[tuple[str, int]] = []
    for function in (START, _first_of_network(firmware), END):
        machine.watch(function, lambda name=function: marks.append((name, machine.cycles)))  # type: ignore[misc]
    return marks


def _first_of_network(firmware: Firmware) -> str:
    names = [step.name for step in firmware.steps]
    return firmware.steps[names.index(LAST_OF_FRONT_END) + 1].kernel


def _frame_cycles(firmware: Firmware, marks: Sequence[tuple[str, int]]) -> tuple[FrameCycles, ...]:
    network = _first_of_network(firmware)
    found: list[FrameCycles] = []
    start = middle = None
    for name, cycle in marks:
        if name == START:
            start, middle = cycle, None
        elif name == network and start is not None and middle is None:
            middle = cycle
        elif name == END and start is not None and middle is not None:
            found.append(FrameCycles(middle - start, cycle - middle))
            start = None
    return tuple(found)


def _section(result: StreamResult, board: Board) -> dict[str, Any]:
    """The section `performance` of `results.json`."""
    verdict = result.score
    reservations = []
    if not result.i2s:
        reservations.append("frames came over the serial line, not from an I2S input as the benchmark's rules have it")
    if result.timing != "measured":
        reservations.append("timing is modelled, not measured on a board")
    if result.sound.synthetic:
        reservations.append("the sound is synthetic")
    return {
        "timing": result.timing,
        "latency_ms": result.seconds * 1e3,
        "throughput": 1 / result.seconds,
        "cycles": round(result.seconds * board.clock.sysclk_hz),
        "features_cycles": _mean([item.features for item in result.cycles]),
        "network_cycles": _mean([item.network for item in result.cycles]),
        "longest_cycles": max((item.features + item.network for item in result.cycles), default=None),
        "duty_cycle": result.seconds / FRAME_SECONDS,
        "reservations": reservations,
        "sound": {"name": result.sound.name, "sha256": result.sound.sha256, "synthetic": result.sound.synthetic},
        "input": "i2s" if result.i2s else "uart",
        "frames": len(result.activations),
        "activations": list(result.activations),
        "detections_s": list(result.detections),
        "true_positives": verdict.true_positives if verdict else None,
        "false_negatives": verdict.false_negatives if verdict else None,
        "false_positives": verdict.false_positives if verdict else None,
    }


def _mean(values: Sequence[int]) -> int | None:
    return round(fmean(values)) if values else None


def _summary(result: StreamResult) -> str:
    """`results.txt` as mlcommons/tiny's runner prints it, the accuracy only where the words are known."""
    lines = [f"Accuracy: {result.score}"] if result.score is not None else []
    lines += [
        f"Average duty cycle: {result.seconds / FRAME_SECONDS:.3f}",
        f"Average period: {FRAME_SECONDS:.3f} s",
        f"Estimated throughput: {1 / result.seconds:.3f} inf./sec.",
    ]
    return "\n".join(lines) + "\n"


def _table(firmware: Firmware, board: Board, result: StreamResult) -> Table:
    table = Table(title=f"{firmware.bench} on {board.title}: {result.timing}", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row("model", firmware.model.name)
    table.add_row("sound", f"{result.sound.name}, {len(result.activations)} frames{' by I2S' if result.i2s else ''}")
    table.add_row("latency of a frame", f"{result.seconds * 1e3:.3f} ms of {FRAME_SECONDS * 1e3:.0f}")
    features, network = (
        _mean([item.features for item in result.cycles]),
        _mean([item.network for item in result.cycles]),
    )
    if features is not None and network is not None:
        table.add_row("cycles", f"{features + network:,}")
        table.add_row("  features", f"{features:,}")
        table.add_row("  network", f"{network:,}")
    table.add_row("duty cycle", f"{result.seconds / FRAME_SECONDS:.3f}")
    times = ", ".join(f"{time:.2f} s" for time in thinned(result.detections)) or "none"
    table.add_row("detections", f"{len(result.detections)} frames; {times}")
    table.add_row("score", str(result.score) if result.score is not None else "the times of the words are not known")
    table.add_row("flash, RAM", f"{firmware.flash_bytes:,} B, {firmware.ram_bytes:,} B")
    table.add_row("status", "unverified, not submitted")
    return table
