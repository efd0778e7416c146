"""Choosing and opening ports: pseudo-terminals, TCP, USB ids, and every way an open can fail."""

import errno
import os
import socket
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
import serial

from common.board import Board
from common.errors import UserError
from harness import ports
from harness.device import Device, NoDeviceError
from harness.link import PORT_ERRORS, Link, LinkError, SerialLike
from harness.ports import PortChoice, find_port, open_port
from tests.harness.fake_device import FakeDevice, FakeSerial, Faults, pty_device, tcp_device
from tests.harness.rfc2217_server import rfc2217_server


@dataclass(frozen=True)
class UsbPort:
    device: str
    vid: int | None
    pid: int | None
    description: str = "STM32 STLink"
    serial_number: str | None = None


def plug(monkeypatch: pytest.MonkeyPatch, *found: UsbPort) -> None:
    monkeypatch.setattr(ports, "comports", lambda: list(found))


def no_virtual() -> SerialLike:
    raise AssertionError("the virtual board was not asked for")


def open_real(spec: str, baud: int = 921600) -> SerialLike:
    return open_port(PortChoice(spec, False, "test"), baud, no_virtual)


STLINK = UsbPort("/dev/ttyACM7", 0x0483, 0x374B)
OTHERS = [UsbPort("/dev/ttyS0", None, None, "n/a"), UsbPort("/dev/ttyUSB0", 0x0403, 0x6001), UsbPort("COM1", 0x0483, 1)]


def test_one_board_is_found_by_its_usb_ids(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    plug(monkeypatch, *OTHERS, STLINK)
    assert find_port(board, None) == PortChoice("/dev/ttyACM7", False, "STM32 STLink")


def test_no_board_means_the_virtual_one(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    plug(monkeypatch, *OTHERS)
    choice = find_port(board, None)
    assert (choice.is_virtual, choice.spec) == (True, "virtual")
    assert choice.notice == "no NUCLEO-L4R5ZI plugged in: using the virtual one"


def test_several_boards_need_a_choice(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    plug(monkeypatch, STLINK, UsbPort("/dev/ttyACM3", 0x0483, 0x3752))
    with pytest.raises(UserError, match=r"2 boards are plugged in: /dev/ttyACM3 .*, /dev/ttyACM7 .*--port"):
        find_port(board, None)


def test_several_candidates_are_asked_for_their_name(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    with pty_device(FakeDevice()) as good, pty_device(FakeDevice(Faults(every_answer=b"login:\r\nm-ready\r\n"))) as bad:
        plug(monkeypatch, *(UsbPort(path, 0x0483, 0x374B) for path in (bad, good, "/dev/not-there")))
        assert find_port(board, None, 115200).spec == good
        plug(monkeypatch, *(UsbPort(path, 0x0483, 0x374B) for path in (bad, "/dev/not-there")))
        with pytest.raises(UserError, match="2 boards are plugged in"):
            find_port(board, None, 115200)


def test_forms_of_port(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    plug(monkeypatch, *OTHERS)
    assert find_port(board, "virtual").is_virtual
    assert find_port(board, "virtual").notice is None
    assert find_port(board, "socket://host:1") == PortChoice("socket://host:1", False, "socket connection")
    assert find_port(board, "/dev/ttyUSB0") == PortChoice("/dev/ttyUSB0", False, "STM32 STLink")
    assert find_port(board, "COM9") == PortChoice("COM9", False, "serial port")


def test_a_pty_is_known_as_one(board: Board, tmp_path: Path) -> None:
    with pty_device(FakeDevice()) as path:
        link = tmp_path / "board"
        link.symlink_to(path)
        for spec in (path, str(link)):
            choice = find_port(board, spec)
            assert choice.is_pty
            assert choice.notice is not None
            assert "counts as modelled" in choice.notice


def test_virtual_port_is_made_by_the_caller() -> None:
    port = FakeSerial(FakeDevice())
    assert open_port(PortChoice("virtual", True, "virtual"), 921600, lambda: port) is port


def exchange(spec: str) -> None:
    data = bytes(number % 251 for number in range(2560))
    with Link(open_real(spec), spec) as link:
        device = Device(link)
        assert device.synchronise() == "fake"
        device.load(data)
        assert device.infer(1000, 0, 0.0).elapsed_us == pytest.approx(2_000_000, abs=1)


def test_over_a_pty_again_and_again() -> None:
    fake = FakeDevice()
    with pty_device(fake) as path:
        for _ in range(3):
            exchange(path)
        assert len(fake.data) == 2560


def test_over_tcp() -> None:
    fake = FakeDevice()
    with tcp_device(fake) as url:
        exchange(url)
    assert len(fake.data) == 2560


@pytest.mark.filterwarnings("ignore:set(Daemon|Name)\\(\\) is deprecated")
def test_over_rfc2217() -> None:
    fake = FakeDevice()
    with tcp_device(fake) as backing, rfc2217_server(backing) as url:
        exchange(url)
    assert len(fake.data) == 2560


@pytest.mark.parametrize("faults", [Faults(vanish_at="infer"), Faults(vanish_at="db load")])
def test_unplugged_during_a_run(faults: Faults) -> None:
    for serve in (pty_device, tcp_device):
        with (
            serve(FakeDevice(faults)) as spec,
            pytest.raises(LinkError, match=r"vanished \(.*\); check the cable") as caught,
        ):
            exchange(spec)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("babble", [b"tick\r\n", b"\xf0\x00"])
def test_flood_over_a_pty(babble: bytes) -> None:
    with pty_device(FakeDevice(Faults(babble=babble))) as path, Link(open_real(path), path) as link:
        device = Device(link)
        with pytest.raises(NoDeviceError, match="does not speak the protocol"):
            device.synchronise(tries=1, timeout=0.5)


def test_silent_over_a_pty() -> None:
    with pty_device(FakeDevice(Faults(silent=True))) as path, Link(open_real(path), path) as link:
        device = Device(link)
        with pytest.raises(NoDeviceError, match="is silent: no answer to `name` in 1 s"):
            device.synchronise(tries=2, timeout=0.3)


def test_a_port_is_opened_for_one_program_alone() -> None:
    with pty_device(FakeDevice()) as path:
        first = open_real(path)
        with pytest.raises(UserError, match=f"^port {path} is in use by another program; close that"):
            open_real(path)
        first.close()
    with pty_device(FakeDevice()) as path:
        open_real(path).close()
        open_real(path).close()


def test_port_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    plug(monkeypatch, STLINK)
    with pytest.raises(UserError, match=r"^port /dev/no-such does not exist; serial ports here: /dev/ttyACM7$"):
        open_real("/dev/no-such")
    plug(monkeypatch)
    with pytest.raises(UserError, match="serial ports here: none"):
        open_real("/dev/no-such")


def test_not_a_serial_port(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path, tmp_path / "file", Path(os.devnull)):
        with pytest.raises(UserError, match="is not a serial port; choose one with --port"):
            open_real(str(path))


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (serial.SerialException(errno.EACCES, "could not open port"), "is not permitted to you; join .*dialout"),
        (serial.SerialException(errno.EBUSY, "could not open port"), "in use by another program"),
        (serial.SerialException("could not open port 'COM3': PermissionError(13, 'Access is denied.')"), "in use by"),
        (serial.SerialException("could not open port 'COM3': FileNotFoundError(2, 'x', None, 2)"), "does not exist"),
        (ValueError("Invalid baud rate: 921601"), "cannot be set to 921600 baud"),
        (serial.SerialException(errno.EIO, "odd"), "cannot be opened .*odd.*; check the cable"),
        (PORT_ERRORS[-1](errno.EIO, "odd"), "cannot be opened"),
    ],
)
def test_failing_opens(monkeypatch: pytest.MonkeyPatch, error: Exception, message: str) -> None:
    def failing(*args: object, **options: object) -> None:
        assert options["exclusive"] is True
        raise error

    monkeypatch.setattr(serial, "Serial", failing)
    with pytest.raises(UserError, match=message) as caught:
        open_real("COM3")
    assert "\n" not in str(caught.value)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("socket://127.0.0.1:{port}", "Connection refused"),
        ("rfc2217://127.0.0.1:{port}", "Connection refused"),
        ("socket://no-such-host.invalid:1", "cannot connect to socket://no-such-host.invalid:1"),
        ("socket://127.0.0.1", "cannot connect"),
        ("socket://127.0.0.1:port", "cannot connect"),
        ("socket://127.0.0.1:99999999", "cannot connect"),
        ("nonsense://x", "cannot connect"),
    ],
)
def test_wrong_urls(url: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        open_real(url.format(port=closed_port()))
    assert "check host, port number and the server" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_threads_or_files_are_left_behind() -> None:
    threads, files = threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))
    test_over_a_pty_again_and_again()
    test_over_tcp()
    test_a_port_is_opened_for_one_program_alone()
    assert threading.active_count() == threads
    assert len(list(Path("/proc/self/fd").iterdir())) == files
