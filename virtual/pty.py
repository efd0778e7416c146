"""The virtual board behind a pseudo-terminal: any serial program can open it."""

import contextlib
import os
import select
import threading
import time
import tty
from pathlib import Path
from types import TracebackType

from common.errors import UserError
from virtual.board import StopReason, VirtualBoard

SLICE_SECONDS = 0.002  # virtual time between two looks at the terminal
IDLE_SECONDS = 0.1  # host time after which a waiting server looks at ``stop``
CHUNK = 4096


class PtyServer:
    """Runs a board in a thread of its own, its serial port joined to a pty. Use as a context manager.

    The slave end stays open here, so that clients may come and go; the terminal is raw. Bytes written to it reach the
    firmware at the rate the firmware has set: a pty has no bit rate.
    """

    def __init__(self, board: VirtualBoard, *, realtime: bool, link: Path | None, stop: threading.Event | None) -> None:
        self.board = board
        self._realtime = realtime
        self._link = link
        self._stop = stop or threading.Event()
        self._error: BaseException | None = None
        self._master, self._slave = os.openpty()
        self.path = os.ttyname(self._slave)
        try:
            tty.setraw(self._slave)
            os.set_blocking(self._master, False)
            if link is not None:
                self._make_link(link)
            self._wake_read, self._wake_write = os.pipe()
        except BaseException:
            os.close(self._master)
            os.close(self._slave)
            raise
        self._thread = threading.Thread(target=self._serve, name="virtual-board", daemon=True)
        self._thread.start()

    def _make_link(self, link: Path) -> None:
        if link.is_symlink():
            link.unlink()
        elif link.exists():
            raise UserError(f"{link} exists and is no symbolic link; choose another name for the virtual port")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(self.path)

    # -- serving --------------------------------------------------------------------------------------------------

    def _serve(self) -> None:
        try:
            self._loop()
        except BaseException as error:  # handed to the caller of ``close``
            self._error = error

    def _loop(self) -> None:
        waiting = b""
        reason = StopReason.LIMIT
        began, virtual_began = time.monotonic(), self.board.seconds
        while not self._stop.is_set():
            sleeping = reason in {StopReason.IDLE, StopReason.LOCKUP}
            full = len(waiting) >= CHUNK  # nobody reads: virtual time stands still
            if self._realtime and not sleeping and not full:
                ahead = (self.board.seconds - virtual_began) - (time.monotonic() - began)
                wait = min(max(ahead, 0.0), IDLE_SECONDS)
            else:
                wait = IDLE_SECONDS if sleeping or full else 0.0
            data = self._exchange(waiting, wait)
            if data:
                self.board.send(data)
                if sleeping:
                    began, virtual_began = time.monotonic(), self.board.seconds
            elif full or (sleeping and not waiting):
                waiting = self._flush(waiting)
                continue
            reason = self.board.run(max(1, round(SLICE_SECONDS * self.board.hz)))
            waiting = self._flush(waiting + self.board.receive())

    def _exchange(self, waiting: bytes, wait: float) -> bytes:
        """Wait for input (or room for output) and return what came in."""
        writers = [self._master] if waiting else []
        readable, _, _ = select.select([self._master, self._wake_read], writers, [], wait)
        if self._master not in readable:
            return b""
        try:
            return os.read(self._master, CHUNK)
        except BlockingIOError:
            return b""

    def _flush(self, waiting: bytes) -> bytes:
        """Write what the terminal takes; returns the rest."""
        with contextlib.suppress(BlockingIOError):
            waiting = waiting[os.write(self._master, waiting) :] if waiting else waiting
        return waiting

    # -- end ------------------------------------------------------------------------------------------------------

    def wait(self, timeout: float | None = None) -> None:
        """Block until the server ends, which it does when ``stop`` is set or the board fails."""
        self._thread.join(timeout)

    def close(self) -> None:
        """Stop the thread, remove the link, close the pty. Raises what went wrong in the thread."""
        if self._master < 0:
            return
        self._stop.set()
        os.write(self._wake_write, b"\0")
        self._thread.join()
        for descriptor in (self._master, self._slave, self._wake_read, self._wake_write):
            os.close(descriptor)
        self._master = -1
        if self._link is not None and self._link.is_symlink() and str(self._link.readlink()) == self.path:
            self._link.unlink()
        if self._error is not None:
            raise self._error

    def __enter__(self) -> "PtyServer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def serve_pty(
    board: VirtualBoard,
    *,
    realtime: bool = False,
    link: Path | None = None,
    stop: threading.Event | None = None,
) -> PtyServer:
    """Serve a board's serial port on a pty until ``stop`` is set or the returned server is closed.

    With ``realtime`` virtual time does not run ahead of the clock on the wall. ``link`` is a symbolic link to make.

    Raises:
        UserError: ``link`` exists and is no symbolic link.
    """
    return PtyServer(board, realtime=realtime, link=link, stop=stop)
