"""The command interpreter against arbitrary input: sanitizers, and an independent model of every answer."""

import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .conftest import Session
from .protocol_model import BOOT, ModelDevice
from .toolchain import HOST, compile_c, core_sources, fuzzing_unavailable

FUZZ_SECONDS = 10
FUZZ = ["-O1", "-g", "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all"]

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

sizes = st.one_of(
    st.integers(0, 60).map(str),
    st.sampled_from(
        ["-1", "+8", "44", "45", "0x8", "2147483647", "2147483648", "-2147483649", "4294967296", "8x", "9" * 30]
    ),
)
counts = st.sampled_from(["0", "1", "2", "17", "-1", "-" + "9" * 30, "one", "3 ", "+4", "\t5"])
hex_digits = st.text("0123456789abcdefABCDEF", min_size=1, max_size=90)
commands = st.one_of(
    sizes.map(lambda size: f"db load {size}"),
    hex_digits.map(lambda digits: f"db {digits}"),
    st.binary(min_size=1, max_size=38).map(lambda data: f"db {data.hex()}"),
    st.tuples(hex_digits, hex_digits).map(lambda pair: f"db {pair[0]}/{pair[1]}"),
    st.tuples(counts, counts).map(lambda pair: f"infer {pair[0]} {pair[1]}"),
    counts.map(lambda count: f"infer {count}"),
    st.sampled_from(["db print", "db print 4 2", "db", "db load", "infer", "results", "name", "timestamp", "profile"]),
    st.sampled_from(["", " ", "name\r\n", "na\0me", "  db   print  ", "x" * 79, "x" * 80, "x" * 81, "x" * 200]),
    st.text(st.characters(max_codepoint=255, exclude_characters="%"), max_size=100),
)
streams = st.lists(commands, max_size=40).map(lambda lines: "".join(f"{line}%" for line in lines).encode("latin-1"))


def model_answers(sent: bytes) -> bytes:
    return BOOT + ModelDevice().feed(sent)


@QUICK
@given(sent=streams)
def test_command_streams(session: Session, sent: bytes) -> None:
    assert session(sent) == model_answers(sent)


@QUICK
@given(sent=st.lists(st.one_of(st.binary(max_size=100), st.just(b"%"), st.just(b"db "))).map(b"".join))
def test_random_bytes(session: Session, sent: bytes) -> None:
    assert session(sent) == model_answers(sent)


@QUICK
@given(data=st.binary(min_size=1, max_size=44), cuts=st.sets(st.integers(1, 43)), declared=st.integers(1, 60))
def test_buffer_is_what_was_sent(session: Session, data: bytes, cuts: set[int], declared: int) -> None:
    """Whatever the pieces, `db print` shows the first declared bytes, then zeros."""
    places = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    pieces = [data[a:b][:38] for a, b in pairwise(places)]
    sent = b"db load %d%%" % declared + b"".join(b"db " + piece.hex().encode() + b"%" for piece in pieces)
    shown = session(sent + b"db print%").removeprefix(BOOT)
    stored = b"".join(
        bytes.fromhex(line[9:].decode().replace("-", "")) for line in shown.split(b"\r\n") if line[:9] == b"m-buffer-"
    )
    expected = b"".join(pieces)[:declared].ljust(min(declared, 44), b"\0")
    assert stored[: len(expected)] == expected
    assert len(stored) == min(declared, 44)
    assert (b"m-load-done\r\n" in shown) == (sum(map(len, pieces)) >= declared)


def test_coverage_guided(tmp_path: Path) -> None:
    if reason := fuzzing_unavailable():
        pytest.skip(reason)
    sources = [*core_sources(without=["main.c", "results.c", "tensor.c"]), HOST / "fuzz_protocol.c"]
    program = compile_c("clang", FUZZ, sources, tmp_path / "fuzz")
    options = [f"-max_total_time={FUZZ_SECONDS}", "-max_len=400", "-seed=1", f"-dict={HOST / 'fuzz_protocol.dict'}"]
    done = subprocess.run(
        [program, *options, f"-artifact_prefix={tmp_path}/"],
        capture_output=True,
        text=True,
        check=False,
        timeout=FUZZ_SECONDS * 6,
    )
    assert done.returncode == 0, done.stderr[-4000:]
