"""Where a file or folder that the project does not hold is found."""

from dataclasses import dataclass

RAW = "https://raw.githubusercontent.com"


@dataclass(frozen=True)
class Source:
    """A file or folder in a public GitHub repository."""

    repository: str  # "owner/name"
    commit: str
    path: str

    @property
    def url(self) -> str:
        return f"{RAW}/{self.repository}/{self.commit}/{self.path}"
