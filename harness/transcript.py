"""The transcript: every byte that crossed the link, with its direction and time."""

from collections.abc import Iterator
from dataclasses import dataclass

ESCAPES = {0x0A: "\\n", 0x0D: "\\r", 0x5C: "\\\\"}


def printable(data: bytes, limit: int | None = None) -> str:
    """Bytes as ASCII with everything unprintable escaped; longer than ``limit`` bytes is cut and marked by `...`."""
    shown = data if limit is None else data[:limit]
    text = "".join(ESCAPES.get(b) or (chr(b) if 0x20 <= b < 0x7F else f"\\x{b:02x}") for b in shown)
    return text + ("..." if len(shown) < len(data) else "")


@dataclass(frozen=True)
class Chunk:
    """Bytes that were sent or received at once. ``seconds`` counts from the opening of the link."""

    seconds: float
    sent: bool
    data: bytes


class Transcript:
    """Append-only record of a link."""

    def __init__(self) -> None:
        self.chunks: list[Chunk] = []

    def add(self, seconds: float, sent: bool, data: bytes) -> None:
        self.chunks.append(Chunk(seconds, sent, data))

    def received(self, since: int = 0) -> bytes:
        """All bytes from the device, from chunk number ``since`` on."""
        return b"".join(chunk.data for chunk in self.chunks[since:] if not chunk.sent)

    def lines(self) -> Iterator[str]:
        """One text line per line on the wire: time of its first byte, `>` sent or `<` received, escaped bytes.

        Concatenating the bytes of all lines of one direction gives back exactly what crossed the link.
        """
        start, sent, pending = 0.0, False, b""
        for chunk in self.chunks:
            if pending and chunk.sent != sent:
                yield _line(start, sent, pending)
                pending = b""
            for part in chunk.data.splitlines(keepends=True) if not chunk.sent else [chunk.data]:
                if not pending:
                    start, sent = chunk.seconds, chunk.sent
                pending += part
                if chunk.sent or part.endswith(b"\n"):
                    yield _line(start, sent, pending)
                    pending = b""
        if pending:
            yield _line(start, sent, pending)

    def text(self, heading: str) -> str:
        """The whole log file; ``heading`` says which link and which clock."""
        body = "".join(f"{line}\n" for line in self.lines())
        return (
            f"# {heading}\n# seconds since open, > to the device, < from the device, unprintable bytes escaped\n{body}"
        )


def _line(seconds: float, sent: bool, data: bytes) -> str:
    return f"{seconds:12.6f} {'>' if sent else '<'} {printable(data)}"
