"""Jetperch's Joulescope JS110 and JS220 through their package `joulescope`. Not tried on hardware.

The instrument measures current and voltage between a supply and the board; the board's D7 goes to its input 0.
"""

from types import ModuleType
from typing import Any

from common.errors import UserError
from harness.energy.recording import Binner, Recording

PACKAGE = "joulescope"
FIELDS = ["power", "current_lsb"]


class Joulescope:
    """The only Joulescope that is plugged in. ``volts``: what the supply behind it gives."""

    def __init__(self, package: ModuleType | Any, volts: float) -> None:
        """``package``: the imported `joulescope`. Raises UserError when there is not exactly one instrument."""
        self.volts = volts
        self.recording = Recording()
        try:
            self._device = package.scan_require_one(config="auto")
            self._device.open()
        except Exception as error:
            raise UserError(
                f"no Joulescope can be used ({error}); plug exactly one in and close its program"
            ) from error
        self.name = str(self._device)
        self.driver_active = True  # the package's protocol for listeners
        self._device.parameter_set("current_lsb", "gpi0")
        self._binner = Binner(self.recording, round(self._device.output_sampling_frequency))
        self._read_to: int | None = None

    def power(self, on: bool) -> None:
        """Close or open the instrument's current path."""
        self._device.parameter_set("i_range", "auto" if on else "off")

    def start(self) -> None:
        self._device.stream_process_register(self)
        self._device.start()

    def stop(self) -> None:
        self._device.stop()

    def close(self) -> None:
        self._device.stop()
        self.power(False)
        self._device.close()

    def stream_notify(self, stream_buffer: Any) -> bool:
        """The package's callback: new samples are in its buffer. Returns False: go on."""
        oldest, newest = stream_buffer.sample_id_range
        begin = oldest if self._read_to is None else self._read_to
        if begin < oldest:
            self.recording.fail(UserError(f"{self.name}: {oldest - begin} samples were lost; run again"))
        elif begin < newest:
            signals = stream_buffer.samples_get(begin, newest, fields=FIELDS)["signals"]
            self._binner.add(signals["power"]["value"], signals["current_lsb"]["value"])
            self._read_to = newest
        return False
