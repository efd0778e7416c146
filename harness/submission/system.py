"""The systems file: which keys it has, and what the official checker and a reader want of them."""

from collections.abc import Mapping
from typing import Any

from harness.submission.findings import Findings
from harness.submission.rules import AVAILABILITIES
from harness.submission.tree import Tree

# The template's keys in its order, from the systems files of mlcommons/tiny_results_v1.1 to v1.3. The blank after
# "Operating System" is theirs.
KEYS = (
    "Submitter",
    "Division",
    "Status",
    "Board Name",
    "Board Memory capacity (not including SoC, processor, or accelerator)",
    "Board Memory type",
    "Board storage capacity",
    "Board storage type",
    "SoC Name",
    "SoC Memory capacity (not including processor or accelerator)",
    "SoC Memory type",
    "SoC storage capacity",
    "SoC storage type",
    "Processor(s) Name",
    "Processor(s) Frequencies",
    "Processor memory type and capacity",
    "Processor storage type and capacity",
    "Accelerator",
    "Accelerator(s) Frequencies",
    "Accelerator memory type and capacity",
    "Accelerator storage type and capacity",
    "Hardware Notes",
    "Inference Framework",
    "Software Libraries",
    "Operating System ",
    "Other Software Stack",
    "Software Notes",
    "Quantization Method",
    "Training framework (open division)",
    "ML Model Compiler(s)",
    "General Compiler(s)",
    "Other Software",
    "Training and Quantization Notes",
)
STATUS = "Status"
# What goes into the published table, and so must say something.
SHOWN = ("Submitter", "Board Name", "Processor(s) Name", "Processor(s) Frequencies", "Inference Framework")


def check_system(tree: Tree, path: str, division: str, findings: Findings) -> dict[str, Any]:
    """The systems file's content, empty when it cannot be read."""
    content = tree.json(path, findings)
    if content is None:
        return {}
    if not isinstance(content, dict):
        findings.error(path, "is not a JSON object of key and value")
        return {}
    status = content.get(STATUS)
    if not isinstance(status, str) or status.lower() not in AVAILABILITIES:
        findings.error(path, f"{STATUS} is {status!r}; it must be one of {', '.join(AVAILABILITIES)}")
    if "system_type" in content:
        findings.error(path, "has the key 'system_type', at which the official checker stops")
    stated = content.get("Division")
    if isinstance(stated, str) and stated and stated.lower() != division:
        findings.error(path, f"says division {stated!r}, but lies in {division}/")
    known = {key.strip() for key in KEYS}
    present = {key.strip() for key in content}
    if missing := [key.strip() for key in KEYS if key.strip() not in present]:
        findings.warning(path, f"lacks {len(missing)} keys of the template: {', '.join(missing)}")
    for extra in sorted(present - known):
        findings.note(path, f"has the key {extra!r}, which the template has not")
    for key, value in content.items():
        if not isinstance(value, str):
            findings.warning(path, f"{key!r} is not a text")
    for key in SHOWN:
        if key in content and not content[key]:
            findings.warning(path, f"{key!r} is empty, but goes into the table of results")
    return content


def text_of(system: Mapping[str, Any], key: str) -> str:
    value = system.get(key)
    return value if isinstance(value, str) else ""
