"""``rules.toml`` as bytes to send and patterns of the whole answer, for a particular device."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from harness.conformance.facts import Facts

TABLE = Path(__file__).with_name("rules.toml")
READY = b"m-ready\r\n"
LOAD_BYTES = 31  # per command, as the MLCommons runner sends them
UNKNOWN_BUFFER = "the device does not tell the size of its input buffer"
UNKNOWN_MODEL = "the model is unknown, and with it the size of its input"

VALUES = {
    "number": rb"\d{1,10}",
    "results": rb"[^\]\r\n]+",
    "text": rb"[^\r\n]*",
    "line": rb"[^\r\n]+\r\n",
    "lines": rb"(?:[^\r\n]*\r\n)+",
}
LAP = rb"m-lap-us-\d{1,10}\r\n"


class NotApplicable(Exception):
    """A rule that this device cannot be checked against; the message says why."""


@dataclass(frozen=True)
class Exchange:
    """One command with its '%', and patterns of the complete answer with ``m-ready``: the first is the reference's."""

    sent: bytes
    answers: tuple[re.Pattern[bytes], ...]


@dataclass(frozen=True)
class TableRule:
    """``complete_input``: the exchanges follow the loading of a whole input. ``note``: what its variants are."""

    id: str
    title: str
    exchange: tuple[tuple[str, ...], ...]
    complete_input: bool = False
    hardening: bool = False
    note: str = ""

    def exchanges(self, facts: Facts) -> list[Exchange]:
        """The whole session for this device. Raises NotApplicable when something needed is not known of it."""
        session = load_input(bytes(_shape_bytes(facts))) if self.complete_input else []
        for sent, *answers in self.exchange:
            patterns = tuple(_pattern(answer, facts) for answer in answers)
            session.append(Exchange(_substitute(sent, facts).encode("latin-1"), patterns))
        return session


def _shape_bytes(facts: Facts) -> int:
    if facts.shape is None:
        raise NotApplicable(UNKNOWN_MODEL)
    return facts.shape.input_bytes


def _fact(name: str, facts: Facts) -> str:
    match name:
        case "vendor":
            return facts.vendor
        case "model":
            return facts.model
        case "max" | "over":
            if facts.max_bytes is None:
                raise NotApplicable(UNKNOWN_BUFFER)
            return str(facts.max_bytes + (name == "over"))
    if facts.shape is None:
        raise NotApplicable(UNKNOWN_MODEL)
    return str(facts.shape.elements if name == "elements" else 4 // facts.shape.element_bytes)


def _substitute(text: str, facts: Facts) -> str:
    return re.sub("<(vendor|model|max|over|elements|four)>", lambda match: _fact(match[1], facts), text)


def _pattern(text: str, facts: Facts) -> re.Pattern[bytes]:
    values = VALUES | {"lap": b"" if facts.energy else LAP}
    pieces = re.split("<(" + "|".join(values) + ")>", _substitute(text, facts))
    literal = [re.escape(piece.encode("latin-1")) for piece in pieces[::2]]
    holes = [values[name] for name in pieces[1::2]] + [b""]
    body = b"".join(a + b for a, b in zip(literal, holes, strict=True))
    return re.compile(body + re.escape(READY), re.DOTALL)


def load_table() -> list[TableRule]:
    rules = []
    for entry in tomllib.loads(TABLE.read_text(encoding="utf-8"))["rule"]:
        exchange = tuple(tuple(item) for item in entry.pop("exchange"))
        rules.append(TableRule(exchange=exchange, **entry))
    return rules


def load_input(data: bytes) -> list[Exchange]:
    """The exchanges that load ``data`` as the MLCommons runner does."""
    chunks = [data[start : start + LOAD_BYTES] for start in range(0, len(data), LOAD_BYTES)]
    expecting = re.compile(rb"m-\[Expecting %d bytes\]\r\nm-ready\r\n" % len(data))
    silent, done = re.compile(READY), re.compile(rb"m-load-done\r\nm-ready\r\n")
    return [
        Exchange(b"db load %d%%" % len(data), (expecting,)),
        *(Exchange(b"db " + chunk.hex().encode() + b"%", (silent,)) for chunk in chunks[:-1]),
        Exchange(b"db " + chunks[-1].hex().encode() + b"%", (done,)),
    ]
