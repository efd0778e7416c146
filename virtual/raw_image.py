"""Firmware images without symbols: raw binaries and Intel HEX files, as vendors publish them."""

from collections.abc import Callable
from pathlib import Path

from common.errors import UserError

DATA, END, SEGMENT, START_SEGMENT, LINEAR, START_LINEAR = range(6)  # record types of Intel HEX

Pieces = tuple[tuple[int, bytes], ...]


def read_binary(path: Path, origin: int) -> Pieces:
    """The whole file at ``origin``. Raises UserError when it is empty."""
    data = path.read_bytes()
    if not data:
        raise UserError(f"{path} is empty; it holds no firmware")
    return ((origin, data),)


def read_hex(path: Path, _: int = 0) -> Pieces:
    """(address, bytes) of every run of adjoining records of an Intel HEX file.

    Raises:
        UserError: a record is malformed, its checksum is wrong, or the end record is missing.
    """
    pieces: list[tuple[int, bytearray]] = []
    base, ended = 0, False
    for number, line in enumerate(path.read_text(encoding="ascii", errors="replace").splitlines(), start=1):
        if not line.strip():
            continue
        kind, offset, payload = _record(path, number, line.strip())
        if kind == DATA:
            address = base + offset
            if not pieces or pieces[-1][0] + len(pieces[-1][1]) != address:
                pieces.append((address, bytearray()))
            pieces[-1][1].extend(payload)
        elif kind in (SEGMENT, LINEAR):
            base = int.from_bytes(payload, "big") << (4 if kind == SEGMENT else 16)
        elif kind == END:
            ended = True
            break
        elif kind not in (START_SEGMENT, START_LINEAR):
            raise UserError(f"{path}, line {number}: unknown record type {kind}; is this an Intel HEX file?")
    if not ended or not pieces:
        raise UserError(f"{path} has no {'data' if ended else 'end record'}; it is not a complete Intel HEX file")
    return tuple((address, bytes(data)) for address, data in pieces)


def _record(path: Path, number: int, line: str) -> tuple[int, int, bytes]:
    try:
        record = bytes.fromhex(line[1:]) if line.startswith(":") else b""
    except ValueError:
        record = b""
    if len(record) < 5 or len(record) != record[0] + 5 or sum(record) & 0xFF:
        raise UserError(f"{path}, line {number}: no valid Intel HEX record; the file is damaged or of another format")
    return record[3], int.from_bytes(record[1:3], "big"), record[4:-1]


RAW_FORMATS: dict[str, Callable[[Path, int], Pieces]] = {".bin": read_binary, ".hex": read_hex}
