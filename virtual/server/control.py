"""What can be asked of a running board: one line of words in, one JSON object out."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from common.errors import UserError
from virtual.board import VirtualBoard

LEVELS = {"0": 0, "1": 1, "float": None}
LONGEST_LINE = 1024
Answer = dict[str, Any]


@dataclass(frozen=True)
class Command:
    """``usage`` are its arguments, of which there are at least ``least``."""

    usage: str
    help: str
    least: int
    run: Callable[..., Answer]

    @property
    def most(self) -> int:
        return len(self.usage.split())


class Control:
    """Carries out commands between two runs of the board.

    ``status`` tells what the server knows, ``stop`` ends it.
    """

    def __init__(self, machine: VirtualBoard, status: Callable[[], Answer], stop: Callable[[], None]) -> None:
        self._machine = machine
        self._server_status = status
        self._stop = stop
        self._commands = {
            "status": Command("", "what the board does, its lights, buttons and counters", 0, self._status),
            "pins": Command("", "mode and level of every pin that is in use", 0, self._pins),
            "press": Command("BUTTON", "press a button for 0.1 s of virtual time", 1, self._press),
            "hold": Command("BUTTON", "press a button and keep it down", 1, self._hold),
            "release": Command("BUTTON", "let go of a button", 1, self._release),
            "drive": Command("PIN LEVEL", "drive a pin, like C13, to 0 or 1, or let it float", 2, self._drive),
            "reset": Command("", "press the reset button", 0, self._reset),
            "cycles": Command("", "core cycles, instructions and seconds since power-on", 0, self._cycles),
            "stop": Command("", "end the board", 0, self._end),
            "help": Command("", "this list", 0, self._help),
        }

    def execute(self, line: str) -> Answer:
        """The answer to one line: ``ok`` and what was asked for, or ``ok`` false and ``error``."""
        words = line.split() or ["help"]
        name = words[0]
        command = self._commands.get(name)
        if command is None:
            return {"ok": False, "error": f"unknown command '{name}'; commands are: {', '.join(self._commands)}"}
        if not command.least <= len(words) - 1 <= command.most:
            return {"ok": False, "error": f"usage: {name} {command.usage}".strip()}
        try:
            return {"ok": True, **command.run(*words[1:])}
        except UserError as error:
            return {"ok": False, "error": str(error)}

    def answer(self, line: bytes) -> bytes:
        """For the control port."""
        return json.dumps(self.execute(line.decode("utf-8", "replace"))).encode() + b"\n"

    def monitor(self, line: str) -> str:
        """For people: the answer as text."""
        answer = self.execute(line)
        if not answer.pop("ok"):
            return f"error: {answer['error']}\n"
        return "".join(f"{text}\n" for text in _lines(answer)) or "ok\n"

    # -- commands -------------------------------------------------------------------------------------------------

    def _status(self) -> Answer:
        machine = self._machine
        return {
            **self._server_status(),
            "leds": machine.panel.leds,
            "buttons": machine.panel.buttons,
            "baud": machine.baud and round(machine.baud),
            "hz": machine.hz,
            **self._cycles(),
            "lockup": machine.lockup,
            "diagnostics": list(machine.diagnostics),
        }

    def _pins(self) -> Answer:
        """Analog is what a pin is that nobody has touched."""
        pins = (pin for pin in self._machine.pins() if pin.mode != "analog")
        return {"pins": {pin.name: {"mode": pin.mode, "level": pin.level} for pin in pins}}

    def _press(self, button: str) -> Answer:
        self._machine.panel.tap(button)
        return {}

    def _hold(self, button: str) -> Answer:
        self._machine.panel.hold(button)
        return {}

    def _release(self, button: str) -> Answer:
        self._machine.panel.release(button)
        return {}

    def _drive(self, pin: str, level: str) -> Answer:
        if level not in LEVELS:
            raise UserError(f"'{level}' is no level; levels are: {', '.join(LEVELS)}")
        self._machine.connect(pin, LEVELS[level])
        return {}

    def _reset(self) -> Answer:
        self._machine.press_reset()
        return {}

    def _cycles(self) -> Answer:
        machine = self._machine
        return {"cycles": machine.cycles, "instructions": machine.instructions, "seconds": round(machine.seconds, 9)}

    def _end(self) -> Answer:
        self._stop()
        return {}

    def _help(self) -> Answer:
        return {f"{name} {command.usage}".strip(): command.help for name, command in self._commands.items()}


def _lines(answer: Answer, indent: str = "") -> list[str]:
    lines = []
    for key, value in answer.items():
        if isinstance(value, dict):
            lines += [f"{indent}{key}:", *_lines(value, indent + "  ")]
        elif isinstance(value, list):
            lines += [f"{indent}{key}:", *(f"{indent}  {item}" for item in value)]
        else:
            lines.append(f"{indent}{key}: {value}")
    return lines


class LineReader:
    """Cuts a stream into lines; a line that is too long is cut off."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> list[bytes]:
        *lines, rest = (self._buffer + data).split(b"\n")
        self._buffer = rest[:LONGEST_LINE]
        return lines
