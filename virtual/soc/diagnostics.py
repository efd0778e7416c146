"""What the firmware did that real hardware would not forgive, and what the model does not know."""


class Diagnostics:
    """Each message once, in order of appearance."""

    def __init__(self) -> None:
        self._messages: dict[str, str] = {}

    def add(self, message: str) -> None:
        self._messages.setdefault(message, message)

    def add_once(self, key: str, message: str) -> None:
        """Keep only the first message about the same thing."""
        self._messages.setdefault(key, message)

    def clear(self) -> None:
        self._messages.clear()

    @property
    def messages(self) -> tuple[str, ...]:
        return tuple(self._messages.values())
