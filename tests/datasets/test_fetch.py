"""Fetching data sets: folders, a local web server, cut-off files, wrong files, and what is not pinned."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from common.errors import UserError
from datasets.fetch import fetch
from datasets.registry import KnownSet, by_name, load_registry, read_sums

FILES = {f"{number}.bin": bytes([number]) * 50 for number in range(4)}
LABELS = "".join(f"{name},2,{number % 2}\n" for number, name in enumerate(FILES)).encode()
ALL = {"y_labels.csv": LABELS, **FILES}
PINS = {name: hashlib.sha256(content).hexdigest() for name, content in ALL.items()}
KNOWN = KnownSet("t01", "t", "test", 4, 50, "none", PINS, obtain="make it")
HALF = KnownSet("t01", "t", "test", 4, 50, "none", {"1.bin": PINS["1.bin"]}, obtain="make it")


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    folder = tmp_path / "mirror" / "t01"
    folder.mkdir(parents=True)
    for name, content in ALL.items():
        (folder / name).write_bytes(content)
    return folder


class Server(BaseHTTPRequestHandler):
    files: ClassVar[dict[str, bytes]] = {}
    ranges: ClassVar[bool] = True
    asked: ClassVar[list[tuple[str, str | None]]] = []

    def do_GET(self) -> None:
        name, wanted = self.path.rsplit("/", 1)[-1], self.headers.get("Range")
        Server.asked.append((name, wanted))
        content = Server.files.get(name)
        if content is None:
            self.send_error(404)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and Server.ranges else 0
        if wanted and start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start:])

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(Server, "files", dict(ALL))
    monkeypatch.setattr(Server, "asked", [])
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/sets/t01/"
        server.shutdown()
        thread.join()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "SHA256SUMS"}


def test_from_a_folder(tmp_path: Path, mirror: Path) -> None:
    steps: list[tuple[int, int]] = []
    home = tmp_path / "home"
    folder = fetch(KNOWN, str(mirror.parent), trust=False, home=home, progress=lambda *step: steps.append(step))
    assert contents(folder) == ALL
    assert read_sums(folder / "SHA256SUMS") == PINS
    assert steps == [(number, 4) for number in range(5)]
    assert fetch(KNOWN, str(mirror), trust=False, home=home) == folder


@pytest.mark.parametrize("ranges", [True, False])
def test_a_cut_off_file_is_continued(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch, ranges: bool) -> None:
    monkeypatch.setattr(Server, "ranges", ranges)
    folder = tmp_path / "t01"
    folder.mkdir()
    (folder / "0.bin").write_bytes(FILES["0.bin"])
    (folder / "2.bin.part").write_bytes(FILES["2.bin"][:20])
    (folder / "3.bin.part").write_bytes(FILES["3.bin"])
    fetch(KNOWN, url, trust=False, home=tmp_path)
    assert contents(folder) == ALL
    asked = dict(Server.asked)
    assert "0.bin" not in asked
    assert (asked["1.bin"], asked["2.bin"], asked["3.bin"]) == (None, "bytes=20-", "bytes=50-")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("2.bin", b"x" * 50, "2.bin from .* is not the registered file"),
        ("2.bin", b"x" * 49, "2.bin from .* has 49 bytes, not 50"),
        ("2.bin", b"x" * 99, "2.bin from .* has more than 50 bytes"),
        ("2.bin", None, "cannot get 2.bin from .*; run again to go on, or use --from"),
        ("y_labels.csv", b"other", "y_labels.csv from .* is not the registered file"),
    ],
)
def test_wrong_files_are_not_kept(tmp_path: Path, url: str, name: str, content: bytes | None, message: str) -> None:
    if content is None:
        del Server.files[name]
    else:
        Server.files[name] = content
    with pytest.raises(UserError, match=message):
        fetch(KNOWN, url, trust=False, home=tmp_path)
    assert not (tmp_path / "t01" / name).exists()
    assert not (tmp_path / "t01" / f"{name}.part").exists()
    Server.files.update(ALL)
    assert contents(fetch(KNOWN, url, trust=False, home=tmp_path)) == ALL


def test_what_is_not_pinned_needs_trust_and_is_pinned_then(tmp_path: Path, mirror: Path) -> None:
    with pytest.raises(UserError, match="the SHA-256 of 4 of the 5 files of t01 is not known; --trust"):
        fetch(HALF, str(mirror), trust=False, home=tmp_path)
    folder = fetch(HALF, str(mirror), trust=True, home=tmp_path)
    (folder / "3.bin").write_bytes(b"y" * 50)  # damaged later
    fetch(HALF, str(mirror), trust=False, home=tmp_path)
    assert contents(folder) == ALL
    (folder / "3.bin").unlink()
    (mirror / "3.bin").write_bytes(b"z" * 50)
    with pytest.raises(UserError, match=r"3\.bin from .* is not the registered file"):
        fetch(HALF, str(mirror), trust=True, home=tmp_path)


@pytest.mark.parametrize("text", [b"../x.bin,2,0\n", b"\n", b"\xff", b"SHA256SUMS,2,0\n", b'"x\n'])
def test_lists_of_something_else(tmp_path: Path, mirror: Path, text: bytes) -> None:
    (mirror / "y_labels.csv").write_bytes(text)
    with pytest.raises(UserError):
        fetch(HALF, str(mirror), trust=True, home=tmp_path)
    assert not (tmp_path / "x.bin").exists()


def test_nowhere_to_get_it_from(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="t01 is not offered for download; make it, then use --from DIR"):
        fetch(KNOWN, None, trust=True, home=tmp_path)
    with pytest.raises(UserError, match=r"no t01/y_labels\.csv in"):
        fetch(KNOWN, str(tmp_path), trust=True, home=tmp_path)


def test_registry() -> None:
    names = [known.name for known in load_registry()]
    assert names == ["kws01", "ad01", "ic01", "vww01"]
    kws = by_name("kws01")
    assert (len(kws.pins), kws.unpinned, kws.bytes) == (200, 801, 490_000)
    assert kws.source is not None
    assert kws.source.url.startswith("https://")
    assert all(len(digest) == 64 for known in load_registry() for digest in known.pins.values())
    with pytest.raises(UserError, match="unknown data set 'x'; data sets are: kws01"):
        by_name("x")
