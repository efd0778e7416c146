"""Answers of a device to inputs, whatever happens to it meanwhile: the part of an accuracy run that knows the link.

It runs in this process with a real board, in others with virtual boards, or on other machines.
"""

import os
import platform
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from serial.tools.list_ports import comports

from common.errors import UserError
from harness.answers import DeviceError
from harness.dataset import Input
from harness.device import Device, NoDeviceError, Profile
from harness.journal import Answer
from harness.link import LinkError
from harness.ports import PortChoice, find_port
from harness.results import VirtualHost
from harness.session import Connection, Target, connect, identify
from harness.virtual_port import Loader

TRIES = 4  # of one input
REOPEN_SECONDS = 10.0  # a board's USB is away for a second or two when its probe starts anew
REOPEN_PAUSE_S = 0.25
SECONDS_PER_INFERENCE = 20.0  # what one may take at most, before slack


@dataclass(frozen=True)
class Identity:
    """Who answered, and how it was reached."""

    choice: PortChoice
    profile: Profile


@dataclass
class Report:
    """Answers, and what else there is to tell of getting them. ``worker``: which process of which computer.

    ``virtual`` counts from the connection on.
    """

    answers: list[Answer] = field(default_factory=list)
    incidents: list[str] = field(default_factory=list)
    identity: Identity | None = None
    virtual: VirtualHost | None = None
    worker: str = field(default_factory=lambda: f"{os.getpid()} on {platform.node()}")


class Worker:
    """A device that answers. The port is held from the first input until `close`."""

    def __init__(
        self,
        target: Target,
        choice: PortChoice,
        *,
        read_back: bool,
        all_by_wire: bool,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """``read_back``: compare what the device received byte by byte, and send it again where it differs.

        ``all_by_wire``: not only the first input of a virtual board.
        """
        self.target = target
        self.choice = choice
        self.transcript = ""
        self._load: Callable[[Device, bytes], None] = Device.load
        self._all_by_wire = all_by_wire
        self._read_back = read_back
        self._sleep = sleep
        self._connection: Connection | None = None
        self._device: Device | None = None
        self._profile: Profile | None = None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.link.close()
        self._connection = self._device = None

    def answer(self, inputs: Sequence[Input]) -> Report:
        """One inference on each input.

        A device that restarted, vanished, hung or lost bytes is brought back and given the input again, up to
        `TRIES` times; ``incidents`` of the report say so.

        Raises:
            UserError: no device, another firmware, or it keeps failing; ``transcript`` then holds the last exchange.
        """
        report = Report()
        for item in inputs:
            report.answers.append(self._persist(item, report.incidents))
        connection, profile = self._connection, self._profile
        if connection is not None and profile is not None:
            report.identity = Identity(self.choice, profile)
            report.virtual = connection.virtual_host
        return report

    def _persist(self, item: Input, incidents: list[str]) -> Answer:
        for attempt in range(1, TRIES + 1):
            try:
                return self._infer(self._ready(), item)
            except (DeviceError, LinkError, NoDeviceError) as error:
                self._keep_transcript()
                self.close()
                if self._profile is None:
                    raise
                if attempt == TRIES:
                    raise UserError(
                        f"{item.name} failed {TRIES} times; the last time: {error}; earlier answers are kept, "
                        "the same command goes on where it stopped"
                    ) from error
                incidents.append(f"{item.name}: {error}; sent again")
        raise AssertionError

    def _ready(self) -> Device:
        if self._device is None:
            self._connection = self._open(patient=self._profile is not None)
            self._load = Loader(self._connection.virtual, all_by_wire=self._all_by_wire)
            try:
                self._device, self._profile = identify(self._connection.link, self.choice, self.target.benchmark)
            except BaseException:
                self._keep_transcript()
                self._connection.link.close()
                raise
        return self._device

    def _open(self, *, patient: bool) -> Connection:
        """Open the port; a ``patient`` caller waits for one that is away, and follows it to another name."""
        deadline = time.monotonic() + REOPEN_SECONDS
        while True:
            self.choice = located(self.choice)
            try:
                return connect(self.target, self.choice, timing=False)
            except UserError:
                if not patient or time.monotonic() > deadline:
                    raise
            self._sleep(REOPEN_PAUSE_S)

    def _infer(self, device: Device, item: Input) -> Answer:
        link = device.link
        link.transcript.chunks.clear()  # of a thousand inputs only the last is of use
        self._load(device, item.data)
        if self._read_back:
            device.check_load(item.data)
        result = device.infer(1, 0, SECONDS_PER_INFERENCE)
        if len(result.results) != self.target.benchmark.result_count:
            raise DeviceError(
                f"the device reports {len(result.results)} results per inference, this benchmark has "
                f"{self.target.benchmark.result_count}; flash the benchmark's own firmware"
            )
        inference = result.inference
        if self.choice.is_virtual:  # its board counts instructions here, not time
            return Answer(item.name, inference.listed)
        return Answer(item.name, inference.listed, inference.start_us, inference.end_us)

    def _keep_transcript(self) -> None:
        if self._connection is not None:
            self.transcript = self._connection.link.transcript.text(f"{self.choice.spec}, the last exchange")


def located(choice: PortChoice) -> PortChoice:
    """The same board under the name its port has now: USB may have numbered it anew."""
    if choice.serial_number is None:
        return choice
    names = [str(info.device) for info in comports() if info.serial_number == choice.serial_number]
    return replace(choice, spec=names[0]) if names and choice.spec not in names else choice


@dataclass(frozen=True)
class Job:
    """All that a worker in another process or on another machine needs.

    ``elf``: the image's bytes, for machines that do not have its file. ``port``: what to open there; None for the board
    that is plugged in, else a virtual one.
    """

    target: Target
    port: str | None
    read_back: bool
    all_by_wire: bool
    elf: bytes | None = None


@dataclass
class _Kept:
    """A worker of this process, which stays connected from one task to the next, and the folder of its image."""

    job: Job
    worker: Worker
    folder: "tempfile.TemporaryDirectory[str] | None"


_kept: list[_Kept] = []
_one_at_a_time = threading.Lock()


def work(job: Job, inputs: Sequence[Input]) -> Report:
    """A task for a worker process: connects on the first call, keeps the device for the next.

    Raises:
        UserError: as `Worker.answer`.
    """
    with _one_at_a_time:
        if not _kept or _kept[0].job != job:
            for kept in _kept:
                kept.worker.close()
            _kept[:] = [_start(job)]
        worker = _kept[0].worker
        try:
            return worker.answer(inputs)
        except BaseException:
            worker.close()
            raise


def _start(job: Job) -> _Kept:
    target, folder = job.target, None
    if job.elf is not None:
        folder = tempfile.TemporaryDirectory(prefix="firmbench-")
        elf = Path(folder.name) / target.elf.name
        elf.write_bytes(job.elf)
        target = replace(target, elf=elf)
    choice = find_port(target.board, job.port, target.baud)
    return _Kept(job, make_worker(target, choice, job.read_back, job.all_by_wire), folder)


def make_worker(target: Target, choice: PortChoice, read_back: bool, all_by_wire: bool) -> Worker:
    """A worker that reads back what it sent only where there is a line that could corrupt it."""
    corruptible = not choice.is_virtual and not choice.is_pty
    return Worker(target, choice, read_back=read_back and corruptible, all_by_wire=all_by_wire)
