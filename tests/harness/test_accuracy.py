"""Accuracy runs: scores, formats, sharding, faults in mid-run, and runs that were killed."""

import json
import multiprocessing
import os
import re
import signal
import sys
import time
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from common.artifact import Firmware
from common.board import Board
from common.errors import UserError
from harness import Options, run_bench, session, worker
from harness.link import SerialLike
from harness.ports import PortChoice
from tests.harness.fake_device import FakeDevice, FakeSerial, Faults, interrupt_read, pty_device
from tests.harness.labelled import write_ad
from tests.harness.test_harness_run import FakeBoard, fake_virtual_serial

# Mean square of each window of five frames: 0; 1; 4, 4, 4 and 9, 5.4.
LEVELS = {"n0": [0.0] * 5, "a0": [1.0] * 5, "n1": [2.0] * 7, "a1": [3.0] * 4 + [3.0, 0.0][:1] + [0.0]}
# Negatives 0 and 4, positives 1 and (9 + 7.2) / 2: three pairs of four are in order.
AUC = 0.75


class Ports:
    """Gives out in-process devices, one after the other; remembers them."""

    def __init__(self, *faults: Faults) -> None:
        self.faults = list(faults)
        self.opened: list[FakeSerial] = []
        self.specs: list[str] = []

    def open(self, choice: PortChoice, baud: int, make_virtual: object) -> SerialLike:
        faults = self.faults.pop(0) if len(self.faults) > 1 else self.faults[0]
        self.opened.append(FakeSerial(FakeDevice(faults)))
        self.specs.append(choice.spec)
        return self.opened[-1]

    @property
    def inferences(self) -> int:
        return sum(command.startswith("infer") for port in self.opened for command in port.device.commands)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_ad(tmp_path / "data", LEVELS)
    return tmp_path / "data"


@pytest.fixture
def devices(monkeypatch: pytest.MonkeyPatch) -> Ports:
    ports = Ports(Faults())
    monkeypatch.setattr(session, "open_port", ports.open)
    return ports


@pytest.fixture
def virtual(monkeypatch: pytest.MonkeyPatch) -> type[FakeBoard]:
    module: Any = types.ModuleType("virtual")
    module.VirtualBoard, module.VirtualSerial = FakeBoard, fake_virtual_serial
    monkeypatch.setitem(sys.modules, "virtual", module)
    monkeypatch.setattr(FakeBoard, "faults", Faults())
    monkeypatch.setattr(worker, "_kept", [])
    return FakeBoard


def run(firmware: Firmware, board: Board, console: Console, **options: Any) -> dict[str, Any]:
    path = run_bench(firmware, board, "accuracy", Options(**({"port": "/dev/ttyACM0"} | options)), console)
    saved: dict[str, Any] = json.loads(path.read_text())
    return saved


def archive(firmware: Firmware) -> Path:
    (folder,) = (firmware.folder.parent.parent / "runs").iterdir()
    return folder


def journals(firmware: Firmware) -> list[Path]:
    return sorted((firmware.folder / "journals").glob("*.jsonl"))


def test_scores_and_files(firmware: Firmware, board: Board, console: Console, data: Path, devices: Ports) -> None:
    saved = run(firmware, board, console, data=data)
    accuracy = saved["accuracy"]
    assert (accuracy["top1"], accuracy["auc"], accuracy["samples"]) == (None, AUC, 4)
    assert (accuracy["metric"], accuracy["target"], accuracy["passed"]) == ("auc", 0.85, None)
    assert accuracy["reservations"] == ["the data set has 4 files, the official one 248 or 72"]
    assert accuracy["inferences"] == devices.inferences == 7
    assert accuracy["data"]["path"] == str(data / "ad01")
    assert accuracy["data"]["synthetic"] is False
    assert accuracy["provenance"]["elf_sha256"] == firmware.elf_sha256
    assert (saved["performance"], saved["energy"], saved["latency_ms"]) == (None, None, None)
    assert journals(firmware) == []
    folder = archive(firmware)
    assert json.loads((folder / "results.json").read_text()) == saved
    text = (folder / "accuracy" / "results.txt").read_text()
    top1, auc = text.splitlines()
    # The patterns of the official submission checker.
    assert re.match(r".* Top[- ]1%?\s?[:=] ([\d\.]+).*", top1)
    found = re.match(r".* AUC\s?[:=] ([\d\.]+).*", auc)
    assert found is not None
    assert float(found[1]) == AUC
    assert re.match(r"\d{4}\.\d{6} ulp-mlperf: ", top1)
    entries = json.loads((folder / "accuracy" / "results.json").read_text())
    assert [entry["file"] for entry in entries] == ["n0.bin", "a0.bin", *["n1.bin"] * 3, *["a1.bin"] * 2]
    last = entries[-1]
    assert (last["classes"], last["class"], last["bytes_to_send"], last["stride"]) == ("2", "1", "2560", "512")
    assert (last["total_length"], last["mode"]) == (2, "a")
    assert last["infer"]["elapsed_time"] == last["infer"]["end_time"] - last["infer"]["start_time"] == 2000
    assert (last["infer"]["results"], last["infer"]["iterations"], last["infer"]["warmups"]) == ([7.2], 1, 0)
    log = (folder / "accuracy" / "log.txt").read_text()
    assert "a1.bin@1 m-results-[7.200]" in log
    assert "m-model-[ad01]" in log


def test_sections_of_one_image_are_kept_and_of_another_dropped(
    firmware: Firmware, board: Board, console: Console, data: Path, devices: Ports
) -> None:
    options = Options(port="/dev/ttyACM0", data=data, quick=True)
    performance = json.loads(run_bench(firmware, board, "performance", options, console).read_text())
    saved = run(firmware, board, console, data=data)
    assert saved["performance"] == performance["performance"]
    assert saved["latency_ms"] == performance["latency_ms"] == saved["performance"]["latency_ms"]
    assert saved["accuracy"]["auc"] == AUC
    other = type(firmware)(**{**vars(firmware), "elf_sha256": "ef" * 32})
    later = json.loads(run_bench(other, board, "performance", options, console).read_text())
    assert later["accuracy"] is None


def test_subset_and_synthetic_are_not_judged(
    firmware: Firmware, board: Board, console: Console, data: Path, devices: Ports
) -> None:
    subset = run(firmware, board, console, data=data, count=2)["accuracy"]
    assert (subset["samples"], subset["subset"], subset["passed"]) == (2, True, None)
    assert "a subset: 2 of 4 files" in subset["reservations"]
    synthetic = run(firmware, board, console)["accuracy"]
    assert synthetic["data"]["synthetic"] is True
    assert synthetic["passed"] is None
    assert synthetic["reservations"] == ["the data set is synthetic: its accuracy means nothing"]
    assert "its accuracy means nothing" in console.export_text()


FAULTS = {
    "reset": (Faults(restart_at="infer"), "the device restarted"),
    "unplugged": (Faults(vanish_at="db 0"), "vanished"),
    "hang": (Faults(answers={"infer": b"m-warmup-start-0\r\n"}), "did not confirm"),
    "lost bytes": (Faults(lost_bytes=1), "bytes were lost"),
    "refused": (Faults(answers={"db": b"e-[Insufficent number of hex digits]\r\n"}), "the device refused"),
    "corrupted payload": (Faults(flipped_loads=1), "holds 1 of 2560 bytes wrong"),
    "no results": (Faults(answers={"infer": b"m-infer-start-1\r\nm-infer-done\r\n"}), "no timestamps"),
    "too many results": (Faults(result_count=2), "2 results per inference"),
}


@pytest.mark.parametrize(("faults", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_a_device_that_fails_once_is_brought_back(
    firmware: Firmware,
    board: Board,
    console: Console,
    data: Path,
    devices: Ports,
    faults: Faults,
    message: str,
) -> None:
    devices.faults = [faults, Faults(boot_text_s=0.1)]
    accuracy = run(firmware, board, console, data=data)["accuracy"]
    assert accuracy["auc"] == AUC
    (incident,) = accuracy["incidents"]
    assert incident.startswith("n0.bin@0: ")
    assert message in incident
    assert f"recovered: {incident}" in console.export_text()
    assert len(devices.opened) == 2
    assert not any(port.is_open for port in devices.opened)


def test_a_board_is_followed_to_its_new_port(
    firmware: Firmware, board: Board, console: Console, data: Path, devices: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a USB re-enumeration the same probe, by its serial number, has another name."""
    plugged = [types.SimpleNamespace(device="/dev/ttyACM0", description="ST-Link", serial_number="0667FF")]
    monkeypatch.setattr("harness.ports.comports", lambda: plugged)
    monkeypatch.setattr(worker, "comports", lambda: plugged)
    devices.faults = [Faults(vanish_at="infer"), Faults()]
    opened = devices.open
    away = 3

    def open_port(choice: PortChoice, baud: int, make_virtual: object) -> SerialLike:
        nonlocal away, plugged
        if devices.opened and away:
            away -= 1
            plugged = [types.SimpleNamespace(device="/dev/ttyACM1", description="ST-Link", serial_number="0667FF")]
            raise UserError("port /dev/ttyACM0 does not exist")
        return opened(choice, baud, make_virtual)

    monkeypatch.setattr(session, "open_port", open_port)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    saved = run(firmware, board, console, data=data)
    assert saved["accuracy"]["auc"] == AUC
    assert devices.specs == ["/dev/ttyACM0", "/dev/ttyACM1"]
    assert saved["port"]["probe_serial_number"] == "0667FF"


def test_a_device_that_keeps_failing_is_reported_and_its_answers_kept(
    firmware: Firmware, board: Board, console: Console, data: Path, devices: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices.faults = [Faults()]
    broken = FakeSerial.write

    def write(port: FakeSerial, sent: bytes, /) -> int:
        if devices.inferences == 3 and sent.startswith(b"infer"):
            raise OSError(5, "Input/output error")
        return broken(port, sent)

    monkeypatch.setattr(FakeSerial, "write", write)
    with pytest.raises(
        UserError, match=r"n1\.bin@1 failed 4 times; the last time: .*vanished.*earlier answers are kept"
    ):
        run(firmware, board, console, data=data)
    assert not any(port.is_open for port in devices.opened)
    assert "db " in (firmware.folder / "log-failed.txt").read_text()
    assert not (firmware.folder / "results.json").exists()
    monkeypatch.setattr(FakeSerial, "write", broken)
    before = devices.inferences
    accuracy = run(firmware, board, console, data=data)["accuracy"]
    assert (accuracy["auc"], accuracy["resumed"], devices.inferences - before) == (AUC, 3, 4)
    assert not (firmware.folder / "log-failed.txt").exists()


@pytest.mark.parametrize("faults", [Faults(model="kws01"), Faults(silent=True), Faults(energy=True, boot_text_s=0.0)])
def test_a_wrong_device_is_not_asked_twice(
    firmware: Firmware, board: Board, console: Console, data: Path, devices: Ports, faults: Faults
) -> None:
    devices.faults = [faults]
    with pytest.raises(UserError):
        run(firmware, board, console, data=data)
    assert len(devices.opened) == 1
    assert not devices.opened[0].is_open


@pytest.mark.parametrize("reads", [1, 40, 200, 400])
def test_ctrl_c_at_any_moment(
    firmware: Firmware,
    board: Board,
    console: Console,
    data: Path,
    devices: Ports,
    monkeypatch: pytest.MonkeyPatch,
    reads: int,
) -> None:
    interrupt_read(monkeypatch, reads)
    with pytest.raises(KeyboardInterrupt):
        run(firmware, board, console, data=data)
    done = devices.inferences
    assert not any(port.is_open for port in devices.opened)
    accuracy = run(firmware, board, console, data=data)["accuracy"]
    assert accuracy["auc"] == AUC
    assert done - 1 <= accuracy["resumed"] <= done


def test_a_full_disk_at_the_end_loses_no_answer_and_restart_discards_them(
    firmware: Firmware, board: Board, console: Console, data: Path, devices: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: object) -> None:
        raise OSError(28, "No space left on device", str(path))

    with monkeypatch.context() as patch:
        patch.setattr("harness.results.write_atomic", full)
        with pytest.raises(OSError, match="No space"):
            run(firmware, board, console, data=data)
    assert len(journals(firmware)) == 1
    assert run(firmware, board, console, data=data)["accuracy"]["resumed"] == 7
    assert run(firmware, board, console, data=data, restart=True)["accuracy"]["resumed"] == 0


@pytest.mark.parametrize("jobs", [1, 3])
def test_virtual_boards_in_processes(
    firmware: Firmware, board: Board, console: Console, data: Path, virtual: type[FakeBoard], jobs: int
) -> None:
    saved = run(firmware, board, console, port="virtual", data=data, jobs=jobs, full=True)
    accuracy = saved["accuracy"]
    assert accuracy["auc"] == AUC
    assert 1 <= accuracy["workers"] <= jobs
    assert saved["virtual"]["instructions"] == accuracy["workers"] * 123_456_789
    entries = json.loads((archive(firmware) / "accuracy" / "results.json").read_text())
    assert entries[0]["infer"]["elapsed_time"] is None  # nothing was timed


def test_a_failing_process_gives_its_error(
    firmware: Firmware,
    board: Board,
    console: Console,
    data: Path,
    virtual: type[FakeBoard],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(FakeBoard, "faults", Faults(model="ic01"))
    with pytest.raises(UserError, match="runs model 'ic01', benchmark ad needs 'ad01'"):
        run(firmware, board, console, port="virtual", data=data, full=True)
    assert multiprocessing.active_children() == []


def test_dask_workers(firmware: Firmware, board: Board, console: Console, data: Path, virtual: type[FakeBoard]) -> None:
    distributed = pytest.importorskip("distributed", reason="dask distributed is not installed")
    firmware.folder.mkdir(parents=True)
    firmware.elf.write_bytes(b"image")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None, protocol="tcp"
    ) as cluster:
        saved = run(firmware, board, console, port="virtual", data=data, dask=cluster.scheduler_address, full=True)
    assert saved["accuracy"]["auc"] == AUC
    assert saved["port"]["description"] == "1 Dask workers"
    with pytest.raises(UserError, match="no Dask scheduler at nowhere"):
        run(firmware, board, console, port="virtual", data=data, dask="nowhere")


def run_in_child(firmware: Firmware, board: Board, path: str, data: Path) -> None:
    run(firmware, board, Console(file=None, quiet=True), port=path, data=data)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every answer of the fake takes a moment."""
    feed = FakeDevice.feed

    def delayed(device: FakeDevice, received: bytes, now: float) -> Any:
        time.sleep(0.002)
        return feed(device, received, now)

    monkeypatch.setattr(FakeDevice, "feed", delayed)
    yield


def test_a_killed_run_goes_on_with_the_same_score(
    firmware: Firmware, board: Board, console: Console, data: Path, slow: None
) -> None:
    with pty_device(FakeDevice()) as path:
        child = multiprocessing.get_context("fork").Process(target=run_in_child, args=(firmware, board, path, data))
        child.start()
        assert child.pid is not None
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if (found := journals(firmware)) and found[0].read_bytes().count(b"\n") >= 4:
                break
            time.sleep(0.01)
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        accuracy = run(firmware, board, console, port=path, data=data)["accuracy"]
    assert 3 <= accuracy["resumed"] < 7
    assert accuracy["auc"] == AUC


def test_unknown_mode_and_absent_energy(firmware: Firmware, board: Board, console: Console) -> None:
    with pytest.raises(UserError, match="--mode speed: modes are performance, accuracy, energy, all"):
        run_bench(firmware, board, "speed", Options(), console)
