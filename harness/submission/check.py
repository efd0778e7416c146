"""`invoke check`: any tree of a submission, ours or others', against the rules of a round.

What the official checker (mlcommons/tiny, tools/submission/submission_checker.py) looks at, and what it does not: that
medians and scores follow from the windows and answers beside them, that windows are long enough, that a log belongs to
its results, that accuracy and performance ran the same image.
"""

from dataclasses import dataclass
from pathlib import Path

from common.errors import UserError
from harness.results import ACCURACY, ENERGY, PERFORMANCE
from harness.submission.findings import Findings
from harness.submission.modes import (
    SCRIPT,
    Place,
    check_accuracy,
    check_energy,
    check_performance,
    check_stream,
)
from harness.submission.provenance import REHEARSAL_FILE, check_provenance
from harness.submission.rules import AUC, CLOSED, DIVISIONS, OPEN, Round, Rules, load_rules
from harness.submission.system import check_system, text_of
from harness.submission.tree import FOLDER, LINK, OTHER, Tree, read_tree

MARKER = "EEMBC_RUNNER"
MODEL_MAPPING = "model_mapping.json"
MIB = 1 << 20


@dataclass(frozen=True)
class Row:
    """One result of the tree, as far as it states one. ``quality``: percent, AUC or F1. ``energy``: uJ, for sww mW."""

    division: str
    organisation: str
    system: str
    board: str
    benchmark: str
    throughput: float | None
    quality: float | None
    metric: str
    energy: float | None
    errors: int


@dataclass(frozen=True)
class Checked:
    """What a check gave. ``rehearsal``: the tree says that it is no submission."""

    round: Round
    rows: tuple[Row, ...]
    findings: Findings
    rehearsal: bool


def check_tree(root: Path, version: str | None = None, submitter: str | None = None) -> Checked:
    """Check a tree.

    ``root`` holds the folders `closed` and `open`. ``version``: the round, the newest by default. ``submitter``: look
    at this one's results alone.

    Raises:
        UserError: there is no such folder or round.
    """
    rules = load_rules()
    chosen = rules.round(version)
    if not root.is_dir():
        raise UserError(f"{root} is not a folder; give the one that holds closed/ and open/")
    findings = Findings()
    tree = read_tree(root, findings)
    rows: list[Row] = []
    checked = 0
    for division in tree.folders():
        if division not in DIVISIONS:
            findings.error(division, f"is neither of {', '.join(DIVISIONS)}")
            continue
        for organisation in tree.folders(division):
            if submitter in (None, organisation):
                checked += tree.has_folder(f"{division}/{organisation}/results")
                rows += _check_organisation(_Scope(tree, findings, rules, chosen, division, organisation))
    if not checked and not findings.errors:
        whose = f" of {submitter}" if submitter else ""
        findings.error(".", f"holds no results{whose}; give the folder that holds closed/ and open/")
    rehearsal = any(path.endswith(f"/{REHEARSAL_FILE}") and path.count("/") == 2 for path in tree.entries)
    return Checked(chosen, tuple(rows), findings, rehearsal)


@dataclass(frozen=True)
class _Scope:
    """One submitter's part of a tree under check."""

    tree: Tree
    findings: Findings
    rules: Rules
    round: Round
    division: str
    organisation: str

    @property
    def folder(self) -> str:
        return f"{self.division}/{self.organisation}"


def _check_organisation(scope: _Scope) -> list[Row]:
    tree, findings, folder = scope.tree, scope.findings, scope.folder
    if not tree.has_folder(f"{folder}/results"):
        findings.note(folder, "has no results/ and is left out")
        return []
    _check_names(scope)
    if tree.has_file(f"{folder}/{REHEARSAL_FILE}"):
        findings.error(f"{folder}/{REHEARSAL_FILE}", "this tree is a rehearsal and says why it is no submission")
    if not tree.has_folder(f"{folder}/code"):
        findings.error(f"{folder}/code", "is missing: results without the code that gave them are not reproducible")
    papers = [name.lower() for name in tree.files(folder, "systems")]
    if not any("checklist" in name and name.endswith(".pdf") for name in papers):
        findings.warning(f"{folder}/systems", "has no submission checklist as PDF")
    mapping = _model_mapping(scope)
    rows = []
    for system in tree.folders(folder, "results"):
        content = check_system(tree, f"{folder}/systems/{system}.json", scope.division, findings)
        present = tree.folders(folder, "results", system)
        if not present:
            findings.error(f"{folder}/results/{system}", "holds no benchmark")
        for name in present:
            row = _check_benchmark(
                scope, system, text_of(content, "Board Name"), name, mapping.get(name, name), present
            )
            if row is not None:
                rows.append(row)
    energy = any(row.energy is not None for row in rows)
    if energy and not any("hookup" in name for name in papers):
        findings.warning(f"{folder}/systems", "has no Energy-Hookup, although there are energy results")
    return rows


def _check_benchmark(
    scope: _Scope, system: str, board: str, name: str, benchmark: str, present: list[str]
) -> Row | None:
    tree, findings = scope.tree, scope.findings
    folder = f"{scope.folder}/results/{system}/{name}"
    if benchmark not in scope.round.benchmarks:
        where = "" if scope.division == CLOSED else f"; say which one it is in {MODEL_MAPPING}"
        findings.error(
            folder, f"is no benchmark of {scope.round.name}, which has {', '.join(scope.round.benchmarks)}{where}"
        )
        return None
    rules = scope.rules.benchmarks[benchmark]
    if rules.needs and rules.needs not in present:
        findings.error(folder, f"{benchmark} needs results of {rules.needs} by the same system")
    before = len(findings.errors)
    place = Place(tree, findings, scope.rules, rules, scope.division, folder, _energy_runner(scope, folder))
    metered = tree.has_folder(f"{folder}/{ENERGY}")
    if rules.streams:
        throughput, quality = _check_streaming(place, metered)
    else:
        for mode in (ACCURACY, PERFORMANCE):
            if not tree.has_folder(f"{folder}/{mode}"):
                findings.error(f"{folder}/{mode}", "is missing")
        quality = check_accuracy(place) if tree.has_folder(f"{folder}/{ACCURACY}") else None
        throughput = check_performance(place) if tree.has_folder(f"{folder}/{PERFORMANCE}") else None
    energy = check_energy(place) if metered else None
    check_provenance(tree, f"{scope.folder}/code/{name}/{system}", findings)
    metric = "F1" if rules.streams else ("AUC" if rules.metric == AUC else "%")
    errors = len(findings.errors) - before
    return Row(scope.division, scope.organisation, system, board, name, throughput, quality, metric, energy, errors)


def _check_streaming(place: Place, metered: bool) -> tuple[float | None, float | None]:
    """One run gives all; the official checker reads the energy run if there is one."""
    if metered:
        picture = place.path(ENERGY, "energy_inf_000.png")
        if not place.tree.has_file(picture):
            place.findings.warning(picture, "is missing")
        return check_stream(place, ENERGY)
    if not place.tree.has_folder(place.path(PERFORMANCE)):
        place.findings.error(place.folder, "has neither energy/ nor performance/")
        return None, None
    return check_stream(place, PERFORMANCE)


def _energy_runner(scope: _Scope, folder: str) -> bool:
    """Whether EEMBC's runner made the results: a marker file says so since v1.3, its script file always did."""
    tree, findings = scope.tree, scope.findings
    marked = tree.has_file(f"{folder}/{MARKER}")
    scripted = any(tree.has_file(f"{folder}/{mode}/{SCRIPT}") for mode in (ACCURACY, PERFORMANCE, ENERGY))
    if (marked or scripted) and not scope.round.energy_runner:
        findings.error(folder, f"comes from EEMBC's EnergyRunner, which {scope.round.name} no longer accepts")
    if scripted and not marked:
        findings.note(folder, f"has EEMBC's {SCRIPT} but no file {MARKER}: the checker of v1.3 and later wants that")
    return marked or scripted


def _check_names(scope: _Scope) -> None:
    """What git, or the official checker, does not take."""
    tree, findings, rules = scope.tree, scope.findings, scope.rules
    for entry in tree.below(scope.folder):
        name = entry.path.rpartition("/")[2]
        if entry.kind == LINK:
            findings.error(entry.path, "is a symbolic link")
        elif entry.kind == OTHER:
            findings.error(entry.path, "is neither a file nor a folder, or cannot be looked at")
        elif entry.kind == FOLDER and not tree.children.get(entry.path):
            findings.error(entry.path, "is an empty folder")
        if name == "__pycache__":
            findings.error(entry.path, "is a cache of Python")
        if name.startswith("."):
            findings.warning(entry.path, "is hidden: its name begins with a full stop")
        if " " in name:
            findings.warning(entry.path, "has a space in its name")
        if entry.size > rules.file_limit_mb * MIB:
            findings.error(entry.path, f"has {entry.size / MIB:.0f} MB, more than the {rules.file_limit_mb} allowed")
        elif entry.size > rules.large_file_mb * MIB:
            findings.warning(entry.path, f"has {entry.size / MIB:.0f} MB, more than {rules.large_file_mb}")


def _model_mapping(scope: _Scope) -> dict[str, str]:
    """Folder names of the open division that stand for a benchmark."""
    path = f"{scope.folder}/{MODEL_MAPPING}"
    if scope.division != OPEN or not scope.tree.has_file(path):
        return {}
    content = scope.tree.json(path, scope.findings)
    if not isinstance(content, dict) or not all(isinstance(value, str) for value in content.values()):
        if content is not None:
            scope.findings.error(path, "is not an object of folder name and benchmark")
        return {}
    return content
