"""What bytes come from and go to: a pseudo-terminal or a TCP connection. Nothing here blocks."""

import contextlib
import os
import select
import socket
import tty
from typing import Protocol

CHUNK = 4096
BACKLOG_BYTES = 4096  # output kept while nobody has the terminal open
OUTPUT_BYTES = 8192  # output that waits for a slow peer before the board stands still; twice that before bytes are lost


class Stream(Protocol):
    """One peer. Output beyond what it takes waits in a bounded buffer."""

    @property
    def open(self) -> bool:
        """Whether somebody is there."""
        ...

    @property
    def full(self) -> bool:
        """Whether a peer that is there does not keep up."""
        ...

    @property
    def waiting(self) -> bool:
        """Whether output waits for a peer that is there."""
        ...

    def fileno(self) -> int: ...

    def read(self) -> bytes:
        """What has come in, at most ``CHUNK`` bytes; nothing when nothing has."""
        ...

    def write(self, data: bytes) -> None: ...

    def flush(self) -> None:
        """Hand over what the peer takes."""
        ...

    def close(self) -> None: ...


class Outbox:
    """Bytes that wait; of more than the limit only the newest stay."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.lost = 0

    def put(self, data: bytes, limit: int) -> None:
        self.data += data
        if len(self.data) > limit:
            self.lost += len(self.data) - limit
            del self.data[:-limit]


class Terminal:
    """A raw pseudo-terminal. Clients open ``path`` as they like; it is there until ``close``."""

    def __init__(self) -> None:
        self._master, slave = os.openpty()
        try:
            self.path = os.ttyname(slave)
            tty.setraw(slave)
            os.set_blocking(self._master, False)
        except BaseException:
            os.close(self._master)
            raise
        finally:
            os.close(slave)  # from now on the kernel tells when nobody has it open
        self._poll = select.poll()
        self._poll.register(self._master, 0)
        self._outbox = Outbox()

    def fileno(self) -> int:
        return self._master

    @property
    def lost(self) -> int:
        return self._outbox.lost

    @property
    def open(self) -> bool:
        return not any(events & select.POLLHUP for _, events in self._poll.poll(0))

    @property
    def full(self) -> bool:
        return len(self._outbox.data) >= OUTPUT_BYTES and self.open

    @property
    def waiting(self) -> bool:
        return bool(self._outbox.data) and self.open

    def read(self) -> bytes:
        with contextlib.suppress(OSError):  # nothing there, or hung up
            return os.read(self._master, CHUNK)
        return b""

    def write(self, data: bytes) -> None:
        self._outbox.put(data, 2 * OUTPUT_BYTES if self.open else BACKLOG_BYTES)
        self.flush()

    def flush(self) -> None:
        if self.waiting:
            with contextlib.suppress(OSError):
                del self._outbox.data[: os.write(self._master, self._outbox.data)]

    def close(self) -> None:
        if self._master >= 0:
            os.close(self._master)
            self._master = -1


class Connection:
    """A TCP connection; closed as soon as the peer has gone."""

    def __init__(self, peer: socket.socket) -> None:
        self._socket: socket.socket | None = peer
        peer.setblocking(False)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, OUTPUT_BYTES)
        self._outbox = Outbox()

    def fileno(self) -> int:
        return self._socket.fileno() if self._socket is not None else -1

    @property
    def lost(self) -> int:
        return self._outbox.lost

    @property
    def open(self) -> bool:
        return self._socket is not None

    @property
    def hung_up(self) -> bool:
        """Whether the peer has gone, even if something that it sent has not been read yet."""
        if self._socket is None:
            return True
        poll = select.poll()
        poll.register(self._socket, select.POLLRDHUP)
        return bool(poll.poll(0))

    @property
    def full(self) -> bool:
        return self.open and len(self._outbox.data) >= OUTPUT_BYTES

    @property
    def waiting(self) -> bool:
        return self.open and bool(self._outbox.data)

    def read(self) -> bytes:
        if self._socket is None:
            return b""
        try:
            data = self._socket.recv(CHUNK)
        except (BlockingIOError, InterruptedError):
            return b""
        except OSError:
            data = b""
        if not data:
            self.close()
        return data

    def write(self, data: bytes) -> None:
        if self._socket is not None:
            self._outbox.put(data, 2 * OUTPUT_BYTES)
            self.flush()

    def flush(self) -> None:
        if self._socket is None or not self._outbox.data:
            return
        try:
            del self._outbox.data[: self._socket.send(self._outbox.data)]
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            self.close()

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
