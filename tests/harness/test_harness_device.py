"""The protocol client against the fake device, well-behaved and not."""

import struct

import pytest

from common.errors import UserError
from harness.answers import DeviceError, parse_results
from harness.device import Device, NoDeviceError
from harness.link import Link, LinkError
from tests.harness.conftest import connect
from tests.harness.fake_device import FakeDevice, FakeSerial, Faults

INPUT = struct.pack("<640f", *(number / 16 for number in range(640)))
MEAN_SQUARE = sum((number / 16) ** 2 for number in range(640)) / 640

HARMLESS = {
    "none": Faults(),
    "LF only": Faults(line_end=b"\n"),
    "CR CR LF": Faults(line_end=b"\r\r\n"),
    "trailing comma": Faults(trailing_comma=True),
    "blank lines, NUL and undecodable bytes": Faults(prefix=b"\r\n\0\n\xff\xfe\r\n"),
    "debug output": Faults(prefix=b"[Initialized\r\n"),
    "blank lines after m-ready": Faults(suffix=b"\r\n\n"),
    "m-ready twice": Faults(suffix=b"m-ready\r\n"),
    "noise right before m-ready": Faults(answers={"name": b"m-name-dut-[fake]\r\n\xff "}),
    "boot text after open": Faults(boot_text_s=1.5),
    "boot text at open": Faults(boot_text_s=0.0),
    "late boot, first command lost": Faults(boot_text_s=4.5, deaf_commands=1),
    "slow": Faults(delay_s=3.0),
    "counter wraps during the session": Faults(counter=(1 << 32) - 3_000_000),
}


@pytest.mark.parametrize("faults", HARMLESS.values(), ids=HARMLESS.keys())
def test_harmless_oddities_change_no_result(faults: Faults) -> None:
    device, port = connect(faults)
    assert device.synchronise() == "fake"
    assert device.profile().model == "ad01"
    assert device.profile().firmware == "fake firmware"
    assert 0 <= device.timestamp() < 1 << 32
    device.load(INPUT)
    assert port.device.data == INPUT
    result = device.infer(100, 5, 0.2)
    assert result.elapsed_us == pytest.approx(200_000, abs=1)
    assert result.host_seconds == pytest.approx(0.2, abs=0.01)
    assert result.results == (float(f"{MEAN_SQUARE:.3f}"),)


def test_answer_delayed_beyond_the_timeout_does_not_shift_later_answers() -> None:
    device, port = connect(Faults(delay_s=4.4))  # the answer to the first `name` comes during the second
    assert device.synchronise() == "fake"
    assert port.device.commands.count("name") == 2
    assert device.profile().model == "ad01"


def test_load_sends_upstreams_commands() -> None:
    device, port = connect()
    device.load(bytes(range(256)) * 10)
    sent = port.device.commands
    assert sent[0] == "db load 2560"
    assert sent[1] == "db " + bytes(range(31)).hex()
    assert len(sent) == 1 + 83
    assert len(sent[-1]) == len("db ") + 2 * 18
    assert max(map(len, sent)) + 1 <= 80


@pytest.mark.parametrize("size", [1, 30, 31, 32, 62, 63, 490, 3072])
def test_load_of_any_size(size: int) -> None:
    data = bytes(number * 37 % 256 for number in range(size))
    device, port = connect()
    device.load(data)
    assert port.device.data == data


@pytest.mark.parametrize("start", [0, (1 << 32) - 1, (1 << 32) - 100_000, (1 << 32) - 300_000])
def test_microsecond_counter_wraps(start: int) -> None:
    device, _ = connect(Faults(counter=start))
    assert device.infer(100, 0, 0.2).elapsed_us == pytest.approx(200_000, abs=1)


def test_infer_waits_for_a_long_quiet_computation() -> None:
    device, port = connect(latencies_us=(1e6,))
    assert device.infer(60, 1, 61.0).elapsed_us == pytest.approx(60_000_000, abs=1)
    assert port.now > 60


def test_infer_gives_up_on_a_device_that_hangs() -> None:
    device, port = connect(latencies_us=(1e6,))
    with pytest.raises(LinkError, match=r"`infer 1000 0` and then no line for 35\.0 s; the device hangs"):
        device.infer(1000, 0, 10.0)
    assert port.now < 100


def test_longer_than_the_counter_can_tell() -> None:
    device, _ = connect(latencies_us=(450e6,))
    with pytest.raises(DeviceError, match="outlasted the device's 32-bit microsecond counter"):
        device.infer(10, 0, 4500.0)


ANSWER = b"m-infer-start-10\r\nm-lap-us-5\r\nm-lap-us-9\r\nm-infer-done\r\n"

BROKEN = {
    "error line": (
        Faults(answers={"infer": b"e-[Inference iterations must be >0]\r\n"}),
        "refused `infer 10 2`: e-\\[",
    ),
    "no timestamps": (Faults(laps=0), "no timestamps"),
    "one timestamp": (Faults(laps=1), "only one timestamp"),
    "energy": (Faults(energy=True), "energy-mode firmware"),
    "restarted": (Faults(restart_at="infer"), "the device restarted during `infer 10 2`"),
    "no results": (Faults(answers={"infer": ANSWER}), "no `m-results` line"),
    "empty results": (Faults(answers={"infer": ANSWER + b"m-results-[ , ]\r\n"}), "holds no result"),
    "not a number": (Faults(answers={"infer": ANSWER + b"m-results-[0.1,nan]\r\n"}), "'nan' in .* is not a number"),
    "python number": (Faults(answers={"infer": ANSWER + b"m-results-[1_0]\r\n"}), "is not a number"),
    "another count": (Faults(answers={"infer": ANSWER.replace(b"10", b"1")}), "did not confirm `infer 10 2`"),
    "not finished": (Faults(answers={"infer": b"m-infer-start-10\r\n"}), "did not confirm `infer 10 2`"),
    "stale input": (
        Faults(answers={"infer": b"Input db has 5 elemented, expected 640\n" + ANSWER + b"m-results-[1.0]\r\n"}),
        "refused `infer 10 2`: Input db has 5",
    ),
    "nothing but ready": (Faults(answers={"infer": b""}), "did not confirm"),
    "another device's answer": (Faults(every_answer=b"hello\r\nm-ready\r\n"), "did not confirm .* 'hello'"),
}


@pytest.mark.parametrize(("faults", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_broken_infer_answers(faults: Faults, message: str) -> None:
    device, _ = connect(faults)
    with pytest.raises(DeviceError, match=message):
        device.infer(10, 2, 0.1)


BAD_LOADS = {
    "refused": (
        Faults(answers={"db load 2560": b"e-[Command 'db load' must be >0 bytes]\r\n"}),
        "refused `db load 2560`",
    ),
    "too small": (Faults(max_input_bytes=490), "refused `db load 2560`: Supplied buffer size 2560 exceeds maximum"),
    "bytes lost": (Faults(lost_bytes=1), "did not confirm the load after 2560 of 2560 bytes"),
    "no answer lines": (Faults(every_answer=b"m-ready\r\n"), "did not confirm"),
    "done early": (Faults(every_answer=b"m-load-done\r\nm-ready\r\n"), "confirmed the load already after 31 of 2560"),
    "bad digit": (
        Faults(answers={"db " + INPUT[:31].hex(): b"e-[Invalid hex digit 'zz']\r\n"}),
        r"refused `db [0-9a-f]{26}\.\.\.`: e-\[Invalid",
    ),
    "restart": (Faults(restart_at="db 0"), "the device restarted during `db 0"),
}


@pytest.mark.parametrize(("faults", "message"), BAD_LOADS.values(), ids=BAD_LOADS.keys())
def test_bad_loads(faults: Faults, message: str) -> None:
    device, _ = connect(faults)
    with pytest.raises(DeviceError, match=message):
        device.load(INPUT)


NO_DEVICE = {
    "silent": (
        Faults(silent=True),
        NoDeviceError,
        r"fake is silent: no answer to `name` in 12 s; is the firmware flashed",
    ),
    "nonsense": (Faults(every_answer=b"\xf8\x80\x1e\r\n"), NoDeviceError, r"received '\\xf8\\x80\\x1e.*baud rate"),
    "nonsense without lines": (Faults(every_answer=b"\xf8\x80"), NoDeviceError, "does not speak the protocol"),
    "another firmware": (Faults(every_answer=b"login: \r\n"), NoDeviceError, "received 'login: .*another firmware"),
    "not a dut": (Faults(answers={"name": b"m-name-io-[x]\r\n"}), NoDeviceError, "received 'm-name-io"),
    "empty name": (Faults(answers={"name": b"m-name-dut-[]\r\n"}), NoDeviceError, "does not speak"),
    "flood of lines": (Faults(babble=b"tick\r\n"), NoDeviceError, "received 'tick"),
    "flood without lines": (Faults(babble=b"\xaa"), NoDeviceError, r"received '\\xaa"),
    "echo": (
        Faults(every_answer=b"name%m-name-dut-[x]\r\nm-ready\r\n"),
        NoDeviceError,
        r"sends back what it receives, 'name%m-name.*stty",
    ),
    "energy boot": (Faults(energy=True, boot_text_s=0.0), DeviceError, "energy-mode firmware.*flash a performance"),
}


@pytest.mark.parametrize(("faults", "kind", "message"), NO_DEVICE.values(), ids=NO_DEVICE.keys())
def test_nothing_to_synchronise_with(faults: Faults, kind: type[UserError], message: str) -> None:
    device, port = connect(faults)
    with pytest.raises(kind, match=message) as caught:
        device.synchronise()
    assert "\n" not in str(caught.value)
    assert port.now < 20


def test_names_may_hold_the_end_of_an_answer() -> None:
    answers = {"name": b"m-name-dut-[m-ready inc.]\r\n", "profile": b"m-profile-[m-ready]\r\nm-model-[ad01]\r\n"}
    device, _ = connect(Faults(answers=answers))
    assert device.synchronise() == "m-ready inc."
    assert (device.profile().firmware, device.profile().model) == ("m-ready", "ad01")


def test_a_performance_build_when_energy_is_wanted() -> None:
    port = FakeSerial(FakeDevice(Faults(boot_text_s=0.0)))
    device = Device(Link(port, "fake", port.clock), energy=True)
    with pytest.raises(DeviceError, match="performance-mode firmware; flash the energy build"):
        device.synchronise()


def test_no_command_is_empty_or_longer_than_the_buffer() -> None:
    """A lone terminator crashes the reference on a hosted build, and it cuts commands at 80 characters."""
    device, port = connect()
    _session(device)
    device.check_load(INPUT)
    assert all(0 < len(command.strip()) <= 80 for command in port.device.commands)


def test_the_first_and_the_last_timestamp_count() -> None:
    middle = b"m-infer-start-10\r\nm-lap-us-5\r\nm-lap-us-7\r\nm-lap-us-9\r\nm-infer-done\r\nm-results-[1.000]\r\n"
    device, _ = connect(Faults(answers={"infer": middle}))
    assert device.infer(10, 0, 0.1).elapsed_us == 4


def test_truncated_digits_and_empty_fields_are_numbers() -> None:
    assert parse_results("0.003, 0.996,,") == (0.003, 0.996)


def test_energy_mode_shows_in_timestamp() -> None:
    device, _ = connect(Faults(energy=True))
    assert device.synchronise() == "fake"
    with pytest.raises(DeviceError, match="energy-mode firmware"):
        device.timestamp()


def test_profile_without_model() -> None:
    device, _ = connect(Faults(answers={"profile": b"m-profile-[x]\r\n"}))
    with pytest.raises(DeviceError, match="does not say its profile"):
        device.profile()


@pytest.mark.parametrize("command", ["name", "profile", "db load", "infer"])
def test_vanishing(command: str) -> None:
    device, _ = connect(Faults(vanish_at=command))
    with pytest.raises(LinkError, match=r"fake vanished .*Input/output error.*check the cable"):
        _session(device)


def _session(device: Device) -> None:
    device.synchronise()
    device.profile()
    device.load(INPUT)
    device.infer(10, 0, 0.1)


def test_a_restart_between_commands_is_noticed() -> None:
    device, port = connect()
    device.synchronise()
    port.print_now(b"m-timestamp-mode-performance\r\nm-lap-us-4\r\nm-init-done\r\nm-ready\r\n")
    with pytest.raises(DeviceError, match="the device restarted during `profile`"):
        device.profile()


def test_noise_between_commands_is_not_part_of_an_answer() -> None:
    device, port = connect()
    device.synchronise()
    port.print_now(b"\xff\x00m-model-[kws01]\r\nm-ready\r\n")
    assert device.profile().model == "ad01"
