"""A program: MLCommons' runner, unmodified, with one port to find. Arguments: PORT VID PID MAIN.PY, then its own.

The runner lists USB serial ports and USB devices; a pseudo-terminal is neither, so both lists are replaced.
"""

import runpy
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

from serial.tools import list_ports


def main() -> None:
    port, vid, pid, script, *arguments = sys.argv[1:]
    found = SimpleNamespace(device=port, vid=int(vid), pid=int(pid), description="virtual board", product=None)
    list_ports.comports = lambda *_, **__: [found]
    usb, core = ModuleType("usb"), ModuleType("usb.core")
    core.find = lambda *_, **__: []  # type: ignore[attr-defined]
    usb.core = core  # type: ignore[attr-defined]
    sys.modules.update({"usb": usb, "usb.core": core})
    sys.path.insert(0, str(Path(script).parent))
    sys.argv = [script, *arguments]
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main()
