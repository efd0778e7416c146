"""The journal of an accuracy run: each answer a line of JSON, on disk before the run goes on, so that it may be killed.

It belongs to one image and one data set, whose hashes its first line holds. A line that a crash or a full
disk cut off is dropped when the journal is opened again; everything before it counts.
"""

import fcntl
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from common.errors import UserError
from harness.answers import DeviceError, parse_results

SCHEMA = 1
SYNC_SECONDS = 1.0  # at most this much work is repeated after a power failure; a killed process loses nothing


@dataclass(frozen=True)
class Answer:
    """What the device said of one input. ``listed``: the text between the brackets of `m-results`.

    ``start_us``, ``end_us``: its counter around the inference; None on a virtual board without modelled time.
    """

    name: str
    listed: str
    start_us: int | None = None
    end_us: int | None = None

    @property
    def results(self) -> tuple[float, ...]:
        return parse_results(self.listed)


class Journal:
    """An open journal, for this process alone. ``answers``: all it holds, by input name."""

    def __init__(self, path: Path, key: dict[str, str], *, restart: bool = False) -> None:
        """Open or make a journal; ``restart`` discards what is there.

        Raises:
            UserError: another run uses it, it belongs to something else, or it is damaged.
            OSError: it cannot be written.
        """
        self.path = path
        self.answers: dict[str, Answer] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            self._lock()
            if restart:
                os.ftruncate(self._file, 0)
            self._size = self._read(key)
            os.ftruncate(self._file, self._size)
            self._synced = time.monotonic()
            if not self._size:
                self._write([{"schema": SCHEMA, **key}])
                self.sync()
        except BaseException:
            os.close(self._file)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def add(self, answers: Sequence[Answer]) -> None:
        """Append; on disk for good after `SYNC_SECONDS` at the latest, or with `sync`.

        Raises:
            OSError: the disk is full, say; what was there before stays intact.
        """
        self._write([asdict(answer) for answer in answers])
        self.answers.update((answer.name, answer) for answer in answers)
        if time.monotonic() - self._synced >= SYNC_SECONDS:
            self.sync()

    def sync(self) -> None:
        os.fsync(self._file)
        self._synced = time.monotonic()

    def close(self) -> None:
        """Raises OSError when the disk does not take what was written."""
        try:
            self.sync()
        finally:
            os.close(self._file)

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UserError(
                f"another accuracy run of this image and data set is under way ({self.path} is in use); "
                "wait for it, or interrupt it and run again"
            ) from error

    def _read(self, key: dict[str, str]) -> int:
        """Take in all whole lines; returns how many bytes they are."""
        content = b"".join(iter(lambda: os.read(self._file, 1 << 20), b""))
        whole = content[: content.rfind(b"\n") + 1]
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                fields = json.loads(line)
                if number == 1:
                    fits = fields == {"schema": SCHEMA, **key}
                else:
                    answer = Answer(**fields)
                    fits = bool(answer.results) and _is_text(answer.name)
                    self.answers[answer.name] = answer
            except (ValueError, TypeError, DeviceError):
                fits = False
            if not fits:
                what = "does not belong to this image and data set" if number == 1 else "is damaged"
                raise UserError(f"{self.path} line {number} {what}; --restart begins anew")
        return len(whole)

    def _write(self, lines: list[dict[str, Any]]) -> None:
        data = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines).encode()
        try:
            written = os.write(self._file, data)
            if written < len(data):  # the disk is full: the next byte says why
                os.write(self._file, data[written:])
        except OSError as error:
            os.ftruncate(self._file, self._size)
            raise OSError(error.errno, error.strerror, str(self.path)) from error
        self._size += len(data)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)
