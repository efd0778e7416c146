"""Several boards: choosing one by its serial number, listing them, benches on two at once."""

import json
import threading
from pathlib import Path

import pytest
from rich.console import Console
from serial.tools.list_ports_common import ListPortInfo

from common.artifact import Firmware
from common.board import Board
from common.drives import drive_of
from common.errors import UserError
from common.files import write_atomic
from common.running import RunningBoard
from harness import Options, boards, ports, run_bench
from harness.boards import plugged_ports, probe_firmware, show_boards
from harness.flash import probe_number
from harness.ports import find_port
from harness.runs import list_runs
from tests.harness.fake_device import FakeDevice, Faults, pty_device


def usb(device: str, number: str | None, vid: int = 0x0483, pid: int = 0x374B) -> ListPortInfo:
    info = ListPortInfo(device, skip_link_detection=True)
    info.vid, info.pid, info.serial_number, info.description = vid, pid, number, "STM32 STLink"
    return info


ONE, TWO = usb("/dev/ttyACM0", "066BFF515055657867"), usb("/dev/ttyACM1", "066BFF999999999999")
OTHER = usb("/dev/ttyUSB0", "A10K", 0x0403, 0x6001)


@pytest.fixture
def plugged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "comports", lambda: [TWO, OTHER, ONE, usb("/dev/ttyS0", None)])
    monkeypatch.setattr(boards, "running_boards", list)


@pytest.mark.usefixtures("plugged")
def test_a_board_by_its_serial_number(board: Board, console: Console) -> None:
    for number in ("066BFF515055657867", "066bff515055657867", "066bff5"):
        choice = find_port(board, f"serial:{number}")
        assert (choice.spec, choice.serial_number, choice.notice) == ("/dev/ttyACM0", "066BFF515055657867", None)
        assert probe_number(board, number, console) == "066BFF515055657867"
    assert "not known as the debug probe of a NUCLEO-L4R5ZI" in str(find_port(board, "serial:A10K").notice)
    with pytest.raises(UserError, match=r"means 2 ports: /dev/ttyACM0 .*; choose one with --port"):
        find_port(board, "serial:066BFF")
    with pytest.raises(UserError, match="number 77; plugged in are: 066BFF515055657867, 066BFF999999999999, A10K"):
        find_port(board, "serial:77")
    for wrong in ("", "a b", '";rm'):
        with pytest.raises(UserError, match="is no serial number"):
            find_port(board, f"serial:{wrong}")


@pytest.mark.usefixtures("plugged")
def test_what_is_plugged_in_is_listed(
    board: Board, console: Console, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    drive = tmp_path / "NODE_L4R5ZI"
    write_atomic(drive / "DETAILS.TXT", "# DAPLink\r\nVersion: 0221\r\nBuild:   Jan  7 2019\r\n")
    monkeypatch.setattr(boards, "drive_of", lambda number: drive if number == ONE.serial_number else None)
    found = plugged_ports()
    assert [(port.device, "NUCLEO-L4R5ZI" in port.board.split(" or ")) for port in found] == [
        ("/dev/ttyACM0", True),
        ("/dev/ttyACM1", True),
        ("/dev/ttyS0", True),
        ("/dev/ttyUSB0", False),
    ]
    assert found[0].board == "NUCLEO-L4R5ZI"  # by its drive; of the others only the kind of probe is known
    assert (found[0].drive, found[0].probe) == (str(drive), "0221")
    show_boards(console)
    text = console.export_text()
    assert "066BFF999999999999" in text
    assert "0403:6001" in text
    assert "no virtual board runs" in text
    monkeypatch.setattr(ports, "comports", list)
    running = RunningBoard("desk", board.name, "firmware.elf", 115200, 4711, "tty", 5001, 5002, 5003, False)
    monkeypatch.setattr(boards, "running_boards", lambda: [running])
    show_boards(console)
    text = console.export_text()
    assert "no board is plugged in by USB" in text
    assert "desk" in text
    assert "4711" in text


def test_probe_firmware_of_odd_drives(tmp_path: Path) -> None:
    assert probe_firmware(tmp_path) == ""
    for content, version in ((b"", ""), (b"\xff" * 9000, ""), (b"Interface Version: 0257\n", "0257"), (b"version", "")):
        (tmp_path / "DETAILS.TXT").write_bytes(content)
        assert probe_firmware(tmp_path) == version


def test_the_drive_of_a_serial_number(tmp_path: Path) -> None:
    links, mounts, drive = tmp_path / "by-id", tmp_path / "mounts", tmp_path / "NOD L4R5ZI"
    device = tmp_path / "sdb"
    device.touch()
    links.mkdir()
    (links / "usb-MBED_microcontroller_066BFF515055657867-0:0").symlink_to(device)
    write_atomic(drive / "MBED.HTM", "")
    escaped = str(drive).replace(" ", "\\040")
    mounts.write_text(f"proc /proc proc rw 0 0\n{device} {escaped} vfat rw 0 0\n")
    assert drive_of("066BFF515055657867", links, mounts) == drive
    assert drive_of("066BFF999999999999", links, mounts) is None
    (drive / "MBED.HTM").unlink()
    assert drive_of("066BFF515055657867", links, mounts) is None
    assert drive_of("066BFF515055657867", tmp_path / "absent", mounts) is None


def test_benches_on_two_boards_do_not_disturb_each_other(firmware: Firmware, board: Board) -> None:
    """Two devices of different speed behind two ports, at once: each run keeps its own numbers and its own archive."""
    speeds = {2_000.0: "one", 3_000.0: "two"}
    problems: list[BaseException] = []

    def bench(path: str) -> None:
        try:
            run_bench(firmware, board, "performance", Options(port=path, quick=True), Console(quiet=True))
        except BaseException as error:
            problems.append(error)

    with (
        pty_device(FakeDevice(Faults(), (2_000.0,))) as first,
        pty_device(FakeDevice(Faults(), (3_000.0,))) as second,
    ):
        threads = [threading.Thread(target=bench, args=(path,)) for path in (first, second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert problems == []
    records, skipped = list_runs()
    assert skipped == []
    latencies = {record.text("port", "spec"): record.latency_ms for record in records}
    assert latencies == {first: pytest.approx(2.0, abs=0.01), second: pytest.approx(3.0, abs=0.01)}
    assert len({record.folder for record in records}) == len(speeds)
    assert json.loads((firmware.folder / "results.json").read_text())["latency_ms"] in latencies.values()


def test_two_benches_on_one_port(firmware: Firmware, board: Board) -> None:
    with pty_device(FakeDevice()) as path:
        holder = ports.open_port(find_port(board, path), 115200, lambda: pytest.fail("virtual"))
        with pytest.raises(UserError, match=f"port {path} is in use by another program"):
            run_bench(firmware, board, "performance", Options(port=path, quick=True), Console(quiet=True))
        holder.close()
        run_bench(firmware, board, "performance", Options(port=path, quick=True), Console(quiet=True))
    assert len(list_runs()[0]) == 1
