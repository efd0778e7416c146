"""`submission.toml`: what a submission must say and firmbench cannot know. Asked for by a template to fill in."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.files import write_atomic
from common.templates import template_environment
from harness.submission.rules import AVAILABILITIES, OPEN
from harness.submission.system import KEYS

ALWAYS = ("status", "engineer", "email", "supply")
OPTIONAL = ("energy_hookup", "training")


@dataclass(frozen=True)
class Facts:
    """``system``: keys of the systems file that the submitter words differently."""

    status: str
    engineer: str
    email: str
    supply: str
    energy_hookup: str = ""
    training: str = ""
    system: dict[str, str] = field(default_factory=dict)


REHEARSED = Facts("rdi", "nobody: a rehearsal", "none", "not measured: a rehearsal")


def load_facts(path: Path, division: str, energy: bool) -> Facts:
    """Read the file; where there is none, write a template and ask for it to be filled in.

    Raises:
        UserError: the file is new, or something in it is missing or wrong.
    """
    required = [*ALWAYS, *(["energy_hookup"] if energy else []), *(["training"] if division == OPEN else [])]
    if not path.exists():
        template = template_environment().get_template("submission/submission.toml.j2")
        write_atomic(path, template.render(availabilities=AVAILABILITIES, keys=KEYS))
        raise UserError(f"a submission must say what firmbench cannot know: fill in {path} and run this again")
    try:
        content: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UserError(f"{path} is not TOML that can be read: {error}") from error
    system = content.pop("system", {})
    unknown = [*(set(content) - {*ALWAYS, *OPTIONAL}), *(set(system) - set(KEYS) if isinstance(system, dict) else [])]
    if unknown:
        raise UserError(f"{path}: unknown field '{sorted(unknown)[0]}'; fields are: {', '.join((*ALWAYS, *OPTIONAL))}")
    if not isinstance(system, dict) or not all(
        isinstance(value, str) for value in (*content.values(), *system.values())
    ):
        raise UserError(f"{path}: every field must be a text in quotes")
    missing = [name for name in required if not content.get(name, "").strip()]
    if missing:
        raise UserError(f"{path}: fill in {', '.join(missing)}")
    if content["status"].lower() not in AVAILABILITIES:
        raise UserError(f"{path}: status is '{content['status']}'; it must be one of {', '.join(AVAILABILITIES)}")
    return Facts(**content, system=system)
