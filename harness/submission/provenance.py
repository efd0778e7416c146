"""`provenance.json`: which image, model and runs a benchmark's results come from, as a statement that can be checked.

It lies beside the code, `code/<benchmark>/<system>/`, where the official checker asks for nothing.
"""

import hashlib
from pathlib import Path
from typing import Any

from harness.results import ACCURACY, MODES, PERFORMANCE
from harness.submission.findings import Findings
from harness.submission.tree import Tree

PROVENANCE = "provenance.json"
SCHEMA = 1
MEASURED = "measured"
REHEARSAL_FILE = "REHEARSAL.md"
REHEARSAL = "REHEARSAL, modelled: not a submission"


def check_provenance(tree: Tree, code: str, findings: Findings) -> None:
    """Results of one benchmark come from one image, measured on a board; the image is the one that is there."""
    path = f"{code}/{PROVENANCE}"
    if not tree.has_file(path):
        findings.note(
            code,
            "has no statement in a file that accuracy and performance ran the same code: the checklist must say so",
        )
        return
    content = tree.json(path, findings)
    if not isinstance(content, dict) or content.get("schema") != SCHEMA or not isinstance(content.get("runs"), dict):
        if content is not None:
            findings.error(path, "is not a statement of provenance that this version reads")
        return
    runs = {mode: run for mode, run in content["runs"].items() if mode in MODES and isinstance(run, dict)}
    images = {mode: str(run.get("elf_sha256")) for mode, run in runs.items()}
    if ACCURACY in images and PERFORMANCE in images and images[ACCURACY] != images[PERFORMANCE]:
        findings.error(
            path,
            f"accuracy ran image {images[ACCURACY][:12]}, performance {images[PERFORMANCE][:12]}: not the same code",
        )
    models = {str(run.get("model_sha256")) for run in runs.values()}
    if len(models) > 1:
        findings.error(path, f"its runs are of {len(models)} different models")
    for mode, run in runs.items():
        if run.get("timing") != MEASURED:
            findings.error(path, f"the {mode} run is {run.get('timing')}, not measured on a board")
    _check_image(tree, f"{code}/firmware.elf", images.get(PERFORMANCE), "the performance run's", findings)
    _check_image(tree, f"{code}/model.tflite", next(iter(models), None), "the runs'", findings)


def _check_image(tree: Tree, path: str, digest: Any, whose: str, findings: Findings) -> None:
    if not tree.has_file(path) or digest is None:
        findings.note(path, "is not there: nothing to compare with the statement of provenance")
        return
    try:
        with Path(tree.entries[path].real).open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        findings.error(path, f"cannot be read: {error.strerror}")
        return
    if found != digest:
        findings.error(path, f"has SHA-256 {found[:12]}, {whose} is {str(digest)[:12]}")
