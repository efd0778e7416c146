"""Files of a data set as it is published: a tar archive, a zip archive, or a folder either was unpacked to."""

import gzip
import io
import lzma
import tarfile
import wave
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from common.errors import UserError

Wanted = Callable[[str], bool]


def members(source: Path, wanted: Wanted) -> Iterator[tuple[str, bytes]]:
    """Name below the archive's root, with `/`, and content of the files that ``wanted`` says yes to.

    Folders come sorted, archives in their own order, one file at a time in memory.

    Raises:
        UserError: missing, no archive, or damaged.
    """
    try:
        if source.is_dir():
            for path in sorted(source.rglob("*")):
                name = path.relative_to(source).as_posix()
                if path.is_file() and wanted(name):
                    yield name, path.read_bytes()
        elif zipfile.is_zipfile(source):
            with zipfile.ZipFile(source) as archive:
                for entry in archive.infolist():
                    if not entry.is_dir() and wanted(entry.filename):
                        yield entry.filename, archive.read(entry)
        else:
            yield from _tar(source, wanted)
    except FileNotFoundError as error:
        raise UserError(f"no {source}; give the data set's archive, or the folder it was unpacked to") from error
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError) as error:
        raise UserError(f"{source} is no archive or a damaged one ({error}); get it again") from error


def _tar(source: Path, wanted: Wanted) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(source) as archive:
        for entry in archive:
            name = str(PurePosixPath(entry.name))
            if entry.isfile() and wanted(name):
                file = archive.extractfile(entry)
                assert file is not None
                yield name, file.read()


def wav(content: bytes, rate: int, where: str) -> NDArray[np.int16]:
    """Samples [n] of a 16-bit mono recording.

    Raises:
        UserError: of another format, or damaged.
    """
    try:
        with wave.open(io.BytesIO(content)) as file:
            found = (file.getnchannels(), file.getsampwidth(), file.getframerate())
            data = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise UserError(f"{where} is no WAV file ({error}); get the data set again") from error
    if found != (1, 2, rate):
        raise UserError(f"{where}: {found[0]} channels, {8 * found[1]} bits, {found[2]} Hz instead of 1, 16, {rate}")
    return np.frombuffer(data[: len(data) // 2 * 2], "<i2").astype(np.int16)
