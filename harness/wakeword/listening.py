"""The benchmark's own way: sound into the I2S input of the virtual board, frame after frame without the host."""

import re
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from harness.answers import DeviceError
from harness.wakeword.device import StreamDevice
from harness.wakeword.sound import RATE_HZ

if TYPE_CHECKING:
    from virtual import VirtualBoard

SCORES = re.compile(r"\[([^\]]*)\]")
SLICE_SECONDS = 0.1


def listen(
    device: StreamDevice, machine: "VirtualBoard", samples: NDArray[np.int16], name: str, console: Console
) -> tuple[int, ...]:
    """Play ``samples``, int16 at 16 kHz, on the left channel, and return the wakeword's score in each frame.

    Raises:
        DeviceError: the firmware has no such input, stopped, lost sound, or answered something else.
    """
    from virtual import StopReason

    device.ask("start")
    machine.play([(int(sample), 0) for sample in samples], RATE_HZ)
    start, length = machine.seconds, len(samples) / RATE_HZ
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task(name, total=length)
        reason = StopReason.LIMIT
        while reason is not StopReason.IDLE:
            reason = machine.run(round(SLICE_SECONDS * machine.hz))
            progress.update(bar, completed=machine.seconds - start)
            if reason is StopReason.LOCKUP:
                raise DeviceError(f"the device stopped while it listened: {machine.situation()}")
    answer = device.ask("stop")
    if lost := [line for line in answer if line.startswith("Warning")]:
        raise DeviceError(f"the device is too slow for its input: {lost[0]}")
    listed = SCORES.search(" ".join(answer))
    if listed is None or "Streaming stopped." not in answer:
        raise DeviceError(f"no scores in the answer to `stop`: '{' | '.join(answer)[:120]}'")
    try:
        return tuple(int(score) for score in listed[1].split(",") if score.strip())
    except ValueError:
        raise DeviceError(f"'{listed[1][:60]}' is no list of scores") from None
