"""PlatformIO development platform: builds with the compiler on PATH and the SCons from PyPI, without a registry."""

import json
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from platformio.dependencies import get_core_dependencies
from platformio.exception import UserSideException
from platformio.package.manager.core import get_core_package_dir
from platformio.platform.base import PlatformBase

SCONS_LAUNCHER = """\
import sys
from SCons.Script import main
sys.exit(main())
"""


class FirmbenchPlatform(PlatformBase):  # type: ignore[misc]  # PlatformIO has no type hints
    """What ``platform = symlink://.../firmware/platform`` loads."""

    def configure_default_packages(self, options: Any, targets: Any) -> Any:
        if not get_core_package_dir("tool-scons", auto_install=False):
            self._provide_scons()
        return super().configure_default_packages(options, targets)

    def _provide_scons(self) -> None:
        """Register the importable SCons as PlatformIO's own package ``tool-scons``, in one atomic step."""
        if find_spec("SCons") is None:
            raise UserSideException("SCons is missing; run: pip install scons")
        name = "tool-scons"
        version = get_core_dependencies()[name].lstrip("~^=> ")
        packages = Path(self.pm.package_dir)
        packages.mkdir(parents=True, exist_ok=True)
        target = packages / name
        spec = {
            "owner": "platformio",
            "id": None,
            "name": name,
            "requirements": None,
            "uri": f"symlink://{target}",
        }
        staging = Path(tempfile.mkdtemp(dir=packages))
        manifest = {"name": name, "version": version, "description": "SCons from PyPI"}
        (staging / "package.json").write_text(json.dumps(manifest))
        (staging / ".piopm").write_text(json.dumps({"type": "tool", "name": name, "version": version, "spec": spec}))
        (staging / "scons.py").write_text(SCONS_LAUNCHER)
        shutil.rmtree(target, ignore_errors=True)
        staging.replace(target)
        self.pm.memcache_reset()
