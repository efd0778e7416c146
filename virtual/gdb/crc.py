"""The checksum of `compare-sections`: CRC-32, most significant bit first, start value all ones, nothing inverted."""

import zlib

MIRRORED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


def crc32(data: bytes) -> int:
    """zlib's has the same polynomial, least significant bit first, and is inverted at the end."""
    return int(f"{zlib.crc32(data.translate(MIRRORED)) ^ 0xFFFFFFFF:032b}"[::-1], 2)
