"""What the virtual board expects of a chip family, and what the chip gets from the board."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from virtual.cortex_m import CortexM
from virtual.engine import Engine
from virtual.soc.diagnostics import Diagnostics
from virtual.soc.serial import SerialDevice
from virtual.timebase import Timebase


@dataclass(frozen=True)
class Surroundings:
    """The board around a chip's peripherals.

    ``request_reset`` resets the chip, memory kept; ``code_changed`` says that memory with code in it was changed other
    than by stores; ``locate`` names the instruction of the present access.
    """

    engine: Engine
    core: CortexM
    timebase: Timebase
    diagnostics: Diagnostics
    request_reset: Callable[[], None]
    code_changed: Callable[[], None]
    locate: Callable[[], str]


@dataclass(frozen=True)
class Pin:
    """A pin as it is: ``name`` like "C13", ``mode`` input, output, alternate or analog, ``level`` 0 or 1."""

    name: str
    mode: str
    level: int


class Chip(Protocol):
    """The peripherals of one chip."""

    @property
    def serial(self) -> SerialDevice:
        """The one behind the probe's virtual COM port."""
        ...

    @property
    def supply_mode(self) -> str:
        """The voltage range and mode in the manual's words, for the current it draws."""
        ...

    def power_on(self) -> None:
        """Bring what outlives a reset to its first state; ``reset`` follows."""
        ...

    def reset(self) -> None: ...

    @property
    def resets_itself(self) -> bool:
        """Whether a watchdog runs."""
        ...

    def read(self, address: int, size: int) -> int: ...

    def write(self, address: int, size: int, value: int) -> None: ...

    def program(self, address: int, size: int, value: int) -> bool:
        """A store to flash; False when that is a bus fault."""
        ...

    def is_steady(self, address: int) -> bool:
        """Whether a register only changes by an event of the timebase or a write, so that polling it may be skipped."""
        ...

    def register_name(self, address: int) -> str:
        """ "LPUART1 ISR"; the bare address where there is no register."""
        ...

    def play(self, frames: Sequence[tuple[int, int]], rate_hz: float) -> None:
        """Send int16 pairs, left and right, to the I2S input, so many a second; ends what was sent before."""
        ...

    def connect(self, pin: str, level: int | None) -> None:
        """Drive a pin from outside, None: let go of it. Raises UserError when there is no such pin."""
        ...

    def watch_pin(self, pin: str, changed: Callable[[bool], None]) -> None:
        """Call back at each change of a pin's level. Raises UserError when there is no such pin."""
        ...

    def pin(self, pin: str) -> Pin:
        """Raises UserError when there is no such pin."""
        ...

    def pins(self) -> tuple[Pin, ...]:
        """All of them, port by port."""
        ...
