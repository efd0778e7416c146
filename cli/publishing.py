"""Tasks that show and publish archived runs."""

from pathlib import Path

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from cli.options import BOARD_HELP, DEFAULT_BOARD, friendly, path_of
from common.console import console


@task(help={"run": "a run of the archive, or the beginning of its name, twice to compare two"}, iterable=["run"])
@friendly
def results(_context: Context, run: list[str]) -> None:
    """List past runs, show one, or compare two."""
    from harness.results_console import show_runs

    show_runs(run, console)


@task(
    help={
        "run": "a run of the archive, or the beginning of its name; repeat it for several (default: the newest)",
        "out": "file for the page (default build/report.html)",
    },
    iterable=["run"],
)
@friendly
def report(_context: Context, run: list[str], out: str | None = None) -> None:
    """Write one self-contained HTML page on runs, beside the published results on the same chip."""
    from studies.report.page import write_report

    with console.status("writing the report"):
        write_report(run, path_of(out), console)


@task(
    help={
        "org": "the submitting organisation, as its folder is called",
        "division": "closed or open (default closed)",
        "system": "name of the system (default: the board's)",
        "board": BOARD_HELP,
        "bench": "submit only these benchmarks, separated by commas (default: all with archived runs)",
        "version": "round, like v1.3 (default: the newest known)",
        "out": "folder for the tree (default build/submission)",
        "facts": "file with what firmbench cannot know (default build/submission.toml; made where there is none)",
        "rehearsal": "write the tree whatever the rules say, marked as a rehearsal",
    }
)
@friendly
def submission(
    _context: Context,
    org: str,
    division: str = "closed",
    system: str | None = None,
    board: str | None = None,
    bench: str | None = None,
    version: str | None = None,
    out: str | None = None,
    facts: str | None = None,
    rehearsal: bool = False,
) -> None:
    """Write the tree of a submission from archived runs; refuse with every reason when it would not be valid."""
    from common.board import load_board
    from harness.submission.console import show_written
    from harness.submission.write import FACTS_FILE, OUT, Request, write_submission

    request = Request(
        organisation=org,
        division=division,
        system=system,
        version=version,
        benches=tuple(name for name in (bench or "").split(",") if name),
        out=Path(out).expanduser() if out else OUT,
        facts=Path(facts).expanduser() if facts else FACTS_FILE,
        rehearsal=rehearsal,
    )
    with console.status("writing the submission"):
        written = write_submission(load_board(board or DEFAULT_BOARD), request)
    show_written(written, console)


@task(
    help={
        "folder": "the one that holds closed/ and open/",
        "version": "round, like v1.3 (default: the newest known)",
        "submitter": "check only this organisation's",
    },
    positional=["folder"],
)
@friendly
def check(_context: Context, folder: str, version: str | None = None, submitter: str | None = None) -> None:
    """Check a tree of a submission, anybody's, against the rules; exit code 1 when there are errors."""
    from harness.submission.check import check_tree
    from harness.submission.console import show_checked

    with console.status(f"checking {folder}"):
        checked = check_tree(Path(folder).expanduser(), version, submitter)
    show_checked(checked, console)
    if checked.findings.errors:
        raise Exit(code=1)
