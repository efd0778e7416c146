"""Virtual time beside the clock on the wall."""

import time

from virtual.board import VirtualBoard

LAG_SECONDS = 0.25  # a board further behind than this does not run faster later to make up for it


class Pace:
    """Keeps a board from running ahead of real time; without ``realtime`` it never has to wait."""

    def __init__(self, machine: VirtualBoard, realtime: bool) -> None:
        self._machine = machine
        self._realtime = realtime
        self._idle_since: float | None = None
        self.restart()

    def restart(self) -> None:
        """Time begins to count now."""
        self._began, self._virtual_began = time.monotonic(), self._machine.seconds
        self._idle_since = None

    def ahead(self) -> float:
        """Seconds that the board has to wait."""
        if not self._realtime:
            return 0.0
        ahead = (self._machine.seconds - self._virtual_began) - (time.monotonic() - self._began)
        if ahead < -LAG_SECONDS:
            self.restart()
        return max(ahead, 0.0)

    def falls_idle(self) -> None:
        if self._idle_since is None:
            self._idle_since = time.monotonic()

    def wakes(self) -> None:
        """Something happens to an idle board: let the time pass that it waited for it."""
        if self._idle_since is not None and self._realtime:
            self._machine.idle(time.monotonic() - self._idle_since)
        self._idle_since = None
