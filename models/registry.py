"""The models and training archives the project ships or can fetch: ``models/registry.toml`` in frozen dataclasses.

A file is known by its SHA-256. Nothing that was fetched appears under its name before that is checked; a download that
was cut off goes on where it stopped. Proxies are the usual environment variables' (http_proxy, https_proxy, no_proxy).
"""

import functools
import http.client
import os
import shutil
import tomllib
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.files import sha256
from common.paths import BUILD, MODELS, ROOT
from common.sources import Source

CACHE = BUILD / "models"
DATA_VARIABLE = "FIRMBENCH_DATA"  # a folder with a folder `models` in it
MIRROR_VARIABLE = "FIRMBENCH_MIRROR"  # the URL of a folder that holds the files by their names
KINDS = ("int8", "float", "keras", "archive")

_TIMEOUT_SECONDS = 30
_PIECE_BYTES = 1 << 18
_PART = ".part"
_ROOM_BYTES = 1 << 24  # left on the disk after a download

Progress = Callable[[int, int], None]  # bytes that are there, of all


@dataclass(frozen=True)
class Model:
    """One registered file; exactly one of ``shipped``, ``source`` and ``url`` says where it is found.

    ``sha256`` is "" where nobody this project trusts has published it: such a file is not fetched. ``bytes`` is 0 then.
    ``quality``: as published, on the benchmark's official inputs.
    """

    name: str
    kind: str
    bench: str
    title: str
    sha256: str
    bytes: int
    licence: str
    provenance: str
    quality: str = ""
    shipped: str | None = None  # path below the repository's root
    source: Source | None = None
    url: str | None = None

    @property
    def origin(self) -> str:
        if self.source:
            return f"{self.source.repository}@{self.source.commit}"
        return self.url or "this repository"

    @property
    def address(self) -> str | None:
        return self.source.url if self.source else self.url


@dataclass(frozen=True)
class Row:
    """One line of the table that `invoke models` prints."""

    model: Model
    state: str  # "shipped", "fetched", "not fetched", "missing", "damaged" or "no SHA-256"
    path: Path | None  # None unless the file is there and intact


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
        if sum(place is not None for place in (model.shipped, model.source, model.url)) != 1:
            raise UserError(f"{file}: model '{model.name}' needs one of `shipped`, `url` and `[model.source]`")
        if model.kind not in KINDS:
            raise UserError(f"{file}: model '{model.name}': kind '{model.kind}' is not one of {', '.join(KINDS)}")
    return models


def _model(entry: dict[str, Any]) -> Model:
    source = entry.pop("source", None)
    return Model(**entry, source=Source(**source) if source else None)


@functools.cache
def _registry() -> tuple[Model, ...]:
    return load_registry()


def find(digest: str) -> Model | None:
    """The registered model whose file has this SHA-256 (hexadecimal), or None."""
    return next((model for model in _registry() if model.sha256 and model.sha256 == digest.lower()), None)


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


def fetch(
    name: str,
    dest: Path | None = None,
    folder: Path | None = None,
    *,
    mirror: str | None = None,
    progress: Progress = lambda done, total: None,
) -> Path:
    """Get a registered model and check it.

    A file that is already in place and intact is kept. Otherwise it is copied from the first folder that has it:
    ``folder`` (then nothing else is tried), ``$FIRMBENCH_DATA/models``; else it is downloaded, from ``mirror`` or
    ``$FIRMBENCH_MIRROR`` if one is named.

    Args:
        name: of the model, with or without ``.tflite``.
        dest: folder to put it in; default: its place in the repository or below ``build/models``.
        folder: holds the file under the registered name.
        mirror: URL of a folder that does.
        progress: called with bytes.

    Returns:
        The file, whose SHA-256 is the registered one.

    Raises:
        UserError: no such model, no source reachable, or the bytes are not the registered ones; what was there stays.
    """
    model = by_name(name)
    path = dest / model.name if dest else location(model)
    if not model.sha256:
        raise UserError(
            f"the SHA-256 of {model.name} is not published, so that nobody could tell whether it is the right file; "
            f"get it from {model.address} yourself and give it to the task that uses it"
        )
    if path.is_file() and sha256(path) == model.sha256:
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + _PART)
    origin = _get(model, folder, mirror, part, progress)
    digest = sha256(part)
    if digest != model.sha256:
        part.unlink()
        raise UserError(
            f"{origin} is not {model.name} (SHA-256 {digest[:12]}, registered {model.sha256[:12]}); "
            "nothing was written, give another folder with --from DIR"
        )
    part.replace(path)
    return path


def _get(model: Model, folder: Path | None, mirror: str | None, part: Path, progress: Progress) -> str:
    """Put a model's bytes, unchecked, into ``part``; where they came from."""
    for file in _candidates(model, folder):
        if file.is_file():
            _check_room(part.parent, file.stat().st_size)
            shutil.copyfile(file, part)
            return str(file)
    if folder:
        raise UserError(f"no {model.name} in {folder}; give the folder that holds it")
    base = mirror or os.environ.get(MIRROR_VARIABLE)
    url = f"{base.rstrip('/')}/{model.name}" if base else model.address
    if url is None:
        raise UserError(f"{model.shipped} is missing or damaged; run `git checkout -- {model.shipped}`")
    try:
        _download(url, part, model.bytes, progress)
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError, ValueError) as error:
        reason = getattr(error, "reason", error)
        kept = f"; {part.stat().st_size:,} bytes are kept and the next try goes on" if part.is_file() else ""
        raise UserError(
            f"cannot download {url} ({reason}){kept}; or get the file by other means and use --from DIR"
        ) from error
    return url


def _download(url: str, part: Path, size: int, progress: Progress) -> None:
    """Go on with what ``part`` holds, as far as the server does; one byte more than expected is enough to stop."""
    have = part.stat().st_size if part.is_file() else 0
    if have >= size:
        part.unlink(missing_ok=True)
        have = 0
    _check_room(part.parent, size - have)
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    opener = urllib.request.build_opener()  # with the proxies that the environment names now
    with opener.open(request, timeout=_TIMEOUT_SECONDS) as reply:
        if reply.status != http.HTTPStatus.PARTIAL_CONTENT:
            have = 0
        with part.open("ab" if have else "wb") as file:
            while have <= size and (piece := reply.read(min(_PIECE_BYTES, size + 1 - have))):
                file.write(piece)
                have += len(piece)
                progress(have, size)
    if have < size:
        raise http.client.IncompleteRead(b"", size - have)


def _check_room(folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < size + _ROOM_BYTES:
        raise UserError(f"{folder}: {free >> 20} MB free, {size >> 20} MB are needed; make room")


def _candidates(model: Model, folder: Path | None) -> list[Path]:
    """Local files to try, in this order. A shipped file is used only while it is intact."""
    if folder:
        return [folder / model.name]
    data = os.environ.get(DATA_VARIABLE)
    files = [Path(data) / "models" / model.name] if data else []
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
    elif not model.sha256:
        state = "no SHA-256"
    else:
        state = "missing" if model.shipped else "not fetched"
    return Row(model, state, path if intact else None)


def fetch_all(folder: Path | None = None, *, mirror: str | None = None) -> list[Path]:
    """Fetch every registered model that is neither shipped nor an archive; the files, in the registry's order."""
    wanted = [model for model in _registry() if not model.shipped and model.kind != "archive"]
    return [fetch(model.name, folder=folder, mirror=mirror) for model in wanted]
