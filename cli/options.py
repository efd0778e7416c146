"""Options that several tasks take, and how their values are read."""

import functools
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from invoke.exceptions import Exit

from common.errors import UserError

DEFAULT_BOARD = "nucleo_l4r5zi"
DEFAULT_BENCH = "ad"
DEFAULT_RUNTIME = "aot"
DEFAULT_OPTIMIZE = "latency"
INTERRUPTED = 130  # the shell's exit code for Ctrl-C

BOARD_HELP = f"board folder below boards/ (default {DEFAULT_BOARD})"
BENCH_HELP = f"benchmark: a file below benchmarks/ (default {DEFAULT_BENCH})"
MODEL_HELP = (
    "a .tflite model; without --bench, my_model.toml beside my_model.tflite or the model itself describes its use"
)
DATA_HELP = "folder with inputs (<DIR>/<model id>/y_labels.csv and .bin files); default: synthetic ones"
RUNTIME_HELP = (
    "how the model runs: aot, compiled ahead of time, or tflm, in TensorFlow Lite Micro's interpreter"
    f" (default {DEFAULT_RUNTIME})"
)
TFLM_LIB_HELP = "for runtime tflm: folder of the library, or OWNER/NAME@VERSION or URL#COMMIT for PlatformIO to fetch"
OPTIMIZE_HELP = (
    "what RAM is spent for: latency (kernels and constants are copied there at boot), memory (nothing is) or balanced"
    f" (kernels, larger activations, and constants that pay) (default {DEFAULT_OPTIMIZE})"
)
STREAMING_HELP = "axis of the input that is time: one step of it at a time, all else is kept between inferences"
NO_DCE_HELP = "keep dead channels: those that are constant or that nobody uses"
DASK_HELP = "scheduler of a Dask cluster to measure on, tcp://host:8786 (default: this computer's cores)"
PORT_HELP = (
    "serial device, socket://host:port, rfc2217://host:port, virtual, or board:NAME for one that `invoke board` runs"
    " (default: the plugged-in board, else virtual)"
)
SERIAL_HELP = "USB serial number of the board to use, or its beginning; `invoke boards` lists them"


def friendly(function: Callable[..., None]) -> Callable[..., None]:
    """Turn what a user can cause into one line on standard error and an honest exit code."""

    @functools.wraps(function)
    def wrapper(*arguments: Any, **options: Any) -> None:
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # clean up as for Ctrl-C
        try:
            function(*arguments, **options)
        except UserError as error:
            raise Exit(f"error: {error}", code=1) from None
        except OSError as error:  # disk full, read-only folder: where errors of files we own end up
            raise Exit(f"error: {error.filename or 'system'}: {error.strerror}", code=1) from None
        except KeyboardInterrupt:
            raise Exit("interrupted", code=INTERRUPTED) from None

    return wrapper


def port_of(port: str | None, serial: str | None) -> str | None:
    """What ``--port`` and ``--serial`` mean together."""
    if port is not None and serial is not None:
        raise UserError("--port and --serial both name a port; give one of them")
    return f"serial:{serial}" if serial else port


def integer(option: str, text: str) -> int:
    """Invoke's own conversion ends in a traceback."""
    try:
        return int(text)
    except ValueError:
        raise UserError(f"{option} {text}: not an integer") from None


def number(option: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UserError(f"{option} {text}: not a number") from None


def count_of(option: str, text: str) -> int:
    if (number := integer(option, text)) < 1:
        raise UserError(f"{option} {text}: at least 1")
    return number


def byte_count(option: str, text: str | None) -> int | None:
    """A size like 49152 or 48K."""
    if text is None:
        return None
    digits, unit = (text[:-1], 1024) if text[-1:] in ("k", "K") else (text, 1)
    if not digits.isdecimal() or not int(digits):
        raise UserError(f"{option} {text}: not a number of bytes like 49152 or 48K")
    return int(digits) * unit


def path_of(text: str | None) -> Path | None:
    return Path(text).expanduser() if text else None
