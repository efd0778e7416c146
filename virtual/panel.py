"""What a person sees and touches on a board: its buttons and lights."""

from common.board import Board, Button
from common.errors import UserError
from virtual.soc.chip import Chip
from virtual.timebase import Event, Timebase

TAP_SECONDS = 0.1  # virtual time that a tapped button stays down


class Panel:
    """Buttons are up at first. A button that is held stays down, whatever the chip does."""

    def __init__(self, board: Board, chip: Chip, timebase: Timebase) -> None:
        """Raises UserError when the board names a pin that its chip does not have."""
        self._board = board
        self._chip = chip
        self._timebase = timebase
        self._down: set[str] = set()
        self._taps: dict[str, Event] = {}
        for button in board.buttons:
            chip.connect(button.pin, 1 - button.pressed)
        for led in board.leds:
            chip.pin(led.pin)

    def _find(self, name: str) -> Button:
        for button in self._board.buttons:
            if button.name == name:
                return button
        names = ", ".join(button.name for button in self._board.buttons) or "none"
        raise UserError(f"{self._board.title} has no button '{name}'; buttons are: {names}")

    def hold(self, name: str) -> None:
        """Press a button and keep it down. Raises UserError when there is no such button."""
        button = self._find(name)
        self._end_tap(name)
        self._down.add(name)
        self._chip.connect(button.pin, button.pressed)

    def release(self, name: str) -> None:
        """Raises UserError when there is no such button."""
        button = self._find(name)
        self._end_tap(name)
        self._down.discard(name)
        self._chip.connect(button.pin, 1 - button.pressed)

    def tap(self, name: str) -> None:
        """Press a button and let go of it soon. Raises UserError when there is no such button."""
        self.hold(name)
        due = self._timebase.now + self._timebase.cycles_of(TAP_SECONDS)
        self._taps[name] = self._timebase.at(due, lambda: self.release(name))

    def _end_tap(self, name: str) -> None:
        event = self._taps.pop(name, None)
        if event is not None:
            event.cancel()

    def reset(self) -> None:
        """The chip was reset, which forgets all events: a tap ends there."""
        for name in tuple(self._taps):
            self.release(name)

    @property
    def buttons(self) -> dict[str, bool]:
        """Which are down."""
        return {button.name: button.name in self._down for button in self._board.buttons}

    @property
    def leds(self) -> dict[str, bool]:
        """Which are lit: those whose pin is an output of the right level."""
        pins = ((led, self._chip.pin(led.pin)) for led in self._board.leds)
        return {led.name: pin.mode in ("output", "alternate") and pin.level == led.lit for led, pin in pins}
