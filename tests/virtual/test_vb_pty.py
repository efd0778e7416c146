"""The board behind a pseudo-terminal, used through pyserial."""

import os
import threading
from pathlib import Path

import pytest
import serial

from common.errors import UserError
from tests.virtual.conftest import Boot, run_until_idle
from virtual import VirtualBoard, serve_pty

FDS = Path("/proc/self/fd")


@pytest.fixture
def board(boot: Boot) -> VirtualBoard:
    """One that has started and waits."""
    board = boot("echo")
    assert run_until_idle(board) == b"ready\n"
    return board


def ask(port: serial.Serial, text: bytes) -> bytes:
    port.write(text)
    return bytes(port.read(len(text)))


def test_open_close_reopen(board: VirtualBoard) -> None:
    with serve_pty(board) as server:
        for text, answer in ((b"abc", b"bcd"), (b"HAL", b"IBM")):
            with serial.Serial(server.path, 115200, timeout=10) as port:
                assert ask(port, text) == answer


def test_boot_text_waits_for_the_first_client(boot: Boot) -> None:
    with serve_pty(boot("echo")) as server:
        handle = os.open(server.path, os.O_RDWR | os.O_NOCTTY)
        received = b""
        while len(received) < 6:
            received += os.read(handle, 100)
        os.close(handle)
    assert received == b"ready\n"


def test_terminal_is_raw(board: VirtualBoard) -> None:
    """No echo, no newline translation, every byte value passes."""
    values = bytes(value for value in range(256) if value != ord("t"))
    with serve_pty(board) as server, serial.Serial(server.path, 115200, timeout=10) as port:
        answer = b"".join(ask(port, values[start : start + 16]) for start in range(0, len(values), 16))
    assert answer == bytes((value + 1) % 256 for value in values)


def test_link_is_made_and_removed(board: VirtualBoard, tmp_path: Path) -> None:
    link = tmp_path / "ports" / "nucleo"
    with serve_pty(board, link=link) as server:
        assert str(link.readlink()) == server.path
        with serial.Serial(str(link), 115200, timeout=10) as port:
            assert ask(port, b"a") == b"b"
    assert not link.is_symlink()


def test_link_does_not_replace_a_file(boot: Boot, tmp_path: Path) -> None:
    link = tmp_path / "precious"
    link.write_text("data")
    before = len(list(FDS.iterdir()))
    with pytest.raises(UserError, match="precious"):
        serve_pty(boot("echo"), link=link)
    assert link.read_text() == "data"
    assert len(list(FDS.iterdir())) == before


def test_nothing_is_left_behind(boot: Boot) -> None:
    board = boot("echo")
    threads, descriptors = threading.active_count(), len(list(FDS.iterdir()))
    for _ in range(3):
        server = serve_pty(board)
        server.close()
        server.close()
    assert threading.active_count() == threads
    assert len(list(FDS.iterdir())) == descriptors


def test_stop_event_ends_the_server(boot: Boot) -> None:
    stop = threading.Event()
    with serve_pty(boot("echo"), stop=stop) as server:
        stop.set()
        server.wait(timeout=10)
        assert not any(thread.name == "virtual-board" for thread in threading.enumerate())


def test_realtime_does_not_run_ahead(boot: Boot) -> None:
    """A chatty board sends at its baud rate, not as fast as the host can."""
    text = """
    #include "chip.h"
    int main(void) {
        clock_120_mhz(1);
        serial_start(120000000, 0, 9600, 0);
        for (;;) {
            print("x");
        }
    }"""
    board = boot("chatty", text=text)
    with serve_pty(board, realtime=True) as server, serial.Serial(server.path, 9600, timeout=0.5) as port:
        received = port.read(5000)
    assert 0 < len(received) < 2 * 960
    assert board.seconds < 5


def test_slow_reader_loses_nothing(boot: Boot) -> None:
    text = """
    #include "chip.h"
    int main(void) {
        clock_120_mhz(1);
        serial_start(120000000, 0, 921600, 0);
        for (uint32_t i = 0; i < 3000; i++) {
            print_hex(i);
        }
        return 0;
    }"""
    with serve_pty(boot("counter", text=text)) as server:
        handle = os.open(server.path, os.O_RDWR | os.O_NOCTTY)
        received = b""
        while received.count(b"\n") < 3000:
            received += os.read(handle, 512)
        os.close(handle)
    assert [int(line, 16) for line in received.split()] == list(range(3000))
