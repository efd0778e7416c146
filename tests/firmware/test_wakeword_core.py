"""The streaming command set of firmware/wakeword, on the host under the sanitizers."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from common.paths import FIRMWARE

from .toolchain import CORE, HOST, SANITIZE, compile_c

READY = "m-ready\r\n"
Talk = Callable[[str], str]


@pytest.fixture(scope="module")
def talk(host_folder: Path) -> Talk:
    """Characters on the wire from power-on, and what is sent, with pin changes in braces; see host/wakeword.c."""
    return talker(host_folder / "wakeword")


@pytest.fixture(scope="module")
def deaf(host_folder: Path) -> Talk:
    """The same for a board without I2S input."""
    return talker(host_folder / "wakeword_deaf", "-DSOC_I2S=0")


def talker(program: Path, *options: str) -> Talk:
    sources = [
        *sorted((FIRMWARE / "wakeword").glob("*.c")),
        *(CORE / name for name in ("float_decimal.c", "format.c", "print.c", "text.c")),
        HOST / "wakeword.c",
    ]
    includes = ["-iquote", str(HOST / "wakeword")]  # before the ones of the other command set
    compile_c("gcc", [*includes, *options, *SANITIZE, "-funsigned-char"], sources, program)

    def run(sent: str) -> str:
        done = subprocess.run([program], input=sent.encode(), capture_output=True, check=False, timeout=20)
        assert done.returncode == 0 and not done.stderr, done.stderr.decode(errors="replace")
        return done.stdout.decode()

    return run


def answer(talk: Talk, *commands: str) -> str:
    """The answer to the last command, without its echo and `m-ready`."""
    parts = talk("".join(f"{command}%" for command in commands)).split(READY)
    assert parts[-1] == "" and len(parts) == len(commands) + 1
    echo = f"Received command: {commands[-1]}\r\n"
    assert parts[-2].startswith(echo)
    return parts[-2].removeprefix(echo)


def test_nothing_is_said_at_boot(talk: Talk) -> None:
    assert talk("") == ""


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        ("name", "m-name-dut-[tester]\r\n"),
        ("profile", "m-profile-[MLPerf Tiny Firmware V0.1.0]\r\nm-model-[sww01]\r\n"),
        ("timestamp", "{pin 0 pulse}"),
        ("proc_hi", "{pin 1 high}"),
        ("proc_lo", "{pin 1 low}"),
        ("stop", "I2S is already idle.  Ignoring stop request\r\n"),
        ("infer 1", "Unrecognized command infer\r\n"),
        ("", "Empty command (only a % read)...\r\n"),
        ("db getptr", "m-buff-ptr-0\r\n"),
        ("db load 1024", "Expecting 1024 bytes\r\n"),
        ("db load 2049", "Error: db load takes a number of bytes from 1 to 2048\r\n"),
        ("db load -1", "Error: db load takes a number of bytes from 1 to 2048\r\n"),
        ("db 00", "Error: db load N comes before data\r\n"),
        ("db setptr 2049", "Error: db setptr takes a number from 0 to 2048\r\n"),
        ("db", "Error: db takes load, getptr, setptr, print, print_i16 or data\r\n"),
    ],
)
def test_answers(talk: Talk, command: str, wanted: str) -> None:
    assert answer(talk, command) == wanted


STARTED = "Listening for I2S data ... \r\n{pin 0 pulse}{pin 1 pulse}DMA receive initiated.\r\n"
FRAME, DETECTED = "{pin 1 high}{pin 1 low}", "{pin 1 high}{pin 2 pulse}{pin 1 low}"


def stopped(*scores: int) -> str:
    listed = "".join(f"{score}, " + ("\r\n" if number % 16 == 0 else "") for number, score in enumerate(scores, 1))
    return f"{{pin 0 pulse}}Streaming stopped.\r\ntarget activations: \r\n[{listed}]\r\n"


def test_a_board_without_i2s_says_so(deaf: Talk) -> None:
    assert answer(deaf, "start") == "Error: this board has no I2S input, use extract_uart_stream\r\n"
    assert answer(deaf, "start", "stop") == "I2S is already idle.  Ignoring stop request\r\n"
    assert answer(deaf, "state") == "I2S: idle\r\n"


def test_listening_runs_a_frame_for_each_half_of_the_buffer(talk: Talk) -> None:
    assert answer(talk, "start") == STARTED
    assert answer(talk, "start", "start") == "I2S Rx currently in progress. Ignoring request\r\n"
    assert answer(talk, "state") == "I2S: idle\r\n"
    assert answer(talk, "start", "state") == "I2S: listening\r\n"
    # The first one is marked by a detection, and so is a score of 116.
    text = talk("start%~1A~1s~1t~1Bstop%").partition(STARTED)[2].partition(READY)[2]
    assert text.startswith(DETECTED + FRAME + DETECTED + FRAME + "Received command: stop")
    assert text.endswith(stopped(65, 115, 116, 66) + READY)
    assert talk("start%~1Astop%start%~1Bstop%").endswith(stopped(66) + READY)
    assert talk("~1Astart%stop%").endswith(stopped() + READY)
    assert talk("start%" + "~1A" * 20 + "stop%").endswith(stopped(*[65] * 20) + READY)


def test_sound_that_was_overwritten_is_not_taken_for_a_frame(talk: Talk) -> None:
    text = talk("start%~1A~3C~1Dstop%")
    assert "Warning: 2 frames of sound were lost\r\n" in text
    assert text.endswith("[65, 67, 68, ]\r\n" + READY)


def test_commands_work_while_it_listens(talk: Talk) -> None:
    text = talk("start%~1Ana~1Bme%stop%")
    assert f"{FRAME}Received command: name\r\nm-name-dut-[tester]\r\n" in text
    assert text.endswith(stopped(65, 66) + READY)


def test_loading_in_parts_and_again_from_a_place(talk: Talk) -> None:
    loading = ["db load 4", "db 01ff"]
    assert answer(talk, *loading) == "2 bytes received\r\n"
    assert answer(talk, *loading, "db getptr") == "m-buff-ptr-2\r\n"
    assert answer(talk, *loading, "db 0") == "Error: odd number of hex digits\r\n"
    assert answer(talk, *loading, "db 0g") == "Error: '0g' is not a pair of hex digits\r\n"
    assert answer(talk, *loading, "db FE7f00") == "m-load-done\r\n"
    done = [*loading, "db setptr 1", "db 80fe7F"]
    assert answer(talk, *done) == "m-load-done\r\n"
    assert answer(talk, *done, "db print 4") == "m-buffer-01-80-fe-7f\r\n"
    assert answer(talk, *done, "db print_i16 2") == "m-buffer--32767, 32766\r\n"


def test_a_command_of_1028_characters_is_taken_and_a_longer_one_cut(talk: Talk) -> None:
    data = "ab" * 512
    assert answer(talk, "db load 512", f"db {data}") == "m-load-done\r\n"
    sent = f"db load 2048%db {data}0123%db getptr%"
    # "db " and 1024 digits leave room for one more, which makes their number odd.
    assert "Error: odd number of hex digits" in talk(sent)


def frame(*samples: int) -> list[str]:
    """Commands that load a hop of these samples, the rest 0 but for the last, and run it."""
    block = np.zeros(512, "<i2")
    block[: len(samples) - 1], block[-1] = samples[:-1], samples[-1]
    digits = block.tobytes().hex()
    return ["db load 1024", f"db {digits[:1024]}", f"db {digits[1024:]}", "extract_uart_stream"]


def test_a_frame_prints_features_and_activations(talk: Talk) -> None:
    text = answer(talk, *frame(1, -20, 115, -128, 7))
    printed = re.sub(r"\{.*?\}", "", text)
    assert printed == "m-features-[ +1, -20, +115,  +0]\r\nm-activations-[ +7,  -5,  +0]\r\n"


def test_the_detection_pin_marks_the_first_frame_and_scores_above_115(talk: Talk) -> None:
    pulse = "{pin 1 high}{pin 2 pulse}{pin 1 low}"
    none = "{pin 1 high}{pin 1 low}"
    assert answer(talk, *frame(0)).startswith(pulse)
    assert answer(talk, *frame(0), *frame(115)).startswith(none)
    assert answer(talk, *frame(0), *frame(116)).startswith(pulse)
    assert answer(talk, *frame(0), "reset_stream", *frame(0)).startswith(pulse)


def test_log_tells_the_frames_times(talk: Talk) -> None:
    assert answer(talk, *frame(0), *frame(0), "log") == "frames: 2\r\nprocessing: 2000 us in all, 1000 us at most\r\n"
    assert answer(talk, *frame(0), "reset_stream", "log") == "frames: 0\r\nprocessing: 0 us in all, 0 us at most\r\n"
