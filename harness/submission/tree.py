"""Reading a tree of files that anybody may have made: no links are followed, nothing unusual is opened."""

import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.submission.findings import Findings

FOLDER, FILE, LINK, OTHER = "folder", "file", "link", "other"
MAX_ENTRIES = 200_000
MAX_TEXT_BYTES = 256 << 20
IGNORED = (".git", ".github", "assets", ".vscode")  # as the official checker does at the top


@dataclass(frozen=True)
class Entry:
    """``path`` is relative to the tree, with unprintable characters escaped; ``real`` is the file itself."""

    path: str
    real: str
    kind: str
    size: int


@dataclass(frozen=True)
class Text:
    """A file's text, read leniently. ``path`` is relative to the tree."""

    path: str
    content: str

    @property
    def lines(self) -> list[str]:
        """As the official checker splits them: at line feeds."""
        return [line.removesuffix("\r") for line in self.content.split("\n")]


@dataclass(frozen=True)
class Tree:
    """The entries below a folder by relative path, and what each folder holds by name."""

    entries: dict[str, Entry]
    children: dict[str, dict[str, Entry]]

    def folders(self, *parts: str) -> list[str]:
        """Names of the folders in a folder."""
        return self._names("/".join(parts), FOLDER)

    def files(self, *parts: str) -> list[str]:
        """Names of the files in a folder."""
        return self._names("/".join(parts), FILE)

    def below(self, path: str) -> Iterator[Entry]:
        """Everything below a folder."""
        return (entry for name, entry in self.entries.items() if name.startswith(f"{path}/"))

    def has_file(self, path: str) -> bool:
        return path in self.entries and self.entries[path].kind == FILE

    def has_folder(self, path: str) -> bool:
        return path in self.entries and self.entries[path].kind == FOLDER

    def text(self, path: str, findings: Findings) -> Text | None:
        """A file's text, or None with a finding why not."""
        if not self.has_file(path):
            findings.error(path, "is missing" if path not in self.entries else "is not a file")
            return None
        entry = self.entries[path]
        if entry.size > MAX_TEXT_BYTES:
            findings.error(path, f"has {entry.size:,} bytes, too many to be a text of a run; it was not read")
            return None
        try:
            content = Path(entry.real).read_bytes()
        except OSError as error:
            findings.error(path, f"cannot be read: {error.strerror}")
            return None
        if b"\0" in content:
            findings.error(
                path, "is not text in UTF-8: it holds zero bytes", content[: content.index(b"\0")].count(b"\n") + 1
            )
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            findings.warning(path, "is not text in UTF-8", content[: error.start].count(b"\n") + 1)
            text = content.decode("utf-8", "replace")
        return Text(path, text)

    def json(self, path: str, findings: Findings) -> Any:
        """A JSON file's content, or None with a finding why not. Keys that occur twice are found, too."""
        text = self.text(path, findings)
        if text is None:
            return None
        twice: list[str] = []

        def collect(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
            seen: set[str] = set()
            twice.extend(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            return dict(pairs)

        try:
            content = json.loads(text.content, object_pairs_hook=collect)
        except json.JSONDecodeError as error:
            findings.error(path, f"is not JSON: {error.msg}", error.lineno)
            return None
        except (ValueError, RecursionError) as error:
            findings.error(path, f"is not JSON that can be read: {error}")
            return None
        for key in dict.fromkeys(twice):
            findings.warning(path, f"has the key {key!r} twice; readers keep the last value")
        return content

    def _names(self, folder: str, kind: str) -> list[str]:
        return [name for name, entry in self.children.get(folder, {}).items() if entry.kind == kind]


def read_tree(root: Path, findings: Findings) -> Tree:
    """List everything below ``root``. What cannot be listed becomes a finding."""
    tree = Tree({}, {})
    waiting: list[tuple[str, str]] = [("", str(root))]
    while waiting:
        parent, real = waiting.pop()
        try:
            with os.scandir(real) as scan:
                found = sorted(scan, key=lambda item: item.name)
        except OSError as error:
            findings.error(parent or ".", f"cannot be listed: {error.strerror}")
            continue
        for item in found:
            if not parent and item.name in IGNORED:
                continue
            if len(tree.entries) >= MAX_ENTRIES:
                findings.error(".", f"holds more than {MAX_ENTRIES:,} files; the rest was not looked at")
                return tree
            name = printable(item.name)
            path = f"{parent}/{name}" if parent else name
            kind, size = _kind(item)
            tree.entries[path] = tree.children.setdefault(parent, {})[name] = Entry(path, item.path, kind, size)
            if kind == FOLDER:
                waiting.append((path, item.path))
    return tree


def printable(name: str) -> str:
    """A file name with bytes that are no UTF-8, and control characters, escaped."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def _kind(item: "os.DirEntry[str]") -> tuple[str, int]:
    try:
        status = item.stat(follow_symlinks=False)
    except OSError:
        return OTHER, 0
    if stat.S_ISLNK(status.st_mode):
        return LINK, 0
    if stat.S_ISDIR(status.st_mode):
        return FOLDER, 0
    return (FILE, status.st_size) if stat.S_ISREG(status.st_mode) else (OTHER, 0)
