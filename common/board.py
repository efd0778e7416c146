"""Boards as data: ``boards/<name>/board.toml`` read into frozen dataclasses."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from common.errors import UserError
from common.paths import BOARDS

VARIANT = "-"  # between a board's name and that of a variant
SYSTEM_BUS = 0x2000_0000  # addresses below are on the code bus (Arm DDI0403, B3.1)


@dataclass(frozen=True)
class Memory:
    """One address range of the chip. ``origin`` and ``alias`` are addresses, ``size`` is in bytes."""

    name: str
    kind: str  # "flash" | "ram"
    origin: int
    size: int
    alias: int | None = None

    @property
    def code_address(self) -> int | None:
        """Where RAM is on the core's code bus, which fetches instructions faster; None where it is not."""
        return self.origin if self.alias is None and self.origin < SYSTEM_BUS else self.alias


@dataclass(frozen=True)
class Core:
    name: str  # GCC's -mcpu
    fpu: str  # GCC's -mfpu
    float_abi: str


@dataclass(frozen=True)
class Clock:
    sysclk_hz: int
    flash_wait_states: int
    flash_read_bytes: int  # 8 with DBANK = 1 (factory), 16 with DBANK = 0
    prefetch: bool


@dataclass(frozen=True)
class Probe:
    """How the debug probe on the board is recognised and which tools flash it. By default there is none."""

    usb_vid: int = 0
    usb_pids: tuple[int, ...] = ()
    drive_labels: tuple[str, ...] = ()
    openocd_interface: str = ""
    openocd_target: str = ""
    pyocd_target: str = ""


@dataclass(frozen=True)
class Button:
    """A push button. ``pin`` is named by port and number, "C13"; ``pressed`` is its level while the button is down."""

    name: str
    pin: str
    pressed: int


@dataclass(frozen=True)
class Led:
    """A light. ``lit`` is the level of ``pin`` that switches it on."""

    name: str
    colour: str
    pin: str
    lit: int


@dataclass(frozen=True)
class SerialPins:
    """The pins of the serial port, named like buttons', and their alternate function."""

    tx: str
    rx: str
    function: int


@dataclass(frozen=True)
class I2sPins:
    """The pins of the sound input: bit clock, word select, data, and their alternate function."""

    sck: str
    ws: str
    sd: str
    function: int


@dataclass(frozen=True)
class Board:
    name: str
    title: str
    vendor: str
    url: str
    soc: str  # folder below firmware/soc and module below virtual/soc
    mcu: str
    core: Core
    clock: Clock
    memories: tuple[Memory, ...]
    serial: str  # peripheral behind the probe's virtual COM port
    timestamp_pin: str  # pulsed in energy mode
    probe: Probe = Probe()
    qemu: str | None = None  # QEMU's name of the machine, where it has one
    buttons: tuple[Button, ...] = ()
    leds: tuple[Led, ...] = ()
    serial_pins: SerialPins | None = None  # where the chip lets one choose
    wakeword_pins: Mapping[str, str] = field(default_factory=dict)  # lines to instruments: processing, detected
    i2s: I2sPins | None = None  # where there is a sound input
    options: Mapping[str, int] = field(default_factory=dict)  # in what the chips of a family differ: its firmware's own

    @cached_property
    def flash(self) -> Memory:
        return next(m for m in self.memories if m.kind == "flash")

    @property
    def lines(self) -> Mapping[str, str]:
        """The pins for instruments by their names."""
        return {"timestamp": self.timestamp_pin, **self.wakeword_pins}

    @cached_property
    def ram_bytes(self) -> int:
        return sum(ram.size for ram in self.rams)

    @cached_property
    def rams(self) -> tuple[Memory, ...]:
        return tuple(m for m in self.memories if m.kind == "ram")


def board_names() -> list[str]:
    return sorted(path.parent.name for path in BOARDS.glob("*/board.toml"))


def load_board(name: str) -> Board:
    """Read one board, or a variant of it, ``<board>-<variant>``: the same board with another setting of its chip.

    Raises:
        UserError: no such board or variant; the message lists the ones there are.
    """
    base, separator, variant = name.partition(VARIANT)
    if base not in board_names():
        raise UserError(f"unknown board '{name}'; boards are: {', '.join(board_names())}")
    data: dict[str, Any] = tomllib.loads((BOARDS / base / "board.toml").read_text())
    board = _board(base, data)
    if not separator:
        return board
    variants: dict[str, dict[str, Any]] = data.get("variant", {})
    if variant not in variants:
        known = ", ".join(f"{base}{VARIANT}{other}" for other in variants) or "none"
        raise UserError(f"board '{base}' has no variant '{variant}'; variants are: {known}")
    changes = variants[variant]
    return replace(
        board,
        name=name,
        title=f"{board.title}, {changes['title']}",
        clock=replace(board.clock, **changes.get("clock", {})),
    )


def _board(name: str, data: dict[str, Any]) -> Board:
    return Board(
        name=name,
        title=data["title"],
        vendor=data["vendor"],
        url=data["url"],
        soc=data["soc"],
        mcu=data["mcu"],
        core=Core(**data["core"]),
        clock=Clock(**data["clock"]),
        memories=tuple(Memory(**memory) for memory in data["memory"]),
        serial=data["serial"],
        timestamp_pin=data["timestamp_pin"],
        probe=_probe(data["probe"]) if "probe" in data else Probe(),
        qemu=data.get("qemu"),
        buttons=tuple(Button(**button) for button in data.get("button", ())),
        leds=tuple(Led(**led) for led in data.get("led", ())),
        serial_pins=SerialPins(**data["serial_pins"]) if "serial_pins" in data else None,
        wakeword_pins=data.get("wakeword_pins", {}),
        i2s=I2sPins(**data["i2s"]) if "i2s" in data else None,
        options=data.get("options", {}),
    )


def _probe(data: dict[str, Any]) -> Probe:
    return Probe(
        usb_vid=data["usb_vid"],
        usb_pids=tuple(data["usb_pids"]),
        drive_labels=tuple(data["drive_labels"]),
        openocd_interface=data["openocd_interface"],
        openocd_target=data["openocd_target"],
        pyocd_target=data["pyocd_target"],
    )
