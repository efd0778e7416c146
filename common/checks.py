"""The static checks: formatting, lint and types of Python, formatting of C."""

import subprocess
import sys
from pathlib import Path

from rich.console import Console

from common.console import say
from common.errors import UserError
from common.paths import FIRMWARE, ROOT

C_SUFFIXES = (".c", ".h")


def lint(console: Console) -> None:
    """Run every check, also after one has failed.

    Raises:
        UserError: names the checks that failed; each has printed its findings.
    """
    sources = [
        str(path)
        for folder in (FIRMWARE, ROOT / "tests")
        for path in sorted(folder.rglob("*"))
        if path.suffix in C_SUFFIXES
    ]
    checks = {
        "ruff": ["ruff", "check", "."],
        "ruff format": ["ruff", "format", "--check", "."],
        "mypy": ["mypy"],
        "clang-format": ["clang-format", "--dry-run", "-Werror", *sources],
    }
    programs = Path(sys.executable).parent
    failed = []
    for name, command in checks.items():
        console.print(f"{name} ...", end=" ")
        answer = subprocess.run(
            [programs / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False
        )
        console.print("ok" if answer.returncode == 0 else "failed")
        if answer.returncode != 0:
            say((answer.stdout + answer.stderr).rstrip(), console)
            failed.append(name)
    if failed:
        raise UserError(f"{', '.join(failed)} found problems, listed above")
