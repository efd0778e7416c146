"""Energy runs: edges and samples, the monitors' adapters against fakes, and the whole path on the virtual board."""

import re
import shutil
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from common.benchmark import load_benchmark
from common.board import load_board
from common.errors import UserError
from generator.build import build
from harness.answers import DeviceError
from harness.device import Device
from harness.energy import passthrough
from harness.energy.joulescope_monitor import Joulescope
from harness.energy.lpm01a import SAMPLE
from harness.energy.monitors import open_monitor, open_virtual
from harness.energy.outcome import energy_text
from harness.energy.passthrough import PassThrough
from harness.energy.ppk2 import Ppk2
from harness.energy.recording import Binner, Recording
from harness.energy.windows import EnergyResult, measure_energy
from harness.inputs import load_inputs
from harness.link import Link
from harness.performance import WindowRules
from tests.harness.fake_device import FakeDevice, FakeSerial, Faults
from virtual import VirtualBoard, VirtualSerial
from virtual.energy import ChargeMeter
from virtual.lpm01a import VirtualLpm01a, ascii_dec


def recording(*edges: int | None) -> Recording:
    record = Recording()
    for number in edges:
        record.mark(number)
        record.add([1e-5] * 10)
    return record


def test_the_samples_between_two_edges_are_the_window() -> None:
    span = recording(1, 2, 3).span(1, 0.0)
    assert span.seconds == pytest.approx(0.010)
    assert span.total_joules == pytest.approx(1e-4)
    assert recording(99, 0).span(0, 0.0).seconds == pytest.approx(0.010)


@pytest.mark.parametrize(("edges", "message"), [((), "saw 0"), ((1,), "saw 1"), ((1, 2, 3), "saw 3"), ((1, 3), "lost")])
def test_other_edges_are_refused(edges: tuple[int, ...], message: str) -> None:
    with pytest.raises(DeviceError, match=message):
        recording(*edges).span(0, 0.0)


def test_a_failed_monitor_is_reported() -> None:
    record = recording(1)
    record.fail(UserError("gone"))
    with pytest.raises(UserError, match="gone"):
        record.span(0, 10.0)


def test_fast_samples_become_milliseconds() -> None:
    record = Recording()
    binner = Binner(record, 100_000)
    levels = np.ones(3000, int)
    levels[500:600] = levels[2500:2600] = 0
    for start in range(0, 3000, 130):
        binner.add(np.full(3000, 0.05)[start : start + 130], levels[start : start + 130])
    span = record.span(0, 0.0)
    assert span.seconds == pytest.approx(0.020)
    assert span.total_joules == pytest.approx(0.05 * 0.020)


@pytest.mark.parametrize("joules", [0.0, 3.6e-5, 9.99999e-5, 1.234e-9])
def test_samples_survive_the_shields_format(joules: float) -> None:
    match = SAMPLE.fullmatch(ascii_dec(joules))
    assert match and int(match[1]) * 10.0 ** int(match[2]) == pytest.approx(joules, rel=6e-4)


class FakePpk2:
    """The documented calls of ppk2-api; 10 mA, the pin low in the middle of each of two chunks."""

    def __init__(self, port: str, **_: Any) -> None:
        self.calls: list[str] = []
        self.chunks = [b"a", b"b"]

    @staticmethod
    def list_devices() -> list[str]:
        return ["ttyX"]

    def get_data(self) -> bytes:
        return self.chunks.pop() if self.chunks else b""

    def get_samples(self, _: bytes) -> tuple[list[float], list[int]]:
        return [10_000.0] * 1000, [1] * 400 + [0] * 100 + [1] * 500

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: self.calls.append(f"{name}{arguments}")


def test_ppk2_adapter() -> None:
    monitor = Ppk2(SimpleNamespace(PPK2_API=FakePpk2), None, 3.0)
    monitor.power(True)
    monitor.start()
    span = monitor.recording.span(0, 5.0)
    monitor.close()
    assert span.total_joules == pytest.approx(0.010 * 3.0 * 0.010)
    assert "set_source_voltage(3000,)" in monitor._kit.calls and monitor._kit.calls[-1] == "toggle_DUT_power('OFF',)"


class FakeJoulescope:
    """The documented calls of a `joulescope` device: 20 mW at 1 MS/s."""

    output_sampling_frequency = 1_000_000

    def __init__(self) -> None:
        self.parameters: dict[str, str] = {}

    def parameter_set(self, name: str, value: str) -> None:
        self.parameters[name] = value

    def stream_process_register(self, listener: Any) -> None:
        levels = np.ones(30_000)
        levels[5_000:6_000] = levels[25_000:26_000] = 0

        def get(start: int, stop: int, fields: list[str]) -> Any:
            power, pin = np.full(stop - start, 0.02), levels[start:stop]
            return {"signals": {"power": {"value": power}, "current_lsb": {"value": pin}}}

        for end in range(1_000, 30_001, 1_000):
            listener.stream_notify(SimpleNamespace(sample_id_range=(0, end), samples_get=get))

    def open(self) -> None: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def close(self) -> None: ...


def test_joulescope_adapter() -> None:
    device = FakeJoulescope()
    monitor = Joulescope(SimpleNamespace(scan_require_one=lambda config: device), 1.8)
    monitor.start()
    assert monitor.recording.span(0, 0.0).total_joules == pytest.approx(0.02 * 0.020)
    monitor.close()
    assert device.parameters == {"current_lsb": "gpi0", "i_range": "off"}


def test_unknown_monitor() -> None:
    with pytest.raises(UserError, match="unknown power monitor 'x'; monitors are: lpm01a"):
        open_monitor("x", 1.8)


class FakeBetween:
    timeout: float | None = 1.0

    def __init__(self) -> None:
        self.sent, self.waiting = b"", b""

    @property
    def in_waiting(self) -> int:
        return len(self.waiting)

    def write(self, data: bytes, /) -> int:
        self.sent += data
        self.waiting += b"m-dut-passthrough(name)\r\nm-ready\r\n[dut]: m-name-dut-[x]\r\n[dut]: m-ready\r\n"
        return len(data)

    def read(self, size: int = 1, /) -> bytes:
        taken, self.waiting = self.waiting[:size], self.waiting[size:]
        return taken

    def close(self) -> None: ...


def test_commands_pass_through_the_board_between() -> None:
    between = FakeBetween()
    assert [line.text for line in Link(PassThrough(between), "x").ask("name", 1.0)] == ["m-name-dut-[x]"]
    assert between.sent == b"dut name%"


@pytest.mark.parametrize(
    ("kind", "answers", "commands"),
    [
        (
            "arduino",
            {"tm 0": b"", "enable-timer": b"", "disable-timer": b""},
            ["tm 0", "enable-timer", "disable-timer"],
        ),
        ("interface", {"setbaud 9600": b"set baud to: 9600\r\n"}, ["setbaud 9600", "name"]),
    ],
)
def test_boards_between_are_prepared_and_released(kind: str, answers: dict[str, bytes], commands: list[str]) -> None:
    port = FakeSerial(FakeDevice(Faults(answers=answers)))
    passthrough.prepare(port, kind, "x", 9600, port.clock)
    passthrough.release(port, kind, "x", port.clock)
    assert port.device.commands == commands


def test_a_board_between_that_does_not_know_the_rate() -> None:
    port = FakeSerial(FakeDevice(Faults(answers={"setbaud": b"invalid\r\n"})))
    with pytest.raises(UserError, match="interface board on x does not confirm 9600 baud: it answered 'invalid'"):
        passthrough.prepare(port, "interface", "x", 9600, port.clock)


@pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no arm-none-eabi-gcc")
def test_the_whole_path_gives_the_integral_of_the_modelled_current() -> None:
    """Energy firmware, virtual board and virtual LPM01A on its terminal, against the charge counted at the pulses."""
    board, benchmark = load_board("nucleo_l4r5zi"), load_benchmark("ad")
    performance = build(board, benchmark, benchmark.model, "aot", lambda _: None, energy=True)
    elf = performance.folder / "energy" / "firmware.elf"
    machine = VirtualBoard(elf, board)
    inputs = load_inputs(benchmark, None).inputs[:2]
    rules = WindowRules(2, 0.1, 10)
    meters: list[ChargeMeter] = []
    totals: list[float] = []

    def current_of(powered: VirtualBoard) -> Any:
        meters.append(ChargeMeter(powered))
        return lambda: meters[-1].sample().amps

    with VirtualLpm01a(machine, current_of) as shield:
        monitor = open_virtual(shield, 1.8)
        monitor.power(False)
        monitor.power(True)
        monitor.start()

        def edge(high: bool) -> None:
            if not high:
                meters[-1].sample()
                totals.append(meters[-1].coulombs)

        machine.watch_pin(board.timestamp_pin, edge)
        port = VirtualSerial(machine, baudrate=9600)
        device = Device(Link(port, "virtual", lambda: machine.seconds), energy=True)
        device.synchronise()
        result = measure_energy(device, monitor, inputs, timing="modelled", result_count=1, rules=rules)
        monitor.close()
    for window, (begin, end) in zip(result.windows, (totals[-4:-2], totals[-2:]), strict=True):
        assert window.span.seconds >= 0.1
        assert window.span.total_joules == pytest.approx((end - begin) * 1.8, rel=0.02)  # two samples of 1 ms
    check_text(result)
    assert machine.diagnostics == ()


def check_text(result: EnergyResult) -> None:
    text = energy_text(result)
    found = re.search(r"^Median energy cost is ([\d\.]+) uJ/inf", text, re.MULTILINE)
    assert found and float(found[1]) == pytest.approx(result.median_uj, abs=0.001)
    assert len(re.findall(r"Power\s+: ([\d\.]+) mW.*", text)) == len(result.windows)
    assert "<<<< below minimum duration" in text
