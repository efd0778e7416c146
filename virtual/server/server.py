"""Runs one board and serves everything that is plugged into it, in one thread that sleeps when the board does."""

import os
import select
import socket
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from common.errors import UserError
from common.running import HOST
from virtual.board import VirtualBoard
from virtual.execution import StopReason
from virtual.gdb import GdbStub
from virtual.server.control import Control, LineReader
from virtual.server.pace import Pace
from virtual.server.streams import Connection, Stream, Terminal

SLICE_SECONDS = 0.002  # virtual time between two looks at what is plugged in
LOOK_SECONDS = 0.05  # host time between two looks whether somebody has opened the terminal
PAUSE_SECONDS = 0.001  # waits that are shorter are left out
INPUT_BYTES = 4096  # on their way to the firmware; more stays with the sender
CONTROLLERS = 16  # control connections at once
RESTING = frozenset({StopReason.IDLE, StopReason.LOCKUP})


class BoardServer:
    """A board with its serial line, debugger and control ports. Use as a context manager, around `serve`.

    The serial line is a pseudo-terminal, ``terminal``, and a raw TCP port; both may be in use at once. When nobody
    reads what the firmware sends, virtual time stands still; with ``realtime`` the oldest bytes are lost instead, as
    they are when nobody is there at all.
    """

    def __init__(
        self,
        machine: VirtualBoard,
        *,
        realtime: bool = False,
        halted: bool = False,
        gdb_port: int = 0,
        links: tuple[Path, ...] = (),
        report: Callable[[str], None] = lambda text: None,
    ) -> None:
        """Open all ports. ``links`` are symbolic links to make to the terminal; ``gdb_port`` 0 is any free one.

        ``halted``: do not run before a debugger says so. ``report`` gets what the person at the board should know.

        Raises:
            UserError: a link's name is taken by a file, or ``gdb_port`` by another program.
        """
        self.machine = machine
        self._realtime = realtime
        self._halted = halted
        self._report = report
        self._links: list[Path] = []
        self._opened: list[Terminal | socket.socket] = []
        self._serial: Connection | None = None
        self._debugger: Connection | None = None
        self._stub: GdbStub | None = None
        self._controllers: dict[Connection, LineReader] = {}
        self._control = Control(machine, self._status, self._end)
        self._pace = Pace(machine, realtime)
        self._reason = StopReason.LIMIT
        self._stopping = False
        self._told = 0
        self._wake_read, self._wake_write = os.pipe()
        try:
            self.terminal = Terminal()
            self._opened.append(self.terminal)
            self._serial_port, self._control_port = self._listen(0), self._listen(0)
            self._gdb_port = self._listen(gdb_port)
            for link in links:
                self._make_link(link)
        except BaseException:
            self.close()
            raise

    # -- ports ----------------------------------------------------------------------------------------------------

    def _listen(self, port: int) -> socket.socket:
        try:
            listener = socket.create_server((HOST, port))
        except OSError as error:
            raise UserError(f"TCP port {port} cannot be opened ({error.strerror}); choose another one") from error
        listener.setblocking(False)
        self._opened.append(listener)
        return listener

    def _make_link(self, link: Path) -> None:
        if link.is_symlink():
            link.unlink()
        elif link.exists():
            raise UserError(f"{link} exists and is no symbolic link; choose another name for the virtual port")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(self.terminal.path)
        self._links.append(link)

    @property
    def serial_port(self) -> int:
        return _port(self._serial_port)

    @property
    def gdb_port(self) -> int:
        return _port(self._gdb_port)

    @property
    def control_port(self) -> int:
        return _port(self._control_port)

    # -- serving --------------------------------------------------------------------------------------------------

    def serve(self) -> None:
        """Run until `stop` or the control command of that name."""
        self._pace.restart()
        while not self._stopping:
            self._exchange(self._patience())
            if self._runs and not self._choked and not self._stopping and self._pace.ahead() <= PAUSE_SECONDS:
                self._run()

    def stop(self) -> None:
        """End `serve`; may be called from any thread."""
        self._stopping = True
        os.write(self._wake_write, b"\0")

    def _end(self) -> None:
        self._stopping = True

    @property
    def _halt(self) -> bool:
        return self._stub.halted if self._stub is not None and self._stub.attached else self._halted

    @property
    def _runs(self) -> bool:
        return not self._halt and self._reason not in RESTING

    @property
    def _choked(self) -> bool:
        """Somebody reads too slowly for us to go on."""
        return not self._realtime and (self.terminal.full or (self._serial is not None and self._serial.full))

    def _patience(self) -> float | None:
        """How long to wait for something to happen, in host seconds; None: as long as it takes."""
        if self._runs and not self._choked:
            ahead = self._pace.ahead()
            return ahead if ahead > PAUSE_SECONDS else 0.0
        return None if self.terminal.open else LOOK_SECONDS

    def _run(self) -> None:
        """Let one slice of virtual time pass."""
        machine = self.machine
        end = machine.cycles + max(1, round(SLICE_SECONDS * machine.hz))
        self._reason = StopReason.OUTPUT
        while self._reason is StopReason.OUTPUT and machine.cycles < end:
            self._reason = self._run_once(end - machine.cycles)
        output = machine.receive()
        if output:
            self.terminal.write(output)
            if self._serial is not None:
                self._serial.write(output)
        for text in machine.diagnostics[self._told :]:
            self._report(f"virtual board: {text}")
        self._told = len(machine.diagnostics)
        if self._reason is StopReason.IDLE:
            self._pace.falls_idle()

    def _run_once(self, max_cycles: int) -> StopReason:
        try:
            if self._stub is None:
                return self.machine.run(max_cycles)
            reason, told = self._stub.run(max_cycles)
            if told and self._debugger is not None:
                self._debugger.write(told)
            return reason
        except UserError as error:  # a reset that leads nowhere
            self._report(f"virtual board: {error}")
            return StopReason.LOCKUP

    # -- what is plugged in ---------------------------------------------------------------------------------------

    def _exchange(self, patience: float | None) -> None:
        """Wait, then take in and hand out what there is."""
        poll = select.poll()
        accepts = self.machine.input_queued < INPUT_BYTES
        for port in (self._wake_read, self._serial_port, self._gdb_port, self._control_port):
            poll.register(port, select.POLLIN)
        streams: list[Stream] = [self.terminal, *self._connections()]
        for stream in streams:
            if stream.open:
                listens = accepts or stream not in (self.terminal, self._serial)
                poll.register(stream, listens * select.POLLIN | stream.waiting * select.POLLOUT)
        ready = dict(poll.poll(None if patience is None else 1000 * patience))
        if accepts:
            self._take_input(ready)
        if self._debugger is not None and self._debugger.fileno() in ready:
            self._hear_debugger(self._debugger)
        for controller in [one for one in self._controllers if one.fileno() in ready]:
            self._hear_controller(controller)
        for connection in self._connections():
            if ready.get(connection.fileno(), 0) & select.POLLERR:  # reset by the peer, perhaps unread
                connection.close()
            connection.flush()
        self.terminal.flush()
        self._forget_closed()
        self._accept(ready)

    def _connections(self) -> list[Connection]:
        return [one for one in (self._serial, self._debugger, *self._controllers) if one is not None]

    def _accept(self, ready: dict[int, int]) -> None:
        """Let new peers in; one that has hung up makes room for its successor at once, whatever it still had to say."""
        if self._serial_port.fileno() in ready or self._gdb_port.fileno() in ready:
            for connection in (self._serial, self._debugger):
                if connection is not None and connection.hung_up:
                    connection.close()
            self._forget_closed()
        if self._serial_port.fileno() in ready:
            self._serial = self._admit(self._serial_port, self._serial is None) or self._serial
        if self._gdb_port.fileno() in ready:
            debugger = self._admit(self._gdb_port, self._debugger is None)
            if debugger is not None:
                self._debugger, self._stub = debugger, GdbStub(self.machine, self._monitor)
        if self._control_port.fileno() in ready:
            controller = self._admit(self._control_port, len(self._controllers) < CONTROLLERS)
            if controller is not None:
                self._controllers[controller] = LineReader()

    @staticmethod
    def _admit(listener: socket.socket, free: bool) -> Connection | None:
        """The next connection; one for which there is no place is closed at once."""
        try:
            peer, _ = listener.accept()
        except OSError:
            return None
        if free:
            return Connection(peer)
        peer.close()
        return None

    def _take_input(self, ready: dict[int, int]) -> None:
        """The terminal is looked at even when nobody has it open: what was written before it was closed is there."""
        data = self.terminal.read()
        if self._serial is not None and self._serial.fileno() in ready:
            data += self._serial.read()
        if data:
            self._stir()
            self.machine.send(data)

    def _hear_debugger(self, debugger: Connection) -> None:
        stub = self._stub
        data = debugger.read()
        if stub is None or not data:
            return
        halted = self._halt
        self._stir()
        debugger.write(stub.feed(data))
        self._halted = self._halted and not stub.met
        if halted and not self._halt:
            self._pace.restart()

    def _hear_controller(self, controller: Connection) -> None:
        for line in self._controllers[controller].feed(controller.read()):
            self._pace.wakes()
            controller.write(self._control.answer(line))
            self._stir()

    def _monitor(self, line: str) -> str:
        return self._control.monitor(line)

    def _stir(self) -> None:
        """Something happened that may wake an idle board."""
        self._pace.wakes()
        self._reason = StopReason.LIMIT

    def _forget_closed(self) -> None:
        if self._serial is not None and not self._serial.open:
            self._serial = None
        for controller in [one for one in self._controllers if not one.open]:
            del self._controllers[controller]
        if self._debugger is not None and not self._debugger.open:
            if self._stub is not None:
                self._stub.close()
            self._debugger = self._stub = None
            self._stir()

    # -- state ----------------------------------------------------------------------------------------------------

    def _status(self) -> dict[str, Any]:
        if self._halt:
            state = "halted"
        elif self._choked:
            state = "waits for a reader of its serial line"
        elif self.machine.lockup is not None:
            state = "locked up"
        else:
            state = "waits" if self._reason is StopReason.IDLE else "runs"
        return {
            "state": state,
            "debugger": self._stub is not None and self._stub.attached,
            "lost_output": self.terminal.lost,
        }

    def close(self) -> None:
        """Remove the links and close all ports."""
        for link in self._links:
            if link.is_symlink() and str(link.readlink()) == self.terminal.path:
                link.unlink()
        self._links.clear()
        for one in (*self._opened, *self._connections()):
            one.close()
        self._opened.clear()
        if self._wake_read >= 0:
            os.close(self._wake_read)
            os.close(self._wake_write)
            self._wake_read = self._wake_write = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _port(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])
