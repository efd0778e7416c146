"""Nordic's Power Profiler Kit II through the package `ppk2-api`. Not tried on hardware.

The kit supplies the board ("source meter"); the board's D7 goes to its logic input D0.
"""

import threading
from types import ModuleType
from typing import Any

from common.errors import UserError
from harness.energy.recording import Binner, Recording

PACKAGE = "ppk2_api.ppk2_api"
RATE = 100_000  # samples a second
VOLTS = 0.8, 5.0
POLL_S = 0.01
LOGIC_D0 = 1


class Ppk2:
    """The kit at ``port``, or the only one that is plugged in."""

    def __init__(self, package: ModuleType | Any, port: str | None, volts: float) -> None:
        """``package``: the imported `ppk2_api.ppk2_api`. Raises UserError when there is no usable kit."""
        if not VOLTS[0] <= volts <= VOLTS[1]:
            raise UserError(f"a PPK2 supplies {VOLTS[0]} to {VOLTS[1]} V, not {volts}")
        self.volts = volts
        self.recording = Recording()
        try:
            ports = [port] if port else list(package.PPK2_API.list_devices())
            if len(ports) != 1:
                raise UserError(f"{len(ports)} PPK2s are plugged in; name one as ppk2:PORT")
            self._kit = package.PPK2_API(ports[0], timeout=1, write_timeout=1, exclusive=True)
            self._kit.get_modifiers()
            self._kit.use_source_meter()
            self._kit.set_source_voltage(round(volts * 1000))
        except UserError:
            raise
        except Exception as error:
            raise UserError(f"the PPK2 cannot be used ({error}); check its cable and close its program") from error
        self.name = f"PPK2 on {ports[0]}"
        self._binner = Binner(self.recording, RATE)
        self._ending = threading.Event()
        self._reader: threading.Thread | None = None

    def power(self, on: bool) -> None:
        self._kit.toggle_DUT_power("ON" if on else "OFF")

    def start(self) -> None:
        self._kit.start_measuring()
        self._reader = threading.Thread(target=self._read, name="ppk2", daemon=True)
        self._reader.start()

    def stop(self) -> None:
        if self._reader is not None:
            self._kit.stop_measuring()
            self._ending.set()
            self._reader.join()
            self._reader = None

    def close(self) -> None:
        self.stop()
        self.power(False)

    def _read(self) -> None:
        while not self._ending.wait(POLL_S):
            try:
                data = self._kit.get_data()
                if data:
                    microamperes, bits = self._kit.get_samples(data)
                    watts = [value * 1e-6 * self.volts for value in microamperes]
                    self._binner.add(watts, [value & LOGIC_D0 for value in bits])
            except Exception as error:  # the package raises what it likes
                self.recording.fail(UserError(f"{self.name} failed ({error}); check its cable and run again"))
                return
