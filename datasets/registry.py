"""``datasets/registry.toml`` read into frozen dataclasses."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from common.errors import UserError
from common.paths import BUILD, ROOT
from common.sources import Source

REGISTRY = ROOT / "datasets" / "registry.toml"
HOME = BUILD / "datasets"
LIST = "y_labels.csv"
SUMS = "SHA256SUMS"  # of what was taken on trust, beside the files


@dataclass(frozen=True)
class KnownSet:
    """One registered data set: ``files`` of ``file_bytes`` each, and a list. ``pins``: SHA-256 by file name."""

    name: str
    bench: str
    title: str
    files: int
    file_bytes: int
    licence: str
    pins: dict[str, str]
    source: Source | None = None
    obtain: str = ""

    @property
    def bytes(self) -> int:
        return self.files * self.file_bytes

    @property
    def unpinned(self) -> int:
        """How many of its files, the list among them, could be others without anybody noticing."""
        return max(0, self.files + 1 - len(self.pins))


def load_registry(file: Path = REGISTRY) -> tuple[KnownSet, ...]:
    """Read the registry, in the file's order.

    Raises:
        UserError: the file or one that it names is missing, or an entry is incomplete.
    """
    try:
        sets = []
        for entry in tomllib.loads(file.read_text())["dataset"]:
            source = entry.pop("source", None)
            pins = entry.pop("pins", None)
            sets.append(
                KnownSet(
                    **entry,
                    pins=read_sums(file.with_name(pins)) if pins else {},
                    source=Source(**source) if source else None,
                )
            )
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"cannot read the registry of data sets {file}: {error}") from error
    for known in sets:
        if (known.source is None) == (not known.obtain):
            raise UserError(f"{file}: data set '{known.name}' needs either `obtain` or `[dataset.source]`")
    return tuple(sets)


def by_name(name: str, registry: Path = REGISTRY) -> KnownSet:
    """Raises UserError when there is none of this name; the message lists the ones there are."""
    sets = load_registry(registry)
    for known in sets:
        if known.name == name:
            return known
    raise UserError(f"unknown data set '{name}'; data sets are: {', '.join(known.name for known in sets)}")


def known_list(name: str) -> str | None:
    """The SHA-256 of an official set's list; None where it is not known here, or there is no such set."""
    return next((known.pins.get(LIST) for known in load_registry() if known.name == name), None)


def read_sums(file: Path) -> dict[str, str]:
    """SHA-256 by file name, from lines as `sha256sum` prints them. Raises ValueError or OSError."""
    lines = (line.split(maxsplit=1) for line in file.read_text().splitlines() if line)
    return {name.lstrip("*"): digest for digest, name in lines}
