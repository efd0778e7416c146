"""Firmware on QEMU, for boards that QEMU has a machine of: a second opinion on results and instruction counts.

QEMU models no cycles. With ``-icount shift=0`` each instruction takes 1 ns of its clock, so that the firmware's own
timer counts instructions: 1000 a microsecond.
"""

import contextlib
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from common.board import Board
from common.errors import UserError

PROGRAM = "qemu-system-arm"
PACKAGE = "qemu-system-arm"  # Debian's name
INSTRUCTIONS_PER_SECOND = 1_000_000_000
START_TIMEOUT_S, ANSWER_TIMEOUT_S, END_TIMEOUT_S = 20.0, 20.0, 5.0
CHUNK = 4096
PACKET_DATA = 1024  # bytes of memory in a packet to QEMU's GDB stub, as hexadecimal digits


class QemuSerial:
    """The machine's serial line; see `harness.link.SerialLike`."""

    def __init__(self, peer: socket.socket) -> None:
        self._peer = peer
        self._buffer = b""
        self.timeout: float | None = 1.0

    @property
    def in_waiting(self) -> int:
        self._fill(0.0)
        return len(self._buffer)

    def _fill(self, timeout: float | None) -> None:
        self._peer.settimeout(timeout)
        with contextlib.suppress(TimeoutError, BlockingIOError):
            data = self._peer.recv(CHUNK)
            if not data:
                raise ConnectionError("QEMU has ended")
            self._buffer += data

    def read(self, size: int = 1, /) -> bytes:
        if not self._buffer:
            self._fill(self.timeout)
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def write(self, data: bytes, /) -> int:
        self._peer.settimeout(ANSWER_TIMEOUT_S)
        self._peer.sendall(data)
        return len(data)

    def close(self) -> None:
        self._peer.close()


class QemuBoard:
    """One machine with one image, running. Use as a context manager: QEMU ends with it.

    Memory is reached through QEMU's GDB stub, which stops the machine for the moment.
    """

    instructions_per_second = INSTRUCTIONS_PER_SECOND

    def __init__(self, elf: Path, board: Board) -> None:
        """Raises UserError when QEMU is not installed, has no such machine or does not take the image."""
        if board.qemu is None:
            raise UserError(f"QEMU has no machine for {board.title}; use the virtual board")
        if shutil.which(PROGRAM) is None:
            raise UserError(
                f"{PROGRAM} is not on PATH, and {board.title} runs only there; on Debian or Ubuntu run:"
                f" sudo apt-get install {PACKAGE}"
            )
        self._symbols = _symbols(elf)
        with contextlib.ExitStack() as undo:
            listeners = [undo.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(2)]
            command = [PROGRAM, "-M", board.qemu, "-kernel", str(elf), "-icount", "shift=0", "-S"]
            command += ["-display", "none", "-monitor", "none"]
            for name, option, listener in zip(("line", "debugger"), ("-serial", "-gdb"), listeners, strict=True):
                address = f"host=127.0.0.1,port={listener.getsockname()[1]},nodelay=on"
                command += ["-chardev", f"socket,id={name},{address}", option, f"chardev:{name}"]
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
            )
            undo.callback(self._end)
            line = self._accept(listeners[0])
            undo.callback(line.close)
            self._debugger = self._accept(listeners[1])
            undo.callback(self._debugger.close)
            self.serial = QemuSerial(line)
            self._continue()
            undo.pop_all()
        for listener in listeners:
            listener.close()

    def _accept(self, listener: socket.socket) -> socket.socket:
        deadline = time.monotonic() + START_TIMEOUT_S
        listener.settimeout(0.1)
        while True:
            with contextlib.suppress(TimeoutError):
                peer, _ = listener.accept()
                peer.settimeout(ANSWER_TIMEOUT_S)
                return peer
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._process.kill()
                _, text = self._process.communicate()
                raise UserError(f"{PROGRAM} does not start: {text.decode(errors='replace').strip() or 'no reason'}")

    # -- debugger ---------------------------------------------------------------------------------------------------

    def _send(self, text: str) -> None:
        self._debugger.sendall(f"${text}#{sum(text.encode()) & 0xFF:02x}".encode())

    def _answer(self) -> str:
        received = b""
        while b"#" not in received[:-2]:
            data = self._debugger.recv(CHUNK)
            if not data:
                raise UserError("QEMU has ended")
            received += data
        self._debugger.sendall(b"+")
        return received[received.index(b"$") + 1 : received.rindex(b"#")].decode()

    def _continue(self) -> None:
        self._send("c")

    def _memory(self, requests: list[str]) -> list[str]:
        """Stop the machine, ask, and let it go on. Raises ValueError when an address is not memory."""
        self._debugger.sendall(b"\x03")
        self._answer()
        answers = []
        for request in requests:
            self._send(request)
            answers.append(self._answer())
        self._continue()
        if any(answer.startswith("E") for answer in answers):
            raise ValueError(f"not memory: {requests[0].split(':')[0]}")
        return answers

    def read_memory(self, address: int, size: int) -> bytes:
        """Raises ValueError when the range is not memory."""
        pieces = ((at, min(PACKET_DATA, address + size - at)) for at in range(address, address + size, PACKET_DATA))
        return b"".join(bytes.fromhex(answer) for answer in self._memory([f"m{at:x},{n:x}" for at, n in pieces]))

    def write_memory(self, address: int, data: bytes) -> None:
        """Raises ValueError when the range is not memory."""
        pieces = ((at, data[at : at + PACKET_DATA]) for at in range(0, len(data), PACKET_DATA))
        self._memory([f"M{address + at:x},{len(piece):x}:{piece.hex()}" for at, piece in pieces])

    def symbol(self, name: str) -> int:
        """Address of a symbol. Raises UserError when the image has no such symbol."""
        if name not in self._symbols:
            raise UserError(f"the image has no symbol '{name}'; was it stripped?")
        return self._symbols[name]

    @property
    def seconds(self) -> float:
        """The host's clock: QEMU's own is not asked."""
        return time.monotonic()

    def situation(self) -> str:
        """What the firmware is doing, in one line."""
        return "QEMU runs" if self._process.poll() is None else "QEMU has ended"

    # -- end --------------------------------------------------------------------------------------------------------

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.communicate(timeout=END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()

    def close(self) -> None:
        self.serial.close()
        self._debugger.close()
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _symbols(elf: Path) -> dict[str, int]:
    with elf.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        if not isinstance(table, SymbolTableSection):
            return {}
        return {symbol.name: int(symbol["st_value"]) for symbol in table.iter_symbols()}
