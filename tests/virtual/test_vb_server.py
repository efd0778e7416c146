"""The board as a server: its serial line as pseudo-terminal and TCP port, its control port, what it leaves behind."""

import json
import os
import socket
import struct
import threading
import time
from pathlib import Path

import pytest
import serial

from common.errors import UserError
from common.running import HOST
from tests.virtual.conftest import Boot, run_until_idle
from tests.virtual.serving import ask, connect, descriptors, receive
from virtual import BoardServer, VirtualBoard, served
from virtual.server import streams

SMALL_BUFFER = 1024  # bytes of output that the server keeps for a peer, where a test has to fill all there are


def stream(boot: Boot, size: int, *, again: bool = False, baud: int = 921600) -> VirtualBoard:
    """A board that sends byte i % 251 for i below ``size``, once or without end."""
    return boot("stream", f"-DSIZE={size}", f"-DAGAIN={int(again)}", f"-DBAUD={baud}")


@pytest.fixture
def board(boot: Boot) -> VirtualBoard:
    """One that has started and waits."""
    board = boot("echo")
    assert run_until_idle(board) == b"ready\n"
    return board


def exchange(port: serial.SerialBase, text: bytes) -> bytes:
    port.write(text)
    return bytes(port.read(len(text)))


def test_the_terminal_opens_closes_and_opens_again(board: VirtualBoard) -> None:
    with served(board) as server:
        for text, answer in ((b"abc", b"bcd"), (b"HAL", b"IBM")):
            with serial.Serial(server.terminal.path, 115200, timeout=10) as port:
                assert exchange(port, text) == answer


def test_tcp_opens_closes_and_opens_again(board: VirtualBoard) -> None:
    with served(board) as server:
        for text, answer in ((b"abc", b"bcd"), (b"HAL", b"IBM")):
            with serial.serial_for_url(f"socket://127.0.0.1:{server.serial_port}", timeout=10) as port:
                assert exchange(port, text) == answer


def test_both_ends_at_once_share_the_line(board: VirtualBoard) -> None:
    with served(board) as server, serial.Serial(server.terminal.path, 115200, timeout=10) as port:
        with connect(server.serial_port) as connection:
            connection.sendall(b"a")
            assert receive(connection, 1) == port.read(1) == b"b"
            port.write(b"x")
            assert receive(connection, 1) == port.read(1) == b"y"
        assert exchange(port, b"q") == b"r"


def test_a_second_tcp_client_is_sent_away(board: VirtualBoard) -> None:
    with served(board) as server, connect(server.serial_port) as first:
        first.sendall(b"a")
        assert receive(first, 1) == b"b"
        with connect(server.serial_port) as second:
            assert second.recv(1) == b""
        first.sendall(b"b")
        assert receive(first, 1) == b"c"


def test_boot_text_waits_for_the_first_client(boot: Boot) -> None:
    with served(boot("echo")) as server:
        while ask(server, "status")["state"] != "waits":
            time.sleep(0.01)
        handle = os.open(server.terminal.path, os.O_RDWR | os.O_NOCTTY)
        received = b""
        while len(received) < 6:
            received += os.read(handle, 100)
        os.close(handle)
    assert received == b"ready\n"


def test_what_was_written_before_the_terminal_was_closed_arrives(board: VirtualBoard) -> None:
    with served(board) as server:
        handle = os.open(server.terminal.path, os.O_RDWR | os.O_NOCTTY)
        os.write(handle, b"a")
        os.close(handle)
        with serial.Serial(server.terminal.path, 115200, timeout=0.2) as port:
            seen = port.read(1)
            assert exchange(port, b"m") in (b"n", b"b")  # the first answer, if it came after we opened
    assert seen in (b"", b"b")
    assert board.instructions > 0


def test_the_terminal_is_raw(board: VirtualBoard) -> None:
    """No echo, no newline translation, every byte value passes."""
    values = bytes(value for value in range(256) if value != ord("t"))
    with served(board) as server, serial.Serial(server.terminal.path, 115200, timeout=10) as port:
        answer = b"".join(exchange(port, values[start : start + 16]) for start in range(0, len(values), 16))
    assert answer == bytes((value + 1) % 256 for value in values)


def test_links_are_made_and_removed(board: VirtualBoard, tmp_path: Path) -> None:
    links = (tmp_path / "ports" / "nucleo", tmp_path / "other")
    links[1].symlink_to("/nowhere")
    with served(board, links=links) as server:
        for link in links:
            assert str(link.readlink()) == server.terminal.path
            with serial.Serial(str(link), 115200, timeout=10) as port:
                assert exchange(port, b"a") == b"b"
    assert not any(link.is_symlink() for link in links)


def test_a_link_does_not_replace_a_file(board: VirtualBoard, tmp_path: Path) -> None:
    fine, link = tmp_path / "fine", tmp_path / "precious"
    link.write_text("data")
    before = descriptors()
    with pytest.raises(UserError, match="precious"):
        BoardServer(board, links=(fine, link))
    assert link.read_text() == "data"
    assert not fine.is_symlink()
    assert descriptors() == before


def test_a_port_that_is_taken(board: VirtualBoard) -> None:
    before = descriptors()
    with BoardServer(board) as server, pytest.raises(UserError, match="cannot be opened"):
        BoardServer(board, gdb_port=server.gdb_port)
    assert descriptors() == before


def test_nothing_is_left_behind(board: VirtualBoard) -> None:
    threads, before = threading.active_count(), descriptors()
    for _ in range(3):
        with served(board) as server:
            connections = [connect(port) for port in (server.serial_port, server.gdb_port, server.control_port)]
            ask(server, "status")
        for connection in connections:
            connection.close()
        server.close()
    assert threading.active_count() == threads
    assert descriptors() == before


def test_a_waiting_board_takes_no_host_time(board: VirtualBoard) -> None:
    """Half a second of waiting, with and without a client: a loop that does not sleep would take all of it."""
    with served(board) as server:
        for _ in range(2):
            while ask(server, "status")["state"] != "waits":
                time.sleep(0.05)
            time.sleep(0.1)
            before = time.process_time()
            time.sleep(0.5)
            assert time.process_time() - before < 0.1
            port = serial.Serial(server.terminal.path, 115200)
        port.close()


def test_realtime_does_not_run_ahead(boot: Boot) -> None:
    """A board without end sends at its baud rate, not as fast as the host can."""
    board = stream(boot, 1000, again=True, baud=9600)
    began = time.monotonic()
    with served(board, realtime=True) as server, serial.Serial(server.terminal.path, 9600, timeout=30) as port:
        assert len(port.read(960)) == 960
        took = time.monotonic() - began
    assert took > 0.9
    assert board.seconds < time.monotonic() - began + 0.1


def test_realtime_goes_on_while_the_board_waits(board: VirtualBoard) -> None:
    """TIM5 counts microseconds; the firmware prints it on 't'."""
    with served(board, realtime=True) as server, connect(server.serial_port) as port:
        moments = []
        for _ in range(2):
            port.sendall(b"t")
            moments.append(int(receive(port, 9), 16))
            time.sleep(0.5)
    assert 400_000 < moments[1] - moments[0] < 5_000_000


def small_receiver(port: int) -> socket.socket:
    """A connection with the smallest receive buffer that the kernel gives."""
    peer = socket.socket()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    peer.connect((HOST, port))
    return peer


def let_go(server: BoardServer) -> None:
    """Detach a debugger, so that a board that was started halted runs."""
    with connect(server.gdb_port) as debugger:
        debugger.sendall(b"$D#44")
        assert receive(debugger, 7) == b"+$OK#9a"


def wait_for_choke(server: BoardServer) -> float:
    """Wait until nobody takes what the board sends; returns the virtual time that now stands still.

    The board may wait for a moment before that, while the kernel moves bytes from its side of the connection to ours.
    """
    stopped = -1.0
    while not ask(server, "status")["state"].startswith("waits for a reader") or server.machine.seconds != stopped:
        stopped = server.machine.seconds
        time.sleep(0.2)
    return stopped


def read_in_pieces(handle: int, size: int) -> bytes:
    received = bytearray()
    while len(received) < size:
        received += os.read(handle, min(512, size - len(received)))
    return bytes(received)


def test_a_slow_tcp_client_loses_nothing(boot: Boot, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is sent is more than all buffers hold, so that the board must wait."""
    monkeypatch.setattr(streams, "OUTPUT_BYTES", SMALL_BUFFER)
    size = 16000
    with served(stream(boot, size), halted=True) as server:
        handle = small_receiver(server.serial_port).detach()
        let_go(server)
        wait_for_choke(server)
        received = read_in_pieces(handle, size)
        os.close(handle)
    assert received == bytes(index % 251 for index in range(size))


def test_a_slow_reader_of_the_terminal_stops_the_board_but_nothing_else(
    boot: Boot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is lost as long as somebody has the terminal open; when it is closed the board runs on."""
    monkeypatch.setattr(streams, "OUTPUT_BYTES", SMALL_BUFFER)
    with served(stream(boot, 251, again=True), halted=True) as server:
        handle = os.open(server.terminal.path, os.O_RDWR | os.O_NOCTTY)
        let_go(server)
        stopped = wait_for_choke(server)
        assert SMALL_BUFFER <= len(server.terminal._outbox.data) < 2 * SMALL_BUFFER
        received = read_in_pieces(handle, 8192)
        assert received == bytes(index % 251 for index in range(len(received)))
        os.close(handle)
        while ask(server, "status")["lost_output"] == 0:
            time.sleep(0.05)
        assert server.machine.seconds > stopped
        assert len(server.terminal._outbox.data) <= streams.BACKLOG_BYTES


def test_a_peer_that_floods_is_held_back(boot: Boot) -> None:
    """The firmware never reads: what it is sent stays with the sender, and the board answers other questions."""
    board = stream(boot, 1, baud=9600)
    with served(board) as server, connect(server.serial_port) as connection:
        connection.settimeout(0.5)
        sent = 0
        with pytest.raises(TimeoutError):
            while sent < 1 << 26:
                sent += connection.send(bytes(65536))
        assert ask(server, "status")["ok"]
        assert board.input_queued < 16384


@pytest.mark.parametrize("linger", [False, True])
def test_a_peer_that_vanishes_does_no_harm(board: VirtualBoard, linger: bool) -> None:
    with served(board) as server:
        for port in (server.serial_port, server.gdb_port, server.control_port):
            connection = connect(port)
            connection.sendall(b"$m0,")
            if linger:  # the end is a reset instead of a FIN
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
        with connect(server.serial_port) as connection:
            answer = b""
            connection.sendall(b"H")
            while not answer.endswith(b"I"):
                answer += connection.recv(100)
        assert ask(server, "status")["debugger"] is False


# -- control ----------------------------------------------------------------------------------------------------------


def test_a_button_lights_a_light(boot: Boot) -> None:
    with served(boot("panel")) as server, connect(server.serial_port) as line:
        assert receive(line, 6) == b"ready\n"
        assert ask(server, "status")["leds"] == {"LD1": False, "LD2": False, "LD3": False}
        assert ask(server, "hold user") == {"ok": True}
        assert receive(line, 5) == b"down\n"
        status = ask(server, "status")
        assert (status["leds"]["LD1"], status["buttons"]) == (True, {"user": True})
        assert ask(server, "pins")["pins"]["C13"] == {"mode": "input", "level": 1}
        assert ask(server, "release user") == {"ok": True}
        assert receive(line, 3) == b"up\n"
        assert ask(server, "status")["leds"]["LD1"] is False


def test_a_pressed_button_comes_up_again_by_itself(boot: Boot) -> None:
    board = boot("panel")
    with served(board) as server, connect(server.serial_port) as line:
        assert receive(line, 6) == b"ready\n"
        before = board.seconds
        assert ask(server, "press user") == {"ok": True}
        assert receive(line, 8) == b"down\nup\n"
        assert board.seconds - before == pytest.approx(0.1, abs=0.01)


def test_reset_starts_the_firmware_again_and_ends_a_press(boot: Boot) -> None:
    with served(boot("panel")) as server, connect(server.serial_port) as line:
        assert receive(line, 6) == b"ready\n"
        assert ask(server, "drive C13 1") == {"ok": True}
        assert receive(line, 5) == b"down\n"
        assert ask(server, "reset") == {"ok": True}
        assert receive(line, 11) == b"ready\ndown\n"
        assert ask(server, "drive C13 float") == {"ok": True}
        assert receive(line, 3) == b"up\n"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("dance", "unknown command 'dance'; commands are: status, pins, press"),
        ("press", "usage: press BUTTON"),
        ("press user now", "usage: press BUTTON"),
        ("press nose", "has no button 'nose'; buttons are: user"),
        ("drive Z1 1", "there is no pin 'Z1'; pins are A0 to I15"),
        ("drive C16 1", "there is no pin 'C16'"),
        ("drive C13 high", "'high' is no level; levels are: 0, 1, float"),
    ],
)
def test_what_control_refuses(board: VirtualBoard, line: str, message: str) -> None:
    with served(board) as server:
        answer = ask(server, line)
    assert answer["ok"] is False
    assert message in answer["error"]


def test_control_survives_nonsense(board: VirtualBoard) -> None:
    with served(board) as server:
        with connect(server.control_port) as connection, connection.makefile("rb") as lines:
            connection.sendall(b"\xff\xfe\x00\n" + 100_000 * b"x" + b"\ncycles\n")
            answers = [json.loads(lines.readline()) for _ in range(3)]
        assert [answer["ok"] for answer in answers] == [False, False, True]
        assert ask(server, "")["ok"]


def test_stop_ends_the_server(board: VirtualBoard) -> None:
    with BoardServer(board) as server:
        thread = threading.Thread(target=server.serve)
        thread.start()
        assert ask(server, "stop") == {"ok": True}
        thread.join(10)
        assert not thread.is_alive()


def test_what_the_board_complains_of_is_reported(boot: Boot) -> None:
    text = '#include "chip.h"\nint main(void) { RCC_CR |= 1; return (int)REG(0x48000C00); }'
    reports: list[str] = []
    with served(boot("careless", text=text), report=reports.append) as server:
        while ask(server, "status")["state"] != "waits":
            time.sleep(0.01)
    assert reports == ["virtual board: GPIOD: accessed while its clock is off in RCC"]


def test_a_locked_up_board_can_be_reset(boot: Boot) -> None:
    """The handler of HardFault lies where no code can be."""
    text = '#include "chip.h"\nint main(void) { SCB_VTOR = 0x20000000; REG(0x60000000) = 1; return 0; }'
    with served(boot("doomed", text=text)) as server:
        for _ in range(2):
            while (status := ask(server, "status"))["state"] != "locked up":
                time.sleep(0.01)
            assert "HardFault" in status["lockup"]
            ask(server, "reset")


def test_a_pressed_button_interrupts_the_firmware(boot: Boot) -> None:
    """EXTI line 13 on both edges; a timer counts the milliseconds in between."""
    with served(boot("button")) as server, connect(server.serial_port) as line:
        while ask(server, "pins")["pins"].get("C13") is None:
            time.sleep(0.01)
        assert ask(server, "press user") == {"ok": True}
        edges, milliseconds = (int(word, 16) for word in receive(line, 18).split())
    assert edges == 2
    assert 99 <= milliseconds <= 101
