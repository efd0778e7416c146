"""The models the project ships or can fetch: ``models/registry.toml`` read into frozen dataclasses.

A model is known by the SHA-256 of its file. Nothing that was fetched appears under its name before that is checked.
"""

import functools
import hashlib
import http.client
import os
import tomllib
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.files import sha256, write_atomic
from common.paths import BUILD, MODELS, ROOT

CACHE = BUILD / "models"
DATA_VARIABLE = "FIRMBENCH_DATA"  # a folder with a folder `models` in it

_RAW = "https://raw.githubusercontent.com"
_TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Source:
    """A file in a public GitHub repository."""

    repository: str  # "owner/name"
    commit: str
    path: str

    @property
    def url(self) -> str:
        return f"{_RAW}/{self.repository}/{self.commit}/{self.path}"


@dataclass(frozen=True)
class Model:
    """One registered model file; exactly one of ``shipped`` and ``source`` says where it is found."""

    name: str
    bench: str
    title: str
    sha256: str
    bytes: int
    licence: str
    provenance: str
    shipped: str | None = None  # path below the repository's root
    source: Source | None = None


@dataclass(frozen=True)
class Row:
    """One line of the table that `invoke models` prints."""

    name: str
    bench: str
    bytes: int
    sha256: str
    licence: str
    state: str  # "shipped", "fetched", "not fetched", "missing" or "damaged"
    path: Path | None  # None unless the file is there and intact
    origin: str


def load_registry(file: Path = MODELS / "registry.toml") -> tuple[Model, ...]:
    """Read the registry, in the file's order.

    Raises:
        UserError: the file is missing or an entry is incomplete.
    """
    try:
        entries = tomllib.loads(file.read_text())["model"]
        models = tuple(_model(entry) for entry in entries)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"cannot read the model registry {file}: {error}") from error
    for model in models:
        if (model.shipped is None) == (model.source is None):
            raise UserError(f"{file}: model '{model.name}' needs either `shipped` or `[model.source]`")
    return models


def _model(entry: dict[str, Any]) -> Model:
    source = entry.pop("source", None)
    return Model(**entry, source=Source(**source) if source else None)


@functools.cache
def _registry() -> tuple[Model, ...]:
    return load_registry()


def find(digest: str) -> Model | None:
    """The registered model whose file has this SHA-256 (hexadecimal), or None."""
    return next((model for model in _registry() if model.sha256 == digest.lower()), None)


def by_name(name: str) -> Model:
    """The registered model of this name, with or without ``.tflite``.

    Raises:
        UserError: there is none; the message lists the ones there are.
    """
    for model in _registry():
        if name in (model.name, model.name.removesuffix(".tflite")):
            return model
    raise UserError(f"unknown model '{name}'; models are: {', '.join(model.name for model in _registry())}")


def location(model: Model) -> Path:
    """Where a model's file is, or would be once fetched."""
    return ROOT / model.shipped if model.shipped else CACHE / model.name


def fetch(name: str, dest: Path | None = None, mirror: Path | None = None) -> Path:
    """Get a registered model and check it.

    A file that is already in place and intact is kept. Otherwise it is copied from the first folder that has it:
    ``mirror`` (then nothing else is tried), ``$FIRMBENCH_DATA/models``; else it is downloaded.

    Args:
        name: of the model, with or without ``.tflite``.
        dest: folder to put it in; default: its place in the repository or below ``build/models``.
        mirror: folder that holds the file under the registered name.

    Returns:
        The file, whose SHA-256 is the registered one.

    Raises:
        UserError: no such model, no source reachable, or the bytes are not the registered ones (nothing is written).
    """
    model = by_name(name)
    path = dest / model.name if dest else location(model)
    if path.is_file() and sha256(path) == model.sha256:
        return path
    content, origin = _read(model, mirror)
    digest = hashlib.sha256(content).hexdigest()
    if digest != model.sha256:
        raise UserError(
            f"{origin} is not {model.name} (SHA-256 {digest[:12]}, registered {model.sha256[:12]}); "
            "nothing was written, give another folder with --from DIR"
        )
    write_atomic(path, content)
    return path


def _read(model: Model, mirror: Path | None) -> tuple[bytes, str]:
    """A model's bytes, unchecked, and where they came from."""
    for file in _candidates(model, mirror):
        if file.is_file():
            return file.read_bytes(), str(file)
    if mirror:
        raise UserError(f"no {model.name} in {mirror}; give the folder that holds it")
    if model.source is None:
        raise UserError(f"{model.shipped} is missing or damaged; run `git checkout -- {model.shipped}`")
    try:
        with urllib.request.urlopen(model.source.url, timeout=_TIMEOUT_SECONDS) as reply:
            # One byte more than expected is enough to know that the file is another one.
            return reply.read(model.bytes + 1), model.source.url
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise UserError(
            f"cannot download {model.source.url} ({reason}); get the file by other means and use --from DIR"
        ) from error


def _candidates(model: Model, mirror: Path | None) -> list[Path]:
    """Local files to try, in this order. A shipped file is used only while it is intact."""
    if mirror:
        return [mirror / model.name]
    folder = os.environ.get(DATA_VARIABLE)
    files = [Path(folder) / "models" / model.name] if folder else []
    place = location(model)
    if model.shipped and place.is_file() and sha256(place) == model.sha256:
        files.insert(0, place)
    return files


def rows() -> list[Row]:
    """Every registered model and whether its file is here."""
    return [_row(model) for model in _registry()]


def _row(model: Model) -> Row:
    path = location(model)
    present = path.is_file()
    intact = present and sha256(path) == model.sha256
    if intact:
        state = "shipped" if model.shipped else "fetched"
    elif present:
        state = "damaged"
    else:
        state = "missing" if model.shipped else "not fetched"
    return Row(
        name=model.name,
        bench=model.bench,
        bytes=model.bytes,
        sha256=model.sha256,
        licence=model.licence,
        state=state,
        path=path if intact else None,
        origin=f"{model.source.repository}@{model.source.commit}" if model.source else "this repository",
    )


def fetch_all(mirror: Path | None = None) -> list[Path]:
    """Fetch every registered model that is not shipped; the files, in the registry's order."""
    return [fetch(model.name, mirror=mirror) for model in _registry() if model.source]
