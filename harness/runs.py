"""The archive of past runs, `build/runs/`, read back; what is something else, or half of a run, is skipped."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.artifact import runs_folder
from common.errors import UserError
from harness.results import ACCURACY, ENERGY, MODES, PERFORMANCE, RESULTS, SUMMARY

LARGEST = 1e15


@dataclass(frozen=True)
class RunRecord:
    """One archived invocation of `invoke bench`, or the newest results beside a firmware image.

    ``content`` is its `results.json`, in which any value may be missing or odd: use the properties.
    """

    name: str
    folder: Path
    content: Mapping[str, Any]

    def section(self, mode: str) -> Mapping[str, Any]:
        """What the run says of a mode; empty when it was not run."""
        found = self.content.get(mode)
        if isinstance(found, dict):
            return found
        # Before there were sections, a run was one of performance.
        return self.content if mode == PERFORMANCE and "schema" in self.content and mode not in self.content else {}

    def text(self, *keys: str) -> str:
        """The text at this place of `results.json`, or an empty one."""
        value = self._value(keys)
        return value if isinstance(value, str) else ""

    def number(self, *keys: str) -> float | None:
        """The finite number at this place of `results.json`."""
        value: Any = self.section(keys[0]) if keys[0] in MODES else None
        value = _dig(value, keys[1:]) if keys[0] in MODES else self._value(keys)
        if isinstance(value, bool) or not isinstance(value, int | float) or not -LARGEST < value < LARGEST:
            return None
        return float(value)

    def archived(self, mode: str) -> bool:
        """Whether this very invocation ran the mode and left the runner's files."""
        return (self.folder / mode / SUMMARY).is_file()

    @property
    def board(self) -> str:
        return self.text("board")

    @property
    def bench(self) -> str:
        return self.text("bench")

    @property
    def model(self) -> str:
        return self.text("model", "name")

    @property
    def model_sha256(self) -> str:
        return self.text("model", "sha256")

    @property
    def elf_sha256(self) -> str:
        return self.text("elf_sha256")

    @property
    def when(self) -> str:
        """Local date and time, ISO 8601, or an empty text."""
        return self.text("run_at")

    def timing(self, mode: str) -> str:
        """ "measured", "modelled", or an empty text where the mode was not run or does not say."""
        section = self.section(mode)
        stated = section.get("timing")
        if isinstance(stated, str):
            return stated
        if not section:
            return ""
        port = _dig(section, ("provenance", "virtual")) or _dig(section, ("virtual",))
        return "modelled" if port else ""

    @property
    def latency_ms(self) -> float | None:
        return self.number(PERFORMANCE, "latency_ms")

    @property
    def energy_uj(self) -> float | None:
        """Median energy of an inference."""
        value = self.number(ENERGY, "uj_per_inference")
        return value if value is not None else self.number(ENERGY, "median")

    @property
    def quality(self) -> str:
        """Top-1 or AUC as a short text, with what it is worth."""
        top1, auc = self.number(ACCURACY, "top1"), self.number(ACCURACY, "auc")
        if top1 is not None:
            value = f"{top1:.1f} %"
        elif auc is not None:
            value = f"AUC {auc:.3f}"
        else:
            return ""
        return f"{value} (synthetic)" if _dig(self.section(ACCURACY), ("data", "synthetic")) is True else value

    def _value(self, keys: tuple[str, ...]) -> Any:
        return _dig(self.content, keys)


@dataclass(frozen=True)
class Skipped:
    """A folder that is no run that can be read, and why."""

    folder: Path
    reason: str


def list_runs(root: Path | None = None) -> tuple[list[RunRecord], list[Skipped]]:
    """The archived runs, newest first, and what was skipped."""
    root = root or runs_folder()
    records: list[RunRecord] = []
    skipped: list[Skipped] = []
    try:
        folders = sorted(root.iterdir(), key=lambda path: path.name, reverse=True) if root.is_dir() else []
    except OSError as error:
        raise UserError(f"cannot list {root}: {error.strerror}") from error
    for folder in folders:
        if folder.name.startswith("."):
            continue
        found = read_run(folder)
        if isinstance(found, RunRecord):
            records.append(found)
        else:
            skipped.append(found)
    records.sort(key=lambda record: (record.when or record.name, record.name), reverse=True)
    return records, skipped


def newest_results() -> list[RunRecord]:
    """The newest results of each image, `build/<board>/<bench>/results.json`."""
    runs = runs_folder()
    found = [read_run(path.parent) for path in sorted(runs.parent.glob(f"*/*/{RESULTS}")) if path.parent.parent != runs]
    return [record for record in found if isinstance(record, RunRecord)]


def read_run(folder: Path) -> RunRecord | Skipped:
    """The run in a folder."""
    path = folder / RESULTS
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Skipped(folder, f"has no {RESULTS}: the run was interrupted, or this is something else")
    except NotADirectoryError:
        return Skipped(folder, "is not a folder")
    except (OSError, ValueError, RecursionError) as error:
        return Skipped(folder, f"{RESULTS} cannot be read: {error}")
    if not isinstance(content, dict) or not all(isinstance(content.get(key), str) for key in ("board", "bench")):
        return Skipped(folder, f"{RESULTS} is not one of a run")
    name = folder.name if folder.parent == runs_folder() else f"{folder.parent.name}/{folder.name}"
    return RunRecord(name, folder, content)


def find_run(spec: str) -> RunRecord:
    """The run that a user means: a name in the archive, the beginning of one, `<board>/<bench>`, or a path.

    Raises:
        UserError: there is none, several begin like that, or it cannot be read.
    """
    path = Path(spec).expanduser()
    candidates = [runs_folder() / spec, runs_folder().parent / spec, path.parent if path.name == RESULTS else path]
    for folder in candidates:
        if (folder / RESULTS).is_file():
            found = read_run(folder)
            if isinstance(found, Skipped):
                raise UserError(f"{folder}: {found.reason}")
            return found
    records, _ = list_runs()
    matching = [record for record in records if record.name.startswith(spec)] if spec else []
    if len(matching) == 1:
        return matching[0]
    if matching:
        names = ", ".join(record.name for record in matching[:5])
        raise UserError(f"{len(matching)} runs begin with '{spec}': {names}{', ...' if len(matching) > 5 else ''}")
    raise UserError(f"no run '{spec}'; `invoke results` lists those there are")


def _dig(value: Any, keys: tuple[str, ...]) -> Any:
    for key in keys:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value
