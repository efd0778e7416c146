"""Firmware without symbols, as vendors publish it: raw binaries and Intel HEX."""

from pathlib import Path

from common.errors import UserError
from virtual.image import Segment

DATA, END, EXTENDED_SEGMENT, START_SEGMENT, EXTENDED_LINEAR, START_LINEAR = range(6)
ADDRESS_BYTES = {EXTENDED_SEGMENT: 2, EXTENDED_LINEAR: 2}
SHORTEST = 5  # bytes of a record without data: count, address, type, checksum
AGAIN = "fetch or convert it again"


def read_bin(path: Path, origin: int) -> tuple[Segment, ...]:
    """A raw binary; ``origin`` is where its first byte goes.

    Raises:
        UserError: it is empty.
    """
    data = path.read_bytes()
    if not data:
        raise UserError(f"{path} is empty; {AGAIN}")
    return (Segment(origin, data),)


def read_hex(path: Path) -> tuple[Segment, ...]:
    """Intel HEX (Intel, "Hexadecimal Object File Format Specification", 1988).

    Raises:
        UserError: a line is malformed, its checksum wrong, or the end record is missing; the message names the line.
    """
    chunks: dict[int, bytearray] = {}  # by the address at which the next byte would follow
    base = 0
    ended = False
    for number, line in enumerate(path.read_text("ascii", errors="replace").splitlines(), start=1):
        text = line.strip()
        if not text:
            continue
        if ended:
            raise UserError(f"{path}, line {number}: there is more after the end record; {AGAIN}")
        address, kind, data = _record(path, number, text)
        if kind == DATA:
            chunk = chunks.pop(base + address, bytearray())
            chunk += data
            chunks[base + address + len(data)] = chunk
        elif kind == END:
            ended = True
        elif kind in ADDRESS_BYTES:
            if len(data) != ADDRESS_BYTES[kind]:
                raise UserError(f"{path}, line {number}: an address record of {len(data)} bytes instead of 2; {AGAIN}")
            base = int.from_bytes(data, "big") << (16 if kind == EXTENDED_LINEAR else 4)
    if not ended:
        raise UserError(f"{path} is truncated: it has no end record; {AGAIN}")
    return tuple(Segment(end - len(chunk), bytes(chunk)) for end, chunk in sorted(chunks.items()) if chunk)


def _record(path: Path, number: int, text: str) -> tuple[int, int, bytes]:
    """(address, type, data) of one line."""
    try:
        record = bytes.fromhex(text[1:]) if text.startswith(":") else b""
    except ValueError:
        record = b""
    if len(record) < SHORTEST or len(record) != record[0] + SHORTEST:
        raise UserError(f"{path}, line {number} is no Intel HEX record; {AGAIN}")
    if sum(record) & 0xFF:
        raise UserError(f"{path}, line {number}: the checksum is wrong; {AGAIN}")
    if record[3] > START_LINEAR:
        raise UserError(f"{path}, line {number}: unknown record type {record[3]}; {AGAIN}")
    return int.from_bytes(record[1:3], "big"), record[3], record[4:-1]
