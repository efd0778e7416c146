"""The byte link: line ends, limits, and the transcript."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import UserError
from harness import answers
from harness.answers import parse_inference
from harness.link import MAX_LINE_BYTES, MAX_LINES, FloodError, Link, LinkError, SilentError
from harness.transcript import Transcript, printable
from tests.harness.conftest import connect
from tests.harness.fake_device import FakeDevice, FakeSerial, Faults


def link_answering(answer: bytes) -> tuple[Link, FakeSerial]:
    port = FakeSerial(FakeDevice(Faults(every_answer=answer)))
    return Link(port, "fake", port.clock), port


@pytest.mark.parametrize(
    ("answer", "texts"),
    [
        (b"m-ready\r\n", []),
        (b"a\r\nb\nm-ready\n", ["a", "b"]),
        (b"\r\n\n  \na\r\nm-ready\r\n", ["a"]),
        (b"a\0\0\r\r\n\0m-ready\r\n", ["a"]),
        (b"caf\xc3\xa9\xff\r\nm-ready\r\n", ["caf\\xc3\\xa9\\xff"]),
        (b"name m-ready now\r\n", ["name m-ready now"]),
        (b"xm-ready\r\n", ["xm-ready"]),
        (b"a\rb\r\nm-ready\r\n", ["ab"]),
    ],
)
def test_lines_of_an_answer(answer: bytes, texts: list[str]) -> None:
    link, _ = link_answering(answer)
    assert [line.text for line in link.ask("x", 1.0)] == texts


def test_line_times_are_those_of_their_ends() -> None:
    device, _ = connect(latencies_us=(1e6,))
    lines = device.link.ask("infer 3 0", 10.0)
    laps = [line.seconds for line in lines if line.text.startswith("m-lap")]
    assert laps[1] - laps[0] == pytest.approx(3.0, abs=0.01)


@pytest.mark.parametrize("answer", [b"", b"a\r\n", b"m-read\r\n", b"m-ready"])
def test_unfinished_answers_are_silence(answer: bytes) -> None:
    link, port = link_answering(answer)
    with pytest.raises(SilentError, match=r"to `x` and then no line for 2\.5 s") as caught:
        link.ask("x", 2.5)
    assert 2.5 <= port.now < 5.1
    assert (printable(answer) or "nothing") in str(caught.value)


def test_a_dripping_line_does_not_hold_the_link_for_ever() -> None:
    class Dripping(FakeSerial):
        def read(self, size: int = 1, /) -> bytes:
            self.now += 0.9
            return b"."

    port = Dripping(FakeDevice())
    with pytest.raises(SilentError):
        Link(port, "fake", port.clock).ask("x", 1.0)
    assert port.now < 5


def test_answers_are_bounded() -> None:
    link, _ = link_answering(b"tick\r\n" * (MAX_LINES + 1) + b"m-ready\r\n")
    with pytest.raises(FloodError, match=f"fake sends {MAX_LINES} lines to `x` without `m-ready`: 'tick"):
        link.ask("x", 1.0)
    link, _ = link_answering(b"z" * (MAX_LINE_BYTES + 10) + b"\r\nm-ready\r\n")
    with pytest.raises(FloodError, match=r"a line of more than 4096 bytes to `x`: 'zzz.*\.\.\.'; check the baud rate"):
        link.ask("x", 1.0)


@pytest.mark.parametrize("babble", [b"\x00", b"abc\r\n", b"m-ready\r\n"])
def test_draining_is_bounded(babble: bytes) -> None:
    port = FakeSerial(FakeDevice(Faults(babble=babble)))
    with pytest.raises(FloodError, match="without a pause"):
        Link(port, "fake", port.clock).drain(0.25, 3.0)
    assert port.now < 4


def test_leftovers_of_one_answer_are_not_part_of_the_next() -> None:
    link, _ = link_answering(b"one\r\nm-ready\r\nleftover\r\n")
    assert [line.text for line in link.ask("x", 1.0)] == ["one"]
    assert link.discard_waiting() == b"leftover\r\n"
    assert [line.text for line in link.ask("x", 1.0)] == ["one"]


def test_close_after_the_port_vanished() -> None:
    class Gone(FakeSerial):
        def close(self) -> None:
            raise OSError("gone")

    with pytest.raises(ZeroDivisionError), Link(Gone(FakeDevice()), "fake"):
        raise ZeroDivisionError


def test_ctrl_c_closes_the_port_and_passes_through() -> None:
    class Interrupted(FakeSerial):
        def read(self, size: int = 1, /) -> bytes:
            raise KeyboardInterrupt

    port = Interrupted(FakeDevice())
    with pytest.raises(KeyboardInterrupt), Link(port, "fake", port.clock) as link:
        link.ask("name", 1.0)
    assert not port.is_open


def test_transcript_of_a_session() -> None:
    device, _ = connect()
    device.synchronise()
    lines = device.link.transcript.text("a test").splitlines()
    assert lines[0] == "# a test"
    assert [line[13:] for line in lines[2:]] == ["> name%", "< m-name-dut-[fake]\\r\\n", "< m-ready\\r\\n"]
    times = [float(line[:12]) for line in lines[2:]]
    assert times == sorted(times)


@given(st.lists(st.tuples(st.booleans(), st.binary(min_size=1, max_size=20)), max_size=20))
def test_transcript_lines_hold_every_byte(chunks: list[tuple[bool, bytes]]) -> None:
    transcript = Transcript()
    for number, (sent, data) in enumerate(chunks):
        transcript.add(float(number), sent, data)
    for sent, mark in ((True, ">"), (False, "<")):
        logged = "".join(line[15:] for line in transcript.lines() if line[13] == mark)
        assert logged == printable(b"".join(data for was_sent, data in chunks if was_sent == sent))


GOOD = [
    "m-warmup-start-1",
    "m-warmup-done",
    "m-infer-start-5",
    "m-lap-us-100",
    "m-lap-us-200",
    "m-infer-done",
    "m-results-[1.5,-2.25e-3,]",
]


def test_a_good_answer_is_understood() -> None:
    inference = parse_inference("infer 5 1", 5, GOOD)
    assert inference.elapsed_us == 100
    assert inference.results == (1.5, -0.00225)


noise = st.text(st.characters(max_codepoint=0x2FF), max_size=12)


@st.composite
def mutated(draw: st.DrawFn) -> list[str]:
    """A good answer with lines dropped, doubled, moved, cut, or with characters replaced or inserted."""
    lines = list(GOOD)
    for _ in range(draw(st.integers(0, 4))):
        if not lines:
            break
        at = draw(st.integers(0, len(lines) - 1))
        line = lines[at]
        cut = draw(st.integers(0, len(line)))
        match draw(st.integers(0, 5)):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, line)
            case 2:
                lines.append(lines.pop(at))
            case 3:
                lines[at] = line[:cut]
            case 4:
                lines[at] = line[:cut] + draw(noise) + line[cut + 1 :]
            case 5:
                lines[at] = line[:cut] + draw(noise) + line[cut:]
    return lines


@given(mutated())
def test_mutated_answers_give_a_result_or_a_user_error(lines: list[str]) -> None:
    try:
        inference = parse_inference("infer 5 1", 5, lines)
    except UserError as error:
        assert str(error).strip()
    else:
        assert 0 <= inference.elapsed_us < 1 << 32
        assert inference.results
        assert "m-infer-start-5" in lines
        assert all(value - value == 0 for value in inference.results)  # finite


@given(st.lists(st.binary(max_size=40), max_size=6), st.booleans())
def test_any_bytes_give_an_answer_or_a_user_error(parts: list[bytes], ready: bool) -> None:
    device, port = connect(Faults(every_answer=b"\n".join(parts) + (b"\nm-ready\r\n" if ready else b"")))
    for action in (device.profile, device.timestamp, lambda: device.load(b"123"), lambda: device.infer(5, 1, 0.1)):
        try:
            action()
        except UserError as error:
            assert isinstance(error, LinkError | answers.DeviceError)
            assert "\n" not in str(error)
    assert port.now < 60
