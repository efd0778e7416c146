"""Bit-exactness: the built image's tensors on the virtual board against TensorFlow Lite Micro's reference kernels."""

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from common.artifact import Firmware
from common.benchmark import Benchmark
from common.board import Board
from common.console import say
from common.errors import UserError
from common.oracle import Oracle
from harness.device import Device
from harness.inputs import load_inputs
from harness.link import Link
from harness.ports import VIRTUAL
from harness.virtual_port import virtual_port

if TYPE_CHECKING:
    from virtual import VirtualBoard

WIRE_INPUTS = 5  # inputs that also go over the serial line, and through the firmware's own quantisation
LOAD_TIMEOUT_S, INFER_TIMEOUT_S = 5.0, 60.0  # virtual time
SHOWN = 5  # differing elements named in the message


class DeviceTensors:
    """The model's input and output tensors inside a virtual board."""

    def __init__(self, machine: "VirtualBoard", oracle: Oracle) -> None:
        self._machine = machine
        self._input_address = self._pointer("model_input0")
        self._output_address = self._pointer("model_output0")
        self._output = oracle.output

    def _pointer(self, symbol: str) -> int:
        (address,) = struct.unpack("<I", self._machine.read_memory(self._machine.symbol(symbol), 4))
        return int(address)

    def write_input(self, values: NDArray[Any]) -> None:
        self._machine.write_memory(self._input_address, values.tobytes())

    def read_output(self) -> NDArray[Any]:
        dtype = np.dtype(self._output["dtype"])
        size = int(np.prod(self._output["shape"])) * dtype.itemsize
        return np.frombuffer(self._machine.read_memory(self._output_address, size), dtype)


def verification_inputs(oracle: Oracle, count: int, seed: int) -> Iterator[NDArray[Any]]:
    """``count`` model inputs: extremes first, then random ones of several distributions."""
    rng = np.random.default_rng(seed)
    elements = int(np.prod(oracle.input["shape"]))
    alternating = np.where(np.arange(elements) % 2, 127, -128)
    extremes = [
        np.full(elements, -128),
        np.full(elements, 127),
        np.zeros(elements),
        alternating,
        -1 - alternating,
        np.linspace(-128, 127, elements),
    ]
    for number in range(count):
        if number < len(extremes):
            values = extremes[number]
        elif number % 3 == 0:
            values = rng.integers(-128, 128, elements)
        elif number % 3 == 1:
            values = rng.normal(rng.uniform(-100, 100), rng.uniform(1, 60), elements)
        else:
            values = np.where(rng.random(elements) < 0.02, rng.choice([-128, 127]), rng.integers(-128, 128))
        clipped = np.clip(np.rint(values), -128, 127).astype(np.int8)
        yield clipped if oracle.input["dtype"] != np.float32 else clipped.astype(np.float32)


def verify_firmware(
    firmware: Firmware, board: Board, benchmark: Benchmark, count: int, seed: int, console: Console
) -> None:
    """Compare ``count`` inferences, all output elements of each, and say so on the console.

    A few inputs take the whole way: serial line, the firmware's quantisation, inference. The others are written into
    the model's input tensor, so that every int8 value can occur.

    Raises:
        UserError: any difference, with the first differing elements; or something needed is missing.
    """
    if count < 1:
        raise UserError(f"--count {count}: at least one input is needed")
    oracle = Oracle(firmware.model_file.read_bytes())
    machine, port = virtual_port(firmware, board, timing=False)
    tensors = DeviceTensors(machine, oracle)
    with Link(port, VIRTUAL, lambda: machine.seconds) as link:
        device = Device(link)
        device.synchronise()
        for item in load_inputs(benchmark, None, WIRE_INPUTS).inputs:
            device.load(item.data)
            device.infer(1, 0)
            values = oracle.quantize(np.frombuffer(item.data, "<f4"))
            _compare(f"output for {item.name}", tensors.read_output(), oracle.infer(values))
        link.ask(f"db load {benchmark.input_bytes}", LOAD_TIMEOUT_S)  # and no bytes: the tensor is taken as it is
        inputs = verification_inputs(oracle, count, seed)
        for number, values in enumerate(track(inputs, "verifying", total=count, console=console, transient=True)):
            tensors.write_input(values)
            link.ask("infer 1 0", INFER_TIMEOUT_S)
            _compare(f"output for input {number} (seed {seed})", tensors.read_output(), oracle.infer(values))
    say(
        f"{firmware.model.name} on {board.title}: {count + WIRE_INPUTS} inferences equal TensorFlow Lite Micro's"
        f" bit for bit ({WIRE_INPUTS} of them with input over the serial line)",
        console,
    )


def _compare(what: str, got: NDArray[Any], wanted: NDArray[Any]) -> None:
    differing = np.flatnonzero(got.view(np.uint8) != wanted.view(np.uint8)) // got.itemsize
    if differing.size:
        places = np.unique(differing)
        first = ", ".join(f"[{index}] is {got[index]}, not {wanted[index]}" for index in places[:SHOWN])
        raise UserError(f"{what} differs in {places.size} of {got.size} elements: {first}")
