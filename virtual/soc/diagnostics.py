"""What the firmware did that real hardware would not forgive, and what the model does not know."""


class Diagnostics:
    """Each message once, in order of appearance."""

    def __init__(self) -> None:
        self._messages: dict[str, None] = {}

    def add(self, message: str) -> None:
        self._messages.setdefault(message)

    def clear(self) -> None:
        self._messages.clear()

    @property
    def messages(self) -> tuple[str, ...]:
        return tuple(self._messages)
