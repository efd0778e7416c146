"""Tasks for those who change firmbench."""

import sys

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from cli.options import friendly
from common.console import console


@task
@friendly
def lint(_context: Context) -> None:
    """Check formatting, lint and types of Python, and the formatting of C."""
    from common.checks import lint as run_lint

    run_lint(console)


@task(help={"slow": "also the exhaustive tests", "train": "only the models' tests, with TensorFlow"})
@friendly
def test(_context: Context, slow: bool = False, train: bool = False) -> None:
    """Run the tests; those that need TensorFlow are skipped where it is missing."""
    import subprocess

    from common.paths import ROOT

    selection = [*([] if slow else ["-m", "not slow"]), *(["tests/models"] if train else [])]
    answer = subprocess.run([sys.executable, "-m", "pytest", *selection], cwd=ROOT, check=False)
    if answer.returncode != 0:
        raise Exit(code=answer.returncode)


@task
@friendly
def clean(_context: Context) -> None:
    """Remove everything that was built."""
    import shutil

    from common.paths import BUILD

    shutil.rmtree(BUILD, ignore_errors=True)
