"""What tests ask of a board server."""

import json
import socket
from pathlib import Path
from typing import Any

from common.running import HOST
from virtual import BoardServer

PATIENCE_S = 20.0


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
