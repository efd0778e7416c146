"""`invoke submission`: the tree of a submission from archived runs, written whole or not at all."""

import json
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import __version__
from common.board import Board
from common.errors import UserError
from common.files import write_atomic
from common.paths import BUILD, FIRMWARE
from common.templates import template_environment
from harness.results import ENERGY
from harness.runs import list_runs
from harness.submission.candidates import Candidate, declarations, find_candidates, objections
from harness.submission.check import Checked, check_tree
from harness.submission.describe import system_description
from harness.submission.facts import REHEARSED, Facts, load_facts
from harness.submission.findings import finding_lines
from harness.submission.modes import ENTRIES, LOG, RESULTS
from harness.submission.provenance import PROVENANCE, REHEARSAL, REHEARSAL_FILE, SCHEMA
from harness.submission.rules import DIVISIONS, Rules, load_rules

FACTS_FILE = BUILD / "submission.toml"
OUT = BUILD / "submission"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
FIRMWARE_CODE = "code/firmbench"
CODE_FILES = ("firmware.elf", "firmware.bin", "model.tflite", "platformio.ini")
CODE_FOLDERS = ("gen", "boards")


@dataclass(frozen=True)
class Request:
    """What the user asked for. ``benches``: only these; all with archived runs when empty."""

    organisation: str
    division: str
    system: str | None = None
    version: str | None = None
    benches: tuple[str, ...] = ()
    out: Path = OUT
    facts: Path = FACTS_FILE
    rehearsal: bool = False


@dataclass(frozen=True)
class Written:
    """A tree that was written. ``declared``: what a reviewer is told of an image; ``waived``: why it rehearses only."""

    folder: Path
    checked: Checked
    candidates: tuple[Candidate, ...]
    declared: tuple[str, ...]
    waived: tuple[str, ...]


def write_submission(board: Board, request: Request) -> Written:
    """Write `<out>/<division>/<organisation>/`; other systems of a tree that is there already stay.

    A rehearsal is written whatever the rules say, with marks that it is one, and lists what they say.

    Raises:
        UserError: a rule is broken (every reason is named), something is not known, or the tree would not pass
            `invoke check`. Nothing is written then.
    """
    rules = load_rules()
    _check_names(request)
    round_ = rules.round(request.version)
    candidates = _candidates(board, request, rules)
    waived = tuple(
        f"{candidate.name}: {text}"
        for candidate in candidates
        for text in objections(candidate, candidates, rules, round_, request.division)
    )
    if waived and not request.rehearsal:
        reasons = "\n".join(f"  {text}" for text in waived)
        raise UserError(f"this is no valid submission to the {request.division} division of {round_.name}:\n{reasons}")
    facts = REHEARSED
    if not request.rehearsal:
        facts = load_facts(request.facts, request.division, any(ENERGY in item.runs for item in candidates))
    system = request.system or board.title
    content = _Content(board, request, system, facts, candidates, waived)
    folder = request.out / request.division / request.organisation
    _check_kind(folder, request.rehearsal)
    request.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=request.out, prefix=".submission-") as temporary:
        stage = Path(temporary)
        new = stage / request.division / request.organisation
        if folder.is_dir():
            shutil.copytree(folder, new, symlinks=True, ignore=_others(folder, system))
        for path, data in content.files():
            write_atomic(new / path, data)
        checked = check_tree(stage, round_.name)
        if checked.findings.errors and not request.rehearsal:
            lines = "\n".join(f"  {line}" for line in finding_lines(checked.findings.errors))
            raise UserError(f"the tree would not pass `invoke check`:\n{lines}")
        _swap(new, folder, stage / "replaced")
    declared = tuple(f"{item.name}: {text}" for item in candidates for text in declarations(item))
    return Written(folder, checked, tuple(candidates), declared, waived)


def _check_names(request: Request) -> None:
    if request.division not in DIVISIONS:
        raise UserError(f"unknown division '{request.division}'; divisions are: {', '.join(DIVISIONS)}")
    for option, name in (("--org", request.organisation), ("--system", request.system)):
        if name is not None and not NAME.fullmatch(name):
            raise UserError(f"{option} '{name}' cannot name a folder: use letters, digits and . _ + -")


def _candidates(board: Board, request: Request, rules: Rules) -> list[Candidate]:
    records, _ = list_runs()
    found = find_candidates(board.name, records, rules)
    names = [candidate.name for candidate in found]
    for bench in request.benches:
        if bench not in names:
            there = f"; there are runs of {', '.join(names)}" if names else ""
            raise UserError(f"no archived run of '{bench}' on {board.title}{there}; run `invoke bench --mode all`")
    chosen = [item for item in found if not request.benches or item.name in request.benches]
    if not chosen:
        raise UserError(f"no archived run of a benchmark on {board.title}; run `invoke bench --mode all` first")
    return chosen


def _check_kind(folder: Path, rehearsal: bool) -> None:
    """A rehearsal and a submission do not share a tree."""
    if (folder / "results").is_dir() and (folder / REHEARSAL_FILE).is_file() != rehearsal:
        there = "a submission" if rehearsal else "a rehearsal"
        raise UserError(f"{folder} holds {there}; move it away, or give another folder with --out")


def _others(folder: Path, system: str) -> Any:
    """For copytree: leave out what is written anew."""

    def ignored(parent: str, names: list[str]) -> Iterable[str]:
        parts = Path(parent).relative_to(folder).parts
        mine = parts == ("results",) or (len(parts) == 2 and parts[0] == "code")
        return [name for name in names if (mine and name == system) or (parts == ("code",) and name == "firmbench")]

    return ignored


def _swap(new: Path, folder: Path, replaced: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    if folder.exists():
        folder.rename(replaced)
    try:
        new.rename(folder)
    except BaseException:
        if replaced.exists():
            replaced.rename(folder)
        raise


@dataclass(frozen=True)
class _Content:
    """The files of one system's submission, by path below the organisation's folder."""

    board: Board
    request: Request
    system: str
    facts: Facts
    candidates: Sequence[Candidate]
    waived: Sequence[str]

    def files(self) -> Iterator[tuple[str, bytes]]:
        yield f"systems/{self.system}.json", _json(self._description())
        yield f"systems/{self.system}-checklist.md", self._render("checklist.md.j2")
        if any(ENERGY in candidate.runs for candidate in self.candidates):
            yield f"systems/{self.system}-Energy-Hookup.txt", f"{self.facts.energy_hookup}\n".encode()
        if self.request.rehearsal:
            yield REHEARSAL_FILE, self._render("rehearsal.md.j2")
        for path in sorted(FIRMWARE.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield f"{FIRMWARE_CODE}/firmware/{path.relative_to(FIRMWARE).as_posix()}", path.read_bytes()
        for candidate in self.candidates:
            yield from self._code(candidate)
            yield from self._results(candidate)

    def _description(self) -> dict[str, str]:
        request = self.request
        return system_description(
            self.board, request.organisation, request.division, self.facts, self.candidates, request.rehearsal
        )

    def _code(self, candidate: Candidate) -> Iterator[tuple[str, bytes]]:
        folder = f"code/{candidate.name}/{self.system}"
        yield f"{folder}/README.md", self._render("code.md.j2", candidate=candidate)
        yield f"{folder}/{PROVENANCE}", _json(self._provenance(candidate))
        if candidate.firmware is None:
            return
        build = candidate.firmware.folder
        found = [build / name for name in CODE_FILES]
        found += [path for name in CODE_FOLDERS for path in sorted((build / name).rglob("*"))]
        for path in found:
            if path.is_file():
                yield f"{folder}/{path.relative_to(build).as_posix()}", path.read_bytes()

    def _results(self, candidate: Candidate) -> Iterator[tuple[str, bytes]]:
        for mode, run in candidate.runs.items():
            for path in sorted((run.folder / mode).iterdir()):
                if path.is_file() and not path.name.startswith("."):
                    data = path.read_bytes()
                    if self.request.rehearsal:
                        data = _marked(path.name, data)
                    yield f"results/{self.system}/{candidate.name}/{mode}/{path.name}", data

    def _provenance(self, candidate: Candidate) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "made_by": f"firmbench {__version__}",
            **({"rehearsal": REHEARSAL} if self.request.rehearsal else {}),
            "benchmark": candidate.rules.model_id,
            "runs": {
                mode: {
                    "name": run.name,
                    "run_at": run.when,
                    "timing": run.timing(mode),
                    "elf_sha256": run.elf_sha256,
                    "model_sha256": run.model_sha256,
                    "data": run.section(mode).get("data"),
                    "provenance": run.section(mode).get("provenance"),
                }
                for mode, run in candidate.runs.items()
            },
            "declared": declarations(candidate),
        }

    def _render(self, template: str, **more: Any) -> bytes:
        text = (
            template_environment()
            .get_template(f"submission/{template}")
            .render(
                board=self.board,
                request=self.request,
                system=self.system,
                facts=self.facts,
                candidates=self.candidates,
                declared=[(item.name, text) for item in self.candidates for text in declarations(item)],
                waived=self.waived,
                mark=REHEARSAL,
                **more,
            )
        )
        return text.encode()


def _marked(name: str, data: bytes) -> bytes:
    """A rehearsal's file of a run, which says so: texts in their first line, entries each."""
    if name in (RESULTS, LOG):
        return f"{REHEARSAL}\n".encode() + data
    if name == ENTRIES:
        try:
            entries = json.loads(data)
        except ValueError:
            return data
        if isinstance(entries, list):
            return _json([{**entry, "rehearsal": REHEARSAL} if isinstance(entry, dict) else entry for entry in entries])
    return data


def _json(content: Any) -> bytes:
    return (json.dumps(content, indent=2) + "\n").encode()
