"""A serial server as RFC 2217 asks for, in front of any pyserial URL."""

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import serial
from serial.rfc2217 import PortManager


class _Client:
    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def write(self, data: bytes) -> None:
        self._connection.sendall(data)


@contextmanager
def rfc2217_server(backing: str) -> Iterator[str]:
    """Serve one client in front of ``backing``, a `socket://` URL; gives the URL to open."""
    port: Any = serial.serial_for_url(backing, timeout=0)
    listener = socket.create_server(("127.0.0.1", 0))
    inward = port._socket

    def serve() -> None:
        client, _ = listener.accept()
        with client:
            client_port: Any = _Client(client)
            manager = PortManager(port, client_port)
            while True:
                ready, _, _ = select.select([client, inward], [], [])
                if client in ready:
                    received = client.recv(1024)
                    if not received:
                        return
                    port.write(b"".join(manager.filter(received)))
                if inward in ready:
                    client.sendall(b"".join(manager.escape(port.read(1024))))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"rfc2217://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(5.0)
        assert not thread.is_alive(), "the client did not hang up"
    finally:
        port.close()
        listener.close()
