"""The mass-storage drive that a debug probe offers: where it is mounted."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from common.board import Board

# What an ST-LINK drive holds besides free space (UM2179, and seen on other ST-LINK/V2-1 boards).
DRIVE_MARKS = ("DETAILS.TXT", "MBED.HTM")
DISK_LINKS, MOUNTS = Path("/dev/disk/by-id"), Path("/proc/self/mounts")  # udev's names hold the USB serial number


def mount_points() -> Iterable[Path]:
    """Folders where desktop systems mount removable drives."""
    user = os.environ.get("USER", "root")
    for parent in (Path("/media") / user, Path("/run/media") / user, Path("/media"), Path("/Volumes")):
        if parent.is_dir():
            yield from sorted(path for path in parent.iterdir() if path.is_dir())


def find_drive(board: Board) -> Path | None:
    """The first drive with a label of the board's."""
    return next(
        (path for path in mount_points() if path.name in board.probe.drive_labels and is_probe_drive(path)), None
    )


def drive_of(serial: str, links: Path = DISK_LINKS, mounts: Path = MOUNTS) -> Path | None:
    """Where the drive of the USB device with this serial number is mounted, if it is (Linux). Not tried on hardware."""
    if not links.is_dir() or not mounts.is_file():
        return None
    devices = {str(link.resolve()) for link in links.iterdir() if serial.upper() in link.name.upper()}
    for line in mounts.read_text(errors="replace").splitlines():
        device, _, rest = line.partition(" ")
        if device in devices:
            folder = Path(re.sub(r"\\(\d{3})", lambda code: chr(int(code[1], 8)), rest.partition(" ")[0]))
            return folder if is_probe_drive(folder) else None
    return None


def is_probe_drive(path: Path) -> bool:
    return any((path / mark).is_file() for mark in DRIVE_MARKS)
