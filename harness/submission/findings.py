"""What a check finds: where, how bad, what."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

ERROR, WARNING, NOTE = SEVERITIES = ("error", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """``path`` is relative to the tree; ``line`` counts from 1, None for the file as a whole."""

    severity: str
    path: str
    line: int | None
    text: str

    @property
    def where(self) -> str:
        return f"{self.path}:{self.line}" if self.line is not None else self.path


@dataclass
class Findings:
    """A growing list of findings."""

    items: list[Finding] = field(default_factory=list)

    def error(self, path: str, text: str, line: int | None = None) -> None:
        """What makes a submission invalid."""
        self.items.append(Finding(ERROR, path, line, text))

    def warning(self, path: str, text: str, line: int | None = None) -> None:
        """What a reviewer will ask about."""
        self.items.append(Finding(WARNING, path, line, text))

    def note(self, path: str, text: str, line: int | None = None) -> None:
        """What could not be checked, or is good to know."""
        self.items.append(Finding(NOTE, path, line, text))

    @property
    def errors(self) -> list[Finding]:
        return [item for item in self.items if item.severity == ERROR]

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.items)


def count_line(findings: Sequence[Finding]) -> str:
    """How many of each severity."""
    counts = [(severity, sum(item.severity == severity for item in findings)) for severity in SEVERITIES]
    return ", ".join(f"{count} {severity}{'' if count == 1 else 's'}" for severity, count in counts)


def finding_lines(findings: Sequence[Finding]) -> Iterator[str]:
    """`severity: file:line: what`, the worst first."""
    for item in sorted(findings, key=lambda item: (SEVERITIES.index(item.severity), item.path, item.line or 0)):
        yield f"{item.severity}: {item.where}: {item.text}"
