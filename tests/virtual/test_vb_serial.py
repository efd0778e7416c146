"""The virtual serial port: pyserial's semantics in virtual time."""

import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.virtual.conftest import Boot
from virtual import StopReason, VirtualBoard, VirtualSerial
from virtual.soc.serial import decode_line

BAUD = 115200
TALKER = """
#include "chip.h"
int main(void) {
    clock_120_mhz(1);
    serial_start(120000000, 0, 115200, 0);
    RCC_APB1ENR1 |= 1u << 3;
    for (;;) {
        for (volatile int i = 0; i < 2000000; i++) {
        }
        print("tick\\n");
    }
}
"""


def connect(board: VirtualBoard, timeout: float | None = 1.0) -> VirtualSerial:
    port = VirtualSerial(board, baudrate=BAUD, timeout=timeout)
    assert port.read(6) == b"ready\n"
    return port


def test_read_and_write(boot: Boot) -> None:
    port = connect(boot("echo"))
    assert port.write(b"abc") == 3
    assert port.read(2) == b"bc"
    assert port.read(10) == b"d"
    assert port.read(1) == b""
    assert (port.name, port.is_open, port.baudrate) == ("virtual", True, BAUD)


def test_in_waiting_makes_progress(boot: Boot) -> None:
    """A client that only polls ``in_waiting`` gets its answer."""
    port = connect(boot("echo"))
    port.write(b"a")
    polls = 0
    while port.in_waiting < 1:
        polls += 1
        assert polls < 100
    assert port.read(port.in_waiting) == b"b"


def test_idle_board_ends_a_read_early(boot: Boot) -> None:
    port = connect(boot("echo"), timeout=1000.0)
    before = port.board.seconds
    assert port.read(5) == b""
    assert port.board.seconds - before < 0.001
    port.timeout = None
    assert port.read(5) == b""


def test_timeout_is_virtual_time(boot: Boot) -> None:
    board = boot("talker", text=TALKER)
    port = VirtualSerial(board, baudrate=BAUD, timeout=0.001)
    before = board.seconds
    assert port.read(1) == b""
    assert board.seconds - before == pytest.approx(0.001, rel=0.1)
    port.timeout = 5.0
    assert port.read(5) == b"tick\n"
    port.timeout = 0
    assert port.read(5) == b""


def test_progress_is_reported_during_a_long_read(boot: Boot) -> None:
    seen: list[float] = []
    port = VirtualSerial(boot("talker", text=TALKER), BAUD, 5.0, progress=lambda board: seen.append(board.seconds))
    assert port.read(5) == b"tick\n"
    assert len(seen) >= 2
    assert seen == sorted(seen)


def test_flush_and_reset(boot: Boot) -> None:
    board = boot("echo")
    port = connect(board)
    port.write(b"abc")
    assert board.input_queued == 3
    port.flush()
    assert board.input_queued == 0
    board.run(1_000_000)
    port.reset_input_buffer()
    board.run(1_000_000)
    port.reset_input_buffer()
    assert port.read(3) in {b"", b"d"}
    port.write(b"xyz")
    port.reset_output_buffer()
    assert len(port.read(3)) <= 1


def test_closed_port_refuses(boot: Boot) -> None:
    with VirtualSerial(boot("echo"), BAUD) as port:
        pass
    assert not port.is_open
    with pytest.raises(OSError, match="closed"):
        port.read(1)
    with pytest.raises(OSError, match="closed"):
        port.write(b"x")


@pytest.mark.parametrize("baud", [9600, 57600, 105000, 122000, 230400, 921600])
def test_wrong_baud_rate_garbles(boot: Boot, baud: int) -> None:
    board = boot("echo")
    port = VirtualSerial(board, baudrate=baud)
    assert port.read(6) != b"ready\n"
    board.run(100_000_000)
    board.receive()
    port.write(b"abc")
    while board.run(10_000_000) is StopReason.OUTPUT:
        pass
    assert board.receive() != b"bcd"


@pytest.mark.parametrize("baud", [112500, 115200, 118000])
def test_nearly_right_baud_rate_works(boot: Boot, baud: int) -> None:
    port = VirtualSerial(boot("echo"), baudrate=baud)
    assert port.read(6) == b"ready\n"
    port.write(b"abc")
    assert port.read(3) == b"bcd"


def test_bytes_to_a_board_that_does_not_listen_are_lost(boot: Boot) -> None:
    board = boot("echo")
    port = VirtualSerial(board, BAUD)
    port.write(b"a")
    board.run(2000)
    assert b"b" not in port.read(100)
    assert any("receiver was off" in message for message in board.diagnostics)


@given(st.binary(max_size=40), st.floats(0.971, 1.029))
def test_line_within_tolerance_is_transparent(data: bytes, ratio: float) -> None:
    decoded = decode_line(data, BAUD * ratio, BAUD)
    assert bytes(frame.value for frame, _ in decoded) == data
    assert not any(frame.framing_error for frame, _ in decoded)


@given(st.binary(min_size=1, max_size=40), st.one_of(st.floats(0.05, 0.96), st.floats(1.04, 20.0)))
def test_line_outside_tolerance_is_not(data: bytes, ratio: float) -> None:
    decoded = decode_line(data, BAUD * ratio, BAUD)
    assert bytes(frame.value for frame, _ in decoded) != data
    ends = [end for _, end in decoded]
    assert ends == sorted(ends)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_for_the_engine_and_then_has_its_effect(boot: Boot, number: signal.Signals) -> None:
    """Sent from inside a peripheral access, where an exception would get lost."""
    board = boot("echo")
    written = board._bus.write
    before = signal.signal(number, signal.default_int_handler)

    def write(address: int, size: int, value: int) -> None:
        signal.raise_signal(number)
        written(address, size, value)

    board._bus.write = write  # type: ignore[method-assign]
    try:
        with pytest.raises(KeyboardInterrupt):
            board.run()
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, before)
    board._bus.write = written  # type: ignore[method-assign]
    assert board.run() is not StopReason.LOCKUP
