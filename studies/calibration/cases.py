"""The micro-benchmarks as data: ``cases.toml``, whose head explains the fields."""

import math
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CASES = Path(__file__).with_name("cases.toml")
ACR_BITS = {"prefetch": 1 << 8, "icache": 1 << 9, "dcache": 1 << 10}  # RM0432, FLASH_ACR


@dataclass(frozen=True)
class Case:
    """One micro-benchmark. ``cycles`` and ``range`` are per repetition; ``index`` is its number in the image."""

    index: int
    name: str
    body: tuple[str, ...]
    setup: tuple[str, ...]
    code: str
    data: str
    wait_states: int
    flash: tuple[str, ...]
    warm: bool
    repeat: tuple[int, int]
    source: str
    derivation: str
    cycles: float | None = None
    at_least: float | None = None
    flash_bytes: int = 0
    range: tuple[float, float] | None = None
    minus: str | None = None

    @property
    def uses_flash(self) -> bool:
        """Whether the width of flash reads matters to it."""
        return "flash" in (self.code, self.data)

    @property
    def acr(self) -> int:
        """FLASH_ACR while it runs."""
        return self.wait_states | sum(ACR_BITS[name] for name in self.flash)

    def bounds(self, read_bytes: int) -> tuple[float, float]:
        """The fewest and the most cycles of a repetition that the source allows, with flash reads of that width."""
        if self.cycles is not None:
            return self.cycles, self.cycles
        if self.range is not None:
            return self.range
        if self.at_least is not None:
            return self.at_least + self.flash_bytes / read_bytes * self.wait_states, math.inf
        return 0.0, math.inf


def load_cases() -> tuple[Case, ...]:
    data = tomllib.loads(CASES.read_text())
    return tuple(_case(index, data["defaults"] | fields) for index, fields in enumerate(data["case"]))


def _case(index: int, fields: dict[str, Any]) -> Case:
    values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in fields.items()}
    return Case(index=index, **values)
