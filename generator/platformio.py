"""Runs PlatformIO, offline, with everything it writes below ``build/``."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from common.errors import UserError
from common.files import write_atomic
from common.paths import BUILD

OWN_PLATFORM, ST_PLATFORM = "firmbench", "ststm32"
PLATFORMS = (OWN_PLATFORM, ST_PLATFORM)
COMPILER = "arm-none-eabi-gcc"
CPLUSPLUS = "arm-none-eabi-g++"
OVERFLOW = re.compile(r"region [`'](\w+)' overflowed by (\d+) bytes")
SHOWN_LINES = 12


class RunError(UserError):
    """``pio run`` failed; ``output`` is all it printed."""

    def __init__(self, message: str, output: str) -> None:
        super().__init__(message)
        self.output = output


def require_compiler() -> str:
    """The compiler's version line.

    Raises:
        UserError: it is not on PATH.
    """
    if shutil.which(COMPILER) is None:
        raise UserError(
            f"{COMPILER} is not on PATH; on Debian or Ubuntu run:"
            " sudo apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi"
        )
    answer = subprocess.run([COMPILER, "--version"], capture_output=True, text=True, check=False)
    return answer.stdout.splitlines()[0] if answer.stdout else "unknown"


def require_cplusplus() -> None:
    """Raises UserError where the compiler lacks the headers of C++."""
    command = [CPLUSPLUS, "-x", "c++", "-E", "-include", "new", os.devnull]
    if shutil.which(CPLUSPLUS) is None or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        raise UserError(
            f"{CPLUSPLUS} has no headers of C++, which TensorFlow Lite Micro is written in; on Debian or Ubuntu run:"
            " sudo apt-get install libstdc++-arm-none-eabi-dev"
        )


def user_core() -> Path:
    """The folder of the user's own PlatformIO, with the platforms that are installed there."""
    return Path(os.environ.get("PLATFORMIO_CORE_DIR") or "~/.platformio").expanduser()


def require_platform(platform: str) -> None:
    """Check that a PlatformIO platform can be used.

    Raises:
        UserError: it is not known, or not installed.
    """
    if platform not in PLATFORMS:
        raise UserError(f"unknown platform '{platform}'; platforms are: {', '.join(PLATFORMS)}")
    manifest = user_core() / "platforms" / platform / "platform.json"
    if platform != OWN_PLATFORM and not manifest.is_file():
        raise UserError(
            f"PlatformIO's platform {platform} is not installed: there is no {manifest}; with a network run:"
            f" pio pkg install --global --platform {platform}; or build without --platform"
        )


def run(
    project: Path,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    platform: str = OWN_PLATFORM,
) -> None:
    """``pio run`` in a project folder, with extra environment variables; keeps what it printed in ``platformio.log``.

    ``platform``: another one than ours is taken from the user's own PlatformIO.

    Raises:
        RunError: the image does not fit the board's memories (says by how much), or any other failure, with the end
            of the log.
    """
    _platformio(project, "run", *arguments, environment=environment, platform=platform)


def install_library(specification: str, storage: Path, project: Path, *, platform: str = OWN_PLATFORM) -> None:
    """Fetch a library, with PlatformIO's own downloads, into the folder where ``run`` looks for those of a project.

    Raises:
        RunError: it cannot be had; says so after a minute where there is no network.
    """
    storage.mkdir(parents=True, exist_ok=True)
    arguments = ("install", "--library", specification, "--storage-dir", str(storage))
    _platformio(project, "pkg", *arguments, platform=platform)


def _platformio(
    project: Path, *arguments: str, environment: Mapping[str, str] | None = None, platform: str = OWN_PLATFORM
) -> None:
    variables = {
        **os.environ,
        "PYTHONUNBUFFERED": "1",  # its words and those of the tools it starts come in order
        **(environment or {}),
        "PLATFORMIO_CORE_DIR": str(BUILD / "pio-core" if platform == OWN_PLATFORM else user_core()),
        "PLATFORMIO_WORKSPACE_DIR": str(project / ".pio"),
        "PLATFORMIO_SETTING_ENABLE_TELEMETRY": "no",
        "PLATFORMIO_SETTING_CHECK_PLATFORMIO_INTERVAL": "99999",
        "PLATFORMIO_DISABLE_UPGRADE_CHECK": "true",
        "PLATFORMIO_NO_ANSI": "true",
    }
    command = [sys.executable, "-m", "platformio", *arguments]
    answer = subprocess.run(
        command, cwd=project, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    log = project / "platformio.log"
    write_atomic(log, answer.stdout)
    if answer.returncode != 0:
        raise RunError(_reason(answer.stdout, log), answer.stdout)


def _reason(output: str, log: Path) -> str:
    overflows = OVERFLOW.findall(output)
    if overflows:
        parts = " and ".join(f"{region} by {int(count):,} bytes" for region, count in dict(overflows).items())
        return f"the firmware is too large: it exceeds {parts}; choose a smaller model or a larger board"
    errors = [line for line in output.splitlines() if "error" in line.lower()]
    lines = errors[:SHOWN_LINES] or output.strip().splitlines()[-SHOWN_LINES:]
    shown = "\n".join(f"  {line}" for line in lines)
    return f"PlatformIO failed; the whole log is {log}:\n{shown}"
