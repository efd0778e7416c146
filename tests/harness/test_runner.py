"""The launcher of MLCommons' runner, with a small checkout of ours that discovers and asks as the runner does."""

import shutil
from pathlib import Path

import pytest

from common.benchmark import load_benchmark
from common.board import load_board
from common.errors import UserError
from generator.build import build
from harness.runner import run_upstream

MAIN = """
import sys, time, pathlib, serial, usb.core
import serial.tools.list_ports as ports
assert list(usb.core.find(find_all=True)) == []
port = next(p for p in ports.comports(True) if p.vid and (p.vid, p.pid) == (0x0483, 0x374B))
text = ""
for _ in range(2):
    with serial.Serial(port.device, 921600, timeout=0.1) as line:
        time.sleep(0.5)
        line.write(b"name"); line.write(b"%")
        end = time.monotonic() + 30
        text = ""
        while "m-ready" not in text and time.monotonic() < end:
            text += line.read(1).decode()
pathlib.Path(sys.argv[1]).write_text(text)
sys.exit(int(sys.argv[2]))
"""


@pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no arm-none-eabi-gcc")
def test_a_runner_finds_the_virtual_board(tmp_path: Path) -> None:
    board, benchmark = load_board("nucleo_l4r5zi"), load_benchmark("ad")
    firmware = build(board, benchmark, benchmark.model, "aot", lambda _: None)
    with pytest.raises(UserError, match=r"no .*main\.py"):
        run_upstream(tmp_path, [], firmware, board, timing=False)
    (tmp_path / "main.py").write_text(MAIN)
    answer = tmp_path / "answer"
    run_upstream(tmp_path, [str(answer), "0"], firmware, board, timing=False)
    assert "m-name-dut-[firmbench]" in answer.read_text()
    with pytest.raises(UserError, match="exit code 3"):
        run_upstream(tmp_path, [str(answer), "3"], firmware, board, timing=False)
