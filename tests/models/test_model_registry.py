"""The model registry: found by hash, fetched only when the bytes are the registered ones."""

import contextlib
import dataclasses
import hashlib
import http.server
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from common import sources
from common.errors import UserError
from common.sources import Source
from models import registry
from models.registry import Model
from tests.reference import reference_data

CONTENT = b"a model file of forty-two bytes, more or less"
REMOTE = Model(
    name="remote.tflite",
    kind="int8",
    bench="ad",
    title="A model",
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    bytes=len(CONTENT),
    licence="Apache-2.0",
    provenance="a test",
    source=Source("owner/name", "abc123", "models/remote.tflite"),
)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, one registered model that is not shipped, nothing in the environment."""
    monkeypatch.setattr(registry, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(registry, "_registry", lambda: (REMOTE,))
    monkeypatch.delenv(registry.DATA_VARIABLE, raising=False)
    return tmp_path / "cache"


@contextlib.contextmanager
def serving(handler: type[http.server.BaseHTTPRequestHandler]) -> Iterator[str]:
    """The address of a web server that runs meanwhile."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{web.server_port}"
        web.shutdown()
        thread.join()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A web server in place of GitHub's; the value is the file it serves for REMOTE."""
    root = tmp_path / "www"
    file = root / "owner" / "name" / "abc123" / "models" / "remote.tflite"
    file.parent.mkdir(parents=True)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, directory=str(root), **options)

        def log_message(self, *_: object) -> None:
            pass

        def translate_path(self, path: str) -> str:
            return super().translate_path(path.removeprefix("http://models.invalid"))

    with serving(Handler) as address:
        monkeypatch.setattr(sources, "RAW", address)
        yield file


@pytest.fixture
def ranges(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A web server that serves CONTENT in the ranges it is asked for; the value lists those."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range", "bytes=0-")
            asked.append(wanted)
            content = CONTENT[int(wanted.removeprefix("bytes=").removesuffix("-")) :]
            self.send_response(206)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with serving(Handler) as address:
        monkeypatch.setattr(sources, "RAW", address)
        yield asked


def nothing_in(folder: Path) -> bool:
    return not folder.exists() or not any(folder.iterdir())


def test_shipped_registry_is_sound() -> None:
    models = registry.load_registry()
    known = [model for model in models if model.sha256]
    assert len({model.name for model in models}) == len(models)
    assert len({model.sha256 for model in known}) == len(known)
    assert all(len(model.sha256) == 64 and model.bytes > 0 for model in known)
    assert all(model.licence and model.provenance for model in models)
    reference = registry.by_name("ad01_int8")
    assert reference.source is not None
    assert reference.source.url.startswith("https://raw.githubusercontent.com/mlcommons/tiny/1afd2c9820f7/benchmark/")
    assert registry.find(reference.sha256.upper()) == reference
    assert registry.find("0" * 64) is None


def test_shipped_models_are_there_and_intact() -> None:
    shipped = [row for row in registry.rows() if row.model.shipped]
    assert [row.state for row in shipped] == ["shipped"] * len(shipped)
    assert registry.fetch("ad_synthetic_int8") == shipped[0].path


def test_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(
        UserError, match=r"unknown model 'nope'; models are: ad_synthetic_int8.tflite, .*ad01_int8.tflite"
    ):
        registry.fetch("nope")


def test_mirror(cache: Path, tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    with pytest.raises(UserError, match=r"no remote\.tflite in"):
        registry.fetch("remote", folder=mirror)
    (mirror / "remote.tflite").write_bytes(CONTENT)
    assert registry.rows()[0].state == "not fetched"
    path = registry.fetch("remote", folder=mirror)
    assert path == cache / "remote.tflite"
    assert path.read_bytes() == CONTENT
    row = registry.rows()[0]
    assert (row.state, row.path, row.model.origin) == ("fetched", path, "owner/name@abc123")


def test_wrong_bytes_never_land(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "remote.tflite").write_bytes(CONTENT + b"!")
    with pytest.raises(UserError, match=r"is not remote\.tflite \(SHA-256"):
        registry.fetch("remote", folder=tmp_path)
    assert nothing_in(cache)


def test_data_folder_from_the_environment(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "remote.tflite").write_bytes(CONTENT)
    monkeypatch.setenv(registry.DATA_VARIABLE, str(tmp_path))
    assert registry.fetch_all() == [cache / "remote.tflite"]


def test_destination_and_repair(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "remote.tflite").write_bytes(CONTENT)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "remote.tflite").write_bytes(b"damaged")
    assert registry.fetch("remote.tflite", elsewhere, tmp_path).read_bytes() == CONTENT
    assert nothing_in(cache)


def test_intact_file_is_not_fetched_again(cache: Path, tmp_path: Path) -> None:
    cache.mkdir()
    (cache / "remote.tflite").write_bytes(CONTENT)
    assert registry.fetch("remote", folder=tmp_path / "no such folder") == cache / "remote.tflite"


def test_damaged_file_is_shown(cache: Path) -> None:
    cache.mkdir()
    (cache / "remote.tflite").write_bytes(b"damaged")
    assert (registry.rows()[0].state, registry.rows()[0].path) == ("damaged", None)


def test_download(cache: Path, server: Path) -> None:
    server.write_bytes(CONTENT)
    assert registry.fetch("remote").read_bytes() == CONTENT


def test_short_download_is_kept_to_go_on(cache: Path, server: Path) -> None:
    server.write_bytes(CONTENT[:-1])
    with pytest.raises(UserError, match=r"cannot download .* are kept and the next try goes on"):
        registry.fetch("remote")
    assert [path.name for path in cache.iterdir()] == ["remote.tflite.part"]


@pytest.mark.parametrize("content", [CONTENT + b"more", b"x" * len(CONTENT)])
def test_wrong_download_never_lands(cache: Path, server: Path, content: bytes) -> None:
    server.write_bytes(content)
    with pytest.raises(UserError, match="nothing was written"):
        registry.fetch("remote")
    assert nothing_in(cache)


def test_download_goes_on_where_it_stopped(cache: Path, server: Path) -> None:
    """The server here knows no ranges, so the file comes whole; what is checked is that no byte is there twice."""
    server.write_bytes(CONTENT)
    cache.mkdir()
    (cache / "remote.tflite.part").write_bytes(CONTENT[:7])
    assert registry.fetch("remote").read_bytes() == CONTENT
    assert [path.name for path in cache.iterdir()] == ["remote.tflite"]


def test_ranges_are_used_where_the_server_knows_them(cache: Path, ranges: list[str]) -> None:
    cache.mkdir()
    (cache / "remote.tflite.part").write_bytes(CONTENT[:7])
    assert registry.fetch("remote").read_bytes() == CONTENT
    assert ranges == ["bytes=7-"]


def test_mirror_by_option_and_environment(cache: Path, server: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.write_bytes(CONTENT)
    base = f"{sources.RAW}/owner/name/abc123/models/"
    monkeypatch.setattr(sources, "RAW", "http://127.0.0.1:9")
    assert registry.fetch("remote", mirror=base).read_bytes() == CONTENT
    (cache / "remote.tflite").unlink()
    monkeypatch.setenv(registry.MIRROR_VARIABLE, base)
    assert registry.fetch("remote").read_bytes() == CONTENT


def test_proxy_of_the_environment_is_used(cache: Path, server: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The web server gets the whole address as its path, which as a proxy it would; here it has no such file."""
    server.write_bytes(CONTENT)
    monkeypatch.setenv("http_proxy", sources.RAW)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setattr(sources, "RAW", "http://models.invalid")
    assert registry.fetch("remote").read_bytes() == CONTENT


def test_file_without_a_known_hash_is_refused(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = dataclasses.replace(REMOTE, sha256="", bytes=0)
    monkeypatch.setattr(registry, "_registry", lambda: (unknown,))
    with pytest.raises(UserError, match=r"SHA-256 of remote\.tflite is not published"):
        registry.fetch("remote")
    assert registry.rows()[0].state == "no SHA-256"


def test_full_disk_is_found_before_the_download(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(cache.parent)._replace(free=1 << 20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(UserError, match="1 MB free, 0 MB are needed"):
        registry.fetch("remote")


def test_missing_remote_file(cache: Path, server: Path) -> None:
    with pytest.raises(UserError, match=r"cannot download .*--from DIR"):
        registry.fetch("remote")


def test_offline(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "RAW", "http://127.0.0.1:9")  # the discard port: nobody listens
    with pytest.raises(
        UserError, match=r"cannot download http://127\.0\.0\.1:9/owner/name/abc123/models/remote\.tflite"
    ):
        registry.fetch("remote")
    assert nothing_in(cache)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[[model]]\nname = 'x'\n",
        "not toml",
        "[[model]]\nname='x'\nkind='int8'\nbench='ad'\ntitle='t'\nsha256='0'\nbytes=1\nlicence='l'\nprovenance='p'\n",
    ],
)
def test_incomplete_registry_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "registry.toml"
    file.write_text(text)
    with pytest.raises(UserError, match="registry"):
        registry.load_registry(file)


@pytest.mark.reference
def test_reference_model_is_the_registered_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reference_data()  # where the registry looks, too
    monkeypatch.setattr(registry, "CACHE", tmp_path)
    path = registry.fetch("ad01_int8.tflite")
    assert path.parent == tmp_path
    assert path.stat().st_size == registry.by_name("ad01_int8.tflite").bytes
