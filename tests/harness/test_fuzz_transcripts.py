"""Whatever a device sends: recorded transcripts, mutated, give an answer or one line of explanation."""

import math

from hypothesis import given
from hypothesis import strategies as st

from common.errors import UserError
from harness import answers
from harness.answers import parse_inference
from tests.harness.conftest import connect
from tests.harness.fake_device import Faults

# Recorded from reference firmware: ad, kws, vww (trailing comma), and its complaints.
INFER = [
    b"m-warmup-start-0\r\nm-warmup-done\r\nm-infer-start-1\r\nm-lap-us-123\r\nm-lap-us-456\r\nm-infer-done\r\n"
    b"m-results-[11.676]\r\n",
    b"m-warmup-start-10\r\nm-warmup-done\r\nm-infer-start-1\r\nm-lap-us-4294967290\r\nm-lap-us-12\r\nm-infer-done\r\n"
    b"m-results-[0.000,0.000,0.992,0.000,0.000,0.000,0.000,0.000,0.000,0.000,0.000,0.007]\r\n",
    b"Input db has 2 elemented, expected 490\nm-warmup-start-0\r\nm-warmup-done\r\nm-infer-start-1\r\n"
    b"m-lap-us-1\r\nm-lap-us-2\r\nm-infer-done\r\nm-results-[0.996,0.004,]\r\n",
    b"e-[Inference iterations must be >0]\r\n",
]
PIECES = [
    b"m-ready\r\n",
    b"m-lap-us-",
    b"\n",
    b"\0",
    b"\xff",
    b"m-results-[]\r\n",
    b"m-results-[nan]",
    b"]",
    b"%",
    b"e-[",
]


@st.composite
def mutated(draw: st.DrawFn, recorded: list[bytes]) -> bytes:
    """A transcript with some cuts, repeats, swaps, flips and foreign pieces."""
    text = draw(st.sampled_from(recorded))
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(text)))
        end = draw(st.integers(at, min(len(text), at + 20)))
        kind = draw(st.sampled_from(["cut", "repeat", "insert", "flip", "truncate", "swap"]))
        match kind:
            case "cut":
                text = text[:at] + text[end:]
            case "repeat":
                text = text[:end] + text[at:]
            case "insert":
                text = text[:at] + draw(st.one_of(st.sampled_from(PIECES), st.binary(max_size=4))) + text[at:]
            case "flip":
                text = (
                    text[:at]
                    + bytes(byte ^ 1 << draw(st.integers(0, 7)) for byte in text[at : at + 1])
                    + text[at + 1 :]
                )
            case "truncate":
                text = text[:at]
            case "swap":
                lines = text.splitlines(keepends=True)
                text = b"".join(draw(st.permutations(lines)))
    return text


@given(mutated(INFER))
def test_parser(text: bytes) -> None:
    lines = [line.decode("ascii", "backslashreplace") for line in text.replace(b"\r", b"").split(b"\n")]
    try:
        inference = parse_inference("infer 1 0", 1, lines)
    except UserError as error:
        assert str(error)
        assert "\n" not in str(error)
    else:
        assert 0 <= inference.elapsed_us < 1 << 32
        assert inference.results
        assert all(map(math.isfinite, inference.results))


@given(mutated(INFER))
def test_client_on_infer(text: bytes) -> None:
    device, port = connect(Faults(answers={"infer": text or b"\n"}))
    device.synchronise()
    try:
        result = device.infer(1, 0, 0.1)
    except UserError as error:
        assert "\n" not in str(error)
    else:
        assert result.results
    assert port.now < 120  # no fault makes it wait for ever


PROFILE = [b"m-profile-[ULPMark for tinyML Firmware V0.0.1]\r\nm-model-[kws01]\r\n"]
LOAD = [b"m-[Expecting 64 bytes]\r\n", b"m-load-done\r\n", b"Supplied buffer size 64 exceeds maximum of 32\n"]
BUFFER = [b"m-buffer-" + b"-".join([b"2a"] * 8) + b"\r\n"]


@given(mutated(PROFILE), mutated(LOAD), mutated(BUFFER))
def test_client_on_everything_else(profile: bytes, load: bytes, buffer: bytes) -> None:
    device, port = connect(Faults(answers={"profile": profile, "db": load or b"\n", "db print": buffer or b"\n"}))
    device.synchronise()
    for step in (device.profile, lambda: device.load(bytes(64)), lambda: device.check_load(b"\x2a" * 8)):
        try:
            step()
        except UserError as error:
            assert "\n" not in str(error)
    assert port.now < 300


@given(st.data())
def test_no_changed_byte_of_a_read_back_passes(data: st.DataObject) -> None:
    held = data.draw(st.binary(min_size=1, max_size=40))
    at = data.draw(st.integers(0, len(held) - 1))
    sent = held[:at] + bytes([held[at] ^ data.draw(st.integers(1, 255))]) + held[at + 1 :]
    device, _ = connect()
    device.load(held)
    device.check_load(held)
    assert answers.BUFFER.fullmatch("m-buffer-2a")
    try:
        device.check_load(sent)
    except UserError as error:
        assert f"holds 1 of {len(held)} bytes wrong" in str(error)
    else:
        raise AssertionError
