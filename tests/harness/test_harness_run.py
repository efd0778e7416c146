"""A whole performance run: port, device, windows, results and their files."""

import hashlib
import json
import sys
import types
from pathlib import Path
from typing import Any, ClassVar

import pytest
from rich.console import Console

from common.artifact import Firmware
from common.board import Board
from common.errors import UserError
from harness import Options, ports, run_bench
from harness.answers import DeviceError
from harness.link import LinkError
from tests.harness.fake_device import FakeDevice, FakeSerial, Faults, interrupt_read, pty_device
from virtual.timing import uncertainty


class FakeBoard:
    """Stands in for the virtual board: counts time with the fake's simulated clock."""

    def __init__(self, elf: Path, board: Board, *, timing: bool = True) -> None:
        self.elf, self.board = elf, board
        self.device = FakeDevice(FakeBoard.faults, (2_210.5,))
        self.port: FakeSerial | None = None
        self.instructions = 123_456_789
        self.host_seconds = 2.0
        self.diagnostics = ["flash has too few wait states"]
        self.timing, self.cycles, self.sleep_cycles = timing, 2000, 1000
        FakeBoard.made.append(self)

    faults = Faults(boot_text_s=0.0)
    made: ClassVar[list["FakeBoard"]] = []

    def stalls(self) -> dict[str, int]:
        """Of the 1000 cycles awake, 130 waited for code."""
        return {"code_cycles": 130, "data_cycles": 0, "flash_cycles": 130, "unaligned_cycles": 0}

    def situation(self) -> str:
        return "the firmware sleeps"

    def symbol(self, name: str) -> str:
        return name

    def write_memory(self, address: str, data: bytes) -> None:
        """Of the input buffer; its length follows from what lies in it."""
        if address == "buffer_storage":
            self.device.data = data

    @property
    def seconds(self) -> float:
        return self.port.now if self.port is not None else 0.0


def fake_virtual_serial(board: FakeBoard, baudrate: int, timeout: float) -> FakeSerial:
    assert baudrate == 921600
    board.port = FakeSerial(board.device)
    board.port.timeout = timeout
    return board.port


@pytest.fixture
def virtual(monkeypatch: pytest.MonkeyPatch) -> type[FakeBoard]:
    module: Any = types.ModuleType("virtual")
    module.VirtualBoard, module.VirtualSerial = FakeBoard, fake_virtual_serial
    monkeypatch.setitem(sys.modules, "virtual", module)
    monkeypatch.setitem(sys.modules, uncertainty.__name__, uncertainty)
    monkeypatch.setattr(ports, "comports", list)
    monkeypatch.setattr(FakeBoard, "made", [])
    return FakeBoard


@pytest.fixture
def arguments(firmware: Firmware, board: Board, console: Console) -> dict[str, Any]:
    return {
        "firmware": firmware,
        "board": board,
        "port": "virtual",
        "data": None,
        "quick": False,
        "console": console,
    }


def bench(firmware: Firmware, board: Board, console: Console, mode: str = "performance", **options: Any) -> Path:
    return run_bench(firmware, board, mode, Options(**options), console)


def test_i2s_is_for_the_streaming_benchmark(firmware: Firmware, board: Board) -> None:
    with pytest.raises(UserError, match="--i2s is for the streaming wakeword benchmark; ad gets its inputs by UART"):
        run_bench(firmware, board, "performance", Options(port="virtual", i2s=True), Console(quiet=True))


def test_full_run_on_the_virtual_board(arguments: dict[str, Any], virtual: type[FakeBoard]) -> None:
    firmware: Firmware = arguments["firmware"]
    path = bench(**arguments, full=True)
    assert path == firmware.folder / "results.json"
    saved = json.loads(path.read_text())
    assert saved["unverified"] is True
    assert (saved["board"], saved["bench"], saved["runtime"]) == ("nucleo_l4r5zi", "ad", "aot")
    assert saved["model"] == {"name": "test_model.tflite", "sha256": "ab" * 32, "bytes": 1234}
    assert saved["timing"] == "modelled"
    assert saved["latency_ms"] == pytest.approx(2.2105, rel=1e-4)
    assert saved["throughput"] == pytest.approx(1 / 2.2105e-3, rel=1e-4)
    assert saved["cycles"] == round(saved["latency_ms"] * 120_000)
    assert "derived" in saved["cycles_note"]
    assert (saved["quick"], saved["valid_window_rules"]) == (False, True)
    assert saved["reservations"] == ["timing is modelled, not measured on a board", "inputs are synthetic"]
    assert saved["loop_at_least_10_s"] is True
    assert len(saved["windows"]) == 5
    assert all(window["elapsed_us"] >= 10_000_000 for window in saved["windows"])
    assert len({tuple(window["results"]) for window in saved["windows"]}) == 5
    assert saved["inputs"]["synthetic"] is True
    assert list(saved["inputs"]["sha256"]) == [window["input"] for window in saved["windows"]]
    assert (saved["flash_bytes"], saved["ram_bytes"], saved["arena_bytes"]) == (300_001, 20_002, 1_288)
    assert saved["tools"]["arm-none-eabi-gcc"] == "12.2.1"
    assert saved["tools"]["pyserial"]
    assert saved["port"]["spec"] == "virtual"
    assert saved["device"] == {"name": "fake", "profile": "fake firmware", "model": "ad01"}
    assert saved["virtual"]["instructions_per_host_second"] == pytest.approx(123_456_789 / 2)
    assert saved["virtual"]["diagnostics"] == ["flash has too few wait states"]
    assert saved["virtual"]["modelled_interval_percent"] == pytest.approx(10.5)
    assert "±10.5 %" in arguments["console"].export_text(clear=False)
    assert "virtual board: flash has too few wait states" in arguments["console"].export_text()
    (machine,) = virtual.made
    assert machine.elf == firmware.elf
    assert machine.port is not None
    assert not machine.port.is_open
    last = next(reversed(saved["inputs"]["sha256"].values()))
    assert hashlib.sha256(machine.device.data).hexdigest() == last


def test_log_holds_both_directions(arguments: dict[str, Any], virtual: type[FakeBoard]) -> None:
    folder = bench(**arguments | {"quick": True}).parent
    log = (folder / "log.txt").read_text()
    assert "modelled time" in log.splitlines()[0]
    assert "> infer " in log
    assert "< m-timestamp-mode-performance\\r\\n" in log
    assert "< m-results-[" in log
    assert sorted(item.name for item in folder.iterdir()) == ["log.txt", "results.json"]


def test_console_tells_what_the_numbers_are(
    arguments: dict[str, Any], virtual: type[FakeBoard], console: Console
) -> None:
    bench(**arguments | {"port": None, "quick": True})
    shown = console.export_text()
    assert "note: no NUCLEO-L4R5ZI plugged in: using the virtual one" in shown
    for text in ("modelled", "2.211 ms", "265,", "452.", "300,001 B", "20,002 B", "1,288 B", "5 synthetic inputs"):
        assert text in shown
    for text in ("test_model.tflite", "not valid for submission", "unverified, not submitted", "61.7 M instructions/s"):
        assert text in shown


def test_quick_run_is_marked(arguments: dict[str, Any], virtual: type[FakeBoard]) -> None:
    saved = json.loads(bench(**arguments | {"quick": True}).read_text())
    assert (saved["quick"], saved["valid_window_rules"], len(saved["windows"])) == (True, False, 1)
    assert saved["windows"][0]["elapsed_us"] >= 1_000_000


def test_real_inputs_are_used_and_described(
    arguments: dict[str, Any], virtual: type[FakeBoard], tmp_path: Path
) -> None:
    folder = tmp_path / "data" / "ad01"
    folder.mkdir(parents=True)
    for number in range(5):
        (folder / f"{number}.bin").write_bytes(bytes([number, 0, 0, 0]) * 640)
    (folder / "y_labels.csv").write_text("".join(f"{number}.bin,2,0,2560,512\n" for number in range(5)))
    saved = json.loads(bench(**arguments | {"data": tmp_path / "data"}).read_text())
    assert saved["inputs"]["synthetic"] is False
    assert [window["input"] for window in saved["windows"]] == [f"{number}.bin@0" for number in range(5)]


FAILURES = {
    "another model": (Faults(model="kws01"), DeviceError, "runs model 'kws01', benchmark ad needs 'ad01'; flash"),
    "energy": (Faults(energy=True, boot_text_s=0.0), DeviceError, "energy-mode firmware"),
    "error": (Faults(answers={"infer": b"e-[no]\r\n"}), DeviceError, r"refused `infer 1 1`: e-\[no\]"),
    "unplugged": (Faults(vanish_at="infer 4"), LinkError, "vanished"),
    "restart": (Faults(restart_at="infer 4"), DeviceError, "the device restarted"),
    "silent": (Faults(silent=True), UserError, "is silent: .* s: the firmware sleeps; is the"),
    "hang": (Faults(answers={"infer": b""}, every_answer=b"m-name-dut-[x]\r\nm-ready\r\n"), UserError, "profile"),
}


@pytest.mark.parametrize(("faults", "kind", "message"), FAILURES.values(), ids=FAILURES.keys())
def test_failed_runs_keep_earlier_results_and_their_transcript(
    arguments: dict[str, Any],
    virtual: type[FakeBoard],
    monkeypatch: pytest.MonkeyPatch,
    faults: Faults,
    kind: type[UserError],
    message: str,
) -> None:
    path = bench(**arguments | {"quick": True})
    before = {name: (path.parent / name).read_bytes() for name in ("results.json", "log.txt")}
    monkeypatch.setattr(virtual, "faults", faults)
    with pytest.raises(kind, match=message) as caught:
        bench(**arguments | {"quick": True})
    assert "\n" not in str(caught.value)
    assert {name: (path.parent / name).read_bytes() for name in before} == before
    assert "> name%" in (path.parent / "log-failed.txt").read_text()
    assert all(machine.port is not None and not machine.port.is_open for machine in virtual.made)
    monkeypatch.setattr(virtual, "faults", Faults())
    bench(**arguments | {"quick": True})
    assert not (path.parent / "log-failed.txt").exists()


@pytest.mark.parametrize("reads", [1, 30, 100])
def test_ctrl_c_passes_through_after_the_port_is_closed(
    arguments: dict[str, Any], virtual: type[FakeBoard], monkeypatch: pytest.MonkeyPatch, reads: int
) -> None:
    path = bench(**arguments | {"quick": True})
    before = path.read_bytes()
    interrupt_read(monkeypatch, reads)
    with pytest.raises(KeyboardInterrupt):
        bench(**arguments | {"quick": True})
    assert path.read_bytes() == before
    assert sorted(item.name for item in path.parent.iterdir()) == ["log.txt", "results.json"]
    assert all(machine.port is not None and not machine.port.is_open for machine in virtual.made)


def test_a_program_behind_a_pty_does_not_count_as_measured(arguments: dict[str, Any], console: Console) -> None:
    with pty_device(FakeDevice()) as path:
        saved = json.loads(bench(**arguments | {"port": path, "quick": True}).read_text())
    assert saved["timing"] == "modelled"
    assert saved["virtual"] is None
    assert "a program answers, not a board" in console.export_text()


def test_a_serial_port_counts_as_measured(arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    port = FakeSerial(FakeDevice())
    monkeypatch.setattr("harness.session.open_port", lambda choice, baud, make_virtual: port)
    monkeypatch.setattr("time.monotonic", port.clock)
    saved = json.loads(bench(**arguments | {"port": "/dev/ttyACM0"}).read_text())
    assert saved["timing"] == "measured"
    assert saved["reservations"] == ["inputs are synthetic"]
    assert saved["virtual"] is None


def test_bad_data_folder_fails_before_a_port_is_opened(
    arguments: dict[str, Any], virtual: type[FakeBoard], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"y_labels\.csv"):
        bench(**arguments | {"data": tmp_path})
    assert virtual.made == []
