"""The documentation names what there is."""

import re

from common.paths import ROOT
from generator.ops import REGISTRY

HANDLED_ELSEWHERE = {"CALL_ONCE", "CAST", "SHAPE", "VAR_HANDLE"}  # by the importer and by constant folding


def test_every_operator_is_in_the_table() -> None:
    rows = re.findall(r"^\| ([A-Z][^|]*) \|", (ROOT / "docs" / "operators.md").read_text(), re.MULTILINE)
    names = [name for row in rows for name in row.split(", ")]
    assert len(names) == len(set(names))
    assert set(names) == set(REGISTRY) | HANDLED_ELSEWHERE
