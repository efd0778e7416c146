"""The rules of the cycle model, read from the table in ``virtual/timing/costs.py``: name, value, source, meaning."""

import re
from dataclasses import dataclass, fields, replace

from common.errors import UserError
from common.paths import ROOT
from virtual.timing.costs import CORTEX_M4, Costs

TABLE = ROOT / "virtual" / "timing" / "costs.py"
ROW = re.compile(r"^    (\w+): int = (\d+)  # \[(\w+)\] ?(.*)$", re.MULTILINE)
FREE = ("fit", "estimate")  # sources of values that a board may correct


@dataclass(frozen=True)
class Rule:
    """``source``: TRM, RM, fit, estimate or compendium, as the head of the table explains them."""

    name: str
    value: int
    source: str
    meaning: str

    @property
    def free(self) -> bool:
        return self.source in FREE


def read_rules() -> tuple[Rule, ...]:
    """Every row of the table.

    Raises:
        UserError: a field of `Costs` has no source.
    """
    rules = tuple(Rule(name, int(value), source, text) for name, value, source, text in ROW.findall(TABLE.read_text()))
    missing = {field.name for field in fields(Costs)} - {rule.name for rule in rules}
    if missing:
        raise UserError(
            f"{TABLE}: no source is given for {', '.join(sorted(missing))}; write it as '# [source] meaning'"
        )
    return rules


def with_values(values: dict[str, int]) -> Costs:
    """The model's constants with some of them replaced."""
    return replace(CORTEX_M4, **values)
