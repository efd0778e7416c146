"""A program that treats a device as MLCommons' runner does; a stand-in for it where tests need one.

Written from what the runner does on the wire and prints (mlcommons/tiny, benchmark/runner): how it discovers a device,
sends commands, reads lines, loads inputs and computes results. Options: -m a or p, -s folder of data sets, -t script
({"baud", "settle_s", model: {"infer": [iterations, warm-ups], "loop": count or null}} as JSON). Leaves `answers.json`
beside itself.
"""

import argparse
import csv
import importlib
import json
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import serial
from serial.tools import list_ports
from sklearn.metrics import roc_auc_score

USB = {0x0483: (0x374B,)}
FIELDS = ("file", "classes", "class", "bytes_to_send", "stride")
CHUNK = 31
LINE_S, INFER_LINE_S = 5.0, 30.0
NAME = re.compile(r"^m-(name)-dut-\[([^]]+)]$")
PROFILE = re.compile(r"^m-(model|profile)-\[([^]]+)]$")
RESULTS = re.compile(r"^m-results-\[([^]]+)\]$")
LAP = re.compile(r"^m-lap-us-([0-9]+)$")


class Dut:
    """A device behind a serial port."""

    def __init__(self, path: str, baud: int) -> None:
        self.port = serial.Serial(path, baud, timeout=0.1)

    def ask(self, command: str, timeout: float = LINE_S) -> list[str]:
        self.port.write(command.encode())
        self.port.write(b"%")
        lines: list[str] = []
        while not lines or "m-ready" not in lines[-1]:
            lines.append(self._line(command, timeout))
        return lines

    def _line(self, command: str, timeout: float) -> str:
        text, deadline = "", time.monotonic() + timeout
        while time.monotonic() < deadline:
            character = self.port.read(1).decode()
            if character == "\n" and text:
                return text
            if character not in ("\r", "\n", "\0"):
                text += character
        raise RuntimeError(f"No response to command {command}")

    def query(self, command: str, pattern: re.Pattern[str]) -> dict[str, str]:
        for _ in range(3):
            found = {match[1]: match[2] for line in self.ask(command) if (match := pattern.match(line))}
            if found:
                return found
        raise RuntimeError(f"failed {command} check")

    def load(self, data: bytes) -> None:
        self.ask(f"db load {len(data)}")
        for start in range(0, len(data), CHUNK):
            self.ask(f"db {data[start : start + CHUNK].hex()}")

    def infer(self, iterations: int, warmups: int) -> dict[str, Any]:
        """``results`` and ``elapsed_time`` in microseconds of the device's clock, without care for its wrap."""
        answer: dict[str, Any] = {"iterations": iterations}
        for line in self.ask(f"infer {iterations} {warmups}", INFER_LINE_S):
            if match := RESULTS.match(line):
                answer["results"] = [float(field) for field in match[1].split(",") if field.strip()]
            elif match := LAP.match(line):
                answer["end_time"] = int(match[1])
                answer.setdefault("start_time", int(match[1]))
        answer["elapsed_time"] = answer["end_time"] - answer["start_time"]
        return answer


def discover(baud: int, settle_s: float) -> tuple[str, dict[str, str]]:
    """The port of the first USB device with known ids, and what it says of itself."""
    importlib.import_module("usb.core").find(find_all=True)
    for port in list_ports.comports(True):
        if port.vid and port.pid in USB.get(port.vid, ()):
            dut = Dut(port.device, baud)
            time.sleep(settle_s)
            identity = dut.query("name", NAME) | dut.query("profile", PROFILE)
            dut.port.close()
            return port.device, identity
    raise RuntimeError("No interface or DUT detected")


def run_script(dut: Dut, rows: list[dict[str, Any]], folder: Path, script: dict[str, Any]) -> list[dict[str, Any]]:
    """One entry for each download: in accuracy runs every window of every file, in others the first of some files."""
    windows = 1
    if script["loop"] is None and rows[0]["stride"]:
        size = (folder / rows[0]["file"]).stat().st_size
        windows = (size - int(rows[0]["bytes_to_send"])) // int(rows[0]["stride"]) + 1
    entries = []
    for number in range((script["loop"] or len(rows)) * windows):
        row = rows[number // windows]
        data = (folder / row["file"]).read_bytes()
        start = number % windows * int(row["stride"] or 0)
        dut.load(data[start : start + int(row["bytes_to_send"])] if row["bytes_to_send"] else data)
        entries.append(row | dut.infer(*script["infer"]))
    return entries


def throughput(entries: list[dict[str, Any]]) -> float:
    return float(np.median([entry["iterations"] / (entry["elapsed_time"] / 1e6) for entry in entries]))


def accuracy(entries: list[dict[str, Any]]) -> dict[str, float]:
    """``auc`` and, of classifiers, ``top1`` in percent."""
    files: dict[str, list[list[float]]] = {}
    labels = {entry["file"]: int(entry["class"]) for entry in entries}
    for entry in entries:
        row = entry["results"]
        files.setdefault(entry["file"], []).append([x / sum(row) for x in row] if len(row) > 1 else row)
    scores = np.array([np.mean(windows, axis=0) for windows in files.values()])
    truth = [labels[name] for name in files]
    if scores.shape[1] == 1:
        return {"auc": float(roc_auc_score(truth, scores[:, 0]))}
    top1 = 100 * float(np.mean(scores.argmax(axis=1) == truth))
    if scores.shape[1] == 2:
        return {"top1": top1, "auc": float(roc_auc_score(truth, scores[:, 1]))}
    return {"top1": top1, "auc": float(roc_auc_score(truth, scores, multi_class="ovr"))}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("-m", choices=("a", "p"), required=True)
    parser.add_argument("-s", type=Path, required=True)
    parser.add_argument("-t", type=Path, required=True)
    options = parser.parse_args()
    settings = json.loads(options.t.read_text())
    port, identity = discover(settings["baud"], settings["settle_s"])
    dut = Dut(port, settings["baud"])
    folder = options.s / identity["model"]
    with (folder / "y_labels.csv").open(newline="") as listing:
        rows = list(csv.DictReader(listing, fieldnames=FIELDS))
    entries = run_script(dut, rows, folder, settings[identity["model"]])
    figures = {"throughput": throughput(entries)} if options.m == "p" else accuracy(entries)
    Path("answers.json").write_text(json.dumps({"identity": identity, "entries": entries} | figures))


if __name__ == "__main__":
    main()
