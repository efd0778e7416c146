"""``protocol_cases.toml`` as bytes to send and patterns of the whole answer, for a particular device."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

TABLE = Path(__file__).parent / "protocol_cases.toml"
READY = b"m-ready\r\n"

VALUES = {"us": rb"\d{1,10}", "results": rb"[^\]\r\n]+", "line": rb"[^\r\n]+\r\n"}


@dataclass(frozen=True)
class Device:
    """What of a device shows on the wire. One inference takes ``elements`` numbers of ``element_bytes`` each."""

    vendor: str
    model: str
    max_bytes: int
    elements: int
    element_bytes: int = 4

    @property
    def input_bytes(self) -> int:
        return self.elements * self.element_bytes


@dataclass(frozen=True)
class Exchange:
    """One command with its '%', and a pattern of the complete answer up to and with ``m-ready``."""

    sent: bytes
    answer: re.Pattern[bytes]


@dataclass(frozen=True)
class Case:
    """``complete_input``: the exchanges show no notice only if a whole input was loaded before."""

    name: str
    exchanges: tuple[Exchange, ...]
    complete_input: bool = False


def _substitute(text: str, device: Device) -> str:
    facts = {
        "vendor": device.vendor,
        "model": device.model,
        "max": str(device.max_bytes),
        "over": str(device.max_bytes + 1),
        "elements": str(device.elements),
        "four": str(4 // device.element_bytes),
    }
    return re.sub("<(" + "|".join(facts) + ")>", lambda match: facts[match[1]], text)


def _pattern(text: str, device: Device) -> re.Pattern[bytes]:
    pieces = re.split("<(" + "|".join(VALUES) + ")>", _substitute(text, device))
    literal = [re.escape(piece.encode("latin-1")) for piece in pieces[::2]]
    values = [VALUES[name] for name in pieces[1::2]] + [b""]
    body = b"".join(a + b for a, b in zip(literal, values, strict=True))
    return re.compile(body + re.escape(READY), re.DOTALL)


def load_boot(device: Device) -> re.Pattern[bytes]:
    return _pattern(tomllib.loads(TABLE.read_text())["boot"], device)


def load_cases(device: Device) -> list[Case]:
    table = tomllib.loads(TABLE.read_text())["case"]
    return [
        Case(
            name=case["name"],
            exchanges=tuple(
                Exchange(_substitute(sent, device).encode("latin-1"), _pattern(answer, device))
                for sent, answer in case["exchange"]
            ),
            complete_input=case.get("complete_input", False),
        )
        for case in table
    ]


def load_input(data: bytes) -> list[Exchange]:
    """The exchanges that load ``data``, 31 bytes per command as the MLCommons runner does."""
    chunks = [data[start : start + 31] for start in range(0, len(data), 31)]
    done = re.compile(rb"m-load-done\r\nm-ready\r\n")
    return [
        Exchange(b"db load %d%%" % len(data), re.compile(rb"m-\[Expecting %d bytes\]\r\nm-ready\r\n" % len(data))),
        *(Exchange(b"db " + chunk.hex().encode() + b"%", re.compile(READY)) for chunk in chunks[:-1]),
        Exchange(b"db " + chunks[-1].hex().encode() + b"%", done),
    ]
