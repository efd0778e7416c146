"""Ctrl-C in native code that calls back: an exception inside a callback would be lost, so signals wait for the end."""

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self

HELD = (signal.SIGINT, signal.SIGTERM)


class HeldSignals:
    """Inside the ``with`` signals are only noted, and ``wake`` is called; on leaving they are handled as before.

    In threads other than the main one, which get no signals, it does nothing.
    """

    def __init__(self, wake: Callable[[], None] = lambda: None) -> None:
        self._wake = wake
        self._noted: int | None = None
        self._frame: FrameType | None = None
        self._handlers: list[tuple[signal.Signals, Callable[[int, FrameType | None], object]]] = []

    @property
    def noted(self) -> bool:
        return self._noted is not None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in HELD:
                handler = signal.getsignal(number)
                if callable(handler):  # neither ignored nor the system's default, which ends the process at once
                    self._handlers.append((number, handler))
                    signal.signal(number, self._note)
        return self

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._noted, self._frame = number, frame
        self._wake()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        handlers, self._handlers = self._handlers, []
        for number, handler in handlers:
            signal.signal(number, handler)
        noted, self._noted = self._noted, None
        for number, handler in handlers:
            if number == noted:
                handler(number, self._frame)
