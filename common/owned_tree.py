"""Folders that are written as a whole: replaced in one step, and only where nothing of anybody else's is lost."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from common.errors import UserError

MANIFEST = ".firmbench.json"
SHOWN = 5  # files that are in the way, named in the message


def write_tree(folder: Path, files: Mapping[str, str], writer: str) -> None:
    """Make ``folder`` hold exactly ``files``, relative path -> text, and a list of their hashes.

    ``writer``: the command's name, for messages. The folder may be absent, empty, or what this function left there.

    Raises:
        UserError: ``folder`` is no folder, or it holds files that somebody else made or changed.
    """
    folder = folder.resolve()
    if folder.exists():
        _check_owned(folder, writer)
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    new, old = staging / "new", staging / "old"
    try:
        digests = {path: hashlib.sha256(text.encode()).hexdigest() for path, text in files.items()}
        manifest = json.dumps({"writer": writer, "sha256": digests}, indent=1, sort_keys=True) + "\n"
        for path, text in {**files, MANIFEST: manifest}.items():
            target = new / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8", newline="")
        if folder.exists():
            folder.rename(old)
        try:
            new.rename(folder)
        except BaseException:
            if old.exists():
                old.rename(folder)
            raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _check_owned(folder: Path, writer: str) -> None:
    """Refuse a folder with anything in it that ``writer`` did not write like that."""
    advice = "give --out another folder, or move what is there"
    if not folder.is_dir():
        raise UserError(f"{folder} is no folder; {advice}")
    present = sorted(path for path in folder.rglob("*") if not path.is_dir() or path.is_symlink())
    if not present:
        return
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        digests = dict(manifest["sha256"]) if manifest["writer"] == writer else None
    except (OSError, ValueError, KeyError, TypeError):
        digests = None
    if digests is None:
        raise UserError(f"{folder} is not empty and `{writer}` did not write it; {advice}")
    foreign = []
    for path in present:
        name = path.relative_to(folder).as_posix()
        if name != MANIFEST and (
            path.is_symlink() or digests.get(name) != hashlib.sha256(path.read_bytes()).hexdigest()
        ):
            foreign.append(name)
    if foreign:
        more = f" and {len(foreign) - SHOWN} more" if len(foreign) > SHOWN else ""
        shown = ", ".join(foreign[:SHOWN]) + more
        raise UserError(f"{folder} holds files that `{writer}` did not write like that: {shown}; {advice}")
