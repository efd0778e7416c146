"""The GDB stub: recorded dialogs, packets that are no packets, and the real gdb-multiarch."""

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.virtual.conftest import Boot, Build, run_until_idle
from virtual import StopReason, VirtualBoard, served
from virtual.gdb import GdbStub
from virtual.gdb.crc import crc32
from virtual.gdb.packets import Packet, PacketReader, Sign, escape, frame, unescape

GDB = "gdb-multiarch"


@pytest.fixture
def board(boot: Boot) -> VirtualBoard:
    board = boot("echo")
    assert run_until_idle(board) == b"ready\n"
    return board


@given(st.binary(max_size=200))
def test_packets_are_transparent(data: bytes) -> None:
    assert PacketReader().feed(b"+" + frame(escape(data))) == [Sign.ACK, Packet(escape(data))]
    assert unescape(escape(data)) == data


def test_checksum_of_sections_is_the_one_of_gdb() -> None:
    """The check value of CRC-32/MPEG-2."""
    assert crc32(b"123456789") == 0x0376E6E7


def dialog(stub: GdbStub, question: bytes) -> bytes:
    answer = stub.feed(frame(question))
    assert answer.startswith(b"+$")
    return answer[2:-3]


def test_a_dialog(board: VirtualBoard) -> None:
    stub = GdbStub(board, lambda line: f"did {line}\n")
    address = board.symbol("queue")
    assert dialog(stub, b"?").startswith(b"T05")
    assert dialog(stub, b"M%x,4:01020304" % address) == b"OK"
    assert dialog(stub, b"m%x,4" % address) == b"01020304"
    assert dialog(stub, b"P0=78563412") == b"OK"
    assert dialog(stub, b"p0") == b"78563412"
    assert dialog(stub, b"m60000000,4") == b"E0e"
    assert dialog(stub, b"mzz,4") == b"E16"
    assert dialog(stub, b"p99") == b"E02"
    assert dialog(stub, b"me000ed00,4") == b"41c20f41"
    assert dialog(stub, b"vMustReplyEmpty") == b""
    assert bytes.fromhex(dialog(stub, b"qRcmd," + b"hi".hex().encode()).decode()) == b"did hi\n"
    assert dialog(stub, b"D") == b"OK"
    assert not stub.halted


def test_breakpoint_step_and_interrupt(board: VirtualBoard) -> None:
    stub = GdbStub(board, lambda line: "")
    handler = board.symbol("on_lpuart1")
    assert dialog(stub, b"Z1,%x,2" % handler) == b"OK"
    assert stub.feed(frame(b"vCont;c")) == b"+"
    board.send(b"a")
    _, told = stub.run(10_000_000)
    assert b"hwbreak" in told
    assert board.debug.read_register("pc") == handler
    before = board.instructions
    assert stub.feed(frame(b"vCont;s:1")) == b"+"
    assert b"T05" in stub.run(10_000_000)[1]
    assert board.instructions == before + 1
    assert dialog(stub, b"z1,%x,2" % handler) == b"OK"
    assert stub.feed(frame(b"c")) == b"+"
    stub.run(1000)
    assert stub.feed(b"\x03").startswith(b"$T02")
    stub.close()
    assert board.breakpoints == set()


def test_a_watchpoint_stops_behind_the_change(board: VirtualBoard) -> None:
    stub = GdbStub(board, lambda line: "")
    address = board.symbol("tail")
    assert dialog(stub, b"Z2,%x,4" % address) == b"OK"
    assert stub.feed(frame(b"vCont;c")) == b"+"
    board.send(b"ab")
    for count in (1, 2):
        told = b""
        while not told:
            told = stub.run(10_000_000)[1]
        assert b"watch:%x;" % address in told
        assert board.read_memory(address, 4) == count.to_bytes(4, "little")
        assert stub.feed(frame(b"vCont;c")) == b"+"
    assert stub.feed(b"\x03").startswith(b"$T02")
    assert dialog(stub, b"z2,%x,4" % address) == b"OK"
    assert stub.feed(frame(b"vCont;c")) == b"+"
    board.send(b"c")
    while (result := stub.run(10_000_000))[0] is not StopReason.IDLE:
        assert result[1] == b""
    assert board.receive() == b"bcd"
    stub.close()


def test_a_debugger_that_looks_around_leaves_no_diagnostics(board: VirtualBoard) -> None:
    """A port without clock, a reserved address, a peripheral without model, the debug component."""
    stub = GdbStub(board, lambda line: "")
    for address in (0x48000C00, 0x4000F000, 0x40006400, 0xE0042000):
        assert dialog(stub, b"m%x,10" % address)
        dialog(stub, b"M%x,4:00000000" % address)
    assert board.diagnostics == ()


@pytest.fixture(scope="module")
def target(build: Build) -> VirtualBoard:
    from common.board import load_board

    return VirtualBoard(build("echo"), load_board("nucleo_l4r5zi"))


@settings(max_examples=60)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.builds(
                lambda head, tail: frame(head + tail),
                st.sampled_from(
                    [
                        "g",
                        "G",
                        "p",
                        "P",
                        "m",
                        "M",
                        "X",
                        "Z",
                        "z",
                        "c",
                        "s",
                        "vCont;",
                        "vFlashWrite:",
                        "qRcmd,",
                        "qCRC:",
                        "qXfer:memory-map:read::",
                        "H",
                        "D",
                    ]
                ).map(str.encode),
                st.binary(max_size=20),
            ),
        ),
        max_size=8,
    )
)
def test_nonsense_does_no_harm(target: VirtualBoard, stream: list[bytes]) -> None:
    stub = GdbStub(target, lambda line: line)
    for data in stream:
        stub.feed(data)
    stub.close()
    assert target.breakpoints == set()


def test_the_real_debugger(boot: Boot, build: Build, tmp_path: Path) -> None:
    if shutil.which(GDB) is None:
        pytest.skip(f"{GDB} is not installed (apt-get install {GDB})")
    board = boot("echo")
    with served(board, halted=True) as server:
        commands = ["set confirm off", f"target remote :{server.gdb_port}", "load", "compare-sections", "break main"]
        commands += ["continue", "stepi", "info registers pc control", "monitor cycles", "watch tail", "detach"]
        words = [word for command in commands for word in ("-ex", command)]
        done = subprocess.run(
            [GDB, "-batch", "-nx", *words, str(build("echo"))],
            capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL, cwd=tmp_path,
        )  # fmt: skip
    assert "Breakpoint 1, main" in done.stdout
    assert "matched" in done.stdout
    assert "MIS-MATCHED" not in done.stdout
    assert "control        0x" in done.stdout
    assert "cycles: " in done.stderr
    assert "Hardware watchpoint 2: tail" in done.stdout
