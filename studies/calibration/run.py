"""`invoke calibrate`: compare, save, show; with a board also fit."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from common.board import Board
from common.console import say
from common.files import write_atomic
from common.paths import BUILD
from generator.flash import flash
from generator.render import template_environment
from harness.ports import find_port
from studies.calibration.comparison import (
    MICRO,
    NETWORK,
    Comparison,
    Summary,
    against_board,
    against_manuals,
    against_published,
    summarise,
)
from studies.calibration.fit import Fit, fit_constants
from studies.calibration.image import CalibrationImage, build_image
from studies.calibration.images import ImageResult, ThirdPartyImage, run_image
from studies.calibration.measure import Measurement, measure_board, measure_virtual
from studies.calibration.rules import Rule, read_rules, with_values

READ_WIDTHS = (8, 16)  # bytes of a flash read, dual and single bank
RESULTS = "calibration.json"
PROPOSAL = "calibration-proposal.toml"


def run_calibration(
    board: Board,
    console: Console,
    *,
    port: str | None = None,
    images: Sequence[ThirdPartyImage] = (),
    page: Path | None = None,
) -> None:
    """Run the micro-benchmarks and ``images`` on the virtual board and compare them with their references.

    With ``port`` the micro-benchmarks' references are what the board there measures, and a proposal for the free
    constants is written. The board must run the image already: the message of a wrong one says which to program.

    Raises:
        UserError: nothing can be built, an image does not run, or the port does not answer as it should.
    """
    image = build_image(board)
    say(f"image: {image.elf}", console)
    with console.status("running the micro-benchmarks on the virtual board") as status:
        if port is None:
            modelled = [measure_virtual(image, board, width) for width in READ_WIDTHS]
            comparisons = list(against_manuals(image.cases, modelled))
        else:
            comparisons = list(_with_board(image, board, port, console))
        results = []
        for item in images:
            status.update(f"running {item.path.name}")
            results.append(run_image(item, board))
    comparisons += [against_published(result) for result in results]
    write_atomic(
        BUILD / RESULTS, json.dumps([item.to_json() for item in comparisons], indent=1, allow_nan=False) + "\n"
    )
    _show(console, comparisons, results)
    say(f"calibration: {BUILD / RESULTS}", console)
    if page is not None:
        write_atomic(page, _page(board, comparisons))
        say(f"page: {page}", console)


def program_image(board: Board) -> str:
    """Build the micro-benchmarks' image and program it onto the plugged-in board; one sentence on what was done.

    Raises:
        UserError: as `generator.flash.flash`.
    """
    return flash(build_image(board), board, None, None)


def _with_board(image: CalibrationImage, board: Board, port: str, console: Console) -> list[Comparison]:
    choice = find_port(board, port)
    if choice.notice:
        say(f"note: {choice.notice}", console)
    measured = measure_board(image, choice)
    modelled = measure_virtual(image, board, measured.read_bytes)
    fit = fit_to_board(image, board, measured)
    path = BUILD / PROPOSAL
    write_atomic(path, proposal(fit, choice.spec, measured.read_bytes))
    console.print(_fit_table(fit))
    say(f"proposal for virtual/timing/costs.py: {path}", console)
    source = f"{'a program' if choice.is_pty else 'measured'}: {choice.description}"
    return list(against_board(image.cases, measured, modelled, source))


def fit_to_board(
    image: CalibrationImage, board: Board, measured: Measurement, rules: Sequence[Rule] | None = None
) -> Fit:
    """The free constants, or ``rules``, with which the virtual board comes closest to what a board measured."""
    free = [rule for rule in read_rules() if rule.free] if rules is None else rules

    def model(values: Mapping[str, int]) -> list[float]:
        modelled = measure_virtual(image, board, measured.read_bytes, with_values(dict(values)))
        return [modelled.cycles[case.name] for case in image.cases]

    return fit_constants(free, [measured.cycles[case.name] for case in image.cases], model)


def proposal(fit: Fit, port: str, read_bytes: int) -> str:
    """The fit as TOML."""
    return (
        template_environment()
        .get_template("calibration/proposal.toml.j2")
        .render(fit=fit, port=port, read_bytes=read_bytes)
    )


def _fit_table(fit: Fit) -> Table:
    table = Table(title=f"free constants; RMS {fit.rms_before:.3f} -> {fit.rms_after:.3f} cycles a repetition")
    table.add_column("constant")
    for heading in ("now", "fitted", "proposed"):
        table.add_column(heading, justify="right")
    for constant in fit.constants:
        fitted = f"{constant.fraction:.2f}" if constant.determined else "no case shows it"
        table.add_row(constant.name, str(constant.before), fitted, str(constant.value))
    return table


def cycles_text(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 or value == round(value) else f"{value:.3f}"


def reference_text(item: Comparison) -> str:
    """The reference, or what bounds it."""
    if item.reference_cycles is not None:
        return cycles_text(item.reference_cycles)
    if item.at_most == float("inf"):
        return f">= {cycles_text(item.at_least)}" if item.at_least else "unknown"
    return f"{cycles_text(item.at_least)}..{cycles_text(item.at_most)}"


def error_text(item: Comparison) -> str:
    if item.error_percent is None:
        return "" if item.at_least == 0 else "within"
    return f"{item.error_percent:+.1f} %"


def _show(console: Console, comparisons: Sequence[Comparison], results: Sequence[ImageResult]) -> None:
    table = Table(
        title="cycle model against its references, cycles of a repetition or of an inference",
        box=None,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    table.add_column("case")
    for heading in ("reference", "modelled", "error"):
        table.add_column(heading, justify="right", no_wrap=True)
    for item in comparisons:
        cells = (item.case, reference_text(item), cycles_text(item.modelled_cycles), error_text(item))
        table.add_row(*map(escape, cells))
    console.print(table)
    for kind in (MICRO, NETWORK):
        summary = summarise(comparisons, kind)
        if summary.cases:
            say(summary_text(kind, summary), console)
    for result in results:
        for diagnostic in result.diagnostics:
            say(f"{result.image.path.name}: {diagnostic}", console)


def summary_text(kind: str, summary: Summary) -> str:
    return (
        f"{summary.cases} {kind}s, {summary.compared} with a reference: mean error {summary.mean_absolute:.2f} %,"
        f" worst {summary.worst:.2f} %; {summary.violations} outside the bounds of a manual"
    )


def _page(board: Board, comparisons: Sequence[Comparison]) -> str:
    from virtual.timing import uncertainty

    return (
        template_environment()
        .get_template("calibration/timing-model.md.j2")
        .render(
            board=board,
            rules=read_rules(),
            micro=[item for item in comparisons if item.kind == MICRO],
            networks=[item for item in comparisons if item.kind == NETWORK],
            summaries={kind: summary_text(kind, summarise(comparisons, kind)) for kind in (MICRO, NETWORK)},
            reference_text=reference_text,
            cycles_text=cycles_text,
            error_text=error_text,
            interval=uncertainty,
        )
    )
