"""A board server in a thread of its own, and what the tests ask of it."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from common.running import HOST
from virtual import BoardServer, VirtualBoard

PATIENCE_S = 20.0


@contextmanager
def served(board: VirtualBoard, **options: Any) -> Iterator[BoardServer]:
    """Raises what went wrong in the thread."""
    errors: list[BaseException] = []

    def serve(server: BoardServer) -> None:
        try:
            server.serve()
        except BaseException as error:
            errors.append(error)

    with BoardServer(board, **options) as server:
        thread = threading.Thread(target=serve, args=(server,))
        thread.start()
        try:
            yield server
        finally:
            server.stop()
            thread.join(PATIENCE_S)
            assert not thread.is_alive()
    if errors:
        raise errors[0]


def connect(port: int) -> socket.socket:
    return socket.create_connection((HOST, port), timeout=PATIENCE_S)


def receive(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        assert piece, f"the connection ended after {data!r}"
        data += piece
    return data


def ask(server: BoardServer, command: str) -> dict[str, Any]:
    """One command to the control port."""
    with connect(server.control_port) as connection, connection.makefile("rb") as lines:
        connection.sendall(command.encode() + b"\n")
        answer: dict[str, Any] = json.loads(lines.readline())
    return answer


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
