"""Bit-exactness: the tensors of the built image, run here, against TensorFlow Lite Micro's reference kernels."""

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from common.artifact import Firmware
from common.benchmark import Benchmark, WireTensor
from common.board import Board
from common.console import say
from common.errors import UserError
from common.oracle import Oracle, StreamOracle, TensorInfo
from harness.classic import require_classic
from harness.device import Device
from harness.inputs import in_type, load_inputs, number_range
from harness.link import Link, SerialLike
from harness.ports import VIRTUAL
from harness.qemu import QemuBoard
from harness.virtual_port import virtual_port
from harness.wire import input_tensors

WIRE_INPUTS = 5  # synthetic inputs that go over the serial line, and through the firmware's own conversion
WIRE_BYTES = 30_000  # and no more bytes than that, beyond one input: the virtual board takes 0.3 ms for each
LOAD_TIMEOUT_S, INFER_TIMEOUT_S = 5.0, 600.0  # virtual time
NO_INPUT = "db load {}"  # without the bytes: then the firmware takes the tensors as they are
SHOWN = 5  # differing elements named in the message
FLOAT_TOLERANCE = 1e-5  # of an output's largest magnitude: our float kernels may add up in another order
SEQUENCES = (1, 2, 3, 5, 8)  # inferences one after another, for models that remember

QEMU = "qemu"
COUNTED_US = 2000  # at least about so long an instruction count takes, as timers tick in microseconds

Tensors = list[NDArray[Any]]


class Machine(Protocol):
    """What runs the image: the virtual board, or QEMU."""

    @property
    def seconds(self) -> float: ...

    def situation(self) -> str: ...

    def symbol(self, name: str, /) -> int: ...

    def read_memory(self, address: int, size: int, /) -> bytes: ...

    def write_memory(self, address: int, data: bytes, /) -> None: ...


class DeviceTensors:
    """The model's input and output tensors inside a virtual board."""

    def __init__(self, machine: Machine, oracle: Oracle) -> None:
        self._machine = machine
        self._inputs = [self._pointer(f"model_input{index}") for index in range(len(oracle.inputs))]
        self._outputs = [(self._pointer(f"model_output{index}"), info) for index, info in enumerate(oracle.outputs)]

    def _pointer(self, symbol: str) -> int:
        (address,) = struct.unpack("<I", self._machine.read_memory(self._machine.symbol(symbol), 4))
        return int(address)

    def write_inputs(self, values: Tensors) -> None:
        for address, array in zip(self._inputs, values, strict=True):
            self._machine.write_memory(address, array.tobytes())

    def read_outputs(self) -> Tensors:
        return [
            np.frombuffer(self._machine.read_memory(address, info.elements * info.dtype.itemsize), info.dtype)
            for address, info in self._outputs
        ]


class Comparison:
    """Counts inferences whose outputs were equal, and keeps the largest difference of float ones that were not."""

    def __init__(self) -> None:
        self.inferences = 0
        self.largest = 0.0  # relative to the output's largest magnitude

    def check(self, what: str, got: Tensors, wanted: Tensors) -> None:
        """Raises UserError with the first differing elements."""
        for index, (ours, theirs) in enumerate(zip(got, wanted, strict=True)):
            name = what if len(wanted) == 1 else f"{what}, output {index},"
            self._check(name, ours, theirs)
        self.inferences += 1

    def _check(self, what: str, got: NDArray[Any], wanted: NDArray[Any]) -> None:
        places = np.unique(np.flatnonzero(got.view(np.uint8) != wanted.view(np.uint8)) // got.itemsize)
        if not places.size:
            return
        if got.dtype == np.float32 and np.isfinite(got).all() and np.isfinite(wanted).all():
            difference = float(np.max(np.abs(got - wanted)) / max(np.max(np.abs(wanted)), np.finfo(np.float32).tiny))
            if difference <= FLOAT_TOLERANCE:
                self.largest = max(self.largest, difference)
                return
        first = ", ".join(f"[{index}] is {got[index]}, not {wanted[index]}" for index in places[:SHOWN])
        raise UserError(f"{what} differs in {places.size} of {got.size} elements: {first}")

    def __str__(self) -> str:
        if self.largest:
            return (
                f"equal TensorFlow Lite Micro's up to {self.largest:.1e} of the largest output"
                " (float kernels add up in another order)"
            )
        return "equal TensorFlow Lite Micro's bit for bit"


def verification_inputs(
    tensors: Sequence[TensorInfo], ranges: Sequence[tuple[float, float]], count: int, seed: int
) -> Iterator[Tensors]:
    """``count`` model inputs: extremes first, then random ones of several distributions.

    ``ranges``: lowest and highest value of each tensor.
    """
    rng = np.random.default_rng(seed)
    for number in range(count):
        yield [
            in_type(low + (high - low) * _fractions(rng, tensor.elements, number), tensor.dtype.name)
            for tensor, (low, high) in zip(tensors, ranges, strict=True)
        ]


def _fractions(rng: np.random.Generator, elements: int, number: int) -> NDArray[np.float64]:
    """``elements`` numbers from 0 to 1."""
    alternating = (np.arange(elements) % 2).astype(np.float64)
    extremes = [
        np.zeros(elements),
        np.ones(elements),
        np.full(elements, 128 / 255),
        alternating,
        1 - alternating,
        np.linspace(0, 1, elements),
    ]
    if number < len(extremes):
        return extremes[number]
    if number % 3 == 0:
        return rng.random(elements)
    if number % 3 == 1:
        return np.clip(rng.normal(rng.uniform(0.1, 0.9), rng.uniform(0.005, 0.25), elements), 0, 1)
    return np.where(rng.random(elements) < 0.02, rng.choice([0.0, 1.0]), rng.random())


@contextmanager
def _running(firmware: Firmware, board: Board) -> Iterator[tuple[Machine, SerialLike, int]]:
    """The machine, its serial port, and how many instructions a second of the firmware's timer are."""
    if board.qemu is not None:
        with QemuBoard(firmware.elf, board) as qemu:
            yield qemu, qemu.serial, qemu.instructions_per_second
        return
    machine, port = virtual_port(firmware, board, timing=False)
    yield machine, port, board.clock.sysclk_hz


def count_instructions(device: Device, macs: int, instructions_per_second: int) -> int:
    """Instructions of one inference of ``macs``, about, by the firmware's own timer. Raises as `Device.infer`.

    Two measurements of different length: printing the first timestamp takes part of each. ``macs`` only saves time: 0
    where they are not known.
    """

    def elapsed_us(inferences: int) -> int:
        return device.infer(inferences, 0, INFER_TIMEOUT_S).elapsed_us

    more = 1 + COUNTED_US * instructions_per_second // 1_000_000 // macs if macs else 1
    short, long = elapsed_us(1), elapsed_us(1 + more)
    while long - short < COUNTED_US and not macs:
        more *= 4
        long = elapsed_us(1 + more)
    return round((long - short) * instructions_per_second / 1_000_000 / more)


def verify_firmware(
    firmware: Firmware, board: Board, data: Path | None, count: int, seed: int, console: Console
) -> int:
    """Compare ``count`` inferences, all elements of all outputs of each, and say so on the console.

    They run on the virtual board, or on QEMU for a board that it has a machine of. Returns the instructions of one.

    These inputs are random and written into the model's input tensors, so that every value can occur. A few more take
    the whole way: serial line, the firmware's conversion, inference. They are synthetic, or with ``data`` the first of
    the data set; its others, at most ``count`` in all, are converted here. A model that remembers runs several times on
    each random input, from its initial state.

    Raises:
        UserError: any difference, with the first differing elements; or something needed is missing.
    """
    if count < 1:
        raise UserError(f"--count {count}: at least one input is needed")
    require_classic(firmware.benchmark, "invoke verify")
    benchmark = firmware.benchmark
    sent = load_inputs(benchmark, data, count, fewer=True) if data else load_inputs(benchmark, None, WIRE_INPUTS)
    content = firmware.model_file.read_bytes()
    oracle = _oracle(firmware, content)
    comparison = Comparison()
    name = QEMU if board.qemu is not None else VIRTUAL
    with (
        _running(firmware, board) as (machine, port, instructions_per_second),
        Link(port, name, lambda: machine.seconds, machine.situation) as link,
    ):
        device = Device(link)
        device.synchronise()
        tensors = DeviceTensors(machine, oracle)
        by_wire = max(1, min(len(sent.inputs), WIRE_BYTES // benchmark.input_bytes))
        for number, item in enumerate(track(sent.inputs, "verifying", console=console, transient=True)):
            values = input_tensors(benchmark, item.data, oracle.inputs)
            if number < by_wire:
                device.load(item.data)
            elif number == by_wire:
                link.ask(NO_INPUT.format(benchmark.input_bytes), LOAD_TIMEOUT_S)
            if number >= by_wire:
                tensors.write_inputs(values)
            link.ask("infer 1 0", INFER_TIMEOUT_S)
            fresh = _oracle(firmware, content) if firmware.remembers else oracle
            comparison.check(f"output for {item.name}", tensors.read_outputs(), fresh.run(values))
            if number == 0:
                instructions = count_instructions(device, firmware.macs, instructions_per_second)
        link.ask(NO_INPUT.format(benchmark.input_bytes), LOAD_TIMEOUT_S)
        ranges = [_tensor_range(benchmark, *pair) for pair in zip(benchmark.inputs, oracle.inputs, strict=True)]
        inputs = verification_inputs(oracle.inputs, ranges, count, seed)
        for number, values in enumerate(track(inputs, "verifying", total=count, console=console, transient=True)):
            length = SEQUENCES[number % len(SEQUENCES)] if firmware.remembers else 1
            tensors.write_inputs(values)
            link.ask(f"infer {length} 0", INFER_TIMEOUT_S)
            what = f"output for input {number} (seed {seed})" + (f" after {length} inferences" if length > 1 else "")
            fresh = _oracle(firmware, content) if firmware.remembers else oracle
            *_, wanted = (fresh.run(values) for _ in range(length))
            comparison.check(what, tensors.read_outputs(), wanted)
    given = f"{sent.description}, " if data else ""
    sequences = ", in sequences from the initial state" if firmware.remembers else ""
    say(
        f"{firmware.model.name} on {board.title}: {comparison.inferences} inferences {comparison}"
        f" ({given}{by_wire} of them with input over the serial line{sequences})"
        f"; {instructions:,} instructions an inference{' by the count of QEMU' if board.qemu else ''}",
        console,
    )
    return instructions


def _oracle(firmware: Firmware, content: bytes) -> Oracle:
    axis = firmware.benchmark.streaming
    return Oracle(content) if axis is None else StreamOracle(content, axis)


def _tensor_range(benchmark: Benchmark, wire: WireTensor, tensor: TensorInfo) -> tuple[float, float]:
    """Lowest and highest value to write into an input tensor."""
    low, high = number_range(benchmark, wire.dtype)
    if tensor.dtype.name == wire.dtype:
        return low, high
    if tensor.dtype != np.float32:
        limits = np.iinfo(tensor.dtype)
        return float(limits.min), float(limits.max)
    zero_point, scale = benchmark.input_zero_point, benchmark.input_scale
    return (low - zero_point) * scale, (high - zero_point) * scale
