"""The same model on QEMU's Cortex-M4, which shares no code with the virtual board's engine or timing."""

import io
import os
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from common import artifact
from common.artifact import Firmware
from common.board import load_board
from common.errors import UserError
from generator.build import build
from generator.choice import choose
from harness.device import Device
from harness.link import Link
from harness.qemu import PROGRAM, QemuBoard
from harness.verify import count_instructions, verify_firmware
from harness.virtual_port import put_input, virtual_port

pytestmark = pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no arm-none-eabi-gcc")
needs_qemu = pytest.mark.skipif(shutil.which(PROGRAM) is None, reason=f"no {PROGRAM} (apt-get install {PROGRAM})")
EMULATED, VIRTUAL = load_board("mps2_an386"), load_board("nucleo_l4r5zi")


def built(name: str, folder: Path) -> Firmware:
    """The shipped ad model for a board, with the kernels that every board can take."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(artifact, "BUILD", folder)
        patch.setattr("generator.platformio.BUILD", folder)
        choice = choose("ad", None, "ad")
        return build(load_board(name), choice.benchmark, choice.model, "aot", lambda step: None, optimize="memory")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("build")


@pytest.fixture(scope="module")
def firmware(folder: Path) -> Firmware:
    """For QEMU's machine."""
    return built(EMULATED.name, folder)


@pytest.fixture(autouse=True)
def build_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifact, "BUILD", folder)


@needs_qemu
def test_outputs_are_equal(firmware: Firmware) -> None:
    text = io.StringIO()
    instructions = verify_firmware(firmware, EMULATED, None, 40, 0, Console(file=text, width=300))
    assert "on MPS2 AN386: 45 inferences equal TensorFlow Lite Micro's bit for bit" in text.getvalue()
    assert f"{instructions:,} instructions an inference by the count of QEMU" in text.getvalue()
    assert instructions > firmware.macs // 2  # no instruction does more


@needs_qemu
@pytest.mark.slow
def test_instruction_counts_agree(firmware: Firmware, folder: Path) -> None:
    with QemuBoard(firmware.elf, EMULATED) as qemu, Link(qemu.serial, "QEMU") as link:
        device = Device(link)
        device.synchronise()
        device.load(bytes(firmware.benchmark.input_bytes))
        emulated = count_instructions(device, firmware.macs, qemu.instructions_per_second)
    other = built(VIRTUAL.name, folder)
    machine, port = virtual_port(other, VIRTUAL, timing=False)
    with Link(port, "virtual", lambda: machine.seconds) as link:
        device = Device(link)
        device.synchronise()
        put_input(machine, device, bytes(other.benchmark.input_bytes))
        virtual = count_instructions(device, other.macs, VIRTUAL.clock.sysclk_hz)
    assert emulated == pytest.approx(virtual, rel=0.01)


@needs_qemu
def test_qemu_ends_with_its_user_and_reaches_memory(firmware: Firmware) -> None:
    with QemuBoard(firmware.elf, EMULATED) as machine:
        address = machine.symbol("buffer_storage")
        machine.write_memory(address, bytes(range(256)) * 9)
        assert machine.read_memory(address, 2304) == bytes(range(256)) * 9
        with pytest.raises(ValueError, match="not memory"):
            machine.read_memory(0x9000_0000, 4)
        with pytest.raises(UserError, match="no symbol 'absent'"):
            machine.symbol("absent")
        process = machine._process
        assert process.poll() is None
    assert process.poll() is not None


def test_without_qemu_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(UserError, match="sudo apt-get install qemu-system-arm"):
        QemuBoard(tmp_path / "absent.elf", EMULATED)
    with pytest.raises(UserError, match="QEMU has no machine for NUCLEO-L4R5ZI"):
        QemuBoard(tmp_path / "absent.elf", VIRTUAL)
