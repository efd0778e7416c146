"""What the firmware did that real hardware would not forgive, and what the model does not know."""

from collections.abc import Iterator
from contextlib import contextmanager


class Diagnostics:
    """Each message once, in order of appearance."""

    def __init__(self) -> None:
        self._messages: dict[str, str] = {}
        self._paused = False

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Inside the ``with`` nothing is added: somebody else than the firmware accesses the chip."""
        self._paused = True
        try:
            yield
        finally:
            self._paused = False

    def add(self, message: str) -> None:
        self.add_once(message, message)

    def add_once(self, key: str, message: str) -> None:
        """Keep only the first message about the same thing."""
        if not self._paused:
            self._messages.setdefault(key, message)

    def clear(self) -> None:
        self._messages.clear()

    @property
    def messages(self) -> tuple[str, ...]:
        return tuple(self._messages.values())
