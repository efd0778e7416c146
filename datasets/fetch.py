"""Getting a data set: from its repository, a mirror or a folder, file by file, checked; it goes on where it stopped."""

import csv
import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from common.errors import UserError
from common.files import sha256, write_atomic
from datasets.registry import HOME, LIST, SUMS, KnownSet, read_sums

CONNECTIONS = 8
TIMEOUT_SECONDS = 30
PIECE_BYTES = 1 << 16
PART = ".part"
LARGEST_LIST = 1 << 20


def fetch(
    known: KnownSet,
    origin: str | None,
    *,
    trust: bool,
    home: Path = HOME,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Path:
    """Get a data set into ``home``; what is there already and intact is kept, a file that was cut off is continued.

    Args:
        known: the set.
        origin: a folder or the URL of one, with the files in it or in a folder of the set's name; None: its repository.
        trust: accept files whose SHA-256 nobody knows; they are recorded, so that later changes are noticed.
        progress: called with the number of files that are there, and of all.

    Returns:
        The set's folder.

    Raises:
        UserError: nothing to fetch it from, unreachable, not trusted, or the bytes are not the registered ones.
    """
    if origin is None and known.source is None:
        raise UserError(f"{known.name} is not offered for download; {known.obtain}, then use --from DIR")
    folder = home / known.name
    sums = folder / SUMS
    digests = (read_sums(sums) if sums.is_file() else {}) | known.pins
    if not trust and known.unpinned and len(digests) <= known.files:
        raise UserError(
            f"the SHA-256 of {known.unpinned} of the {known.files + 1} files of {known.name} is not known; "
            "--trust takes what comes and records it"
        )
    place = _place(known, origin)
    folder.mkdir(parents=True, exist_ok=True)
    _get(place, folder / LIST, digests.get(LIST), None)
    names = listed(folder / LIST)
    progress(0, len(names))
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        try:
            for done, _ in enumerate(
                pool.map(lambda name: _get(place, folder / name, digests.get(name), known.file_bytes), names), 1
            ):
                progress(done, len(names))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    write_atomic(sums, "".join(f"{sha256(folder / name)}  {name}\n" for name in (LIST, *names)))
    return folder


def listed(labels: Path) -> list[str]:
    """The files that a list names, in its order.

    Raises:
        UserError: it is no list of plain file names.
    """
    try:
        rows = list(csv.reader(labels.read_text(encoding="utf-8-sig").splitlines(), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{labels} is no comma-separated list ({error}); it was fetched from somewhere else") from error
    names = [row[0].strip() for row in rows if row]
    for number, name in enumerate(names, 1):
        if not name or Path(name).name != name or name in (LIST, SUMS) or "\0" in name:
            raise UserError(f"{labels} line {number}: '{name}' is no file name; nothing more was fetched")
    if not names:
        raise UserError(f"{labels} is empty; it was fetched from somewhere else")
    return list(dict.fromkeys(names))


class Place:
    """Somewhere files are: a folder or a URL."""

    def __init__(self, where: str | Path) -> None:
        self.where = where

    def __str__(self) -> str:
        return str(self.where)

    def copy(self, name: str, part: Path, limit: int) -> None:
        """Complete ``part``, at most ``limit`` bytes and one more.

        Raises:
            OSError: not there, or not reachable.
        """
        if isinstance(self.where, Path):
            part.write_bytes((self.where / name).read_bytes()[: limit + 1])
            return
        have = part.stat().st_size if part.is_file() else 0
        request = urllib.request.Request(f"{self.where}/{name}", headers={"Range": f"bytes={have}-"} if have else {})
        try:
            reply = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)
            # A server that does not know ranges sends the whole file.
            kind = "ab" if reply.status == http.HTTPStatus.PARTIAL_CONTENT else "wb"
            with reply, part.open(kind) as file:
                while file.tell() <= limit and (piece := reply.read(PIECE_BYTES)):
                    file.write(piece)
        except urllib.error.HTTPError as error:
            if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise
            # All of it was there already: the check that follows says whether it is right.


def _place(known: KnownSet, origin: str | None) -> Place:
    if origin is None:
        assert known.source is not None
        return Place(known.source.url)
    if "://" in origin:
        return Place(origin.rstrip("/"))
    folder = Path(origin).expanduser()
    for candidate in (folder / known.name, folder):
        if (candidate / LIST).is_file():
            return Place(candidate)
    raise UserError(f"no {known.name}/{LIST} in {folder}; give the folder that holds the data set")


def _get(place: Place, path: Path, digest: str | None, size: int | None) -> None:
    """One file, unless it is there and right. ``digest`` None: unknown. ``size`` None: any, up to `LARGEST_LIST`."""
    if path.is_file() and _problem(path, digest, size) is None:
        return
    part = path.with_name(path.name + PART)
    try:
        place.copy(path.name, part, size or LARGEST_LIST)
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise UserError(
            f"cannot get {path.name} from {place} ({reason}); run again to go on, or use --from DIR"
        ) from error
    problem = _problem(part, digest, size)
    if problem is not None:
        part.unlink()
        raise UserError(f"{path.name} from {place} {problem}; it was not kept, use another --from")
    part.replace(path)


def _problem(path: Path, digest: str | None, size: int | None) -> str | None:
    """What is wrong with a file; None when nothing is."""
    found = path.stat().st_size
    if size is not None and found != size:
        return f"has {found} bytes, not {size}" if found <= size else f"has more than {size} bytes"
    if digest is not None and (actual := sha256(path)) != digest:
        return f"is not the registered file (SHA-256 {actual[:12]}, registered {digest[:12]})"
    return None
