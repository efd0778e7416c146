"""A board that is served while the program does something else."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from virtual.board import VirtualBoard
from virtual.server.server import BoardServer

PATIENCE_S = 20.0


@contextmanager
def served(machine: VirtualBoard, **options: Any) -> Iterator[BoardServer]:
    """Serve ``machine`` in a thread of its own; ``options`` are those of `BoardServer`.

    Raises what went wrong in the thread, at the end.
    """
    errors: list[BaseException] = []

    def serve(server: BoardServer) -> None:
        try:
            server.serve()
        except BaseException as error:
            errors.append(error)

    with BoardServer(machine, **options) as server:
        thread = threading.Thread(target=serve, args=(server,), name="virtual-board")
        thread.start()
        try:
            yield server
        finally:
            server.stop()
            thread.join(PATIENCE_S)
            if thread.is_alive():
                raise RuntimeError(f"the virtual board's thread did not end within {PATIENCE_S:.0f} s")
    if errors:
        raise errors[0]
