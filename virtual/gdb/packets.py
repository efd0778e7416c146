"""Framing: `$data#checksum`, acknowledgements, the interrupt byte, escapes."""

import enum
from dataclasses import dataclass

PACKET_BYTES = 0x4000  # the longest packet we take and send, told to the debugger as PacketSize
ESCAPED = frozenset(b"#$}*")
ESCAPE, ESCAPE_XOR = 0x7D, 0x20


class Sign(enum.Enum):
    """What comes between packets."""

    ACK = b"+"
    NAK = b"-"
    INTERRUPT = b"\x03"


@dataclass(frozen=True)
class Packet:
    """The bytes between `$` and `#`, still escaped; ``intact`` is whether the checksum fits."""

    data: bytes
    intact: bool = True


class PacketReader:
    """Cuts a stream of bytes into packets and signs. What is neither is skipped; so is a packet that is too long."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Packet | Sign]:
        self._buffer += data
        found: list[Packet | Sign] = []
        while self._buffer:
            first = bytes(self._buffer[:1])
            if first == b"$":
                packet = self._packet()
                if packet is None:
                    break
                found.append(packet)
            else:
                if first in {sign.value for sign in Sign}:
                    found.append(Sign(first))
                del self._buffer[:1]
        return found

    def _packet(self) -> Packet | None:
        """The packet at the start of the buffer, None while it is incomplete."""
        end = self._buffer.find(b"#")
        if end < 0 and len(self._buffer) > 2 * PACKET_BYTES:
            self._buffer.clear()
            return Packet(b"", intact=False)
        if end < 0 or len(self._buffer) < end + 3:
            return None
        data, digits = bytes(self._buffer[1:end]), bytes(self._buffer[end + 1 : end + 3])
        del self._buffer[: end + 3]
        return Packet(data, digits.lower() == checksum(data))


def checksum(data: bytes) -> bytes:
    """Two hexadecimal digits."""
    return b"%02x" % (sum(data) & 0xFF)


def frame(data: bytes) -> bytes:
    """A packet ready to send; ``data`` is escaped already where need be."""
    return b"$" + data + b"#" + checksum(data)


def escape(data: bytes) -> bytes:
    """Binary data as it stands in a packet."""
    escaped = bytearray()
    for value in data:
        escaped += bytes((ESCAPE, value ^ ESCAPE_XOR)) if value in ESCAPED else bytes((value,))
    return bytes(escaped)


def unescape(data: bytes) -> bytes:
    plain = bytearray()
    values = iter(data)
    for value in values:
        plain.append(next(values, 0) ^ ESCAPE_XOR if value == ESCAPE else value)
    return bytes(plain)
