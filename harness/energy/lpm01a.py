"""ST's power shield LPM01A (X-NUCLEO-LPM01A) over its serial port.

Dialogue: mlcommons/tiny, benchmark/runner/power_manager, and ST's UM2269. Not tried on hardware.
"""

import queue
import re
import threading
import time
from collections.abc import Callable

from serial.tools.list_ports import comports

from common.errors import UserError
from harness.energy.recording import Recording
from harness.link import PORT_ERRORS, SerialLike

USB_ID = (0x0483, 0x5740)
BAUD = 3_686_400
VOLTS = 1.8, 3.3  # what it can supply
ANSWER_S = 5.0
SETTLE_S = 1.0  # from power to the beginning of the recording
COMPLETED = "Acquisition completed"
PROMPT = "PowerShield > "

SAMPLE = re.compile(r"(\d{4})([+-]\d{2})")  # 6409-07: 6409e-7 joules in a millisecond
EVENT = re.compile(r"event (\d+) (?:ris|fal)")
CLOCK = re.compile(r"TimeStamp: \d+s \d+ms, buff (\d+)%")

SETUP = (
    "htc",
    'lcd 1 "MLPerf Tiny"',
    'lcd 2 "     monitor    "',
    "pwr off",
    "acqtime inf",
    "trigdelay 0",
    "trigsrc sw",
    "eventsrc d7 fal",
    "output energy",
    "format ascii_dec",
    "freq 1k",
)


def find_lpm01a() -> str | None:
    """The port of the shield that is plugged in, by its USB id."""
    return next((info.device for info in comports() if (info.vid, info.pid) == USB_ID), None)


class Lpm01a:
    """The shield behind an open port, which it owns. Use `close` in every case: it also cuts the supply."""

    def __init__(self, port: SerialLike, spec: str, volts: float, settle_seconds: float = SETTLE_S) -> None:
        """Take control and set up energy samples of a millisecond, edges of D7 among them.

        Raises:
            UserError: ``volts`` is out of range, or the shield does not answer as it should.
        """
        if not VOLTS[0] <= volts <= VOLTS[1]:
            raise UserError(f"an LPM01A supplies {VOLTS[0]} to {VOLTS[1]} V, not {volts}")
        self.name = f"LPM01A on {spec}"
        self.volts = volts
        self.recording = Recording()
        self._port = port
        self._settle_seconds = settle_seconds
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._recording_now = False
        port.timeout = 0.1
        self._reader = threading.Thread(target=self._read, name="lpm01a", daemon=True)
        self._reader.start()
        try:
            for command in (*SETUP, f"volt {round(volts * 1000)}m"):
                self._ask(command)
        except BaseException:
            self._release()
            raise

    def power(self, on: bool) -> None:
        self._ask("pwr on nostatus" if on else "pwr off")
        if on:
            time.sleep(self._settle_seconds)

    def start(self) -> None:
        self._ask("start")
        self._recording_now = True

    def stop(self) -> None:
        if self._recording_now:
            self._recording_now = False
            self._ask("stop")
            self._expect(lambda line: COMPLETED in line, COMPLETED)

    def close(self) -> None:
        """Cut the supply, end the recording, give control back and release the port."""
        try:
            self._ask("pwr off")
            self.stop()
            self._ask("hrc")
        except UserError:
            pass  # it is gone; what matters was said before
        finally:
            self._release()

    def _release(self) -> None:
        self._closing.set()
        self._reader.join()
        self._port.close()

    def _ask(self, command: str) -> None:
        try:
            self._port.write(command.encode("ascii") + b"\r\n")
        except PORT_ERRORS as error:
            raise UserError(f"{self.name} vanished ({error}); check the cable and run again") from error
        answer = self._expect(lambda line: command in line, f"an answer to `{command}`")
        if not answer.startswith("ack"):
            raise UserError(f"{self.name} refuses `{command}`: {answer}; take its USB plug out and in again")

    def _expect(self, fits: Callable[[str], bool], what: str) -> str:
        deadline = time.monotonic() + ANSWER_S
        while True:
            try:
                line = self._answers.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise UserError(f"{self.name} does not give {what}; is it in control mode and its port free?") from None
            if fits(line):
                return line

    def _read(self) -> None:
        pending = b""
        while not self._closing.is_set():
            try:
                pending += self._port.read(max(1, self._port.in_waiting))
            except PORT_ERRORS as error:
                if not self._closing.is_set():
                    self.recording.fail(UserError(f"{self.name} vanished ({error}); check the cable and run again"))
                return
            *lines, pending = pending.split(b"\n")
            for line in lines:
                self._take(line.decode("ascii", "replace").strip("\r\0 ").replace(PROMPT, ""))

    def _take(self, line: str) -> None:
        if match := SAMPLE.fullmatch(line):
            self.recording.add((int(match[1]) * 10.0 ** int(match[2]),))
        elif match := EVENT.fullmatch(line):
            self.recording.mark(int(match[1]))
        elif match := CLOCK.fullmatch(line):
            if int(match[1]) >= 100:
                self.recording.fail(UserError(f"{self.name}: its buffer is full, samples were lost; run again"))
        elif line:
            self._answers.put(line)
