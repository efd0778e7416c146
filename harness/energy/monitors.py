"""Which power monitor: named by the user, found by its USB id, or the modelled one of the virtual board."""

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

import serial

from common.errors import UserError
from harness.energy import joulescope_monitor, lpm01a, ppk2
from harness.energy.joulescope_monitor import Joulescope
from harness.energy.lpm01a import Lpm01a, find_lpm01a
from harness.energy.ppk2 import Ppk2
from harness.energy.recording import Monitor
from harness.ports import OPEN_ERRORS

if TYPE_CHECKING:
    from virtual.lpm01a import VirtualLpm01a

KINDS = ("lpm01a", "joulescope", "ppk2")
WRITE_TIMEOUT_S = 5.0


def open_monitor(spec: str | None, volts: float) -> Monitor:
    """A monitor for a real board: "lpm01a", "joulescope" or "ppk2", with ":PORT" behind it where there are several.

    None: the LPM01A that is plugged in.

    Raises:
        UserError: no such monitor, its package is missing, or it cannot be used.
    """
    kind, _, port = (spec or "lpm01a").partition(":")
    match kind:
        case "lpm01a":
            port = port or find_lpm01a() or ""
            if not port:
                raise UserError("no LPM01A is plugged in; name a monitor: --monitor lpm01a:PORT, joulescope or ppk2")
            return open_lpm01a(port, volts)
        case "joulescope":
            return Joulescope(_package(joulescope_monitor.PACKAGE, "joulescope"), volts)
        case "ppk2":
            return Ppk2(_package(ppk2.PACKAGE, "ppk2-api"), port or None, volts)
    raise UserError(f"unknown power monitor '{spec}'; monitors are: {', '.join(KINDS)}")


def open_lpm01a(port: str, volts: float) -> Lpm01a:
    """Raises UserError when the port cannot be opened or another device answers."""
    try:
        opened = serial.Serial(port, lpm01a.BAUD, timeout=0.1, write_timeout=WRITE_TIMEOUT_S, exclusive=True)
    except OPEN_ERRORS as error:
        raise UserError(f"the LPM01A's port {port} cannot be opened ({error}); check its name and cable") from error
    return Lpm01a(opened, port, volts)


def open_virtual(shield: "VirtualLpm01a", volts: float) -> Lpm01a:
    """The modelled shield, through its terminal. Nothing settles there: virtual time stands still meanwhile."""
    opened = serial.Serial(shield.path, timeout=0.1, write_timeout=WRITE_TIMEOUT_S, exclusive=True)
    return Lpm01a(opened, "virtual board", volts, settle_seconds=0.0)


def _package(module: str, name: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UserError(f"this monitor needs the Python package {name}: run `.venv/bin/pip install {name}`") from error
