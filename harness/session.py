"""A link to the device of a run: opened, identified, described."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from common.artifact import Firmware
from common.benchmark import Benchmark
from common.board import Board
from harness.answers import DeviceError
from harness.device import Device, Profile
from harness.link import Link, SerialLike
from harness.ports import PortChoice, open_port
from harness.results import VirtualHost
from harness.virtual_port import virtual_port

if TYPE_CHECKING:
    from virtual import VirtualBoard

SLACK = 3.0
PTY_SLACK = 30.0  # behind a pseudo-terminal, device time and host time are not related


@dataclass(frozen=True)
class Target:
    """What is to run where: an image, which benchmark it is and its board."""

    elf: Path
    board: Board
    benchmark: Benchmark

    @property
    def baud(self) -> int:
        return self.benchmark.baud


@dataclass
class Connection:
    """A link and, when it leads to a virtual board, that board."""

    link: Link
    virtual: "VirtualBoard | None"

    @property
    def diagnostics(self) -> tuple[str, ...]:
        """What the virtual board found wrong in the firmware."""
        return tuple(map(str, self.virtual.diagnostics)) if self.virtual is not None else ()

    @property
    def virtual_host(self) -> VirtualHost | None:
        if self.virtual is None:
            return None
        from virtual.timing.uncertainty import interval_of

        interval = interval_of(self.virtual).worst_percent if self.virtual.timing else None
        return VirtualHost(self.virtual.instructions, self.virtual.host_seconds, self.diagnostics, interval)


def connect(target: Target, choice: PortChoice, *, timing: bool = True) -> Connection:
    """Open the port for this program alone; a virtual board boots the image, ``timing`` as in `VirtualBoard`.

    Raises:
        UserError: it cannot be opened, or the image does not load.
    """
    machines: list[VirtualBoard] = []

    def make_virtual() -> SerialLike:
        machine, serial_port = virtual_port(target, target.board, timing=timing)
        machines.append(machine)
        return serial_port

    port = open_port(choice, target.baud, make_virtual)
    if not machines:
        return Connection(Link(port, choice.spec, time.monotonic), None)
    (machine,) = machines
    return Connection(Link(port, choice.spec, lambda: machine.seconds, machine.situation), machine)


def identify(link: Link, choice: PortChoice, benchmark: Benchmark) -> tuple[Device, Profile]:
    """Get in step with the device and check that it runs the benchmark.

    Raises:
        UserError: no device, or another firmware.
    """
    device = Device(link, PTY_SLACK if choice.is_pty else SLACK)
    device.synchronise()
    profile = device.profile()
    if profile.model != benchmark.model_id:
        raise DeviceError(
            f"the device runs model '{profile.model}', benchmark {benchmark.name} needs '{benchmark.model_id}'; "
            "flash the right firmware with `invoke flash`"
        )
    return device, profile


def heading(choice: PortChoice, firmware: Firmware) -> str:
    """First line of a log."""
    clock = "modelled time" if choice.is_virtual else "host time"
    return f"{firmware.bench} on {choice.spec} ({choice.description}), {firmware.baud} baud, {clock}"
