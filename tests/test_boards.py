"""Every board's data hold together, its firmware links, and what its chip family's model runs answers rightly."""

import shutil
import tomllib
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from common import artifact, new_board
from common.benchmark import describe_model, load_benchmark
from common.board import Board, Memory, board_names, load_board
from common.errors import UserError
from common.paths import BOARDS, FIRMWARE
from generator import platformio
from generator.build import build
from generator.compile import compile_model
from generator.fit import check_fit
from generator.importer import read_graph
from generator.placement import place
from generator.render import board_manifest
from harness.device import Device
from harness.link import Link
from tests.generator.cases import fully_connected
from virtual import VirtualBoard, VirtualSerial
from virtual.soc import chip_family

QUICK = ("nucleo_f767zi", "nucleo_l476rg")  # one of each kind that no other test builds for
needs_compiler = pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no arm-none-eabi-gcc")
every = pytest.mark.parametrize("name", board_names())


@every
def test_data_hold_together(name: str) -> None:
    board = load_board(name)
    spans = sorted((memory.origin, memory.origin + memory.size) for memory in board.memories)
    assert all(end <= origin for (_, end), (origin, _) in pairwise(spans))
    assert (FIRMWARE / "soc" / board.soc).is_dir()
    assert board.clock.sysclk_hz > 0
    assert board.flash.size > 0 < board.ram_bytes
    pins = [] if board.serial_pins is None else [board.serial_pins.tx, board.serial_pins.rx]
    sound = [] if board.i2s is None else [board.i2s.sck, board.i2s.ws, board.i2s.sd]
    for pin in (*pins, *sound, *board.lines.values()):
        assert pin[0] in "ABCDEFGHI" and 0 <= int(pin[1:]) < 16
    assert set(board.wakeword_pins) in (set(), {"processing", "detected"})
    assert "ststm32" in board_manifest(board)["platforms"]
    source = (BOARDS / name / "board.toml").read_text()
    assert source.startswith("#"), "a board says where its values come from"
    assert new_board.MARK not in source


def test_a_variant_is_the_board_with_another_setting() -> None:
    board, variant = load_board("nucleo_l4r5zi"), load_board("nucleo_l4r5zi-single_bank")
    assert (board.clock.flash_read_bytes, variant.clock.flash_read_bytes) == (8, 16)
    assert variant.title == "NUCLEO-L4R5ZI, single-bank flash"
    assert replace(variant, name=board.name, title=board.title, clock=board.clock) == board


def test_unknown_variants_are_listed() -> None:
    with pytest.raises(UserError, match="no variant 'x'; variants are: nucleo_l4r5zi-single_bank"):
        load_board("nucleo_l4r5zi-x")
    with pytest.raises(UserError, match="no variant 'single_bank'; variants are: none"):
        load_board("nucleo_f446re-single_bank")


@needs_compiler
@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in board_names()]
)
def test_firmware_links_and_runs_where_the_family_has_a_model(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifact, "BUILD", tmp_path)
    board, benchmark = load_board(name), load_benchmark("ad")
    firmware = build(board, benchmark, benchmark.model, "aot", lambda _: None)
    assert firmware.flash_bytes <= board.flash.size
    assert firmware.ram_bytes <= board.ram_bytes
    try:
        chip_family(board)
    except UserError as error:
        assert f"there is no virtual {board.title}" in str(error)
        assert board.soc != "stm32l4plus"
        return
    machine = VirtualBoard(firmware.elf, board)
    device = Device(Link(VirtualSerial(machine, baudrate=firmware.baud), "virtual", lambda: machine.seconds))
    device.synchronise()
    assert device.profile().model == "ad01"
    assert machine.hz == board.clock.sysclk_hz
    assert not machine.diagnostics


def test_a_model_that_does_not_fit_is_refused_with_the_numbers(tmp_path: Path) -> None:
    model = tmp_path / "large.tflite"
    model.write_bytes(fully_connected(units=1024, depth=1024))
    graph = read_graph(model)
    tensors = [[graph.tensors[index] for index in ports] for ports in (graph.inputs, graph.outputs)]
    benchmark = describe_model(model, None, *tensors)
    compiled = compile_model(model.read_bytes(), str(model))
    sizes = compiled.program.constant_bytes, compiled.memory.arena_bytes
    small = load_board("nucleo_l452re")
    message = r"too large for NUCLEO-L452RE: its weights need 1,\d+,\d+ bytes of flash, \d+,\d+ more than the 524,288"
    with pytest.raises(UserError, match=message):
        check_fit(*sizes, small, benchmark)
    assert check_fit(*sizes, load_board("nucleo_l4r5zi"), benchmark) > 0
    tiny = replace(small, memories=(small.flash, Memory("ram", "ram", 0x2000_0000, 1024)))
    ad = load_benchmark("ad")
    compiled = compile_model(ad.model.read_bytes(), "ad")
    with pytest.raises(UserError, match=r"need 12,\d+ bytes of RAM, 11,\d+ more than the 1,024 there are"):
        check_fit(compiled.program.constant_bytes, compiled.memory.arena_bytes, tiny, ad)


def with_rams(board: Board, *rams: Memory) -> Board:
    return replace(board, memories=(board.flash, *rams))


def test_kernels_run_from_ram_on_the_code_bus() -> None:
    program = compile_model(load_benchmark("ad").model.read_bytes(), "ad").program
    board = load_board("nucleo_l476rg")
    data = Memory("sram1", "ram", 0x2000_0000, 0x18000)
    for code, address in (
        (Memory("sram2", "ram", 0x1000_0000, 0x8000), 0x1000_0000),
        (Memory("sram2", "ram", 0x2001_8000, 0x8000, alias=0x1000_0000), 0x1000_0000),
        (Memory("sram2", "ram", 0x2001_8000, 0x8000), None),
    ):
        placement = place(program, with_rams(board, data, code), "latency", 8192)
        assert (placement.code and placement.code.origin) == address


def test_new_board_marks_what_to_look_up(tmp_path: Path) -> None:
    path = new_board.new_board("my_board", "nucleo_l476rg", tmp_path)
    marked = new_board.marks(path)
    for field in ("title", "mcu", "serial", "tx", "sysclk_hz", "size", "drive_labels"):
        assert any(f": {field} = " in line for line in marked), field
    assert tomllib.loads(path.read_text()) == tomllib.loads((BOARDS / "nucleo_l476rg" / "board.toml").read_text())
    before = path.read_bytes()
    with pytest.raises(UserError, match=r"board 'my_board' exists: .*; choose another name"):
        new_board.new_board("my_board", "nucleo_l476rg", tmp_path)
    assert path.read_bytes() == before
    for name in ("", "../up", "Upper", "1st"):
        with pytest.raises(UserError, match="a board's name begins with a letter"):
            new_board.new_board(name, "nucleo_l476rg", tmp_path)
    with pytest.raises(UserError, match="unknown board 'uno'"):
        new_board.new_board("other", "uno", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["my_board"]


def test_platform_of_st_is_used_where_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLATFORMIO_CORE_DIR", str(tmp_path))
    with pytest.raises(UserError, match=r"ststm32 is not installed: .*pio pkg install --global --platform ststm32"):
        platformio.require_platform("ststm32")
    with pytest.raises(UserError, match="unknown platform 'avr'; platforms are: firmbench, ststm32"):
        platformio.require_platform("avr")
    (tmp_path / "platforms" / "ststm32").mkdir(parents=True)
    (tmp_path / "platforms" / "ststm32" / "platform.json").write_text("{}")
    platformio.require_platform("ststm32")
    platformio.require_platform("firmbench")
    assert platformio.user_core() == tmp_path
